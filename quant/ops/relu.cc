// Relu: y = max(x, 0). Clip: y = min(max(x, low), high), so `high` where low > high. Standing alone; fused ones are clamps of the instruction before. (ONNX Relu, Clip.)
#include <algorithm>

#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

// Where channels have scales of their own, a Relu keeps them (a Clip cannot): its ratio is 1.
//
// A change of scale with the limits as clamp bounds; on chips that cannot change a scale, a table.
void lower_clamp(const Operator& op, const std::string& name, const Node& node, Lowering& lowering) {
  if (!lowering.target().requantize && lowering.target().table) return lower_to_table(op, name, node, lowering);
  const auto* rule = lowering.rule(node, lowering.target().requantize, "requantize");
  if (rule == nullptr) return;
  const ValueId x = node.inputs[0];
  const bool keeps = lowering.quantization(x).scale.size() > 1 && lowering.same_words(x, node.output);
  const Ratio ratio = keeps ? Ratio{{1.0}, {1.0}} : Ratio{{lowering.scale_of(x)}, {lowering.scale_of(node.output)}};
  lowering.emit(node, emu::Requantize{lowering.operand(x), lowering.zero_point_of(x), lowering.requant(node, {ratio}, rule->steps, "ops.requantize.steps")});
}

}  // namespace

FloatTensor evaluate(const Relu&, const Inputs& inputs, const Shape& output_shape) {
  FloatTensor y(output_shape, inputs[0]->data);
  for (float& v : y.data) v = v < 0 ? 0.0F : v;
  return y;
}

FloatTensor evaluate(const Clip& op, const Inputs& inputs, const Shape& output_shape) {
  FloatTensor y(output_shape, inputs[0]->data);
  for (float& v : y.data) v = std::min(std::max(v, op.low), op.high);
  return y;
}

void lower(const Relu& op, const Node& node, Lowering& lowering) {
  lower_clamp(op, "relu", node, lowering);
}

void lower(const Clip& op, const Node& node, Lowering& lowering) {
  lower_clamp(op, "clip", node, lowering);
}

}  // namespace assay::quant
