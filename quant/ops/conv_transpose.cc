// The transpose of Conv's linear map: x[n,i,r,c] * w[i,o,ky,kx] is added to y[n, o, r*stride + ky*dilation - top, c*stride + kx*dilation - left], in ascending i,r,c,ky,kx; then
// b[o]. x [N,I,H,W], w [I,O/groups,KH,KW], b [O]; what falls outside y is cropped. (ONNX ConvTranspose.)
#include "quant/ops/move.h"
#include "quant/ops/op.h"
#include "quant/ops/weighted.h"

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

void lower(const ConvTranspose& op, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().conv_transpose, "conv_transpose");
  if (rule == nullptr) return;
  // Two taps of the kernel meet in an output pixel only where they agree modulo the stride.
  const Shape& w = lowering.shape_of(node.inputs[1]);
  const int64_t outputs = w[1] * op.groups;
  const int64_t phases = op.stride[0] * op.stride[1];
  SumLayout layout{1, outputs, {}, std::vector<size_t>(static_cast<size_t>(outputs * phases))};
  for (size_t s = 0; s < layout.channel_of.size(); ++s) layout.channel_of[s] = s / static_cast<size_t>(phases);
  for_each_position(w, [&](size_t, const Shape& at) {
    const int64_t channel = at[0] / (w[0] / op.groups) * w[1] + at[1];
    layout.sum_of.push_back(static_cast<size_t>((channel * op.stride[0] + at[2] * op.dilation[0] % op.stride[0]) * op.stride[1] + at[3] * op.dilation[1] % op.stride[1]));
  });
  const Weighted own = lower_weighted(node, rule->steps, "ops.conv_transpose.steps", layout, lowering);
  lowering.emit(node,
                emu::ConvTranspose{own.x, own.w, own.bias, op.stride, op.pads, op.dilation, op.groups, own.zx, own.zw, own.acc, lowering.target().accumulate.order, own.requant});
}

}  // namespace assay::quant
