// y[n,c,h,w] = (sum of x over the window, rows then columns ascending) / count, one float32 sum and one division. count: the window's elements inside the image, or all of
// them with include_pad. (ONNX AveragePool, GlobalAveragePool, ReduceMean over H, W.)
#include <algorithm>

#include "emu/base/error.h"
#include "quant/calibrate/derivations.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

constexpr int64_t kMostCounted = 65536;  // of reciprocals that are made for a window's count

// By count, 0 to the kernel's area: whether some window has it.
std::vector<bool> counts_of(const AveragePool& op, const Shape& x, const Shape& y) {
  const int64_t area = op.kernel[0] * op.kernel[1];
  std::vector<bool> counts(static_cast<size_t>(area + 1));
  if (op.include_pad) {
    counts.back() = true;
    return counts;
  }
  const auto inside = [&](size_t axis, int64_t at) {
    const int64_t first = at * op.stride[axis] - op.pads[axis];
    return std::max<int64_t>(std::min(first + op.kernel[axis], x[axis + 2]) - std::max<int64_t>(first, 0), 0);
  };
  for (int64_t oy = 0; oy < y[2]; ++oy) {
    for (int64_t ox = 0; ox < y[3]; ++ox) counts[static_cast<size_t>(inside(0, oy) * inside(1, ox))] = true;
  }
  return counts;
}

// The register of sums without products.
emu::Accumulator sum_of(ValueId x, const Lowering& lowering) {
  const emu::Accumulator& accumulator = lowering.target().accumulate.accumulator;
  return lowering.quantization(x).storage.type.is_float() ? accumulator : accumulator.alone();
}

// Times floor(2^16 / width), cut by 16 bits, times floor(2^16 / height), cut by 16 bits; then the rest.
emu::Steps by_both_axes(const AveragePool& op, const emu::AverageRule& rule) {
  emu::Steps steps;
  for (const size_t axis : {1U, 0U}) {
    steps.push_back(emu::Multiply{(int64_t{1} << 16) / op.kernel[axis]});
    steps.push_back(emu::ShiftRight{emu::RightShift{16}, rule.round});
  }
  steps.insert(steps.end(), rule.steps.begin(), rule.steps.end());
  return steps;
}

// The words themselves are summed where the target keeps the zero point in.
Wide largest_summand(ValueId x, bool keeps, const Lowering& lowering) {
  if (!keeps) return lowering.magnitude_of(x);
  const auto& storage = lowering.quantization(x).storage;
  return std::max(Wide{storage.high}, -Wide{storage.low});
}

}  // namespace

FloatTensor evaluate(const AveragePool& op, const Inputs& inputs, const Shape& output_shape) {
  const FloatTensor& x = *inputs[0];
  const int64_t height = x.shape[2], width = x.shape[3];
  const auto window = [&](int64_t plane, int64_t oy, int64_t ox) {
    const int64_t top = oy * op.stride[0] - op.pads[0];
    const int64_t left = ox * op.stride[1] - op.pads[1];
    float sum = 0;
    int64_t inside = 0;
    for (int64_t row = std::max<int64_t>(top, 0); row < std::min(top + op.kernel[0], height); ++row) {
      for (int64_t column = std::max<int64_t>(left, 0); column < std::min(left + op.kernel[1], width); ++column, ++inside) {
        sum += x.data[static_cast<size_t>((plane * height + row) * width + column)];
      }
    }
    const int64_t count = op.include_pad ? op.kernel[0] * op.kernel[1] : inside;
    return count == 0 ? 0.0F : sum / static_cast<float>(count);
  };
  FloatTensor y(output_shape);
  size_t at = 0;
  for (int64_t plane = 0; plane < output_shape[0] * output_shape[1]; ++plane) {
    for (int64_t oy = 0; oy < output_shape[2]; ++oy) {
      for (int64_t ox = 0; ox < output_shape[3]; ++ox) y.data[at++] = window(plane, oy, ox);
    }
  }
  return y;
}

