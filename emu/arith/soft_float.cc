#include "emu/arith/soft_float.h"

#include <charconv>
#include <utility>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

// A finite number: significand * 2^exponent. Zero has significand 0.
struct Unpacked {
  bool negative = false;
  UnsignedWide significand = 0;
  int exponent = 0;
};

constexpr int kFractionBits = 23;
constexpr int kLeastExponent = -149;  // of the last place of subnormal binary32 numbers

Unpacked unpack(Fp32 value) {
  const uint32_t fraction = value.bits & 0x7fffffU;
  const int field = static_cast<int>((value.bits >> kFractionBits) & 0xffU);
  if (field == 0) return {value.is_negative(), fraction, kLeastExponent};
  return {value.is_negative(), fraction | 0x800000U, kLeastExponent + field - 1};
}

int bit_length(UnsignedWide value) {
  const auto high = static_cast<uint64_t>(value >> 64);
  const auto low = static_cast<uint64_t>(value);
  if (high != 0) return 128 - __builtin_clzll(high);
  return low == 0 ? 0 : 64 - __builtin_clzll(low);
}

Fp32 signed_zero(bool negative) {
  return {negative ? 0x80000000U : 0U};
}
Fp32 infinity(bool negative) {
  return {negative ? 0xff800000U : 0x7f800000U};
}

Fp32 rounded(bool negative, UnsignedWide significand, int exponent, bool sticky) {
  return {round_to_word(negative, significand, exponent, sticky, FloatRule{kFp32, Round::half_even, Subnormals::keep, FloatOverflow::infinity})};
}

// The largest finite word, without its sign.
uint32_t largest_word(FloatFormat format) {
  const uint32_t all_ones = (uint32_t{1} << (format.exponent_bits + format.fraction_bits)) - 1;
  return format.has_infinity ? all_ones - (uint32_t{1} << format.fraction_bits) : all_ones - 1;
}

uint32_t sign_bit(bool negative, FloatFormat format) {
  return negative ? uint32_t{1} << (format.exponent_bits + format.fraction_bits) : 0;
}

uint32_t nan_word(FloatFormat format) {
  const uint32_t all_ones = (uint32_t{1} << (format.exponent_bits + format.fraction_bits)) - 1;
  return format.has_infinity ? all_ones - ((uint32_t{1} << (format.fraction_bits - 1)) - 1) : all_ones;
}

uint32_t infinity_word(bool negative, FloatFormat format) {
  return format.has_infinity ? sign_bit(negative, format) | (largest_word(format) + 1) : nan_word(format);
}

// Far beyond the largest number the distance to it is no tie, whatever the mode.
uint32_t overflowed(bool negative, const FloatRule& rule) {
  const bool stops = rule.overflow == FloatOverflow::saturate || !rounds_away(rule.round, negative, true, 1);
  return stops ? sign_bit(negative, rule.format) | largest_word(rule.format) : infinity_word(negative, rule.format);
}

// a + b where both are finite; the significands have at most 48 bits. The larger number is brought to 100 bits; what of the smaller one lies below its last place only
// tells that the sum is a little larger or smaller, since numbers that nearly cancel have their places close together.
Fp32 add_finite(Unpacked a, Unpacked b) {
  if (a.significand == 0 && b.significand == 0) return signed_zero(a.negative && b.negative);
  if (a.significand == 0) return rounded(b.negative, b.significand, b.exponent, false);
  if (b.significand == 0) return rounded(a.negative, a.significand, a.exponent, false);
  const int a_top = bit_length(a.significand) + a.exponent, b_top = bit_length(b.significand) + b.exponent;
  if (a_top < b_top) std::swap(a, b);
  constexpr int kBits = 100;
  const int up = kBits - bit_length(a.significand);
  a = {a.negative, a.significand << up, a.exponent - up};
  const int down = a.exponent - b.exponent;
  UnsignedWide smaller = 0;
  bool sticky = false;
  if (down <= 0) {
    smaller = b.significand << -down;
  } else if (down < 64) {
    smaller = b.significand >> down;
    sticky = (smaller << down) != b.significand;
  } else {
    sticky = true;
  }
  if (a.negative == b.negative) return rounded(a.negative, a.significand + smaller, a.exponent, sticky);
  if (a.significand == smaller) return signed_zero(false);  // nothing was cut: a number that was is far smaller
  // Equal tops: the smaller place may still belong to the larger number.
  if (a.significand < smaller) return rounded(b.negative, smaller - a.significand, a.exponent, false);
  return rounded(a.negative, a.significand - smaller - (sticky ? 1 : 0), a.exponent, sticky);
}

}  // namespace

