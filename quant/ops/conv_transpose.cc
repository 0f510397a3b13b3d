// The transpose of Conv's linear map: x[n,i,r,c] * w[i,o,ky,kx] is added to y[n, o, r*stride + ky*dilation - top, c*stride + kx*dilation - left], in ascending i,r,c,ky,kx; then
// b[o]. x [N,I,H,W], w [I,O/groups,KH,KW], b [O]; what falls outside y is cropped. (ONNX ConvTranspose.)
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const ConvTranspose& op, const Inputs& inputs, const Shape& output_shape) {
  const FloatTensor& x = *inputs[0];
  const FloatTensor& w = *inputs[1];
  FloatTensor y(output_shape);
  const int64_t channels = x.shape[1], height = x.shape[2], width = x.shape[3];
  const int64_t per_group = w.shape[1], kernel_h = w.shape[2], kernel_w = w.shape[3];
  const int64_t outputs = output_shape[1], out_h = output_shape[2], out_w = output_shape[3];
  const auto scatter = [&](int64_t n, int64_t i, int64_t r, int64_t c, int64_t o) {
    const float value = x.data[static_cast<size_t>(((n * channels + i) * height + r) * width + c)];
    const int64_t channel = i / (channels / op.groups) * per_group + o;
    for (int64_t ky = 0; ky < kernel_h; ++ky) {
      const int64_t row = r * op.stride[0] + ky * op.dilation[0] - op.pads[0];
      if (row < 0 || row >= out_h) continue;
      for (int64_t kx = 0; kx < kernel_w; ++kx) {
        const int64_t column = c * op.stride[1] + kx * op.dilation[1] - op.pads[1];
        if (column < 0 || column >= out_w) continue;
        y.data[static_cast<size_t>(((n * outputs + channel) * out_h + row) * out_w + column)] +=
            value * w.data[static_cast<size_t>(((i * per_group + o) * kernel_h + ky) * kernel_w + kx)];
      }
    }
  };
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    for (int64_t i = 0; i < channels; ++i) {
      for (int64_t r = 0; r < height; ++r) {
        for (int64_t c = 0; c < width; ++c) {
          for (int64_t o = 0; o < per_group; ++o) scatter(n, i, r, c, o);
        }
      }
    }
  }
  if (inputs.size() > 2) {
    const auto plane = static_cast<size_t>(out_h * out_w);
    for (size_t k = 0; k < y.size(); ++k) y.data[k] += inputs[2]->data[k / plane % static_cast<size_t>(outputs)];
  }
  return y;
}

}  // namespace assay::quant
