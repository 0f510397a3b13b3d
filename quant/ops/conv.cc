// y[n,o,h,w] = b[o] + sum over i,ky,kx ascending of x[n, i, h*stride + ky*dilation - top, w*stride + kx*dilation - left] * w[o,i,ky,kx]; outside the image x is 0.
// x [N,C,H,W], w [O,C/groups,KH,KW], b [O]. One float32 sum per output, the bias last. (ONNX Conv.)
#include <numeric>

#include "quant/ops/op.h"
#include "quant/ops/weighted.h"

namespace assay::quant {

FloatTensor evaluate(const Conv& op, const Inputs& inputs, const Shape& output_shape) {
  const FloatTensor& x = *inputs[0];
  const FloatTensor& w = *inputs[1];
  FloatTensor y(output_shape);
  const int64_t channels = x.shape[1], height = x.shape[2], width = x.shape[3];
  const int64_t per_group = w.shape[1], kernel_h = w.shape[2], kernel_w = w.shape[3];
  const int64_t outputs = output_shape[1], out_h = output_shape[2], out_w = output_shape[3];
  const auto dot = [&](int64_t n, int64_t o, int64_t oy, int64_t ox) {
    const int64_t first = o / (outputs / op.groups) * per_group;
    float sum = 0;
    for (int64_t i = 0; i < per_group; ++i) {
      for (int64_t ky = 0; ky < kernel_h; ++ky) {
        const int64_t row = oy * op.stride[0] + ky * op.dilation[0] - op.pads[0];
        if (row < 0 || row >= height) continue;
        for (int64_t kx = 0; kx < kernel_w; ++kx) {
          const int64_t column = ox * op.stride[1] + kx * op.dilation[1] - op.pads[1];
          if (column < 0 || column >= width) continue;
          sum += x.data[static_cast<size_t>(((n * channels + first + i) * height + row) * width + column)] *
                 w.data[static_cast<size_t>(((o * per_group + i) * kernel_h + ky) * kernel_w + kx)];
        }
      }
    }
    return sum;
  };
  size_t at = 0;
  for (int64_t n = 0; n < output_shape[0]; ++n) {
    for (int64_t o = 0; o < outputs; ++o) {
      const float bias = inputs.size() > 2 ? inputs[2]->data[static_cast<size_t>(o)] : 0.0F;
      for (int64_t oy = 0; oy < out_h; ++oy) {
        for (int64_t ox = 0; ox < out_w; ++ox) y.data[at++] = dot(n, o, oy, ox) + bias;
      }
    }
  }
  return y;
}

void lower(const Conv& op, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().conv, "conv");
  if (rule == nullptr) return;
  const Shape& w = lowering.shape_of(node.inputs[1]);
  const auto outputs = static_cast<size_t>(w[0]);
  const auto terms = static_cast<size_t>(w[1] * w[2] * w[3]);
  SumLayout layout{0, w[0], std::vector<size_t>(outputs * terms), std::vector<size_t>(outputs)};
  for (size_t i = 0; i < layout.sum_of.size(); ++i) layout.sum_of[i] = i / terms;
  std::iota(layout.channel_of.begin(), layout.channel_of.end(), size_t{0});
  const bool own_unit = is_depthwise(op, w) && lowering.target().depthwise_conv;
  const Weighted own = own_unit ? lower_weighted(node, lowering.target().depthwise_conv->steps, "ops.depthwise_conv.steps", layout, lowering)
                                : lower_weighted(node, rule->steps, "ops.conv.steps", layout, lowering);
  lowering.emit(node, emu::Conv{own.x, own.w, own.bias, op.stride, op.pads, op.dilation, op.groups, own.zx, own.zw, own.acc, lowering.target().accumulate.order, own.requant});
}

}  // namespace assay::quant
