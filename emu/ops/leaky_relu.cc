// A slope for negative values: LeakyRelu and PRelu.
//
//   v = x - zx;   y = requant(v) with requant.scale where v >= 0, with `negative` where v < 0
//
//   x     any shape               at most 32 bits     v          |.| < 2^bits of x
//   y     the same shape
//
// No sum, so no accumulator. Each scale: one, or one per channel (axis 1: PRelu). A negative slope has a negative multiplier.
// Source: TFLite's int8 LEAKY_RELU (identity and alpha multipliers) and PRELU; ONNX LeakyRelu and PRelu.
#include "emu/ops/check.h"
#include "emu/ops/register.h"

namespace assay::emu {

void check(const LeakyRelu& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check.operand(op.x, "x");
  const Shape& x = context.shape(op.x);
  check.is_result_shape(x);
  const int64_t channels = x.empty() ? 1 : x[static_cast<size_t>(channel_axis_of(x))];
  const auto entries = static_cast<int64_t>(context.scale(op.negative).size());
  check.that(entries == 1 || entries == channels, "'negative' has " + std::to_string(entries) + " entries; it must have 1 or " + std::to_string(channels));
}

Tensor execute(const LeakyRelu& op, const OpContext& context, OpRun& run) {
  const std::vector<int64_t> values = operand_values(context.tensor(op.x), op.zx);
  const bool is_float = context.type(op.x).is_float();
  const Shape& shape = context.result().shape;
  const auto axis = static_cast<size_t>(channel_axis_of(shape));
  const size_t inner = shape.empty() ? 1 : static_cast<size_t>(strides_of(shape)[axis]);
  const size_t count = shape.empty() ? 1 : static_cast<size_t>(shape[axis]);
  const std::vector<QScale>& positive = context.scale(op.requant.scale);
  const std::vector<QScale>& negative = context.scale(op.negative);
  const auto scale_of = [&](size_t i) -> const QScale& {
    const bool is_negative = is_float ? less(number(values[i]), Fp32{0}) : values[i] < 0;
    const std::vector<QScale>& side = is_negative ? negative : positive;
    return side.size() == 1 ? side[0] : side[i / inner % count];
  };
  return requantize_all_scaled(values, {}, op.requant, std::nullopt, channel_axis_of(shape), context, run, scale_of);
}

}  // namespace assay::emu
