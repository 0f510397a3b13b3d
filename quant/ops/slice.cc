// y[i...] = x[starts + i * steps], one entry per axis. (ONNX Slice, Split.)
#include "quant/ops/lowering.h"
#include "quant/ops/move.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Slice& op, const Inputs& inputs, const Shape& output_shape) {
  const Shape strides = strides_of(inputs[0]->shape);
  FloatTensor y(output_shape);
  for_each_position(output_shape, [&](size_t element, const Shape& position) {
    int64_t source = 0;
    for (size_t axis = 0; axis < position.size(); ++axis) source += (op.starts[axis] + position[axis] * op.steps[axis]) * strides[axis];
    y.data[element] = inputs[0]->data[static_cast<size_t>(source)];
  });
  return y;
}

void lower(const Slice& op, const Node& node, Lowering& lowering) {
  if (!lowering.allowed(node, lowering.target().slice, "slice")) return;
  check_copies(node, lowering);
  lowering.emit(node, emu::Slice{lowering.operand(node.inputs[0]), op.starts, op.steps});
}

}  // namespace assay::quant
