// Nearest-neighbour resizing of the last two axes.
//
//   y[..., h, w] = x[..., rows[h], columns[w]]
//
//   x     [..., IH, IW]
//   y     [..., rows, columns]; the same type, scale and zero point
//
// No arithmetic: the source indices were worked out exactly at lowering, so every coordinate rule is data.
// Source: ONNX Resize and Upsample, mode nearest.
#include "emu/ops/check.h"
#include "emu/ops/walk.h"

namespace assay::emu {

void check(const ResizeNearest& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  const Shape& x = context.shape(op.x);
  check.moves(op.x, "x", x.size() > 3 ? std::optional(kept_channels(x)) : std::nullopt);  // rows and columns are the last axes
  if (!check.that(x.size() >= 2, "'x' must have 2 axes or more, its shape is " + to_string(x))) return;
  check.attribute(op.rows, "rows", op.rows.size(), 0, x[x.size() - 2] - 1);
  check.attribute(op.columns, "columns", op.columns.size(), 0, x.back() - 1);
  Shape expected = x;
  expected[x.size() - 2] = static_cast<int64_t>(op.rows.size());
  expected[x.size() - 1] = static_cast<int64_t>(op.columns.size());
  check.is_result_shape(expected);
}

Tensor execute(const ResizeNearest& op, const OpContext& context, OpRun&) {
  const Tensor& x = context.tensor(op.x);
  const Shape& y = context.result().shape;
  const Shape strides = strides_of(x.shape());
  const size_t row_axis = y.size() - 2;
  AxisOffsets offsets(y.size());
  for (size_t axis = 0; axis < row_axis; ++axis) {
    for (int64_t i = 0; i < y[axis]; ++i) offsets[axis].push_back(i * strides[axis]);
  }
  for (const int64_t row : op.rows) offsets[row_axis].push_back(row * strides[row_axis]);
  offsets[row_axis + 1] = op.columns;
  return gather(x, y, offsets);
}

}  // namespace assay::emu
