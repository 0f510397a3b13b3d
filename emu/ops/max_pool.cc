// Maximum over each window.
//
//   y[n,c,h,w] = max over ky,kx of x[n, c, h*stride + ky*dilation - top, w*stride + kx*dilation - left]      positions in the padding take no part
//
//   x     [N, C, IH, IW]
//   y     [N, C, OH, OW]   x's type, scale and zero point; OH = floor((IH + top + bottom - dilation*(KH-1) - 1) / stride) + 1
//
// Floating-point words are compared as numbers: of zeros the first wins, and NaN beats nothing and is beaten by nothing. No arithmetic, so no overflow and no order. A window
// without an element of the image is refused. Rounding the extent up is said by a larger end pad. Source: ONNX MaxPool; TFLite's int8 MAX_POOL_2D (its fused activation is a
// requantize of its own).
#include <algorithm>

#include "emu/arith/soft_float.h"
#include "emu/base/error.h"
#include "emu/ops/window.h"

namespace assay::emu {

void check(const MaxPool& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check.moves(op.x, "x", kept_channels(context.result().shape));
  check_pooling(check, context, op.x, op.kernel, op.stride, op.pads, op.dilation, true);
}

Tensor execute(const MaxPool& op, const OpContext& context, OpRun&) {
  const Shape& in = context.shape(op.x);
  const Shape& out = context.result().shape;
  const Taps rows = convolution_taps(window_axis(0, in, out, op.kernel, op.stride, op.pads, op.dilation));
  const Taps columns = convolution_taps(window_axis(1, in, out, op.kernel, op.stride, op.pads, op.dilation));
  const std::vector<int64_t> x = context.tensor(op.x).values();
  Tensor y(context.result().type, out);
  size_t next = 0;
  for (int64_t plane = 0; plane < in[0] * in[1]; ++plane) {
    const int64_t* image = x.data() + plane * in[2] * in[3];
    for (const auto& window_rows : rows) {
      for (const auto& window_columns : columns) {
        ASSAY_ASSERT(!window_rows.empty() && !window_columns.empty());
        int64_t largest = image[window_rows[0].in * in[3] + window_columns[0].in];
        for (const Tap& row : window_rows) {
          for (const Tap& column : window_columns) {
            const int64_t word = image[row.in * in[3] + column.in];
            if (is_smaller(largest, word, y.type())) largest = word;
          }
        }
        y.set(next++, largest);
      }
    }
  }
  return y;
}

}  // namespace assay::emu