std::string_view to_string(FloatFormat format) {
  if (format == kFp32) return "fp32";
  if (format == kTf32) return "tf32";
  if (format == kBf16) return "bf16";
  if (format == kFp16) return "fp16";
  if (format == kE5m2) return "e5m2";
  ASSAY_ASSERT(format == kE4m3);
  return "e4m3";
}

std::optional<FloatFormat> parse_float_format(std::string_view name) {
  for (const FloatFormat format : kAllFloatFormats) {
    if (to_string(format) == name) return format;
  }
  return std::nullopt;
}

std::string_view to_string(Subnormals rule) {
  return rule == Subnormals::keep ? "keep" : "flush";
}
std::optional<Subnormals> parse_subnormals(std::string_view name) {
  if (name == "keep") return Subnormals::keep;
  return name == "flush" ? std::optional(Subnormals::flush) : std::nullopt;
}

std::string_view to_string(FloatOverflow rule) {
  return rule == FloatOverflow::infinity ? "infinity" : "saturate";
}
std::optional<FloatOverflow> parse_float_overflow(std::string_view name) {
  if (name == "infinity") return FloatOverflow::infinity;
  return name == "saturate" ? std::optional(FloatOverflow::saturate) : std::nullopt;
}

uint32_t round_to_word(bool negative, UnsignedWide significand, int exponent, bool sticky, const FloatRule& rule) {
  const FloatFormat format = rule.format;
  const uint32_t sign = sign_bit(negative, format);
  if (significand == 0 && !sticky) return sign;
  ASSAY_ASSERT(significand != 0);
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  const int least = 1 - bias - format.fraction_bits;  // the last place of subnormal numbers
  // The last place of the result, were its exponent unbounded above.
  int last = exponent + bit_length(significand) - 1 - format.fraction_bits;
  if (last < least) last = least;
  UnsignedWide kept = 0;
  if (last <= exponent) {
    ASSAY_ASSERT(!sticky);
    kept = significand << (exponent - last);  // at most fraction_bits + 1 bits
  } else {
    const int dropped = last - exponent;
    // What is dropped, compared with half of the last place.
    int half = -1;
    if (dropped <= 128) {
      const UnsignedWide middle = UnsignedWide{1} << (dropped - 1);
      const UnsignedWide rest = significand & (middle | (middle - 1));
      half = rest < middle ? -1 : (rest > middle || sticky ? 1 : 0);
      kept = significand >> (dropped - 1) >> 1;
      if (rest != 0 || sticky) kept += static_cast<UnsignedWide>(rounds_away(rule.round, negative, (kept & 1) != 0, half));
    } else {
      kept = static_cast<UnsignedWide>(rounds_away(rule.round, negative, false, half));
    }
  }
  // `kept` may have grown to 2^(fraction_bits + 1): adding it to the field below carries into the exponent as it should.
  const UnsignedWide hidden = UnsignedWide{1} << format.fraction_bits;
  if (kept < hidden) return rule.subnormals == Subnormals::flush ? sign : sign | static_cast<uint32_t>(kept);
  const int field = last - least + 1;
  const UnsignedWide word = (static_cast<UnsignedWide>(field) << format.fraction_bits) + (kept - hidden);
  return word > largest_word(format) ? overflowed(negative, rule) : sign | static_cast<uint32_t>(word);
}

Fp32 add(Fp32 a, Fp32 b) {
  if (a.is_nan() || b.is_nan()) return kNan32;
  if (a.is_infinite()) return b.is_infinite() && a.is_negative() != b.is_negative() ? kNan32 : a;
  if (b.is_infinite()) return b;
  return add_finite(unpack(a), unpack(b));
}

Fp32 multiply(Fp32 a, Fp32 b) {
  if (a.is_nan() || b.is_nan()) return kNan32;
  const bool negative = a.is_negative() != b.is_negative();
  const Unpacked x = unpack(a), y = unpack(b);
  if (a.is_infinite() || b.is_infinite()) return x.significand == 0 || y.significand == 0 ? kNan32 : infinity(negative);
  return rounded(negative, x.significand * y.significand, x.exponent + y.exponent, false);
}

Fp32 divide(Fp32 a, Fp32 b) {
  if (a.is_nan() || b.is_nan()) return kNan32;
  const bool negative = a.is_negative() != b.is_negative();
  const Unpacked x = unpack(a), y = unpack(b);
  if (a.is_infinite()) return b.is_infinite() ? kNan32 : infinity(negative);
  if (b.is_infinite()) return signed_zero(negative);
  if (y.significand == 0) return x.significand == 0 ? kNan32 : infinity(negative);
  if (x.significand == 0) return signed_zero(negative);
  // The quotient has at least 100 - 24 significant bits.
  constexpr int kPlaces = 100;
  const UnsignedWide dividend = x.significand << kPlaces;
  return rounded(negative, dividend / y.significand, x.exponent - y.exponent - kPlaces, dividend % y.significand != 0);
}

