// The same elements in the same order under another shape.
//
//   y[i] = x[i], counted row-major
//
//   x, y  any shapes of equal size, the same type, scale and zero point
//
// No arithmetic. Source: ONNX Reshape, Flatten, Squeeze, Unsqueeze.
#include "emu/ops/check.h"

namespace assay::emu {

void check(const Reshape& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  const Shape& x = context.shape(op.x);
  const Shape& y = context.result().shape;
  const bool keeps = x.size() >= 2 && y.size() >= 2 && x[0] == y[0] && x[1] == y[1];
  check.moves(op.x, "x", keeps ? std::optional(kept_channels(y)) : std::nullopt);
  check.that(element_count(x) == element_count(y), "shapes " + to_string(x) + " and " + to_string(y) + " do not have the same number of elements");
}

Tensor execute(const Reshape& op, const OpContext& context, OpRun&) {
  return context.tensor(op.x).reshaped(context.result().shape);
}

}  // namespace assay::emu
