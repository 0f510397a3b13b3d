// Sum and difference of two tensors, each brought to a common scale first.
//
//   y = requant(in(a - za, scale_a) + in(b - zb, scale_b))          sub: minus;   in(v, s) = the steps operand_steps on v with the scale s
//
//   a, b    broadcast to y        at most 32 bits     a - za            |.| < 2^bits of a
//   in(..)                        64 bits (verify follows the steps)
//   sum                           in(a) is stored into the accumulator, then in(b) is added to it or subtracted: its range after each
//   y
//
// Where operand_steps end in binary32, sum = in(a) + in(b), one addition there (half_even), the accumulator is not used, and requant's steps begin with that number.
//
// Order: a, then b. Overflow: the accumulator's rule, twice. A saturate or wrap of operand_steps that changes a value counts as intermediate overflow of the output; such
// a step has its width in bits, since an operand has no output type. scale_a and scale_b are one QScale each; requant's is one, or one per channel (axis 1).
// Source: TFLite's int8 ADD and SUB (operands shifted left by 20, three multiplications); XNNPACK's add (two multipliers, one shift); a plain sum where the target demands
// equal scales (operand_steps empty); ONNX Runtime's QLinearAdd (both operands dequantized and added in binary32).
#include "emu/ops/elementwise.h"

namespace assay::emu {
namespace {

// One operand after its steps, at the operand's own size.
struct Prepared {
  std::vector<Wide> values;
  std::vector<uint8_t> changed;  // by a saturate or wrap among the steps
};

Prepared prepared(const Tensor& tensor, int64_t zero_point, const QScale& scale, const Steps& steps) {
  StepOperands operands;
  operands.scale = scale;
  Prepared prepared;
  for (const int64_t value : operand_values(tensor, zero_point)) {
    StepEvents events;
    prepared.values.push_back(requantize(value, steps, operands, events));
    prepared.changed.push_back(events.intermediate ? 1 : 0);
  }
  return prepared;
}

template <bool kSubtract>
void check_sum(const AddOrSub<kSubtract>& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check_elementwise(check, context, op.a, op.b);
  if (check.same_kind(op.a, op.b) && !context.type(op.a).is_float()) check.sums(op.a, op.acc);
}

// Where an output's operands stood in the result's shape, for who watches.
void report(const OpRun& run, const std::string& stage, const std::vector<Wide>& values, const std::vector<size_t>& at, const Shape& shape) {
  Tensor shown(kS64, shape);
  for (size_t i = 0; i < at.size(); ++i) shown.set(i, static_cast<int64_t>(saturate(values[at[i]], kS64)));
  run.report(stage, shown);
}

// Words in, a word out; a difference is the sum with the other sign.
template <bool kSubtract>
int64_t sum_in_fp32(Wide a, Wide b) {
  const Fp32 first{static_cast<uint32_t>(a)}, second{static_cast<uint32_t>(b) ^ (kSubtract ? 0x80000000U : 0U)};
  return add(first, second).bits;
}

template <bool kSubtract>
Tensor execute_sum(const AddOrSub<kSubtract>& op, const OpContext& context, OpRun& run) {
  const Steps& steps = context.steps(op.operand_steps);
  const Prepared a = prepared(context.tensor(op.a), op.za, context.scale(op.scale_a).front(), steps);
  const Prepared b = prepared(context.tensor(op.b), op.zb, context.scale(op.scale_b).front(), steps);
  std::vector<size_t> at_a;
  std::vector<size_t> at_b;
  walk_elementwise(context, op.a, op.b, [&](size_t in_a, size_t in_b) {
    at_a.push_back(in_a);
    at_b.push_back(in_b);
  });
  if (run.reporting()) {
    report(run, "operand1", a.values, at_a, context.result().shape);
    report(run, "operand2", b.values, at_b, context.result().shape);
  }
  Sums sums{std::vector<int64_t>(at_a.size()), std::vector<uint8_t>(at_a.size())};
  const bool in_fp32 = ends_in_fp32(steps, begins_with(context.type(op.a)));
  for (size_t i = 0; i < at_a.size(); ++i) {
    uint8_t& events = sums.overflowed[i];
    const auto keep = [&](Wide exact) {
      const Wide kept = store(exact, op.acc.type, op.acc.overflow);
      if (kept != exact) events |= kAccumulatorOverflowed;
      return kept;
    };
    const Wide second = b.values[at_b[i]];
    if (in_fp32) {
      sums.values[i] = sum_in_fp32<kSubtract>(a.values[at_a[i]], second);
    } else {
      const Wide first = keep(a.values[at_a[i]]);
      sums.values[i] = static_cast<int64_t>(keep(kSubtract ? first - second : first + second));
    }
    if (a.changed[at_a[i]] != 0 || b.changed[at_b[i]] != 0) events |= kOperandOverflowed;
  }
  return requantize_all(sums.values, sums.overflowed, op.requant, std::nullopt, channel_axis_of(context.result().shape), context, run);
}

}  // namespace

void check(const Add& op, const OpContext& context, Problems& problems) {
  check_sum(op, context, problems);
}
void check(const Sub& op, const OpContext& context, Problems& problems) {
  check_sum(op, context, problems);
}
Tensor execute(const Add& op, const OpContext& context, OpRun& run) {
  return execute_sum(op, context, run);
}
Tensor execute(const Sub& op, const OpContext& context, OpRun& run) {
  return execute_sum(op, context, run);
}

}  // namespace assay::emu
