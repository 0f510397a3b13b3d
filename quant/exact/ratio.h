// Exact ratios of scales, and the QScale that stands for one on a chip. Scales are float32, so every ratio is a rational number; it is rounded once, here, to the chip's
// multiplier. What the chip's steps then do is emu/arith/requant.h's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emu/arith/requant.h"
#include "emu/target/target.h"

namespace assay::quant {

// product(numerator) / product(denominator) * 2^exponent, every factor taken exactly. Denominators are not zero.
struct Ratio {
  std::vector<double> numerator;
  std::vector<double> denominator;
  int exponent = 0;
};

// The nearest float64, for messages.
double approximate(const Ratio& ratio);

// The exact ratio rounded half_even to float32; it must lie within the normal numbers (InputError), or be 0.
float nearest_float(const Ratio& ratio);

// The ratio as a chip's tools form it, (n0 * n1 ...) / d0 / d1 ... * 2^exponent: each product and quotient rounded half_even to the format, or all exactly.
Ratio formed_in(const Ratio& ratio, emu::RatioFormat format);

// The QScale with which `steps` multiply by `ratio`:
//
//   multiplier * 2^left / 2^right * 2^(immediate left shifts) / 2^(immediate right shifts) ~ ratio
//
// Steps that multiply: |multiplier| in [2^(bits-1), 2^bits), rounded once from the exact ratio with rule.round; a carry out of the top is halved, exactly. Where the right
// shift would exceed rule.max_right (0 where the steps have no `shift_right scale`), the multiplier has fewer bits, down to 0. Form `narrowed`: rounded so to 31 bits, then half_up
// to rule.bits, 2^bits - 1 where that would carry. (Source: MultiplyByQuantizedMultiplier for 64-bit sums, tensorflow/tflite-micro tensorflow/lite/kernels/internal/common.cc.)
// Form `fixed_point`: the right shift is rule.max_right, the multiplier round(ratio * 2^right), below 2^bits. Steps that do not multiply, and rules of one bit: the ratio must be a
// power of two that the shifts can make. Form `nearest`: the legal pair of multiplier and right shift whose value is nearest, right shifts between rule.min_right and
// rule.max_right; where steps have `shift_right first`, up to rule.max_first more, and `first` is the least that leaves a legal second cut. nullopt: no QScale can stand for it,
// and `problem` says why in words.
std::optional<emu::QScale> decompose(const Ratio& ratio, const emu::Steps& steps, const emu::MultiplierRule& rule, std::string& problem);

// The same for several ratios that share their shifts, those of the one whose magnitude is greatest: the others' multipliers have fewer bits. Form `normalised`, steps that
// multiply.
std::vector<emu::QScale> decompose_together(const std::vector<Ratio>& ratios, const emu::Steps& steps, const emu::MultiplierRule& rule, std::string& problem);

// The same for emu::divide_scaled, which applies multiplier, left and right shift at once. A power of two keeps multiplier 1: all forms of it give the same bits there.
std::optional<emu::QScale> decompose_divided(const Ratio& ratio, const emu::MultiplierRule& rule, std::string& problem);

// The ratio as a multiplier of 31 bits and one shift: half_away(ratio * 2^(31 - e)) / 2^31 * 2^e, 2^(e-1) <= |ratio| < 2^e; a carry out of the top is halved. Below 2^-32 (e < -31)
// it is 0; from 2^30 on (e > 30) an InputError. (Source: QuantizeMultiplier in tensorflow/tflite-micro tensorflow/lite/kernels/internal/quantization_util.cc, whose argument is one
// float64: give that as the only numerator where its bits count, for it is formed from float32 scales with a rounding of its own.)
emu::QScale quantize_multiplier(const Ratio& ratio);

// ratio rounded to an integer and saturated to [low, high].
int64_t round_ratio(const Ratio& ratio, emu::Round mode, int64_t low, int64_t high);

// A float32 is a dyadic number; and back, exactly.
emu::Dyadic to_dyadic(float value);
float to_float(emu::Dyadic value);

}  // namespace assay::quant