// divide: s_x / s_y beside the division by the count. reciprocal: s_x / (s_y * count), or 1 / count alone where the scale is shared; one entry per count where counts differ.
// axis_reciprocals: two fixed multiplications, which stand in the Program's steps.
void lower(const AveragePool& op, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().average_pool, "average_pool");
  if (rule == nullptr) return;
  const ValueId x = node.inputs[0];
  if (rule->inputs == emu::InputScales::joint) check_copies(node, lowering);
  // Channels with scales of their own keep them, so that their ratio is 1.
  const bool keeps = rule->inputs == emu::InputScales::joint && lowering.quantization(x).scale.size() > 1;
  const float scale_x = keeps ? 1.0F : lowering.scale_of(x), scale_y = keeps ? 1.0F : lowering.scale_of(node.output);
  const int64_t area = op.kernel[0] * op.kernel[1];
  // Factors of the kernel's size divide by its area, wherever the window lies.
  const bool by_axes = rule->form == emu::AverageForm::axis_reciprocals, keeps_zero = rule->zero_point == emu::ZeroPoints::kept;
  const bool whole = op.include_pad || rule->count_scale == emu::CountScale::factor || by_axes;
  emu::AveragePool pool{lowering.operand(x), op.kernel, op.stride, op.pads, whole, lowering.zero_point_of(x), std::nullopt, sum_of(x, lowering), std::nullopt, {}};
  if (keeps_zero) pool.base = pool.zx;
  lowering.check_accumulator(node, pool.acc, largest_summand(x, keeps_zero, lowering) * area);
  const char* const key = "ops.average_pool.steps";
  if (rule->form == emu::AverageForm::divide) {
    pool.divide = rule->round;
    pool.requant = lowering.requant(node, lowering.divided_scale(node, {{scale_x}, {scale_y}}, key), rule->steps, key);
    return lowering.emit(node, pool);
  }
  if (by_axes) {
    pool.requant = lowering.requant(node, lowering.scales(std::vector<emu::QScale>{{1, {0}, {0}}}), by_both_axes(op, *rule), key);
    return lowering.emit(node, pool);
  }
  // What the forms of 1 / count are made for (derivations.h).
  constexpr int64_t kLongestSide = 1024, kLargestCount = int64_t{1} << 24;
  const bool has_factor = rule->count_scale != emu::CountScale::factor || std::max(op.kernel[0], op.kernel[1]) <= kLongestSide;
  if (rule->count_scale != emu::CountScale::ratio && (!has_factor || area > kLargestCount)) {
    return lowering.forbid(node, "ops.average_pool.count_scale = \"" + std::string(to_string(rule->count_scale)) + "\" divides by no window of " + std::to_string(op.kernel[0]) +
                                     " x " + std::to_string(op.kernel[1]));
  }
  AveragePool counted = op;
  counted.include_pad = whole;
  const std::vector<bool> counts = counts_of(counted, lowering.shape_of(x), lowering.shape_of(node.output));
  const bool one = std::count(counts.begin(), counts.end(), true) == 1;
  std::vector<Ratio> ratios;
  std::vector<emu::QScale> own;
  for (int64_t count = 1; count <= area; ++count) {
    if (one && !counts[static_cast<size_t>(count)]) continue;
    if (rule->count_scale == emu::CountScale::ratio) {
      ratios.push_back({{scale_x}, {scale_y, static_cast<double>(count)}});
    } else {
      if (count > kMostCounted) return lowering.forbid(node, "ops.average_pool.count_scale is made for windows of at most 65536 elements");
      const auto scale = count_reciprocal(rule->count_scale, count, static_cast<int>(op.kernel[0]), static_cast<int>(op.kernel[1]), rule->steps);
      if (!scale) return lowering.forbid(node, std::string(key) + " with ops.average_pool.count_scale: the fixed shifts are more than the reciprocal's");
      own.push_back(*scale);
    }
  }
  pool.requant = own.empty() ? lowering.requant(node, ratios, rule->steps, key) : lowering.requant(node, lowering.scales(own), rule->steps, key);
  lowering.emit(node, pool);
}

}  // namespace assay::quant
