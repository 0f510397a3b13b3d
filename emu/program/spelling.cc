#include "emu/program/spelling.h"

#include <charconv>

namespace assay::emu::spelling {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool read_indexed(std::string_view text, std::string_view prefix, uint32_t& index) {
  return text.substr(0, prefix.size()) == prefix && read_number(text.substr(prefix.size()), index);
}

// Splits at the first `separator`; false where there is none.
bool split(std::string_view text, std::string_view separator, std::string_view& before, std::string_view& after) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) return false;
  before = text.substr(0, at);
  after = text.substr(at + separator.size());
  return true;
}

template <class Value>
bool take(const std::optional<Value>& found, Value& value) {
  if (found) value = *found;
  return found.has_value();
}

bool read_shift(std::string_view text, uint8_t& bits) {
  return read_number(text, bits);
}

constexpr std::string_view kEscapes = "\"\\\b\f\n\r\t";
constexpr std::string_view kEscapeLetters = "\"\\bfnrt";
constexpr std::string_view kHexDigits = "0123456789abcdef";

// The character after a backslash; consumes it from `rest`.
bool read_escape(std::string_view& rest, std::string& value) {
  if (rest.empty()) return false;
  const size_t letter = kEscapeLetters.find(rest[0]);
  if (letter != std::string_view::npos) {
    value += kEscapes[letter];
    rest.remove_prefix(1);
    return true;
  }
  unsigned code = 0;
  if (rest[0] != 'u' || rest.size() < 5) return false;
  const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + 5, code, 16);
  if (error != std::errc{} || end != rest.data() + 5 || code > 0x7f) return false;
  value += static_cast<char>(code);
  rest.remove_prefix(5);
  return true;
}

}  // namespace

std::string spell(int64_t value) {
  return std::to_string(value);
}
std::string spell(bool value) {
  return value ? "true" : "false";
}
std::string spell(Ref ref) {
  return (ref.is_constant ? "@k" : "%") + std::to_string(ref.index);
}
std::string spell(ScaleRef ref) {
  return "@s" + std::to_string(ref.index);
}
std::string spell(StepsRef ref) {
  return "#" + std::to_string(ref.index);
}
std::string spell(ClampBounds bounds) {
  return std::to_string(bounds.low) + ".." + std::to_string(bounds.high);
}
std::string spell(IntType type) {
  return to_string(type);
}
std::string spell(const Accumulator& accumulator) {
  return to_string(accumulator);
}
std::string spell(SumOrder order) {
  return std::string(to_string(order));
}
std::string spell(Round mode) {
  return std::string(to_string(mode));
}
std::string spell(Interpolation interpolation) {
  return std::string(to_string(interpolation));
}
std::string spell(Dyadic value) {
  return to_string(value);
}
std::string spell(const QScale& scale) {
  const std::string integers = std::to_string(scale.multiplier) + "/" + std::to_string(scale.left.bits) + "/" + std::to_string(scale.right.bits) +
                               (scale.first.bits == 0 ? "" : "+" + std::to_string(scale.first.bits));
  if (scale.fp32 == Fp32Constants{}) return integers;
  return integers + "/" + to_string(scale.fp32.scale) + "/" + to_string(scale.fp32.bias) + "/" + to_string(scale.fp32.output) + "/" + to_string(scale.fp32.slope);
}

std::string spell(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const size_t escape = kEscapes.find(c);
    const auto code = static_cast<unsigned char>(c);
    if (escape != std::string_view::npos) {
      quoted += {'\\', kEscapeLetters[escape]};
    } else if (code < 0x20 || code == 0x7f) {
      quoted += {'\\', 'u', '0', '0', kHexDigits[code / 16], kHexDigits[code % 16]};
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

bool read(std::string_view text, int64_t& value) {
  return read_number(text, value);
}
bool read(std::string_view text, uint32_t& value) {
  return read_number(text, value);
}
bool read(std::string_view text, bool& value) {
  value = text == "true";
  return value || text == "false";
}
bool read(std::string_view text, Ref& ref) {
  ref.is_constant = text.substr(0, 1) == "@";
  return read_indexed(text, ref.is_constant ? "@k" : "%", ref.index);
}
bool read(std::string_view text, ScaleRef& ref) {
  return read_indexed(text, "@s", ref.index);
}
bool read(std::string_view text, StepsRef& ref) {
  return read_indexed(text, "#", ref.index);
}
bool read(std::string_view text, ClampBounds& bounds) {
  std::string_view low, high;
  return split(text, "..", low, high) && read(low, bounds.low) && read(high, bounds.high);
}
bool read(std::string_view text, IntType& type) {
  return take(parse_int_type(text), type);
}
bool read(std::string_view text, Accumulator& accumulator) {
  return take(parse_accumulator(text), accumulator);
}
bool read(std::string_view text, SumOrder& order) {
  return take(parse_sum_order(text), order);
}
bool read(std::string_view text, Round& mode) {
  return take(parse_round(text), mode);
}
bool read(std::string_view text, Interpolation& interpolation) {
  for (const Interpolation known : {Interpolation::difference, Interpolation::value}) {
    if (text == to_string(known)) return interpolation = known, true;
  }
  return false;
}
bool read(std::string_view text, Dyadic& value) {
  std::string_view mantissa, exponent;
  return split(text, "*2^", mantissa, exponent) && read(mantissa, value.mantissa) && read_number(exponent, value.exponent);
}
bool read(std::string_view text, QScale& scale) {
  std::string_view multiplier, rest, left, right, word;
  if (!split(text, "/", multiplier, rest) || !split(rest, "/", left, right)) return false;
  scale.fp32 = {};
  scale.first = {};
  if (split(right, "/", word, rest)) {
    right = word;
    for (Fp32* number : {&scale.fp32.scale, &scale.fp32.bias, &scale.fp32.output, &scale.fp32.slope}) {
      const bool last = number == &scale.fp32.slope;
      if (last) word = rest;
      if (!last && !split(std::string_view(rest), "/", word, rest)) return false;
      if (!take(parse_fp32(word), *number)) return false;
    }
  }
  if (split(right, "+", word, rest)) {
    right = word;
    if (!read_shift(rest, scale.first.bits)) return false;
  }
  return read(multiplier, scale.multiplier) && read_shift(left, scale.left.bits) && read_shift(right, scale.right.bits);
}

bool read(std::string_view text, std::string& value) {
  value.clear();
  if (text.size() < 2 || text.front() != '"') return false;
  for (std::string_view rest = text.substr(1); !rest.empty();) {
    const char c = rest[0];
    rest.remove_prefix(1);
    if (c == '"') return rest.empty();
    if (c != '\\') {
      value += c;
    } else if (!read_escape(rest, value)) {
      return false;
    }
  }
  return false;
}

}  // namespace assay::emu::spelling
