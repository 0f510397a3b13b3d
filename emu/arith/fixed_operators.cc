#include "emu/arith/fixed_operators.h"

#include <algorithm>

#include "emu/arith/fixed_functions.h"
#include "emu/arith/fixed_point.h"
#include "emu/base/error.h"

namespace assay::emu {
namespace {

int64_t saturated(int64_t value, IntType type) {
  return static_cast<int64_t>(saturate(value, type));
}

int64_t scaled(int64_t x, const QScale& scale) {
  return multiply_by_quantized_multiplier_rounding_twice(x, scale);
}

}  // namespace

int64_t input_range_radius(uint8_t integer_bits, LeftShift left) {
  ASSAY_ASSERT(integer_bits <= 30);
  const Wide greatest = ((Wide{1} << integer_bits) - 1) << (31 - integer_bits);
  return static_cast<int64_t>(greatest >> left.bits);
}

std::vector<int64_t> softmax_row(std::span<const int64_t> row, const SoftmaxScale& scale, IntType output) {
  ASSAY_ASSERT(!row.empty() && row.size() <= kLongestSoftmaxRow && scale.lowest_difference <= 0 && (output == kS8 || output == kS16));
  const int64_t greatest = *std::max_element(row.begin(), row.end());
  const auto exponential = [&](int64_t x) -> int64_t {
    if (x - greatest < scale.lowest_difference) return -1;
    return exp_on_negative_values(scaled(x - greatest, scale.difference), FixedFormat{32, 5});
  };
  int64_t sum = 0;
  for (const int64_t x : row) {
    const int64_t e = exponential(x);
    if (e >= 0) sum += rounding_divide_by_power(e, RightShift{12});
  }
  const Reciprocal r = reciprocal(sum, 12);
  const RightShift down{static_cast<uint8_t>(r.over_unit_bits + 31 - output.bits)};
  std::vector<int64_t> result;
  result.reserve(row.size());
  const auto zero = static_cast<int64_t>(output.min());
  for (const int64_t x : row) {
    const int64_t e = exponential(x);
    result.push_back(e < 0 ? zero : saturated(rounding_divide_by_power(saturating_rounding_doubling_high_mul_32(r.mantissa, e), down) + zero, output));
  }
  return result;
}

int64_t logistic_8(int64_t x, const ArgumentScale& argument) {
  const int64_t centered = x - argument.zero_point;
  if (centered <= -argument.range_radius) return -128;
  if (centered >= argument.range_radius) return 127;
  const int64_t y = logistic(scaled(centered, argument.scale), FixedFormat{32, 4});
  return saturated(rounding_divide_by_power(y, RightShift{23}) - 128, kS8);
}

int64_t tanh_8(int64_t x, const ArgumentScale& argument) {
  const int64_t centered = x - argument.zero_point;
  if (centered <= -argument.range_radius) return -128;
  if (centered >= argument.range_radius) return 127;
  const int64_t y = tanh(scaled(centered, argument.scale), FixedFormat{32, 4});
  return saturated(rounding_divide_by_power(y, RightShift{24}), kS8);
}

int64_t hard_swish_8(int64_t x, const HardSwishScale& scale) {
  ASSAY_ASSERT(scale.output.left.bits == 0 && (scale.reluish.left.bits == 0 || scale.reluish.right.bits == 0));
  const int64_t fine = (x - scale.input_zero_point) * 128;
  const int64_t on_output_scale = saturating_rounding_doubling_high_mul_16(fine, scale.output.multiplier);
  int64_t gate = fine;
  if (scale.reluish.left.bits > 0) gate = saturating_shift_left(gate, LeftShift{static_cast<uint8_t>(scale.reluish.left.bits - 1)}, 16);
  gate = saturating_rounding_doubling_high_mul_16(gate, scale.reluish.multiplier);
  if (scale.reluish.left.bits > 0) gate = saturating_shift_left(gate, LeftShift{1}, 16);
  gate = rounding_divide_by_power(gate, scale.reluish.right);
  gate = (gate + (int64_t{1} << 15)) >> 1;
  const int64_t product = saturating_doubling_high_mul_16(gate, on_output_scale);
  return saturated(rounding_divide_by_power(product, scale.output.right) + scale.output_zero_point, kS8);
}

int64_t leaky_relu(int64_t x, const LeakyReluScale& scale, IntType type) {
  const int64_t centered = x - scale.input_zero_point;
  return saturated(scaled(centered, centered >= 0 ? scale.identity : scale.slope) + scale.output_zero_point, type);
}

int64_t add_quantized(int64_t a, int64_t b, const AddScale& scale) {
  const auto operand = [&](int64_t q, int64_t zero_point, const QScale& own) { return scaled(static_cast<int64_t>(shift_left(q - zero_point, scale.headroom)), own); };
  const int64_t sum = operand(a, scale.a_zero_point, scale.a) + operand(b, scale.b_zero_point, scale.b);
  return std::clamp(scaled(sum, scale.output) + scale.output_zero_point, scale.low, scale.high);
}

int64_t multiply_quantized(int64_t a, int64_t b, const MulScale& scale) {
  return std::clamp(scaled((a - scale.a_zero_point) * (b - scale.b_zero_point), scale.product) + scale.output_zero_point, scale.low, scale.high);
}

int64_t average(int64_t sum, int64_t count) {
  return static_cast<int64_t>(divide(sum, count, Round::half_away));
}

int64_t resize_step(int64_t input_size, int64_t output_size, ResizeGrid grid) {
  ASSAY_ASSERT(input_size > 0 && output_size > 0);
  const bool corners = grid == ResizeGrid::align_corners && output_size > 1;
  return static_cast<int64_t>(divide(Wide{1024} * (input_size - (corners ? 1 : 0)), output_size - (corners ? 1 : 0), Round::half_up));
}

ResizeTap resize_tap(int64_t i, int64_t step, int64_t input_size, ResizeGrid grid) {
  ASSAY_ASSERT(i >= 0 && step >= 0 && input_size > 0);
  const int64_t position = i * step + (grid == ResizeGrid::half_pixel ? step / 2 - 512 : 0);
  const int64_t last = input_size - 1;
  const int64_t lower = std::min(std::max(position / 1024, int64_t{0}), last);
  return {lower, std::min((position + 1023) / 1024, last), position - lower * 1024};
}

int64_t interpolate_corners(int64_t lower_lower, int64_t lower_upper, int64_t upper_lower, int64_t upper_upper, int64_t row_weight, int64_t column_weight) {
  const Wide lower_row = Wide{lower_lower} * (1024 - column_weight) + Wide{lower_upper} * column_weight;
  const Wide upper_row = Wide{upper_lower} * (1024 - column_weight) + Wide{upper_upper} * column_weight;
  return static_cast<int64_t>(shift_right(lower_row * (1024 - row_weight) + upper_row * row_weight, RightShift{20}, Round::half_away));
}

LstmCell lstm_cell(const LstmGates& gates, int64_t cell, const LstmScale& scale) {
  ASSAY_ASSERT(kS16.holds(gates.input) && kS16.holds(gates.forget) && kS16.holds(gates.candidate) && kS16.holds(cell) && scale.clip >= 0);
  const int64_t forgotten = saturated(scaled(gates.forget * cell, scale.forget_by_cell), kS16);
  const int64_t added = saturated(scaled(gates.input * gates.candidate, scale.input_by_candidate), kS16);
  const int64_t sum = saturated(forgotten + added, kS16);
  return {forgotten, added, scale.clip > 0 ? std::clamp(sum, -scale.clip, scale.clip) : sum};
}

int64_t lstm_hidden(int64_t output_gate, int64_t tanh_of_cell, const LstmScale& scale, IntType hidden) {
  ASSAY_ASSERT(kS16.holds(output_gate) && kS16.holds(tanh_of_cell));
  return saturated(scaled(output_gate * tanh_of_cell, scale.output_by_tanh) + scale.hidden_zero_point, hidden);
}

}  // namespace assay::emu
