#include "verify/examples/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"

namespace assay::verify {
namespace {

constexpr int kMaxExponent = 400;
constexpr size_t kMaxTextLength = 1000;

std::string shown(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

[[noreturn]] void bad(const std::string& what, const Json& json, const std::string& remedy) {
  throw EntryError(what + " is " + shown(json) + ", " + remedy);
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

BigInt power(unsigned base, unsigned exponent) {
  return boost::multiprecision::pow(BigInt(base), exponent);
}

// [+-]digits[.digits][e[+-]digits]
std::optional<Rational> parse_decimal(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (!digits.empty() && digits[0] == '+') digits.remove_prefix(1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || end != digits.data() + digits.size() || std::abs(exponent) > kMaxExponent) return std::nullopt;
    text = text.substr(0, e);
  }
  std::string digits;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      digits += c;
      if (point) --exponent;
    } else {
      return std::nullopt;
    }
  }
  if (digits.empty()) return std::nullopt;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));  // a leading 0 would mean octal
  Rational value{BigInt(digits)};
  const BigInt scale = power(10, static_cast<unsigned>(std::abs(exponent)));
  if (exponent < 0) {
    value /= Rational(scale);
  } else {
    value *= Rational(scale);
  }
  return negative ? Rational(-value) : value;
}

// decimal ["^" integer]
std::optional<Rational> parse_power(std::string_view text) {
  text = trimmed(text);
  const size_t caret = text.find('^');
  if (caret == std::string_view::npos) return parse_decimal(text);
  const auto base = parse_decimal(trimmed(text.substr(0, caret)));
  const auto exponent = parse_decimal(trimmed(text.substr(caret + 1)));
  if (!base || !exponent || denominator(*exponent) != 1 || abs(*exponent) > kMaxExponent) return std::nullopt;
  const int n = static_cast<int>(numerator(*exponent));
  if (*base == 0 && n < 0) return std::nullopt;
  // "-2^3" is -(2^3).
  const Rational magnitude = abs(*base);
  Rational value = 1;
  for (int i = 0; i < std::abs(n); ++i) value *= magnitude;
  if (n < 0) value = 1 / value;
  return *base < 0 ? Rational(-value) : value;
}

std::optional<emu::Fp32> bits_of(const Json& json) {
  if (!json.is_object() || !json.contains("f32_bits")) return std::nullopt;
  const Json& bits = json["f32_bits"];
  if (bits.is_number_unsigned() && bits.get<uint64_t>() <= UINT32_MAX) return emu::Fp32{bits.get<uint32_t>()};
  if (!bits.is_string()) return std::nullopt;
  std::string text = bits.get<std::string>();
  if (text.starts_with("0x") || text.starts_with("0X")) text.erase(0, 2);
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return emu::Fp32{value};
}

bool is_finite(emu::Fp32 value) {
  return (value.bits >> 23 & 0xFF) != 0xFF;
}

double as_double(emu::Fp32 value) {
  static_assert(sizeof(float) == sizeof value.bits);
  return static_cast<double>(__builtin_bit_cast(float, value.bits));
}

std::optional<Rational> number_of(const Json& json) {
  if (json.is_number_integer() || json.is_number_float()) return parse_rational(json.dump());
  if (json.is_string()) return parse_rational(json.get_ref<const std::string&>());
  if (const auto bits = bits_of(json)) return is_finite(*bits) ? std::optional(exactly(*bits)) : std::nullopt;
  // Without bits the text counts.
  if (json.is_object() && json.contains("value") && !json.contains("f32_bits")) return number_of(json["value"]);
  return std::nullopt;
}

// Short words count only where no letter stands beside them: "kernel" names no rounding.
bool holds_word(std::string_view text, std::string_view word) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if (word.size() > 4 || ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end])))) return true;
  }
  return false;
}

bool is_explanation(const std::string& key) {
  static constexpr std::array<std::string_view, 8> kWords = {"note", "notes", "comment", "comments", "explanation", "meaning", "why", "source"};
  return std::find(kWords.begin(), kWords.end(), lower_case(key)) != kWords.end();
}

