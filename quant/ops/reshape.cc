// y = the same elements in the same order under the output's shape. (ONNX Reshape, Flatten, Squeeze, Unsqueeze.)
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Reshape&, const Inputs& inputs, const Shape& output_shape) {
  return {output_shape, inputs[0]->data};
}

void lower(const Reshape&, const Node& node, Lowering& lowering) {
  if (!lowering.allowed(node, lowering.target().reshape, "reshape")) return;
  check_copies(node, lowering);
  lowering.emit(node, emu::Reshape{lowering.operand(node.inputs[0])});
}

}  // namespace assay::quant
