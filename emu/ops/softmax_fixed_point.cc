// Softmax along one axis in fixed point: no table, no division.
//
//   d = (x - max) * 2^left * multiplier / 2^31 in Q5.26      e = exp(d) in Q0.31, 0 where x - max < lowest      s = sum of half_away(e / 2^12) in Q12.19
//   y = half_away(e * (1 / s)) + min                         the whole chain: arith/fixed_operators.h, softmax_row
//
//   x         any shape           at most 16 bits; its zero point cancels
//   y         the same shape      s8 or s16 with scale 2^-bits and the type's lowest word as its zero point
//   axis      at most 4095 elements, or the sum of exponentials leaves 32 bits
//
// Order: along the axis, ascending; every intermediate fits its word, so nothing overflows.
// Source: tensorflow/tflite-micro tensorflow/lite/kernels/internal/reference/softmax.h and google/gemmlowp fixedpoint/fixedpoint.h.
#include "emu/arith/fixed_operators.h"
#include "emu/ops/check.h"

namespace assay::emu {

void check(const SoftmaxFixedPoint& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  const Shape& shape = context.shape(op.x);
  const ValueInfo& result = context.result();
  check.is_result_shape(shape);
  const IntType in = context.type(op.x);
  check.that(in.bits <= 16, "'x' is " + to_string(in) + "; differences of at most 16 bits are scaled");
  check.that(result.type == kS8 || result.type == kS16, "its result is " + to_string(result.type) + "; it must be s8 or s16");
  check.that(!context.type(op.x).is_float(), "'x' is " + to_string(context.type(op.x)) + "; fixed-point exponentials are of integers");
  check.that(result.zero_point == result.type.min(), "its result's zero point must be the least word, where probability 0 lies");
  const auto rank = static_cast<int64_t>(shape.size());
  if (check.that(op.axis >= -rank && op.axis < rank, "'axis' is " + std::to_string(op.axis) + "; 'x' has " + std::to_string(rank) + " axes")) {
    const int64_t extent = shape[static_cast<size_t>(op.axis < 0 ? op.axis + rank : op.axis)];
    check.that(extent >= 1 && extent <= static_cast<int64_t>(kLongestSoftmaxRow),
               "its rows have " + std::to_string(extent) + " elements; 1 to " + std::to_string(kLongestSoftmaxRow) + " can be summed");
  }
  const std::vector<QScale>& scale = context.scale(op.difference);
  if (!check.that(scale.size() == 1, "'difference' must have one entry")) return;
  const bool is_legal = scale[0].multiplier >= 0 && scale[0].multiplier <= INT32_MAX && scale[0].left.bits <= 30 && scale[0].right.bits <= 31;
  check.that(is_legal, "'difference' must hold a multiplier of 31 bits and shifts of at most 30 to the left and 31 to the right");
  check.that(op.lowest <= 0 && op.lowest >= -(int64_t{1} << 32), "'lowest' is " + std::to_string(op.lowest) + "; it is the least difference that counts, 0 or below");
}

Tensor execute(const SoftmaxFixedPoint& op, const OpContext& context, OpRun& /*run*/) {
  const Shape& shape = context.result().shape;
  const auto axis = static_cast<size_t>(op.axis < 0 ? op.axis + static_cast<int64_t>(shape.size()) : op.axis);
  const auto extent = static_cast<size_t>(shape[axis]);
  const auto inner = static_cast<size_t>(strides_of(shape)[axis]);
  const std::vector<int64_t> x = context.tensor(op.x).values();
  const SoftmaxScale scale{context.scale(op.difference).front(), op.lowest};
  std::vector<int64_t> row(extent), y(x.size());
  for (size_t line = 0; line < x.size() / extent; ++line) {
    const size_t first = line / inner * extent * inner + line % inner;
    for (size_t i = 0; i < extent; ++i) row[i] = x[first + i * inner];
    const std::vector<int64_t> result = softmax_row(row, scale, context.result().type);
    for (size_t i = 0; i < extent; ++i) y[first + i * inner] = result[i];
  }
  return {context.result().type, shape, y};
}

}  // namespace assay::emu
