// y = a + b, a - b or a * b, each one float32 operation; operands broadcast. (ONNX Add, Sub, Mul.)
#include <algorithm>
#include <cmath>

#include "quant/ops/broadcast.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

float apply(Arithmetic kind, float a, float b) {
  switch (kind) {
    case Arithmetic::add: return a + b;
    case Arithmetic::sub: return a - b;
    case Arithmetic::mul: return a * b;
  }
  ASSAY_ASSERT(!"an Arithmetic outside its enumeration");
}

// The step of the sum before the headroom, as a scale and a power of two. Operand steps that multiply go to twice the larger scale, as TFLite does, so that each factor is at
// most a half. Steps that only shift go to the finer scale where they can shift left by the scale, which loses nothing, else to the coarser one. (Joint inputs: all one.)
struct CommonScale {
  float scale;
  int doublings;
};

CommonScale common_scale(float a, float b, const emu::Steps& operand_steps) {
  const auto some = [&](auto predicate) { return std::any_of(operand_steps.begin(), operand_steps.end(), predicate); };
  if (some([](const emu::Step& step) { return std::holds_alternative<emu::Multiply>(step); })) return {std::max(a, b), 1};
  const bool aligns_left = some([](const emu::Step& step) { return std::holds_alternative<emu::ShiftLeft>(step) && !std::get<emu::ShiftLeft>(step).amount; });
  return {aligns_left ? std::min(a, b) : std::max(a, b), 0};
}

// What brings both operands of a sum to one step, and the sum to the output.
struct SumScales {
  emu::ScaleRef a, b;
  emu::Requant requant;
  Wide worst_a = 0, worst_b = 0;  // the largest scaled operands, in the accumulator's steps
};

// With s = the common scale (its doubling included) and h = the headroom: operands times s_a / s * 2^h and s_b / s * 2^h, the sum times s / (s_y * 2^h).
SumScales normalised_scales(const emu::AddRule& rule, const Node& node, Lowering& lowering) {
  const ValueId a = node.inputs[0], b = node.inputs[1];
  const float scale_a = lowering.scale_of(a), scale_b = lowering.scale_of(b);
  const CommonScale sum = common_scale(scale_a, scale_b, rule.operand_steps);
  const float common = sum.scale;
  const int exponent = rule.headroom.bits - sum.doublings;
  const auto operand = [&](float scale) { return lowering.scales(node, {{{scale}, {common}, exponent}}, rule.operand_steps, "ops.add.operand_steps"); };
  // Each scaled operand, rounded away by less than one.
  const auto worst = [&](ValueId id, float scale) {
    constexpr int64_t kFar = int64_t{1} << 62;
    return Wide{round_ratio({{static_cast<double>(lowering.magnitude_of(id)), scale}, {common}, exponent}, emu::Round::ceil, 0, kFar)};
  };
  return {operand(scale_a), operand(scale_b), lowering.requant(node, {{{common}, {lowering.scale_of(node.output)}, -exponent}}, rule.steps, "ops.add.steps"), worst(a, scale_a),
          worst(b, scale_b)};
}

// r_a = s_a / s_y, r_b = s_b / s_y, n such that the larger times 2^n has operand_bits bits: operands times round(r * 2^n), the sum times 2^-n.
SumScales common_shift_scales(const emu::AddRule& rule, const Node& node, bool subtracts, Lowering& lowering) {
  const emu::MultiplierRule& multiplier = emu::multiplier_of(lowering.target(), "ops.add");
  const ValueId a = node.inputs[0], b = node.inputs[1];
  const float scale_y = lowering.scale_of(node.output);
  const auto formed = [&](ValueId id) { return formed_in({{lowering.scale_of(id)}, {scale_y}}, multiplier.ratio); };
  const Ratio ratio_a = formed(a), ratio_b = formed(b);
  const int shift = rule.operand_bits - 1 - std::ilogb(std::max(approximate(ratio_a), approximate(ratio_b)));
  const auto operand = [&](Ratio ratio, ValueId id, Wide& worst) {
    ratio.exponent += shift;
    const int64_t factor = round_ratio(ratio, multiplier.round, 0, int64_t{1} << rule.operand_bits);
    worst = lowering.magnitude_of(id) * factor;
    return lowering.scales(std::vector<emu::QScale>{{factor, {0}, {0}}});
  };
  SumScales scales;
  scales.a = operand(ratio_a, a, scales.worst_a), scales.b = operand(ratio_b, b, scales.worst_b);
  const std::vector<emu::QScale> sum = lowering.entries_for(node, {{{1.0}, {}, -shift}}, rule.steps, "ops.add.steps");
  if (sum.empty()) return scales;
  const auto brought = [&](ValueId id, emu::ScaleRef scale) { return lowering.zero_point_of(id) * lowering.entries(scale)[0].multiplier; };
  const int64_t of_b = brought(b, scales.b);
  const emu::Steps steps = rule.zero_points == emu::ZeroPoints::subtracted
                               ? rule.steps
                               : emu::kept_sum(rule.steps, brought(a, scales.a) + (subtracts ? -of_b : of_b), lowering.zero_point_of(node.output), sum[0].right);
  scales.requant = lowering.requant(node, lowering.scales(sum), steps, "ops.add.steps");
  return scales;
}

