// y[n,c,h,w] = (sum of x over the window, rows then columns ascending) / count, one float32 sum and one division. count: the window's elements inside the image, or all of
// them with include_pad. (ONNX AveragePool, GlobalAveragePool, ReduceMean over H, W.)
#include <algorithm>

#include "quant/ops/op.h"

namespace assay::quant {

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

}  // namespace assay::quant
