#include "emu/arith/fixed_point.h"

#include "emu/arith/int_type.h"
#include "emu/base/error.h"

namespace assay::emu {
namespace {

constexpr IntType kS48{48, true};

int64_t high_mul(int64_t a, int64_t b, IntType type, Round round) {
  ASSAY_ASSERT(type.holds(a) && type.holds(b));
  return static_cast<int64_t>(saturate(shift_right(Wide{a} * b, RightShift{static_cast<uint8_t>(type.bits - 1)}, round), type));
}

// The one right shift of a scale whose multiplier has `fraction_bits` fraction bits.
RightShift whole_shift(const QScale& scale, int fraction_bits) {
  const int bits = fraction_bits + scale.right.bits - scale.left.bits;
  ASSAY_ASSERT(bits >= 1 && bits <= kMaxShiftBits);
  return RightShift{static_cast<uint8_t>(bits)};
}

bool is_q31(int64_t multiplier) {
  return multiplier >= 0 && multiplier <= kS32.max();
}

void require_right_shift_only(const QScale& scale) {
  ASSAY_ASSERT(scale.left.bits == 0 && scale.right.bits >= 2 && scale.right.bits <= 62);
}

}  // namespace

int64_t saturating_rounding_doubling_high_mul_32(int64_t a, int64_t b) {
  return high_mul(a, b, kS32, Round::half_up);
}

int64_t saturating_rounding_doubling_high_mul_16(int64_t a, int64_t b) {
  return high_mul(a, b, kS16, Round::half_up);
}

int64_t saturating_doubling_high_mul_16(int64_t a, int64_t b) {
  return high_mul(a, b, kS16, Round::toward_zero);
}

int64_t rounding_divide_by_power(int64_t x, RightShift exponent) {
  return static_cast<int64_t>(shift_right(x, exponent, Round::half_away));
}

int64_t rounding_half_sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(shift_right(Wide{a} + b, RightShift{1}, Round::half_away));
}

int64_t saturating_shift_left(int64_t x, LeftShift exponent, uint8_t bits) {
  return static_cast<int64_t>(saturate(shift_left(x, exponent), IntType{bits, true}));
}

int64_t multiply_by_quantized_multiplier_rounding_twice(int64_t x, const QScale& scale) {
  ASSAY_ASSERT(kS32.holds(x) && kS32.holds(scale.multiplier) && scale.left.bits <= 31);
  const Wide product = shift_left(x, scale.left) * scale.multiplier;
  const Wide high = saturate(shift_right(product, RightShift{31}, Round::half_up), kS32);
  return static_cast<int64_t>(shift_right(high, scale.right, Round::half_away));
}

int64_t multiply_by_quantized_multiplier_rounding_once(int64_t x, const QScale& scale) {
  ASSAY_ASSERT(kS32.holds(x) && is_q31(scale.multiplier));
  return static_cast<int64_t>(saturate(shift_right(Wide{x} * scale.multiplier, whole_shift(scale, 31), Round::half_up), kS32));
}

int64_t multiply_by_quantized_multiplier_15(int64_t x, const QScale& scale) {
  ASSAY_ASSERT(kS48.holds(x) && scale.left.bits < 8);
  return static_cast<int64_t>(shift_right(Wide{x} * reduced_multiplier(scale.multiplier), whole_shift(scale, 15), Round::half_up));
}

int64_t reduced_multiplier(int64_t multiplier) {
  ASSAY_ASSERT(is_q31(multiplier));
  return static_cast<int64_t>(saturate(shift_right(multiplier, RightShift{16}, Round::half_up), kS16));
}

int64_t apply_scale_32_rounding_once(int64_t value, const QScale& scale) {
  require_right_shift_only(scale);
  ASSAY_ASSERT(kS32.holds(value) && is_q31(scale.multiplier));
  return static_cast<int64_t>(shift_right(Wide{value} * scale.multiplier, scale.right, Round::half_up));
}

int64_t apply_scale_32_rounding_twice(int64_t value, const QScale& scale) {
  require_right_shift_only(scale);
  ASSAY_ASSERT(kS32.holds(value) && is_q31(scale.multiplier));
  const Wide first_half = Wide{1} << 30;
  const Wide first = scale.right.bits > 31 ? (value < 0 ? -first_half : first_half) : Wide{0};
  return static_cast<int64_t>(shift_right(Wide{value} * scale.multiplier + first, scale.right, Round::half_up));
}

int64_t apply_scale_16(int64_t value, const QScale& scale) {
  require_right_shift_only(scale);
  ASSAY_ASSERT(kS48.holds(value) && scale.multiplier >= 0 && scale.multiplier <= kS16.max());
  return static_cast<int64_t>(shift_right(Wide{value} * scale.multiplier, scale.right, Round::half_up));
}

QScale reciprocal_scale(int64_t divisor) {
  ASSAY_ASSERT(divisor >= 1 && divisor <= int64_t{1} << 31);
  int k = 0;
  while (int64_t{1} << k < divisor) ++k;
  const Wide one = ((Wide{1} << 30) + 1) << k;
  return {static_cast<int64_t>(divide(one, divisor, Round::floor)), LeftShift{0}, RightShift{static_cast<uint8_t>(30 + k)}};
}

}  // namespace assay::emu
