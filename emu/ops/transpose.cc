// Another order of axes.
//
//   y[i_0, i_1, ...] = x[j], where j[permutation[a]] = i_a: y's axis a is x's axis permutation[a]
//
//   x     any shape
//   y     extents of x in the new order; the same type, scale and zero point
//
// No arithmetic. Source: ONNX Transpose.
#include <algorithm>
#include <numeric>

#include "emu/ops/check.h"
#include "emu/ops/walk.h"

namespace assay::emu {

void check(const Transpose& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  const bool keeps = op.permutation.size() >= 2 && op.permutation[1] == 1;
  check.moves(op.x, "x", keeps ? std::optional(kept_channels(context.result().shape)) : std::nullopt);
  const Shape& x = context.shape(op.x);
  std::vector<int64_t> sorted = op.permutation;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int64_t> axes(x.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (!check.that(sorted == axes, "'permutation' " + to_string(op.permutation) + " must name each of the " + std::to_string(x.size()) + " axes once")) return;
  Shape expected;
  for (const int64_t axis : op.permutation) expected.push_back(x[static_cast<size_t>(axis)]);
  check.is_result_shape(expected);
}

Tensor execute(const Transpose& op, const OpContext& context, OpRun&) {
  const Shape& y = context.result().shape;
  const Shape strides = strides_of(context.shape(op.x));
  AxisOffsets offsets(y.size());
  for (size_t axis = 0; axis < y.size(); ++axis) {
    for (int64_t i = 0; i < y[axis]; ++i) offsets[axis].push_back(i * strides[static_cast<size_t>(op.permutation[axis])]);
  }
  return gather(context.tensor(op.x), y, offsets);
}

}  // namespace assay::emu
