// y[..., h, w] = x[..., rows[h], columns[w]]. (ONNX Resize, mode nearest; the source indices were worked out at import.)
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const ResizeNearest& op, const Inputs& inputs, const Shape& output_shape) {
  const FloatTensor& x = *inputs[0];
  const size_t rank = x.shape.size();
  const int64_t height = x.shape[rank - 2], width = x.shape[rank - 1];
  const int64_t planes = height * width == 0 ? 0 : static_cast<int64_t>(x.size()) / (height * width);
  FloatTensor y(output_shape);
  size_t at = 0;
  for (int64_t plane = 0; plane < planes; ++plane) {
    for (const int64_t row : op.rows) {
      for (const int64_t column : op.columns) y.data[at++] = x.data[static_cast<size_t>((plane * height + row) * width + column)];
    }
  }
  return y;
}

void lower(const ResizeNearest& op, const Node& node, Lowering& lowering) {
  if (!lowering.allowed(node, lowering.target().resize_nearest, "resize_nearest")) return;
  check_copies(node, lowering);
  lowering.emit(node, emu::ResizeNearest{lowering.operand(node.inputs[0]), op.rows, op.columns});
}

}  // namespace assay::quant