Fp32 mul_add(Fp32 a, Fp32 b, Fp32 c) {
  if (a.is_nan() || b.is_nan() || c.is_nan()) return kNan32;
  const bool negative = a.is_negative() != b.is_negative();
  const Unpacked x = unpack(a), y = unpack(b);
  if (a.is_infinite() || b.is_infinite()) {
    if (x.significand == 0 || y.significand == 0) return kNan32;
    return c.is_infinite() && c.is_negative() != negative ? kNan32 : infinity(negative);
  }
  if (c.is_infinite()) return c;
  return add_finite({negative, x.significand * y.significand, x.exponent + y.exponent}, unpack(c));
}

bool less(Fp32 a, Fp32 b) {
  if (a.is_nan() || b.is_nan()) return false;
  const auto order = [](Fp32 v) { return v.is_negative() ? -static_cast<int64_t>(v.bits & 0x7fffffffU) : static_cast<int64_t>(v.bits); };
  return order(a) < order(b);
}

Fp32 fp32_of(Wide value, Round mode) {
  const bool negative = value < 0;
  const UnsignedWide magnitude = negative ? -static_cast<UnsignedWide>(value) : static_cast<UnsignedWide>(value);
  return {round_to_word(negative, magnitude, 0, false, FloatRule{kFp32, mode, Subnormals::keep, FloatOverflow::infinity})};
}

Wide to_int(Fp32 value, Round mode, IntType type) {
  if (value.is_nan()) return 0;
  if (value.is_infinite()) return value.is_negative() ? type.min() : type.max();
  const Unpacked u = unpack(value);
  // Beyond 2^100 every type's limit is passed.
  if (u.exponent > 76) return u.negative ? type.min() : type.max();
  const auto signed_of = [&](UnsignedWide magnitude) { return u.negative ? -static_cast<Wide>(magnitude) : static_cast<Wide>(magnitude); };
  if (u.exponent >= 0) return saturate(signed_of(u.significand << u.exponent), type);
  // Below 2^-30 of a unit only the sign matters, and that there is something.
  const int bits = -u.exponent > 60 ? 60 : -u.exponent;
  const UnsignedWide significand = -u.exponent > 60 && u.significand != 0 ? 1 : u.significand;
  return saturate(divide(signed_of(significand), Wide{1} << bits, mode), type);
}

uint32_t narrow(Fp32 value, const FloatRule& rule) {
  if (value.is_nan()) return nan_word(rule.format);
  const bool negative = value.is_negative();
  if (value.is_infinite()) {
    return rule.overflow == FloatOverflow::saturate ? sign_bit(negative, rule.format) | largest_word(rule.format) : infinity_word(negative, rule.format);
  }
  const Unpacked u = unpack(value);
  return round_to_word(negative, u.significand, u.exponent, false, rule);
}

Fp32 widen(uint32_t word, FloatFormat format) {
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  const uint32_t sign = sign_bit(true, format);
  const uint32_t magnitude = word & (sign - 1);
  ASSAY_ASSERT(word < (uint64_t{sign} << 1));
  const bool negative = (word & sign) != 0;
  if (magnitude > largest_word(format)) return format.has_infinity && magnitude == largest_word(format) + 1 ? infinity(negative) : kNan32;
  const int field = static_cast<int>(magnitude >> format.fraction_bits);
  const uint32_t fraction = magnitude & ((uint32_t{1} << format.fraction_bits) - 1);
  const uint32_t significand = field == 0 ? fraction : fraction | (uint32_t{1} << format.fraction_bits);
  return rounded(negative, significand, (field == 0 ? 1 : field) - bias - format.fraction_bits, false);
}

Fp32 number_of(Wide word, IntType type, int64_t zero_point) {
  return type.is_float() ? widen(static_cast<uint32_t>(word), type.format) : fp32_of(word - zero_point, Round::half_even);
}

int64_t ordered(int64_t word, IntType type) {
  const int64_t sign = int64_t{1} << (type.bits - 1);
  return type.is_float() && word >= sign ? sign - 1 - word : word;
}

bool is_smaller(Wide a, Wide b, IntType type) {
  return type.is_float() ? less(number_of(a, type, 0), number_of(b, type, 0)) : a < b;
}

std::string to_string(Fp32 value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(value.bits >> shift) & 15U];
  return text;
}

std::optional<Fp32> parse_fp32(std::string_view text) {
  if (text.size() != 10 || text.substr(0, 2) != "0x") return std::nullopt;
  uint32_t bits = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), bits, 16);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(Fp32{bits}) : std::nullopt;
}

}  // namespace assay::emu
