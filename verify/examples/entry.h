// One entry of a file of arithmetic examples, and how an operation finds its numbers in it: by name, first among the inputs, then among the parameters. A name is
// asked for with its other spellings; what follows " (" in a key is a remark ("scale_in (multiplier 127/T)").
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "emu/arith/scale.h"
#include "verify/examples/values.h"

namespace assay::verify {

using Names = std::initializer_list<std::string_view>;

struct Limits {
  Wide low;
  Wide high;
  Wide clamp(Wide value) const { return value < low ? low : (value > high ? high : value); }
};

struct Entry {
  std::string id;
  std::string op;
  std::string knob;
  Json params = Json::object();
  Json inputs = Json::object();
  std::vector<std::string> asked;  // the keys of `expected` (of its first row, where it is a list of objects); empty where it is a plain list

  // nullptr where none of the names is there.
  const Json* find(Names names) const;
  bool has(Names names) const { return find(names) != nullptr; }
  const Json& need(Names names) const;

  Wide integer(Names names) const;
  Wide integer(Names names, Wide otherwise) const;
  // A small number that will be a shift, a width or a count.
  int small(Names names, int low, int high) const;
  int small(Names names, int low, int high, int otherwise) const;
  Rational rational(Names names) const;
  Rational rational(Names names, const Rational& otherwise) const;
  emu::Fp32 real32(Names names) const;
  emu::Fp32 real32(Names names, emu::Fp32 otherwise) const;
  bool flag(Names names, bool otherwise) const;
  std::string text(Names names) const;  // "" where it is missing or no text

  // A list; a single number is a list of one.
  std::vector<Wide> integers(Names names) const;
  std::vector<Rational> rationals(Names names) const;
  std::vector<emu::Fp32> reals32(Names names) const;
  // As many as the other operand has: a single number stands for all.
  std::vector<Wide> integers(Names names, size_t count) const;
  std::vector<Wide> integers(Names names, size_t count, Wide otherwise) const;
  std::vector<emu::Fp32> reals32(Names names, size_t count) const;
  std::vector<std::vector<Wide>> rows(Names names) const;

  // The rounding mode: a parameter (`names`, or the usual ones), or else what the operation's name says, or else `otherwise`.
  emu::Round round() const;
  emu::Round round(emu::Round otherwise) const;
  std::optional<emu::Round> find_round_of(Names names) const;
  // "clamp": [lo, hi], or lo and hi, or bits (and signed), or a type ("s8"); "none": as if absent.
  std::optional<Limits> find_clamp() const;
  Limits clamp(Limits otherwise) const;
};

inline constexpr Limits kS8Limits{-128, 127};
inline constexpr Limits kU8Limits{0, 255};
inline constexpr Limits kSymmetricLimits{-127, 127};
inline constexpr Limits kS16Limits{-32768, 32767};
inline constexpr Limits kU16Limits{0, 65535};
inline constexpr Limits kS32Limits{-2147483648LL, 2147483647LL};
inline constexpr Limits kUnlimited{-(Wide{1} << 120), Wide{1} << 120};
// Of a two's complement type of 1 to 64 bits.
Limits limits_of(int bits, bool is_signed);

// Rounded once to an integer within the limits.
Value clamped(const Rational& value, emu::Round mode, const Limits& limits);

// value * 2^shift for a positive shift, otherwise rounded value / 2^-shift; |shift| up to 126.
Wide shift(Wide value, int shift_left, emu::Round round);

// a * b; EntryError where its magnitude reaches 2^125.
Wide times(Wide a, Wide b);

// A word of so many signed bits; EntryError where it has more. `what` names it.
int64_t narrow(Wide value, int bits, const std::string& what);

// A multiplier of 31 fraction bits and one shift, positive to the left (0 where it is missing).
emu::QScale scale_31(Wide multiplier, Wide shift);
emu::QScale scale_31(const Entry& entry, Names multiplier, Names shift);

// For each of `values`.
template <class T, class F>
Value map_list(const std::vector<T>& values, F f) {
  Value::List list;
  for (const T& value : values) list.push_back(f(value));
  return list;
}

// One value per asked key, in one map; a plain list where no key was asked for: then `otherwise` is the key.
template <class F>
Value by_key(const Entry& entry, std::string_view otherwise, F f) {
  if (entry.asked.empty()) return f(std::string(otherwise));
  Value::Map map;
  for (const std::string& key : entry.asked) map.emplace_back(key, f(key));
  return map;
}

}  // namespace assay::verify
