// Fixed-point products with one or two roundings, as the published 8- and 16-bit inference libraries define them. Each is a name of its own: none takes a rounding mode or a
// switch. Which of them a chip uses is said by its step list (requant.h); here they are functions, for the operators whose definition contains them (fixed_functions.h,
// fixed_operators.h).
//
// Values are int64_t that hold a word of the width that is named; every range is asserted. Scales are QScale (scale.h): multiplier, left and right shift, no shift with a sign.
// Sources: google/gemmlowp fixedpoint/fixedpoint.h; tensorflow/tflite-micro tensorflow/lite/kernels/internal/common.{h,cc}; the TOSA specification and its reference
// model, reference_model/src/quant_util.h.
#pragma once

#include <cstdint>

#include "emu/arith/scale.h"
#include "emu/arith/shift.h"

namespace assay::emu {

// half_up(a * b / 2^31) saturated to 32 bits; a, b s32. |a * b| <= 2^62. Only -2^31 * -2^31 saturates, to 2^31 - 1. (ARM: SQRDMULH.)
int64_t saturating_rounding_doubling_high_mul_32(int64_t a, int64_t b);

// half_up(a * b / 2^15) saturated to 16 bits; a, b s16. Only -2^15 * -2^15 saturates.
int64_t saturating_rounding_doubling_high_mul_16(int64_t a, int64_t b);

// toward_zero(a * b / 2^15) saturated to 16 bits; a, b s16. Only -2^15 * -2^15 saturates. (ARM's SQDMULH would round to the floor.)
int64_t saturating_doubling_high_mul_16(int64_t a, int64_t b);

// half_away(x / 2^exponent). The sources define it for words of 32 and 16 bits and exponents to the width less one; the formula is the same for every x.
int64_t rounding_divide_by_power(int64_t x, RightShift exponent);

// half_away((a + b) / 2).
int64_t rounding_half_sum(int64_t a, int64_t b);

// x * 2^exponent saturated to `bits` bits, signed.
int64_t saturating_shift_left(int64_t x, LeftShift exponent, uint8_t bits);

// x * 2^left, then half_up(. * multiplier / 2^31) saturated to 32 bits, then half_away(. / 2^right). x s32, multiplier s32. The sources keep x * 2^left in 32 bits and leave what
// lies beyond undefined; here it is exact, below 2^63. Steps: "shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away".
int64_t multiply_by_quantized_multiplier_rounding_twice(int64_t x, const QScale& scale);

// half_up(x * multiplier / 2^(31 + right - left)) saturated to 32 bits. x s32, multiplier in 0 .. 2^31 - 1, left <= 30. |product| < 2^62.
// The source requires that the result fits; saturation is what its callers' clamps make of it.
int64_t multiply_by_quantized_multiplier_rounding_once(int64_t x, const QScale& scale);

// half_up(x * m15 / 2^(15 + right - left)), m15 = reduced_multiplier(multiplier). x s48, left < 8; |product| < 2^62. Not saturated: whoever stores does.
int64_t multiply_by_quantized_multiplier_15(int64_t x, const QScale& scale);

// The upper 16 bits of a multiplier in 0 .. 2^31 - 1: half_up(multiplier / 2^16), at most 2^15 - 1.
int64_t reduced_multiplier(int64_t multiplier);

// half_up(value * multiplier / 2^right); scale.left is 0. value s32 with |value| <= 2^(right - 1), multiplier in 0 .. 2^31 - 1, right in 2 .. 62: |result| <= 2^30.
int64_t apply_scale_32_rounding_once(int64_t value, const QScale& scale);

// The same with a second rounding folded in where right > 31: floor((value * multiplier + 2^(right-1) + (value < 0 ? -2^30 : 2^30)) / 2^right). |sum| < 2^63.
int64_t apply_scale_32_rounding_twice(int64_t value, const QScale& scale);

// half_up(value * multiplier / 2^right); scale.left is 0. value s48, multiplier in 0 .. 2^15 - 1, right in 2 .. 62. |product| < 2^62.
int64_t apply_scale_16(int64_t value, const QScale& scale);

// 1 / divisor for an average: multiplier = floor((2^30 + 1) * 2^k / divisor), right = 30 + k, 2^(k-1) < divisor <= 2^k. divisor in 1 .. 2^31. The multiplier lies in 2^30 .. 2^31 -
// 1 (divisor 1: 2^30 + 1); a sum is divided by apply_scale_32_rounding_once.
QScale reciprocal_scale(int64_t divisor);

}  // namespace assay::emu
