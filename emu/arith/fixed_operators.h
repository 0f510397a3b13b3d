// Operators of 8-bit inference that are built from fixed-point products: one element, one row or one window at a time. All scales are given as integers (QScale, fixed where real
// numbers end); "scaled(x, s)" below is multiply_by_quantized_multiplier_rounding_twice(x, s) of fixed_point.h. Zero points are the q that mean real 0: z is subtracted from an
// input, added to an output. Sources: tensorflow/tflite-micro tensorflow/lite/kernels/internal/reference/{softmax.h, hard_swish.h, leaky_relu.h, add.h, mul.h, resize_bilinear.h},
// reference/integer_ops/{logistic.h, tanh.h, add.h, mul.h, pooling.h} and tensorflow/lite/micro/kernels/lstm_eval.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "emu/arith/int_type.h"
#include "emu/arith/scale.h"

namespace assay::emu {

// The greatest |input| whose product with 2^left still lies within Q(integer_bits): floor((2^integer_bits - 1) * 2^(31 - integer_bits) / 2^left).
int64_t input_range_radius(uint8_t integer_bits, LeftShift left);

// --- softmax of a row
// ------------------------------------------------------------------------------------------------------------------------------------------------------------------

// multiplier, left: (q - max) * 2^left * multiplier / 2^31 is the difference in Q5.26. Inputs further below the maximum than `lowest_difference` (negative:
// -input_range_radius(5, left)) count as 0.
struct SoftmaxScale {
  QScale difference;
  int64_t lowest_difference;
};
inline constexpr size_t kLongestSoftmaxRow = 4095;  // the sum is Q12.19 and each term at most 2^19

// e = exp_on_negative_values of each difference (Q0.31); sum of half_away(e / 2^12) (Q12.19); r, n = reciprocal(sum);
//   y = half_away((e * r) / 2^(n + 31 - bits)) + min, saturated to `output` (s8 or s16: scale 2^-bits, zero point min).
// n + 31 - bits <= 34. |e * r| < 2^31.
std::vector<int64_t> softmax_row(std::span<const int64_t> row, const SoftmaxScale& scale, IntType output);

// --- functions of one s8 word
// ------------------------------------------------------------------------------------------------------------------------------------------------------------

// x - zero point is scaled into Q4.27; where |x - zero point| >= range_radius (input_range_radius(4, left)) the output is the end of s8.
struct ArgumentScale {
  int64_t zero_point;
  QScale scale;
  int64_t range_radius;
};
// half_away(logistic / 2^23) - 128, saturated: scale 1/256, zero point -128.
int64_t logistic_8(int64_t x, const ArgumentScale& argument);
// half_away(tanh / 2^24), saturated: scale 1/128, zero point 0.
int64_t tanh_8(int64_t x, const ArgumentScale& argument);

// x * clamp(x + 3, 0, 6) / 6 in words of 16 bits; * rounds half_up(. / 2^15), both multipliers s16, their scales with one of the two shifts:
//   h = (x - input_zero_point) * 2^7;  p = h * output.multiplier
//   g = saturated(saturated(h * 2^(reluish.left - 1)) * reluish.multiplier * 2)  where reluish.left > 0, else half_away((h * reluish.multiplier) / 2^reluish.right)
//   y = half_away(toward_zero(((g + 2^15) >> 1) p / 2^15) / 2^output.right) + output_zero_point, saturated to s8
struct HardSwishScale {
  int64_t input_zero_point;
  int64_t output_zero_point;
  QScale output;   // left 0
  QScale reluish;  // left or right
};
int64_t hard_swish_8(int64_t x, const HardSwishScale& scale);

// scaled(x - zx, identity) where x >= zx, else scaled(x - zx, slope), + zy, saturated to `type`.
struct LeakyReluScale {
  int64_t input_zero_point;
  int64_t output_zero_point;
  QScale identity;
  QScale slope;
};
int64_t leaky_relu(int64_t x, const LeakyReluScale& scale, IntType type);

// --- two operands
// ----------------------------------------------------------------------------------------------------------------------------------------------------------------------

// scaled(scaled((a - za) * 2^headroom, sa) + scaled((b - zb) * 2^headroom, sb), sy) + zy, clamped. headroom: 20 for s8, 15 for s16.
struct AddScale {
  LeftShift headroom;
  int64_t a_zero_point, b_zero_point, output_zero_point;
  QScale a, b, output;
  int64_t low, high;
};
int64_t add_quantized(int64_t a, int64_t b, const AddScale& scale);

// scaled((a - za) * (b - zb), s) + zy, clamped.
struct MulScale {
  int64_t a_zero_point, b_zero_point, output_zero_point;
  QScale product;
  int64_t low, high;
};
int64_t multiply_quantized(int64_t a, int64_t b, const MulScale& scale);

// --- windows, interpolation
// ------------------------------------------------------------------------------------------------------------------------------------------------------------

// half_away(sum / count): count is that of the window's elements inside the input.
int64_t average(int64_t sum, int64_t count);

// One axis of a bilinear resize with 10 fraction bits. step = half_up of 2^10 * input / output, or of 2^10 * (input - 1) / (output - 1) with aligned corners (output > 1).
enum class ResizeGrid : uint8_t { asymmetric, align_corners, half_pixel };
int64_t resize_step(int64_t input_size, int64_t output_size, ResizeGrid grid);

// position = i * step (half_pixel: + toward_zero(step / 2) - 2^9); lower = position / 2^10 but not below 0; upper = ceil(position / 2^10) but within the input;
// weight = position - lower * 2^10. A rounded step may lead beyond the input, where the source reads what isn't there: lower is then the last element too.
struct ResizeTap {
  int64_t lower;
  int64_t upper;
  int64_t weight;  // of upper, in 2^-10
  friend bool operator==(const ResizeTap&, const ResizeTap&) = default;
};
ResizeTap resize_tap(int64_t i, int64_t step, int64_t input_size, ResizeGrid grid);

// half_away of the four corners' weighted sum / 2^20; named by row, then column. |sum| < 2^(15 + 20) for s16.
int64_t interpolate_corners(int64_t lower_lower, int64_t lower_upper, int64_t upper_lower, int64_t upper_upper, int64_t row_weight, int64_t column_weight);

// --- LSTM
// ----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

// Gates Q0.15 (already through logistic or tanh), cell s16 with a power-of-two scale:
//   forgotten = saturated16(scaled(forget * cell, forget_by_cell));  added = saturated16(scaled(input * candidate, input_by_candidate));  cell' = saturated16(forgotten + added),
// then within +-clip where clip > 0. Products are below 2^30 + 1.
struct LstmGates {
  int64_t input, forget, candidate, output;
};
struct LstmScale {
  QScale forget_by_cell;      // 2^-15
  QScale input_by_candidate;  // 2^-30 / the cell's scale
  QScale output_by_tanh;      // into the hidden state's words
  int64_t clip;               // 0: none
  int64_t hidden_zero_point;
};
struct LstmCell {
  int64_t forgotten, added, cell;
};
LstmCell lstm_cell(const LstmGates& gates, int64_t cell, const LstmScale& scale);

// saturated to `hidden`: scaled(output gate * tanh of the new cell, output_by_tanh) + hidden_zero_point. tanh_of_cell Q0.15.
int64_t lstm_hidden(int64_t output_gate, int64_t tanh_of_cell, const LstmScale& scale, IntType hidden);

}  // namespace assay::emu