std::optional<Difference> differs(const Value& got, const Json& expected) {
  return Difference{"", to_text(got), shown(expected)};
}

// A decimal text of a result that is no short decimal itself: right where no other text of so many digits is nearer.
bool to_printed_digits(const Rational& got, const std::string& text, const Rational& expected) {
  const size_t e = std::min(text.find_first_of("eE"), text.size());
  const size_t point = text.find('.');
  if (point == std::string::npos || point > e || e - point - 1 <= 6) return false;
  Rational unit = 1 / Rational(power(10, static_cast<unsigned>(e - point - 1)));
  if (e < text.size()) {
    const auto scale = parse_decimal("1" + text.substr(e));
    if (!scale) return false;
    unit *= *scale;
  }
  return abs(got - expected) * 2 <= unit;
}

bool float_matches_text(emu::Fp32 got, const std::string& text) {
  char* end = nullptr;
  const double expected = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0') return false;
  const double value = as_double(got);
  if (std::isnan(expected)) return std::isnan(value);
  return value == expected && (value != 0 || std::signbit(value) == std::signbit(expected) || text[0] != '-');
}

std::optional<Difference> compare_number(const Rational& got, const Json& expected) {
  // Expected as a binary32 number: the nearest one.
  if (const auto bits = bits_of(expected)) return nearest_float(got) == *bits ? std::nullopt : differs(Value(nearest_float(got)), expected);
  const auto number = number_of(expected);
  if (number && *number == got) return std::nullopt;
  if (number && expected.is_string() && to_printed_digits(got, expected.get<std::string>(), *number)) return std::nullopt;
  if (number && expected.is_number_float() && to_printed_digits(got, expected.dump(), *number)) return std::nullopt;
  return differs(Value(got), expected);
}

std::optional<Difference> compare_float(emu::Fp32 got, const Json& expected) {
  if (const auto bits = bits_of(expected)) return got == *bits ? std::nullopt : differs(got, expected);
  if (expected.is_object() && expected.contains("value")) return compare_float(got, expected["value"]);
  if (expected.is_string() && float_matches_text(got, expected.get<std::string>())) return std::nullopt;
  if (expected.is_number() && as_double(got) == expected.get<double>()) return std::nullopt;
  const auto number = number_of(expected);
  if (number && is_finite(got) && exactly(got) == *number) return std::nullopt;
  return differs(got, expected);
}

std::optional<Difference> compare_list(const Value::List& got, const Json& expected) {
  // One row needs no list of rows.
  const bool is_one_row = got.size() == 1 && std::holds_alternative<Value::List>(got[0].node);
  if (is_one_row && expected.is_array() && (expected.empty() || !expected[0].is_array())) return compare(got[0], expected);
  if (!expected.is_array()) {
    if (got.size() == 1) return compare(got[0], expected);
    return differs(got, expected);
  }
  if (got.size() != expected.size()) return Difference{"", std::to_string(got.size()) + " values " + to_text(got), std::to_string(expected.size()) + " values " + shown(expected)};
  for (size_t i = 0; i < got.size(); ++i) {
    if (auto difference = compare(got[i], expected[i])) {
      difference->at = "[" + std::to_string(i) + "]" + difference->at;
      return difference;
    }
  }
  return std::nullopt;
}

std::optional<Difference> compare_map(const Value::Map& got, const Json& expected) {
  if (!expected.is_object()) {
    // One answer needs no name.
    if (got.size() == 1) return compare(got[0].second, expected);
    return differs(got, expected);
  }
  for (const auto& [key, value] : expected.items()) {
    if (is_explanation(key)) continue;
    const auto found = std::find_if(got.begin(), got.end(), [&key = key](const auto& member) { return member.first == key; });
    if (found == got.end()) return Difference{"." + key, "nothing: Assay does not know what it means", shown(value)};
    if (auto difference = compare(found->second, value)) {
      difference->at = "." + key + difference->at;
      return difference;
    }
  }
  return std::nullopt;
}

}  // namespace

