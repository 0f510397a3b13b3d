#include "tests/quant/ops/lowering_fixture.h"

namespace assay::quant {

using emu::parse_steps;
using emu::Round;

emu::Target real_target() {
  emu::Target t;
  t.name = "real";
  t.storage.input = t.storage.activation = {emu::kS8, -128, 127};
  t.storage.weight = {emu::kS8, -127, 127};
  t.storage.bias = {emu::kS32, -2147483647, 2147483647};
  t.quantize.input = t.quantize.activation = {emu::Symmetry::asymmetric, emu::Granularity::per_tensor, emu::ScaleKind::real, Round::half_even, "minmax"};
  t.quantize.weight = {emu::Symmetry::symmetric, emu::Granularity::per_channel, emu::ScaleKind::real, Round::half_even, "minmax"};
  t.multiplier.bits = 31, t.multiplier.round = Round::half_away, t.multiplier.max_left = {31}, t.multiplier.max_right = {62};
  const std::string scale = "shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away";
  const emu::Steps full = parse_steps(scale + "; add_zero_point; saturate output; clamp");
  t.conv = t.conv_transpose = t.matmul = emu::StepsRule{parse_steps("add_bias; " + scale + "; add_zero_point; saturate output; clamp")};
  t.mul = t.requantize = emu::StepsRule{full};
  t.leaky_relu = emu::LeakyRule{.steps = full};
  t.add = emu::AddRule{.inputs = emu::InputScales::requantize,
                       .headroom = emu::LeftShift{20},
                       .operand_steps = parse_steps("shift_left 20; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away"),
                       .steps = full};
  t.concat = emu::ConcatRule{emu::ConcatScales::requantize, parse_steps(scale + "; add_zero_point; saturate output")};
  t.average_pool = emu::AverageRule{.form = emu::AverageForm::divide, .round = Round::half_away, .steps = parse_steps("add_zero_point; saturate output; clamp")};
  t.table = emu::TableRule{.form = {}, .round = Round::half_away};
  t.softmax = emu::SoftmaxRule{16, Round::half_even, {}, Round::half_up, parse_steps("add_zero_point; saturate output; clamp")};
  t.max_pool = t.pad = t.reshape = t.transpose = t.slice = t.resize_nearest = true;
  return t;
}

emu::Target shift_target() {
  emu::Target t = real_target();
  t.name = "shift";
  t.quantize.input = t.quantize.activation = {emu::Symmetry::symmetric, emu::Granularity::per_tensor, emu::ScaleKind::power_of_two, Round::half_up, "minmax"};
  t.multiplier.bits = 1;
  const emu::Steps full = parse_steps("shift_left scale; shift_right scale half_up; saturate output; clamp");
  t.conv = t.conv_transpose = t.matmul = emu::StepsRule{parse_steps("add_bias; shift_left scale; shift_right scale half_up; saturate output; clamp")};
  t.mul = t.requantize = emu::StepsRule{full};
  t.leaky_relu.reset();
  t.add = emu::AddRule{.inputs = emu::InputScales::joint, .operand_steps = {}, .steps = full};
  t.concat = emu::ConcatRule{emu::ConcatScales::joint, {}};
  t.average_pool->steps = t.softmax->steps = parse_steps("saturate output; clamp");
  return t;
}

TensorQuantization quantization(float scale, int64_t zero_point, emu::IntType type, int64_t low, int64_t high) {
  TensorQuantization own;
  own.state = State::activated;
  own.storage = {type, low, high};
  own.scale = {scale};
  own.zero_point = zero_point;
  return own;
}

TensorQuantization per_channel(std::vector<float> scales, int64_t axis) {
  TensorQuantization own = quantization(1, 0, emu::kS8, -127, 127);
  own.axis = axis;
  own.scale = std::move(scales);
  return own;
}

ValueId Net::input(const std::string& name, const Shape& shape, const TensorQuantization& own) {
  const ValueId id = q.graph.add_value(name, shape);
  q.graph.inputs.push_back(id);
  q.tensors.emplace_back(own);
  return id;
}

ValueId Net::constant(const std::string& name, const FloatTensor& tensor, std::optional<TensorQuantization> own) {
  const ValueId id = q.graph.add_constant(name, tensor);
  q.tensors.push_back(std::move(own));
  return id;
}

ValueId Net::node(const std::string& type, const Operator& op, const std::vector<ValueId>& inputs, const Shape& shape, const TensorQuantization& own, std::vector<Operator> fused) {
  const ValueId id = q.graph.add_value(type + std::to_string(q.graph.nodes.size()) + "_out", shape);
  q.graph.nodes.push_back({type + std::to_string(q.graph.nodes.size()), type, op, std::move(fused), inputs, id});
  q.tensors.emplace_back(own);
  return id;
}

}  // namespace assay::quant
