#include "quant/exact/ratio.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <climits>
#include <cmath>

#include "emu/base/error.h"
#include "quant/calibrate/derivations.h"

namespace assay::quant {
namespace {

using boost::multiprecision::cpp_int;

// magnitude = top / bottom, bottom > 0.
struct Fraction {
  bool negative = false;
  cpp_int top = 1;
  cpp_int bottom = 1;

  void shift(int exponent) { (exponent >= 0 ? top : bottom) <<= static_cast<unsigned>(std::abs(exponent)); }
};

// Multiplies (or divides) by a float64, which is an integer of 53 bits times a power of two.
void multiply(Fraction& fraction, double factor, bool inverse) {
  ASSAY_ASSERT(std::isfinite(factor));
  int exponent = 0;
  const auto mantissa = static_cast<int64_t>(std::ldexp(std::frexp(std::fabs(factor), &exponent), 53));
  (inverse ? fraction.bottom : fraction.top) *= mantissa;
  fraction.shift(inverse ? 53 - exponent : exponent - 53);
  if (factor < 0) fraction.negative = !fraction.negative;
}

Fraction exactly(const Ratio& ratio, int exponent) {
  Fraction fraction;
  for (const double factor : ratio.numerator) multiply(fraction, factor, false);
  for (const double factor : ratio.denominator) {
    ASSAY_ASSERT(factor != 0);
    multiply(fraction, factor, true);
  }
  fraction.shift(ratio.exponent + exponent);
  const cpp_int common = fraction.top == 0 ? fraction.bottom : gcd(fraction.top, fraction.bottom);
  fraction.top /= common;
  fraction.bottom /= common;
  return fraction;
}

// The magnitude of fraction * 2^shift, rounded.
cpp_int rounded(Fraction fraction, int shift, emu::Round mode) {
  fraction.shift(shift);
  cpp_int quotient, remainder;
  divide_qr(fraction.top, fraction.bottom, quotient, remainder);
  if (remainder == 0) return quotient;
  const int half = cpp_int(2 * remainder).compare(fraction.bottom);
  return emu::rounds_away(mode, fraction.negative, bit_test(quotient, 0), half < 0 ? -1 : (half > 0 ? 1 : 0)) ? cpp_int(quotient + 1) : quotient;
}

// e with 2^e <= fraction < 2^(e+1). Not for 0.
int exponent_of(const Fraction& fraction) {
  const int e = static_cast<int>(msb(fraction.top)) - static_cast<int>(msb(fraction.bottom));
  Fraction scaled = fraction;
  scaled.shift(-e);
  return scaled.top < scaled.bottom ? e - 1 : e;
}

bool is_power_of_two(const Fraction& fraction) {
  return fraction.top != 0 && msb(fraction.top) == lsb(fraction.top) && msb(fraction.bottom) == lsb(fraction.bottom);
}

// What the steps leave to the scale.
struct Form {
  bool multiplies = false;
  int lowest = 0;     // of n in multiplier * 2^-n: minus the largest left shift
  int highest = 0;    // the largest right shift
  int immediate = 0;  // right shifts minus left shifts that are fixed
  bool cuts_first = false;
};

Form form_of(const emu::Steps& steps, const emu::MultiplierRule& rule) {
  Form form;
  for (const emu::Step& step : steps) {
    if (std::holds_alternative<emu::Multiply>(step)) form.multiplies = true;
    if (const auto* left = std::get_if<emu::ShiftLeft>(&step)) {
      if (left->amount) {
        form.immediate -= left->amount->bits;
      } else {
        form.lowest -= rule.max_left.bits;
      }
    }
    if (const auto* right = std::get_if<emu::ShiftRight>(&step)) {
      if (right->is_first) {
        form.cuts_first = true;
      } else if (right->amount) {
        form.immediate += right->amount->bits;
      } else {
        form.highest += rule.max_right.bits;
      }
    }
  }
  return form;
}

emu::QScale scale_of(int64_t multiplier, int n) {
  return {multiplier, emu::LeftShift{static_cast<uint8_t>(n < 0 ? -n : 0)}, emu::RightShift{static_cast<uint8_t>(n > 0 ? n : 0)}};
}

std::string range_text(const Form& form) {
  return "the steps' own scale shifts left by at most " + std::to_string(-form.lowest) + " and right by at most " + std::to_string(form.highest);
}

std::optional<emu::QScale> by_shifting(const Fraction& fraction, const Form& form, std::string& problem) {
  if (!is_power_of_two(fraction) || fraction.negative) {
    problem = "is not a power of two, and the steps only shift";
    return std::nullopt;
  }
  const int n = -exponent_of(fraction);
  if (n >= form.lowest && n <= form.highest) return scale_of(1, n);
  problem = "needs a " + std::string(n < 0 ? "left" : "right") + " shift of " + std::to_string(std::abs(n)) + " beside the fixed ones; " + range_text(form);
  return std::nullopt;
}

// Of all 31 bits first; a carry there is halved.
cpp_int narrowed(const Fraction& fraction, int bits, emu::Round mode, int& n) {
  constexpr int kWide = 31;
  n = kWide - 1 - exponent_of(fraction);
  cpp_int wide = rounded(fraction, n, mode);
  if (wide == cpp_int(1) << kWide) wide >>= 1, --n;
  n -= kWide - bits;
  const cpp_int most = (cpp_int(1) << bits) - 1, half = cpp_int(1) << (kWide - bits - 1);
  return std::min(most, cpp_int((wide + half) >> (kWide - bits)));
}

std::optional<emu::QScale> by_multiplying(const Fraction& fraction, const Form& form, const emu::MultiplierRule& rule, std::string& problem) {
  if (fraction.top == 0) return emu::QScale{0, emu::LeftShift{0}, emu::RightShift{0}};
  int n = std::min(rule.bits - 1 - exponent_of(fraction), form.highest);
  cpp_int multiplier = rounded(fraction, n, rule.round);
  if (rule.form == emu::MultiplierForm::narrowed) {
    int own = 0;
    const cpp_int fewer = narrowed(fraction, rule.bits, rule.round, own);
    if (own <= form.highest) multiplier = fewer, n = own;
  }
  if (multiplier == cpp_int(1) << rule.bits) {
    multiplier >>= 1;
    --n;
  }
  if (n < form.lowest) {
    problem = "is too large for a multiplier of " + std::to_string(rule.bits) + " bits; " + range_text(form);
    return std::nullopt;
  }
  const auto magnitude = static_cast<int64_t>(multiplier);
  return scale_of(fraction.negative ? -magnitude : magnitude, n);
}

std::optional<emu::QScale> by_fixed_point(const Fraction& fraction, const emu::MultiplierRule& rule, std::string& problem) {
  const cpp_int multiplier = rounded(fraction, rule.max_right.bits, rule.round);
  if (multiplier >= cpp_int(1) << rule.bits) {
    problem = "is too large for a multiplier of " + std::to_string(rule.bits) + " bits and a right shift of " + std::to_string(rule.max_right.bits);
    return std::nullopt;
  }
  const auto magnitude = static_cast<int64_t>(multiplier);
  return scale_of(fraction.negative ? -magnitude : magnitude, rule.max_right.bits);
}

std::optional<emu::QScale> by_nearest(const Fraction& fraction, const Form& form, const emu::MultiplierRule& rule, std::string& problem) {
  const int most = rule.max_right.bits + (form.cuts_first ? rule.max_first.bits : 0);
  if (fraction.negative) {
    problem = "is negative, and a multiplier here is not";
    return std::nullopt;
  }
  const Rational exact(fraction.top, fraction.bottom);
  emu::QScale scale = nearest_scale(exact, rule.bits, rule.min_right.bits, most);
  if (scale.multiplier == (int64_t{1} << rule.bits) - 1 && exact > scale.multiplier * power_of_two(-scale.right.bits)) {
    const Rational half(1, 2);
    if (exact - scale.multiplier * power_of_two(-scale.right.bits) > half * power_of_two(-scale.right.bits)) {
      problem = "is too large for a multiplier of " + std::to_string(rule.bits) + " bits and a right shift of at least " + std::to_string(rule.min_right.bits);
      return std::nullopt;
    }
  }
  const int first = std::max(0, scale.right.bits - rule.max_right.bits);
  scale.first = {static_cast<uint8_t>(first)};
  scale.right = {static_cast<uint8_t>(scale.right.bits - first)};
  return scale;
}

template <class Float>
double folded(const Ratio& ratio) {
  Float value = ratio.numerator.empty() ? Float{1} : static_cast<Float>(ratio.numerator[0]);
  for (size_t i = 1; i < ratio.numerator.size(); ++i) value *= static_cast<Float>(ratio.numerator[i]);
  for (const double factor : ratio.denominator) value /= static_cast<Float>(factor);
  return static_cast<double>(value);
}

}  // namespace

float nearest_float(const Ratio& ratio) {
  const Fraction fraction = exactly(ratio, 0);
  if (fraction.top == 0) return 0;
  const int shift = 23 - exponent_of(fraction);
  const auto significand = static_cast<float>(static_cast<int64_t>(rounded(fraction, shift, emu::Round::half_even)));
  const float value = std::ldexp(significand, -shift);
  if (!std::isnormal(value)) throw InputError("the ratio of scales " + std::to_string(approximate(ratio)) + " is no normal binary32 number");
  return fraction.negative ? -value : value;
}

Ratio formed_in(const Ratio& ratio, emu::RatioFormat format) {
  switch (format) {
    case emu::RatioFormat::exact: return ratio;
    case emu::RatioFormat::binary64: return {{folded<double>(ratio)}, {}, ratio.exponent};
    case emu::RatioFormat::binary32: return {{folded<float>(ratio)}, {}, ratio.exponent};
  }
  ASSAY_ASSERT(!"a RatioFormat outside its enumeration");
}

double approximate(const Ratio& ratio) {
  double value = 1;
  for (const double factor : ratio.numerator) value *= factor;
  for (const double factor : ratio.denominator) value /= factor;
  return std::ldexp(value, ratio.exponent);
}

std::optional<emu::QScale> decompose(const Ratio& ratio, const emu::Steps& steps, const emu::MultiplierRule& rule, std::string& problem) {
  const Form form = form_of(steps, rule);
  if (form.highest > rule.max_right.bits || form.lowest < -rule.max_left.bits) {
    problem = "cannot be given to steps that shift by the scale twice in one direction";
    return std::nullopt;
  }
  const Fraction fraction = exactly(formed_in(ratio, rule.ratio), form.immediate);
  if (rule.form == emu::MultiplierForm::nearest && form.multiplies) return by_nearest(fraction, form, rule, problem);
  if (rule.form == emu::MultiplierForm::fixed_point && form.multiplies) return by_fixed_point(fraction, rule, problem);
  return rule.bits > 1 && form.multiplies ? by_multiplying(fraction, form, rule, problem) : by_shifting(fraction, form, problem);
}

std::vector<emu::QScale> decompose_together(const std::vector<Ratio>& ratios, const emu::Steps& steps, const emu::MultiplierRule& rule, std::string& problem) {
  std::vector<emu::QScale> scales;
  int n = INT_MAX;
  for (const Ratio& ratio : ratios) {
    const auto scale = decompose(ratio, steps, rule, problem);
    if (!scale) return {};
    if (scale->multiplier != 0) n = std::min(n, scale->right.bits - scale->left.bits);
    scales.push_back(*scale);
  }
  const Form form = form_of(steps, rule);
  for (size_t i = 0; i < ratios.size() && n != INT_MAX; ++i) {
    Ratio scaled = formed_in(ratios[i], rule.ratio);
    scaled.exponent += form.immediate + n;
    const int64_t most = (int64_t{1} << rule.bits) - 1;
    scales[i] = scale_of(round_ratio(scaled, rule.round, -most, most), n);
  }
  return scales;
}

std::optional<emu::QScale> decompose_divided(const Ratio& ratio, const emu::MultiplierRule& rule, std::string& problem) {
  const Form form{true, -rule.max_left.bits, rule.max_right.bits, 0};
  const Fraction fraction = exactly(formed_in(ratio, rule.ratio), 0);
  std::string shifting;
  if (const auto scale = by_shifting(fraction, form, shifting)) return scale;
  if (rule.bits > 1) return by_multiplying(fraction, form, rule, problem);
  problem = shifting;
  return std::nullopt;
}

emu::QScale quantize_multiplier(const Ratio& ratio) {
  const Fraction fraction = exactly(ratio, 0);
  if (fraction.top == 0) return {0, emu::LeftShift{0}, emu::RightShift{0}};
  int shift = exponent_of(fraction) + 1;
  cpp_int multiplier = rounded(fraction, 31 - shift, emu::Round::half_away);
  if (multiplier == cpp_int(1) << 31) {
    multiplier >>= 1;
    ++shift;
  }
  if (shift < -31) return {0, emu::LeftShift{0}, emu::RightShift{0}};
  const auto magnitude = static_cast<int32_t>(multiplier);
  return emu::QScale::from_tflite(fraction.negative ? -magnitude : magnitude, shift);
}

int64_t round_ratio(const Ratio& ratio, emu::Round mode, int64_t low, int64_t high) {
  const Fraction fraction = exactly(ratio, 0);
  cpp_int value = rounded(fraction, 0, mode);
  if (fraction.negative) value = -value;
  if (value < low) return low;
  return value > high ? high : static_cast<int64_t>(value);
}

emu::Dyadic to_dyadic(float value) {
  ASSAY_ASSERT(std::isfinite(value));
  if (value == 0) return {};
  int exponent = 0;
  auto mantissa = static_cast<int64_t>(std::ldexp(std::frexp(value, &exponent), 24));
  exponent -= 24;
  for (; mantissa % 2 == 0; mantissa /= 2) ++exponent;
  return {mantissa, exponent};
}

float to_float(emu::Dyadic value) {
  return std::ldexp(static_cast<float>(value.mantissa), value.exponent);
}

}  // namespace assay::quant