Value::Value(Wide value) : node(Rational(BigInt(value))) {}

Value list_of(const std::vector<Wide>& values) {
  return Value::List(values.begin(), values.end());
}

std::string to_text(const Value& value) {
  if (const auto* number = std::get_if<Rational>(&value.node)) return number->str();
  if (const auto* bits = std::get_if<emu::Fp32>(&value.node)) {
    char text[64];
    std::snprintf(text, sizeof text, "0x%08x (%.9g)", bits->bits, as_double(*bits));
    return text;
  }
  if (const auto* text = std::get_if<std::string>(&value.node)) return '"' + *text + '"';
  std::string text;
  if (const auto* list = std::get_if<Value::List>(&value.node)) {
    for (const Value& item : *list) {
      if (text.size() > 80) return '[' + text + ", ...]";
      text += (text.empty() ? "" : ", ") + to_text(item);
    }
    return '[' + text + ']';
  }
  for (const auto& [key, item] : std::get<Value::Map>(value.node)) text += (text.empty() ? "\"" : ", \"") + key + "\": " + to_text(item);
  return '{' + text + '}';
}

std::optional<Difference> compare(const Value& got, const Json& expected) {
  // A list of one and its only member are the same answer.
  const bool is_list = std::holds_alternative<Value::List>(got.node);
  if (expected.is_array() && expected.size() == 1 && !is_list) return compare(got, expected[0]);
  if (const auto* number = std::get_if<Rational>(&got.node)) return compare_number(*number, expected);
  if (const auto* bits = std::get_if<emu::Fp32>(&got.node)) return compare_float(*bits, expected);
  if (const auto* text = std::get_if<std::string>(&got.node)) return expected.is_string() && expected.get<std::string>() == *text ? std::nullopt : differs(got, expected);
  if (is_list) return compare_list(std::get<Value::List>(got.node), expected);
  return compare_map(std::get<Value::Map>(got.node), expected);
}

std::optional<Rational> parse_rational(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || text.size() > kMaxTextLength) return std::nullopt;
  Rational value = 1;
  bool divides = false;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find_first_of("*/", start), text.size());
    const auto factor = parse_power(text.substr(start, end - start));
    if (!factor || (divides && *factor == 0)) return std::nullopt;
    value = divides ? Rational(value / *factor) : Rational(value * *factor);
    divides = end < text.size() && text[end] == '/';
    start = end + 1;
  }
  return value;
}

Wide to_integer(const Json& json, const std::string& what) {
  const auto number = number_of(json);
  if (!number || denominator(*number) != 1) bad(what, json, "not a whole number");
  const BigInt& integer = numerator(*number);
  if (abs(integer) > BigInt(1) << 63) bad(what, json, "which has more than 64 bits");
  const auto magnitude = static_cast<Wide>(static_cast<uint64_t>(abs(integer)));
  return integer < 0 ? -magnitude : magnitude;
}

Rational to_rational(const Json& json, const std::string& what) {
  const auto number = number_of(json);
  if (!number) bad(what, json, "not a number: write 3, \"1/3\", \"2^-5\", \"0.1\" or {\"value\": .., \"f32_bits\": \"0x..\"}");
  return *number;
}

emu::Fp32 to_float(const Json& json, const std::string& what) {
  if (const auto bits = bits_of(json)) return *bits;
  if (json.is_object() && json.contains("f32_bits")) bad(what, json, "whose f32_bits are not 1 to 8 hexadecimal digits");
  if (json.is_object() && json.contains("value")) return to_float(json["value"], what);
  if (json.is_string()) {
    const std::string text = lower_case(json.get<std::string>());
    if (text == "inf" || text == "+inf" || text == "infinity") return {0x7F800000};
    if (text == "-inf" || text == "-infinity") return {0xFF800000};
    if (text == "nan") return {0x7FC00000};
    if (text == "-0.0" || text == "-0") return {0x80000000};
  }
  return nearest_float(to_rational(json, what));
}

