// y[n,c,h,w] = the maximum of x over the window at (h*stride - top, w*stride - left); padding never wins. (ONNX MaxPool, GlobalMaxPool.)
#include <algorithm>
#include <limits>

#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const MaxPool& op, const Inputs& inputs, const Shape& output_shape) {
  const FloatTensor& x = *inputs[0];
  const int64_t height = x.shape[2], width = x.shape[3];
  const auto window = [&](int64_t plane, int64_t oy, int64_t ox) {
    float best = -std::numeric_limits<float>::infinity();
    for (int64_t ky = 0; ky < op.kernel[0]; ++ky) {
      const int64_t row = oy * op.stride[0] + ky * op.dilation[0] - op.pads[0];
      if (row < 0 || row >= height) continue;
      for (int64_t kx = 0; kx < op.kernel[1]; ++kx) {
        const int64_t column = ox * op.stride[1] + kx * op.dilation[1] - op.pads[1];
        if (column >= 0 && column < width) best = std::max(best, x.data[static_cast<size_t>((plane * height + row) * width + column)]);
      }
    }
    return best;
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

void lower(const MaxPool& op, const Node& node, Lowering& lowering) {
  if (!lowering.allowed(node, lowering.target().max_pool, "max_pool")) return;
  check_copies(node, lowering);
  lowering.emit(node, emu::MaxPool{lowering.operand(node.inputs[0]), op.kernel, op.stride, op.pads, op.dilation});
}

}  // namespace assay::quant
