// y = a + b, a - b or a * b, each one float32 operation; operands broadcast. (ONNX Add, Sub, Mul.)
#include <algorithm>

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

// With s = the common scale (its doubling included) and h = the headroom: operands times s_a / s * 2^h and s_b / s * 2^h, the sum times s / (s_y * 2^h).
template <class Instruction>
void lower_add(const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().add, "add");
  if (rule == nullptr) return;
  const ValueId a = node.inputs[0], b = node.inputs[1];
  const float scale_a = lowering.scale_of(a), scale_b = lowering.scale_of(b);
  if (rule->inputs == emu::InputScales::joint && scale_a != scale_b) {
    throw InputError(described(node) + ": ops.add.inputs is \"joint\", but the inputs have the scales " + std::to_string(scale_a) + " and " + std::to_string(scale_b));
  }
  const CommonScale sum = common_scale(scale_a, scale_b, rule->operand_steps);
  const float common = sum.scale;
  const int exponent = rule->headroom.bits - sum.doublings;
  const auto operand = [&](float scale) { return lowering.scales(node, {{{scale}, {common}, exponent}}, rule->operand_steps, "ops.add.operand_steps"); };
  Instruction add;
  add.a = lowering.operand(a);
  add.b = lowering.operand(b);
  add.za = lowering.zero_point_of(a);
  add.zb = lowering.zero_point_of(b);
  add.scale_a = operand(scale_a);
  add.scale_b = operand(scale_b);
  add.operand_steps = lowering.steps(rule->operand_steps);
  add.acc = lowering.target().accumulate.accumulator.alone();
  add.requant = lowering.requant(node, {{{common}, {lowering.scale_of(node.output)}, -exponent}}, rule->steps, "ops.add.steps");
  // Each scaled operand, rounded away by less than one.
  const auto worst = [&](ValueId id, float scale) {
    constexpr int64_t kFar = int64_t{1} << 62;
    return Wide{round_ratio({{static_cast<double>(lowering.magnitude_of(id)), scale}, {common}, exponent}, emu::Round::ceil, 0, kFar)};
  };
  lowering.check_accumulator(node, add.acc, worst(a, scale_a) + worst(b, scale_b));
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