emu::Fp32 nearest_float(const Rational& value) {
  if (value == 0) return {0};
  const uint32_t sign = value < 0 ? 0x80000000U : 0;
  const int exponent = std::max(quant::floor_log2(value), -126);
  BigInt mantissa = quant::round_to_integer(abs(value) * quant::power_of_two(23 - exponent), emu::Round::half_even);
  int stored = exponent + 127;
  if (mantissa == BigInt(1) << 24) {
    mantissa >>= 1;
    ++stored;
  }
  if (stored > 254) return {sign | 0x7F800000U};
  const auto bits = static_cast<uint32_t>(mantissa);
  return {sign | (bits < 0x800000U ? bits : static_cast<uint32_t>(stored) << 23 | (bits & 0x7FFFFFU))};
}

Rational exactly(emu::Fp32 value) {
  if (!is_finite(value)) throw EntryError("an infinity or NaN where a number is needed");
  const int stored = static_cast<int>(value.bits >> 23 & 0xFF);
  const uint32_t fraction = value.bits & 0x7FFFFFU;
  const Rational magnitude = Rational(stored == 0 ? fraction : fraction | 0x800000U) * quant::power_of_two((stored == 0 ? 1 : stored) - 150);
  return value.bits >> 31 != 0 ? Rational(-magnitude) : magnitude;
}

double finite_double(emu::Fp32 value) {
  return static_cast<double>(exactly(value));
}

emu::Fp32 from_integer(Wide value) {
  return emu::fp32_of(value, emu::Round::half_even);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : static_cast<char>(c); });
  return lower;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::optional<emu::Round> find_round(std::string_view text) {
  using emu::Round;
  // Longer words first: "half_toward_zero" holds "toward_zero".
  static constexpr std::array<std::pair<std::string_view, Round>, 43> kWords = {{
      {"half_far_from_zero", Round::half_away},
      {"half_away_from_zero", Round::half_away},
      {"half_off_zero", Round::half_away},
      {"half_towards_zero", Round::half_toward_zero},
      {"half_toward_zero", Round::half_toward_zero},
      {"half_to_zero", Round::half_toward_zero},
      {"half_to_even", Round::half_even},
      {"ties_to_even", Round::half_even},
      {"half_even", Round::half_even},
      {"half_odd", Round::half_odd},
      {"half_away", Round::half_away},
      {"half_down", Round::half_down},
      {"half_up", Round::half_up},
      {"half-even", Round::half_even},
      {"half-away", Round::half_away},
      {"half-up", Round::half_up},
      {"half-down", Round::half_down},
      {"half even", Round::half_even},
      {"half away", Round::half_away},
      {"half up", Round::half_up},
      {"half down", Round::half_down},
      {"half to zero", Round::half_toward_zero},
      {"half to even", Round::half_even},
      {"away_from_zero", Round::away_from_zero},
      {"towards_zero", Round::toward_zero},
      {"toward_zero", Round::toward_zero},
      {"trunc", Round::toward_zero},
      {"floor", Round::floor},
      {"ceil", Round::ceil},
      {"natural", Round::half_up},
      {"nearbyint", Round::half_even},
      {"lrintf", Round::half_even},
      {"rint", Round::half_even},
      {"roundf", Round::half_away},
      {"nearest_even", Round::half_even},
      {"rne", Round::half_even},
      {"rna", Round::half_away},
      {"rtz", Round::toward_zero},
      {"rtne", Round::half_even},
      {"rz", Round::toward_zero},
      {"tfl", Round::half_away},
      {"rdn", Round::floor},
      {"rup", Round::ceil},
  }};
  const std::string lower = lower_case(text);
  for (const auto& [word, mode] : kWords) {
    if (holds_word(lower, word)) return mode;
  }
  // "+64 >> 7": half of what is shifted away was added.
  if (const size_t plus = lower.find('+'); plus != std::string::npos && lower.find(">>", plus) != std::string::npos) return Round::half_up;
  return std::nullopt;
}

}  // namespace assay::verify
