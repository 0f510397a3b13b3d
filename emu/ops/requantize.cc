// A change of scale, zero point or type; with clamp bounds also Relu and Clip standing alone.
//
//   y = requant(x - zx)
//
//   x     any shape               at most 32 bits     x - zx     |.| < 2^bits of x
//   y     the same shape
//
// No sum, so no accumulator. Scale: one, or one per channel (axis 1).
// Source: TFLite's int8 QUANTIZE (requantizing), RELU and RELU6; ONNX DequantizeLinear then QuantizeLinear in integers.
#include "emu/ops/check.h"
#include "emu/ops/register.h"

namespace assay::emu {

void check(const Requantize& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check.operand(op.x, "x");
  check.is_result_shape(context.shape(op.x));
}

Tensor execute(const Requantize& op, const OpContext& context, OpRun& run) {
  return requantize_all(operand_values(context.tensor(op.x), op.zx), {}, op.requant, std::nullopt, channel_axis_of(context.result().shape), context, run);
}

}  // namespace assay::emu
