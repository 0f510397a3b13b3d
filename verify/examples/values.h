// What stands in a file of arithmetic examples, as exact numbers, and what Assay computes from it. Nothing here computes an example: this file only reads and compares.
//
//   form in JSON                                  number
//   12, -7                                        that integer
//   0.1, "0.1", "1e-10"                           the decimal number, exactly
//   "6/635", "2^-5", "-3*2^-4"                    that rational number
//   {"value": "0.3", "f32_bits": "0x3e99999a"}    the binary32 number with these bits; the text is for readers
//
// Whole numbers lie within 2^63 to both sides, the decimal exponent within +-400.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "emu/arith/rounding.h"
#include "emu/arith/soft_float.h"
#include "emu/base/wide.h"
#include "quant/exact/rational.h"

namespace assay::verify {

using Json = nlohmann::ordered_json;
using quant::BigInt;
using quant::Rational;

// An entry that cannot be understood: it counts as failed, with this message.
class EntryError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An entry of a kind that Assay does not have: neither passed nor failed, with this reason.
class NotSupported : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A computed result: the tree that `expected` is compared with. Whole numbers are rationals too.
struct Value {
  using List = std::vector<Value>;
  using Map = std::vector<std::pair<std::string, Value>>;
  std::variant<Rational, emu::Fp32, std::string, List, Map> node;

  Value() = default;
  template <class T>
  requires std::is_integral_v<T> Value(T value) : node(Rational(value)) {}
  Value(Wide value);
  Value(const BigInt& value) : node(Rational(value)) {}
  Value(Rational value) : node(std::move(value)) {}
  Value(emu::Fp32 value) : node(value) {}
  Value(std::string value) : node(std::move(value)) {}
  Value(List value) : node(std::move(value)) {}
  Value(Map value) : node(std::move(value)) {}
};
Value list_of(const std::vector<Wide>& values);

// "3", "4/255", "0x3f800000 (1)", "[1, 2]", "{\"m\": 1}"; long lists are cut.
std::string to_text(const Value& value);

// The first place where the result is not what was expected: at = "[2].offset" ("" for the whole).
struct Difference {
  std::string at;
  std::string got;
  std::string expected;
};
// Integers and rationals are compared exactly, {"value","f32_bits"} by bits, decimal texts by value: a binary32 result with the nearest float64 of the text; a rational
// result exactly or, where the text has more than 6 digits after the point, to its printed digits. Of an expected object every key must have been computed; keys that are
// explanations ("note", "comment", "source", ...) are passed over.
std::optional<Difference> compare(const Value& got, const Json& expected);

// `what` names the field in messages.
Wide to_integer(const Json& json, const std::string& what);
Rational to_rational(const Json& json, const std::string& what);
// A binary32: by its bits where they are given, otherwise the nearest one to the number (ties to even); "inf", "-inf" and "nan" too.
emu::Fp32 to_float(const Json& json, const std::string& what);
// The same for a number without bits.
emu::Fp32 nearest_float(const Rational& value);
// Exactly what the bits mean; not for infinities and NaN.
Rational exactly(emu::Fp32 value);
double finite_double(emu::Fp32 value);
// The binary32 number nearest to an integer, ties to even.
emu::Fp32 from_integer(Wide value);
// The real number: binary32 bits, decimal and rational texts. nullopt where the text is none.
std::optional<Rational> parse_rational(std::string_view text);

// The rounding mode that a text names: our own names; trunc, half_to_zero, rne, natural ... ; the name may stand in a longer text ("half_up(assumed)", "half_away, >>20").
std::optional<emu::Round> find_round(std::string_view text);
std::string lower_case(std::string_view text);
bool contains(std::string_view text, std::string_view part);

}  // namespace assay::verify
