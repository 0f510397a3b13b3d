// Transposed convolution: the transpose of Conv's linear map.
//
//   y[n,o,h,w] = requant(sum over ky,kx,i of (x[n, g*I + i, r, c] - zx) * (w[g*I + i, o, ky, kx] - zw))
//   where r*stride = h + top - ky*dilation and c*stride = w + left - kx*dilation; kernel positions without such an r and c add nothing
//
//   x     [N, groups*I, IH, IW]   at most 32 bits     x - zx        |.| < 2^bits of x
//   w     [groups*I, O, KH, KW]   at most 32 bits     w - zw        |.| < 2^bits of w       constant or value; O = outputs per group
//   b     [groups*O], constant    at most 64 bits     added by the step add_bias
//   product                                           |.| < 2^62 (the two widths together have at most 62 bits)
//   sum                           the accumulator's range after each addition
//   y     [N, groups*O, OH, OW]   OH = (IH - 1)*stride + dilation*(KH-1) + 1 - top - bottom + p, 0 <= p < max(stride, dilation): p (ONNX output_padding) is read from y
//
// Order: for each output ky,kx,ic or ic,ky,kx, the last fastest (a gather: as if all additions to an output came after each other). Overflow: the accumulator's rule at
// each addition. Scale: one, or one per output channel.
// Source: ONNX ConvTranspose (shapes, padding); TFLite's int8 TRANSPOSE_CONV scatters the same exact sums.
#include "emu/ops/products.h"

namespace assay::emu {
namespace {

// [g,i,o,ky,kx] -> [g,o,i,ky,kx]
std::vector<int64_t> outputs_first(const std::vector<int64_t>& w, const Shape& shape, int64_t groups) {
  const int64_t in_channels = shape[0] / groups;
  const int64_t kernel = shape[2] * shape[3];
  std::vector<int64_t> turned;
  turned.reserve(w.size());
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t o = 0; o < shape[1]; ++o) {
      for (int64_t i = 0; i < in_channels; ++i) {
        const auto first = w.begin() + ((g * in_channels + i) * shape[1] + o) * kernel;
        turned.insert(turned.end(), first, first + kernel);
      }
    }
  }
  return turned;
}

void check_extents(Check& check, const ConvTranspose& op, const Shape& x, const Shape& w, const Shape& y) {
  for (const size_t which : {0U, 1U}) {
    const int64_t full = (x[2 + which] - 1) * op.stride[which] + op.dilation[which] * (w[2 + which] - 1) + 1;
    const int64_t least = full - op.pads[which] - op.pads[2 + which];
    const int64_t most = least + std::max(op.stride[which], op.dilation[which]) - 1;
    const int64_t found = y[2 + which];
    check.that(least >= 1 && found >= least && found <= most, "the result's extent " + std::to_string(found) + " on axis " + std::to_string(2 + which) + " must lie between " +
                                                                  std::to_string(least) + " and " + std::to_string(most));
  }
}

}  // namespace

void check(const ConvTranspose& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check.operand(op.x, "x");
  check.operand(op.w, "w");
  check.products(op.x, op.w, op.acc);
  const bool ranks = check.rank_is(op.x, "x", 4);
  if (!check.rank_is(op.w, "w", 4) || !ranks) return;
  const Shape& x = context.shape(op.x);
  const Shape& w = context.shape(op.w);
  const Shape& y = context.result().shape;
  const bool window = check_window(check, {w[2], w[3]}, op.stride, op.pads, op.dilation);
  if (!check.attribute({op.groups}, "groups", 1, 1, std::max<int64_t>(w[0], 1)) || !window) return;
  check.bias(op.bias, op.groups * w[1]);
  check.that(x[1] == w[0] && w[0] % op.groups == 0, "'x' has " + std::to_string(x[1]) + " channels and 'w' takes " + std::to_string(w[0]) +
                                                        "; they must be equal and a multiple of groups = " + std::to_string(op.groups));
  if (!check.is_result_shape({x[0], op.groups * w[1], y.size() == 4 ? y[2] : 0, y.size() == 4 ? y[3] : 0})) return;
  check_extents(check, op, x, w, y);
}

Tensor execute(const ConvTranspose& op, const OpContext& context, OpRun& run) {
  const Shape& x = context.shape(op.x);
  const Shape& w = context.shape(op.w);
  const Shape& y = context.result().shape;
  const std::vector<int64_t> kernel{w[2], w[3]};
  const WindowProducts products{.batch = x[0],
                                .groups = op.groups,
                                .in_channels = w[0] / op.groups,
                                .out_channels = w[1],
                                .in_rows = x[2],
                                .in_columns = x[3],
                                .kernel_rows = w[2],
                                .kernel_columns = w[3],
                                .rows = transposed_taps(window_axis(0, x, y, kernel, op.stride, op.pads, op.dilation)),
                                .columns = transposed_taps(window_axis(1, x, y, kernel, op.stride, op.pads, op.dilation)),
                                .is_float = context.type(op.x).is_float(),
                                .x = operand_values(context.tensor(op.x), op.zx),
                                .w = outputs_first(operand_values(context.tensor(op.w), op.zw), w, op.groups)};
  const Sums sums = sums_of(products, op.acc, op.order);
  return requantize_all(sums.values, sums.overflowed, op.requant, op.bias, 1, context, run);
}

}  // namespace assay::emu
