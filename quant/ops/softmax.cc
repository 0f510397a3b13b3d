// Along `axis`: y = exp(x - max) / sum of exp(x - max), in float32, the sum ascending. (ONNX Softmax, opset 13.)
#include <algorithm>
#include <cmath>

#include "emu/arith/fixed_operators.h"
#include "quant/calibrate/fixed_outputs.h"
#include "quant/exact/tables.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Softmax& op, const Inputs& inputs, const Shape& output_shape) {
  const auto axis = static_cast<size_t>(op.axis);
  const auto extent = static_cast<size_t>(output_shape[axis]);
  const auto stride = static_cast<size_t>(strides_of(output_shape)[axis]);
  FloatTensor y(output_shape, inputs[0]->data);
  for (size_t line = 0; extent > 0 && line < y.size() / extent; ++line) {
    float* const first = y.data.data() + line / stride * stride * extent + line % stride;
    float largest = *first;
    for (size_t i = 1; i < extent; ++i) largest = std::max(largest, first[i * stride]);
    float sum = 0;
    for (size_t i = 0; i < extent; ++i) {
      first[i * stride] = std::exp(first[i * stride] - largest);
      sum += first[i * stride];
    }
    for (size_t i = 0; i < extent; ++i) first[i * stride] /= sum;
  }
  return y;
}

namespace {

// The difference in Q5.26: s_x * 2^26 as multiplier and left shift.
void lower_to_fixed_point(const Softmax& op, const Node& node, Lowering& lowering) {
  const ValueId x = node.inputs[0];
  const auto fixed = fixed_output(node, lowering.target());
  if (!fixed || lowering.scale_of(node.output) != fixed->scale || lowering.zero_point_of(node.output) != fixed->zero_point) {
    return lowering.forbid(node, "ops.softmax_fixed_point gives 8 or 16 signed bits with a scale of 2^-bits, and the output's quantization is another");
  }
  const int64_t extent = lowering.shape_of(x)[static_cast<size_t>(op.axis)];
  if (extent > static_cast<int64_t>(emu::kLongestSoftmaxRow)) {
    return lowering.forbid(node, "ops.softmax_fixed_point sums at most " + std::to_string(emu::kLongestSoftmaxRow) + " exponentials, and a row has " + std::to_string(extent));
  }
  const emu::QScale difference = quantize_multiplier({{lowering.scale_of(x)}, {}, 26});
  lowering.emit(node, emu::SoftmaxFixedPoint{lowering.operand(x), op.axis, lowering.scales(std::vector<emu::QScale>{difference}), -emu::input_range_radius(5, difference.left)});
}

}  // namespace

// e(d) = round((2^bits - 1) * exp(-d * s_x)) for d = max - q, which no zero point can change; y = e / (sum of e) / s_y.
void lower(const Softmax& op, const Node& node, Lowering& lowering) {
  if (lowering.target().softmax_fixed_point) return lower_to_fixed_point(op, node, lowering);
  const auto* rule = lowering.rule(node, lowering.target().softmax, "softmax");
  if (rule == nullptr) return;
  const ValueId x = node.inputs[0];
  const emu::IntType type = lowering.quantization(x).storage.type;
  if (type.is_float()) {
    const emu::Ref table = lowering.constant("exp.table", emu::Tensor(emu::word_type(emu::kFp32), {int64_t{1} << (type.bits - 1)}, exponentials_of_words(type)));
    return lowering.emit(
        node, emu::Softmax{lowering.operand(x), table, op.axis, rule->accumulator, rule->divide, lowering.requant(node, {{{1.0}, {}}}, rule->steps, "ops.softmax.steps")});
  }
  if (type.bits > 16) {
    lowering.forbid(node, "ops.softmax has a table of all differences, and '" + lowering.graph().value(x).name + "' is " + to_string(type));
    return;
  }
  const int64_t count = int64_t{1} << type.bits;
  const emu::Tensor table(emu::IntType{32, false}, {count}, exponential_table(lowering.scale_of(x), count, rule->exponent_bits, rule->table_round));
  const emu::ScaleRef scale = lowering.divided_scale(node, {{}, {lowering.scale_of(node.output)}}, "ops.softmax");
  const Wide one = (Wide{1} << rule->exponent_bits) - 1;
  lowering.check_accumulator(node, rule->accumulator, one * lowering.shape_of(x)[static_cast<size_t>(op.axis)]);
  lowering.emit(node, emu::Softmax{lowering.operand(x), lowering.constant(node.name + ".exp", table), op.axis, rule->accumulator, rule->divide,
                                   lowering.requant(node, scale, rule->steps, "ops.softmax.steps")});
}

}  // namespace assay::quant
