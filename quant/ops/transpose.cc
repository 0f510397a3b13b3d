// y's axis i is x's axis permutation[i]. (ONNX Transpose.)
#include "quant/ops/lowering.h"
#include "quant/ops/move.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Transpose& op, const Inputs& inputs, const Shape& output_shape) {
  const Shape strides = strides_of(inputs[0]->shape);
  FloatTensor y(output_shape);
  for_each_position(output_shape, [&](size_t element, const Shape& position) {
    int64_t source = 0;
    for (size_t axis = 0; axis < position.size(); ++axis) source += position[axis] * strides[static_cast<size_t>(op.permutation[axis])];
    y.data[element] = inputs[0]->data[static_cast<size_t>(source)];
  });
  return y;
}

void lower(const Transpose& op, const Node& node, Lowering& lowering) {
  if (!lowering.allowed(node, lowering.target().transpose, "transpose")) return;
  check_copies(node, lowering);
  lowering.emit(node, emu::Transpose{lowering.operand(node.inputs[0]), op.permutation});
}

}  // namespace assay::quant
