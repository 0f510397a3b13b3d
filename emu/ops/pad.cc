// A border of one value around a tensor, or a crop.
//
//   y[i...] = x[i - begins] where that is an element of x, else `value`
//
//   x     any shape
//   y     extents of x + begins + ends, per axis; x's type, scale and zero point. A negative amount crops.
//
// No arithmetic. `value` is a word of x's type: real zero is x's zero point.
// Source: ONNX Pad, mode constant; TFLite's PADV2.
#include "emu/ops/check.h"
#include "emu/ops/walk.h"

namespace assay::emu {

void check(const Pad& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  const Shape& x = context.shape(op.x);
  const bool keeps = op.begins.size() >= 2 && op.ends.size() >= 2 && op.begins[1] == 0 && op.ends[1] == 0;
  check.moves(op.x, "x", keeps ? std::optional(kept_channels(x)) : std::nullopt);
  check.that(context.type(op.x).holds(op.value), "'value' is " + std::to_string(op.value) + ", outside " + to_string(context.type(op.x)));
  const bool begins = check.attribute(op.begins, "begins", x.size(), -kMaxElements, kMaxElements);
  if (!check.attribute(op.ends, "ends", x.size(), -kMaxElements, kMaxElements) || !begins) return;
  Shape expected = x;
  bool good = true;
  for (size_t axis = 0; axis < x.size(); ++axis) {
    expected[axis] += op.begins[axis] + op.ends[axis];
    good &= expected[axis] >= 0;
  }
  if (check.that(good, "the pads leave a negative extent: " + to_string(expected))) check.is_result_shape(expected);
}

Tensor execute(const Pad& op, const OpContext& context, OpRun&) {
  const Shape& x = context.shape(op.x);
  const Shape& y = context.result().shape;
  const Shape strides = strides_of(x);
  AxisOffsets offsets(y.size());
  for (size_t axis = 0; axis < y.size(); ++axis) {
    for (int64_t i = 0; i < y[axis]; ++i) {
      const int64_t in = i - op.begins[axis];
      offsets[axis].push_back(in >= 0 && in < x[axis] ? in * strides[axis] : kOutside);
    }
  }
  return gather(context.tensor(op.x), y, offsets, op.value);
}

}  // namespace assay::emu
