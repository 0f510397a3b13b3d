// Product of two tensors, element by element.
//
//   y = requant((a - za) * (b - zb))
//
//   a, b    broadcast to y        at most 32 bits     a - za            |.| < 2^bits of a
//   product                                           |.| < 2^62 (the two widths together have at most 62 bits)
//   stored                        the product in the accumulator: its range
//   y
//
// Overflow: the accumulator's rule, once. Scale: one, or one per channel (axis 1).
// Source: TFLite's int8 MUL; ONNX Runtime's QLinearMul.
#include "emu/ops/elementwise.h"

namespace assay::emu {

void check(const Mul& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check_elementwise(check, context, op.a, op.b);
  check.products(op.a, op.b, std::nullopt);
}

Tensor execute(const Mul& op, const OpContext& context, OpRun& run) {
  const std::vector<int64_t> a = operand_values(context.tensor(op.a), op.za);
  const std::vector<int64_t> b = operand_values(context.tensor(op.b), op.zb);
  const Register reg(op.acc);
  Sums sums;
  walk_elementwise(context, op.a, op.b, [&](size_t in_a, size_t in_b) {
    if (context.type(op.a).is_float()) {
      const Fp32 product = multiply(number(a[in_a]), number(b[in_b]));
      sums.values.push_back(product.bits);
      sums.overflowed.push_back(overflowed_fp32(product));
      return;
    }
    bool left_register = false;
    sums.values.push_back(reg.sum(
        1, [&](int64_t) { return a[in_a] * b[in_b]; }, left_register));
    sums.overflowed.push_back(left_register ? 1 : 0);
  });
  return requantize_all(sums.values, sums.overflowed, op.requant, std::nullopt, channel_axis_of(context.result().shape), context, run);
}

}  // namespace assay::emu