// Operands in binary32 times their own scales; the sum's steps know the output's.
SumScales fp32_scales(const emu::AddRule& rule, const Node& node, Lowering& lowering) {
  const auto operand = [&](ValueId id) { return lowering.scales(node, {{{lowering.scale_of(id)}, {}}}, rule.operand_steps, "ops.add.operand_steps"); };
  return {operand(node.inputs[0]), operand(node.inputs[1]), lowering.requant(node, {{{1.0}, {lowering.scale_of(node.output)}}}, rule.steps, "ops.add.steps")};
}

template <class Instruction>
void lower_add(const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().add, "add");
  if (rule == nullptr) return;
  const ValueId a = node.inputs[0], b = node.inputs[1];
  if (rule->inputs == emu::InputScales::joint && lowering.scale_of(a) != lowering.scale_of(b)) {
    return lowering.forbid(node,
                           "ops.add.inputs is \"joint\", but the inputs have the scales " + std::to_string(lowering.scale_of(a)) + " and " + std::to_string(lowering.scale_of(b)));
  }
  const size_t problems = lowering.forbidden();
  const SumScales scales = ends_in_fp32(rule->operand_steps)                        ? fp32_scales(*rule, node, lowering)
                           : rule->operand_scale == emu::OperandScale::common_shift ? common_shift_scales(*rule, node, std::is_same_v<Instruction, emu::Sub>, lowering)
                                                                                    : normalised_scales(*rule, node, lowering);
  if (lowering.forbidden() != problems) return;
  Instruction add;
  add.a = lowering.operand(a);
  add.b = lowering.operand(b);
  add.za = lowering.zero_point_of(a);
  add.zb = lowering.zero_point_of(b);
  add.scale_a = scales.a;
  add.scale_b = scales.b;
  add.operand_steps = lowering.steps(rule->operand_steps);
  add.acc = lowering.target().accumulate.accumulator.alone();
  add.requant = scales.requant;
  lowering.check_accumulator(node, add.acc, scales.worst_a + scales.worst_b);
  lowering.emit(node, add);
}

// Ratio s_a * s_b / s_y. One operand may be a constant with a scale per channel, where its channels are the output's.
void lower_mul(const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().mul, "mul");
  if (rule == nullptr) return;
  const ValueId a = node.inputs[0], b = node.inputs[1];
  const Shape& y = lowering.shape_of(node.output);
  const auto per_channel = [&](ValueId id) {
    const TensorQuantization& own = lowering.quantization(id);
    if (own.scale.size() == 1) return false;
    const int64_t missing = static_cast<int64_t>(y.size() - lowering.shape_of(id).size());
    if (own.axis && *own.axis + missing == 1 && static_cast<int64_t>(own.scale.size()) == y[1]) return true;
    throw InputError(described(node) + ": '" + lowering.graph().value(id).name + "' is quantized per channel, but not on the output's axis 1");
  };
  const bool many = per_channel(a) || per_channel(b);
  const std::vector<float>& scales_a = lowering.quantization(a).scale;
  const std::vector<float>& scales_b = lowering.quantization(b).scale;
  std::vector<Ratio> ratios;
  for (size_t c = 0; c < (many ? static_cast<size_t>(y[1]) : 1); ++c) {
    ratios.push_back({{scales_a[c % scales_a.size()], scales_b[c % scales_b.size()]}, {lowering.scale_of(node.output)}});
  }
  const emu::Accumulator acc = lowering.target().accumulate.accumulator.alone();
  lowering.check_accumulator(node, acc, lowering.magnitude_of(a) * lowering.magnitude_of(b));
  lowering.emit(node, emu::Mul{lowering.operand(a), lowering.operand(b), lowering.zero_point_of(a), lowering.zero_point_of(b), acc,
                               lowering.requant(node, ratios, rule->steps, "ops.mul.steps")});
}

}  // namespace

FloatTensor evaluate(const Binary& op, const Inputs& inputs, const Shape& output_shape) {
  const std::vector<size_t> a = broadcast_indices(inputs[0]->shape, output_shape);
  const std::vector<size_t> b = broadcast_indices(inputs[1]->shape, output_shape);
  FloatTensor y(output_shape);
  for (size_t i = 0; i < y.size(); ++i) y.data[i] = apply(op.kind, inputs[0]->data[a[i]], inputs[1]->data[b[i]]);
  return y;
}

void lower(const Binary& op, const Node& node, Lowering& lowering) {
  switch (op.kind) {
    case Arithmetic::add: return lower_add<emu::Add>(node, lowering);
    case Arithmetic::sub: return lower_add<emu::Sub>(node, lowering);
    case Arithmetic::mul: return lower_mul(node, lowering);
  }
}

}  // namespace assay::quant
