// 2-D convolution.
//
//   y[n,o,h,w] = requant(sum over ky,kx,i of (x[n, g*I + i, h*stride + ky*dilation - top, w*stride + kx*dilation - left] - zx) * (w[o,i,ky,kx] - zw))
//
//   x     [N, groups*I, IH, IW]   at most 32 bits     x - zx        |.| < 2^bits of x
//   w     [O, I, KH, KW]          at most 32 bits     w - zw        |.| < 2^bits of w       constant or value; O = groups * outputs per group, g the group of o
//   b     [O], constant           at most 64 bits     added by the step add_bias
//   product                                           |.| < 2^62 (the two widths together have at most 62 bits)
//   sum                           the accumulator's range after each addition
//   y     [N, O, OH, OW]          OH = floor((IH + top + bottom - dilation*(KH-1) - 1) / stride) + 1
//
// Order: ky,kx,ic or ic,ky,kx, the last fastest. Overflow: the accumulator's rule at each addition; outputs where it acted are counted. Padding holds real zero (x = zx)
// and adds 0. Scale: one, or one per o.
// Source: ONNX Conv and ConvInteger (shapes, padding); TFLite's int8 CONV_2D and DEPTHWISE_CONV_2D, of which it is the sum with any register and any steps.
#include "emu/ops/products.h"

namespace assay::emu {

void check(const Conv& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check.operand(op.x, "x");
  check.operand(op.w, "w");
  check.products(op.x, op.w, op.acc);
  const bool ranks = check.rank_is(op.x, "x", 4);
  if (!check.rank_is(op.w, "w", 4) || !ranks) return;
  const Shape& x = context.shape(op.x);
  const Shape& w = context.shape(op.w);
  check.bias(op.bias, w[0]);
  const std::vector<int64_t> kernel{w[2], w[3]};
  const bool window = check_window(check, kernel, op.stride, op.pads, op.dilation);
  if (!check.attribute({op.groups}, "groups", 1, 1, std::max<int64_t>(w[0], 1)) || !window) return;
  check.that(w[0] % op.groups == 0, "'w' has " + std::to_string(w[0]) + " output channels, which " + std::to_string(op.groups) + " groups do not divide");
  check.that(x[1] % op.groups == 0 && x[1] / op.groups == w[1],
             "'x' has " + std::to_string(x[1]) + " channels; 'w' takes " + std::to_string(w[1]) + " in each of " + std::to_string(op.groups) + " groups");
  Shape expected{x[0], w[0], 0, 0};
  for (const size_t which : {0U, 1U}) expected[2 + which] = convolution_extent(window_axis(which, x, x, kernel, op.stride, op.pads, op.dilation));
  check.is_result_shape(expected);
}

Tensor execute(const Conv& op, const OpContext& context, OpRun& run) {
  const Shape& x = context.shape(op.x);
  const Shape& w = context.shape(op.w);
  const Shape& y = context.result().shape;
  const std::vector<int64_t> kernel{w[2], w[3]};
  const WindowProducts products{.batch = x[0],
                                .groups = op.groups,
                                .in_channels = w[1],
                                .out_channels = w[0] / op.groups,
                                .in_rows = x[2],
                                .in_columns = x[3],
                                .kernel_rows = w[2],
                                .kernel_columns = w[3],
                                .rows = convolution_taps(window_axis(0, x, y, kernel, op.stride, op.pads, op.dilation)),
                                .columns = convolution_taps(window_axis(1, x, y, kernel, op.stride, op.pads, op.dilation)),
                                .is_float = context.type(op.x).is_float(),
                                .x = operand_values(context.tensor(op.x), op.zx),
                                .w = operand_values(context.tensor(op.w), op.zw)};
  const Sums sums = sums_of(products, op.acc, op.order);
  return requantize_all(sums.values, sums.overflowed, op.requant, op.bias, 1, context, run);
}

}  // namespace assay::emu
