// Every steps-th element from starts on, per axis.
//
//   y[i...] = x[starts + i * steps]
//
//   x     any shape
//   y     any extents for which every index lies in x; the same type, scale and zero point. Steps may be negative, not 0.
//
// No arithmetic. Source: ONNX Slice with its ends resolved into y's extents, and Split.
#include "emu/ops/check.h"
#include "emu/ops/walk.h"

namespace assay::emu {

void check(const Slice& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  const Shape& x = context.shape(op.x);
  const Shape& y = context.result().shape;
  const bool has_channels = y.size() >= 2 && op.starts.size() >= 2 && op.steps.size() >= 2;
  check.moves(op.x, "x", has_channels ? std::optional(ChannelWalk{0, op.starts[1], op.steps[1], y[1]}) : std::nullopt);
  const bool starts = check.attribute(op.starts, "starts", x.size(), 0, kMaxElements);
  const bool steps = check.attribute(op.steps, "steps", x.size(), -kMaxElements, kMaxElements);
  if (!starts || !steps || !check.that(y.size() == x.size(), "the result has " + std::to_string(y.size()) + " axes, 'x' " + std::to_string(x.size()))) return;
  for (size_t axis = 0; axis < x.size(); ++axis) {
    const std::string name = " on axis " + std::to_string(axis);
    check.that(op.steps[axis] != 0, "'steps' is 0" + name);
    if (y[axis] <= 0) continue;
    const int64_t last = op.starts[axis] + (y[axis] - 1) * op.steps[axis];
    check.that(op.starts[axis] < x[axis] && last >= 0 && last < x[axis],
               "indices " + std::to_string(op.starts[axis]) + " to " + std::to_string(last) + name + " do not lie in 0 to " + std::to_string(x[axis] - 1));
  }
}

Tensor execute(const Slice& op, const OpContext& context, OpRun&) {
  const Shape& y = context.result().shape;
  const Shape strides = strides_of(context.shape(op.x));
  AxisOffsets offsets(y.size());
  for (size_t axis = 0; axis < y.size(); ++axis) {
    for (int64_t i = 0; i < y[axis]; ++i) offsets[axis].push_back((op.starts[axis] + i * op.steps[axis]) * strides[axis]);
  }
  return gather(context.tensor(op.x), y, offsets);
}

}  // namespace assay::emu
