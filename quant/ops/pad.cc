// y = x surrounded by `value`: begins and ends, one pair per axis; a negative amount crops. (ONNX Pad, mode constant.)
#include "quant/fake_quantize.h"
#include "quant/ops/lowering.h"
#include "quant/ops/move.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Pad& op, const Inputs& inputs, const Shape& output_shape) {
  const Shape& from = inputs[0]->shape;
  const Shape strides = strides_of(from);
  FloatTensor y(output_shape);
  for_each_position(output_shape, [&](size_t element, const Shape& position) {
    int64_t source = 0;
    bool inside = true;
    for (size_t axis = 0; axis < position.size(); ++axis) {
      const int64_t at = position[axis] - op.begins[axis];
      inside = inside && at >= 0 && at < from[axis];
      source += at * strides[axis];
    }
    y.data[element] = inside ? inputs[0]->data[static_cast<size_t>(source)] : op.value;
  });
  return y;
}

void lower(const Pad& op, const Node& node, Lowering& lowering) {
  if (!lowering.allowed(node, lowering.target().pad, "pad")) return;
  check_copies(node, lowering);
  // The value takes the tensor's quantization (PPQ: passive).
  const int64_t value = word_of(op.value, lowering.quantization(node.output));
  lowering.emit(node, emu::Pad{lowering.operand(node.inputs[0]), op.begins, op.ends, value});
}

}  // namespace assay::quant
