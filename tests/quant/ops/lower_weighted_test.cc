// Conv, ConvTranspose, MatMul: words, scales, biases, clamps and the worst case of the sum, worked out by hand.
#include <gtest/gtest.h>

#include "tests/quant/ops/lowering_fixture.h"

namespace assay::quant {
namespace {

using emu::parse_steps;

emu::QScale weighted_scale(int64_t multiplier, int left, int right) {
  return {multiplier, emu::LeftShift{static_cast<uint8_t>(left)}, emu::RightShift{static_cast<uint8_t>(right)}};
}
std::vector<int64_t> constant_words(const emu::Program& p, emu::Ref ref) {
  return p.constants.at(ref.index).tensor.values();
}
const std::vector<emu::QScale>& scale(const emu::Program& p, const emu::Requant& r) {
  return p.scales.at(r.scale.index);
}

// x scale 1/2, w scales 1/4 and 1/8, y scale 1.
struct TwoChannels {
  explicit TwoChannels(emu::Target target, std::vector<float> scales = {0.25F, 0.125F}) : net(std::move(target)) {
    const ValueId x = net.input("x", {1, 1, 2, 2}, quantization(0.5F, in_zero));
    const ValueId w = net.constant("w", {{2, 1, 1, 2}, {1, -0.5F, 0.25F, 100}}, per_channel(std::move(scales), 0));
    const ValueId b = net.constant("b", {{2}, {1, -0.5F}});
    net.output(net.node("Conv", Conv{}, {x, w, b}, {1, 2, 2, 1}, quantization(1, in_zero), {Relu{}}));
  }
  static constexpr int64_t in_zero = 3;
  Net net;
};

TEST(LowerConv, QuantizesWeightsAndBiasPerChannel) {
  const emu::Program p = TwoChannels(real_target()).net.lowered().program;
  const auto& conv = only<emu::Conv>(p);
  EXPECT_EQ(constant_words(p, conv.w), (std::vector<int64_t>{4, -2, 2, 127}));
  EXPECT_EQ(constant_words(p, *conv.bias), (std::vector<int64_t>{8, -8})) << "1 / (0.5 * 0.25) and -0.5 / (0.5 * 0.125)";
  EXPECT_EQ(p.constants.at(conv.bias->index).tensor.type(), emu::kS32);
  EXPECT_EQ(conv.zx, 3);
  EXPECT_EQ(conv.zw, 0);
  EXPECT_EQ(scale(p, conv.requant), (std::vector<emu::QScale>{weighted_scale(1 << 30, 0, 2), weighted_scale(1 << 30, 0, 3)})) << "1/8 and 1/16 as q31 halves";
  EXPECT_EQ(conv.requant.clamp, (emu::ClampBounds{3, 127})) << "Relu starts at the zero point";
}

TEST(LowerConv, WritesOneScaleWhereAllAreEqual) {
  const emu::Program p = TwoChannels(real_target(), {0.25F, 0.25F}).net.lowered().program;
  EXPECT_EQ(scale(p, only<emu::Conv>(p).requant).size(), 1U);
}

TEST(LowerConv, BiasIsInTheStepsOfThePlaceWhereItIsAdded) {
  emu::Target target = real_target();
  target.multiplier.bits = 8;
  // Two cuts: the first shifts the sum by 2, so one bias step is 4 accumulator steps.
  target.conv->steps = parse_steps("shift_right 2 half_up; saturate 16; add_bias; saturate 16; multiply; shift_right scale half_up; add_zero_point; saturate output; clamp");
  emu::Program p = TwoChannels(target).net.lowered().program;
  EXPECT_EQ(constant_words(p, *only<emu::Conv>(p).bias), (std::vector<int64_t>{2, -2}));
  EXPECT_EQ(scale(p, only<emu::Conv>(p).requant), (std::vector<emu::QScale>{weighted_scale(128, 0, 8), weighted_scale(128, 0, 9)}));
  // After the multiplication: 1 / (1/8) * 128 = 1024 of the steps there, exactly.
  target.conv->steps = parse_steps("multiply; add_bias; shift_right scale half_up; add_zero_point; saturate output; clamp");
  p = TwoChannels(target).net.lowered().program;
  EXPECT_EQ(constant_words(p, *only<emu::Conv>(p).bias), (std::vector<int64_t>{1024, -1024}));
}

TEST(LowerConv, BiasKeepsItsOwnRoundingAndLimits) {
  TwoChannels two(real_target());
  TensorQuantization own = quantization(0.125F, 0, emu::kS16, -5, 6);
  own.state = State::passive;
  own.axis = 0;
  own.scale = {0.125F, 0.0625F};
  two.net.q.tensors[2] = own;
  const emu::Program p = two.net.lowered().program;
  EXPECT_EQ(constant_words(p, *only<emu::Conv>(p).bias), (std::vector<int64_t>{6, -5}));
  EXPECT_EQ(p.constants.at(only<emu::Conv>(p).bias->index).tensor.type(), emu::kS16);
}

TEST(LowerConv, LeavesOutAddBiasWhereThereIsNone) {
  Net net(real_target());
  const ValueId x = net.input("x", {1, 1, 1, 1}, quantization(0.5F));
  const ValueId w = net.constant("w", {{1, 1, 1, 1}, {1}}, quantization(0.5F));
  net.output(net.node("Conv", Conv{}, {x, w}, {1, 1, 1, 1}, quantization(0.5F)));
  const emu::Program p = net.lowered().program;
  EXPECT_FALSE(only<emu::Conv>(p).bias.has_value());
  EXPECT_EQ(to_string(p.step_lists.at(only<emu::Conv>(p).requant.steps.index)),
            "shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; add_zero_point; saturate output; clamp");
}

TEST(LowerConv, RefusesABiasThatTheStepsDoNotAddAndWrongAxes) {
  emu::Target target = real_target();
  target.conv->steps = parse_steps("multiply; shift_right scale half_up; add_zero_point; saturate output; clamp");
  EXPECT_THROW(TwoChannels(target).net.lowered(), Unsupported);
  TwoChannels wrong(real_target());
  wrong.net.q.tensors[1]->axis = 2;
  EXPECT_THROW(wrong.net.lowered(), InputError);
}

TEST(LowerConv, NotesTheBitsThatTheWorstSumNeeds) {
  TwoChannels two(real_target());
  EXPECT_TRUE(two.net.lowered().notes.empty());
  // Largest |x - 3| = 131; channel 0: 131 * (4 + 2) + 8 = 794, channel 1: 131 * (2 + 127) + 8 = 16907: 16 bits signed.
  two.net.q.target.accumulate.accumulator = {{15, true}, emu::Overflow::wrap};
  const auto notes = two.net.lowered().notes;
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].node, "Conv0");
  EXPECT_EQ(notes[0].accumulator, "s15.wrap");
  EXPECT_EQ(notes[0].bits_needed, 16);
  two.net.q.target.accumulate.accumulator = {{16, true}, emu::Overflow::wrap};
  EXPECT_TRUE(two.net.lowered().notes.empty());
}

TEST(LowerConv, IntersectsFusedClamps) {
  Net net(real_target());
  const ValueId x = net.input("x", {1, 1, 1, 1}, quantization(0.5F));
  const ValueId w = net.constant("w", {{1, 1, 1, 1}, {1}}, quantization(0.5F));
  net.output(net.node("Conv", Conv{}, {x, w}, {1, 1, 1, 1}, quantization(0.5F, -100), {Clip{-1, 6}, Relu{}, Clip{-2, 3}}));
  const emu::Program p = net.lowered().program;
  EXPECT_EQ(only<emu::Conv>(p).requant.clamp, (emu::ClampBounds{-100, -94}));
}

// `clamp LOW HIGH` limits to its own numbers, whatever is fused.
TEST(LowerConv, RefusesAFusedActivationWhereTheStepsClampToNumbersOnly) {
  emu::Target target = real_target();
  target.conv->steps.back() = emu::parse_step("clamp -100 100");
  TwoChannels relu(target);
  ASSERT_EQ(relu.net.q.graph.nodes[0].fused.size(), 1U);
  EXPECT_THROW(relu.net.lowered(), Unsupported);
  relu.net.q.graph.nodes[0].fused.clear();
  EXPECT_NO_THROW(relu.net.lowered());
}

TEST(LowerConv, RefusesAClampThatTheStepsLack) {
  emu::Target target = real_target();
  target.conv->steps = parse_steps("add_bias; multiply; shift_right scale half_up; add_zero_point; saturate output");
  try {
    TwoChannels(target).net.lowered();
    FAIL() << "lowered";
  } catch (const Unsupported& error) {
    EXPECT_NE(std::string(error.what()).find("ops.conv.steps has no `clamp`"), std::string::npos) << error.what();
  }
}

// The slope is a constant of each channel's scale; a node without the activation, or without a bias, has no step for it.
TEST(LowerConv, AFusedLeakyReluIsAStepAndItsSlopeAConstant) {
  emu::Target target = real_target();
  target.conv->steps = parse_steps("to_fp32; mul_fp32 scale; add_fp32 bias; leaky_fp32 slope; mul_fp32 output; add_fp32 zero_point; to_int half_even; saturate output; clamp");
  target.binary32 = emu::Fp32Rule{.output = emu::Fp32Output::reciprocal};
  const auto made = [&](std::vector<Operator> fused) {
    Net net(target);
    const ValueId x = net.input("x", {1, 1, 1, 1}, quantization(0.5F));
    const ValueId w = net.constant("w", {{2, 1, 1, 1}, {1, 0.5F}}, per_channel({0.25F, 0.125F}, 0));
    const ValueId b = net.constant("b", {{2}, {1, -0.5F}});
    net.output(net.node("Conv", Conv{}, {x, w, b}, {1, 2, 1, 1}, quantization(0.5F, 3), std::move(fused)));
    return net.lowered().program;
  };
  const emu::Program leaky = made({LeakyRelu{0.25F}, Clip{-1, 2}}), plain = made({});
  EXPECT_TRUE(leaky.step_lists.at(only<emu::Conv>(leaky).requant.steps.index) == target.conv->steps);
  for (const emu::QScale& entry : scale(leaky, only<emu::Conv>(leaky).requant)) EXPECT_EQ(entry.fp32.slope.bits, 0x3e800000U);
  EXPECT_EQ(only<emu::Conv>(leaky).requant.clamp, (emu::ClampBounds{1, 7})) << "the bounds of what follows it";
  EXPECT_EQ(to_string(plain.step_lists.at(only<emu::Conv>(plain).requant.steps.index)),
            "to_fp32; mul_fp32 scale; add_fp32 bias; mul_fp32 output; add_fp32 zero_point; to_int half_even; saturate output; clamp");
  target.conv->steps = real_target().conv->steps;
  EXPECT_THROW(made({LeakyRelu{0.25F}}), Unsupported);
  EXPECT_NO_THROW(made({}));
}

TEST(LowerConvTranspose, IndexesScalesByOutputChannelAndSumsByPhase) {
  Net net(real_target());
  const ValueId x = net.input("x", {1, 2, 1, 1}, quantization(0.5F));
  // [I = 2, O/groups = 2, 1, 2], groups 1, stride 2: the two taps of a row never meet.
  const ValueId w = net.constant("w", {{2, 2, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8}}, per_channel({1, 0.5F}, 1));
  const ConvTranspose op{{2, 2}, {0, 0, 0, 0}, {1, 1}, {0, 0}, 1};
  net.output(net.node("ConvTranspose", op, {x, w}, {1, 2, 1, 2}, quantization(1)));
  net.q.target.accumulate.accumulator = {{8, true}, emu::Overflow::wrap};
  const Lowered lowered = net.lowered();
  const auto& conv = only<emu::ConvTranspose>(lowered.program);
  EXPECT_EQ(constant_words(lowered.program, conv.w), (std::vector<int64_t>{1, 2, 6, 8, 5, 6, 14, 16}));
  EXPECT_EQ(scale(lowered.program, conv.requant), (std::vector<emu::QScale>{weighted_scale(1 << 30, 0, 0), weighted_scale(1 << 30, 0, 1)}));
  ASSERT_EQ(lowered.notes.size(), 1U);
  EXPECT_EQ(lowered.notes[0].bits_needed, 13) << "128 * (8 + 16) = 3072; all taps together would be 128 * 44 = 5632, 14 bits";
}

TEST(LowerMatMul, TakesEitherOperandAsAValue) {
  Net net(real_target());
  const ValueId a = net.input("a", {2, 3}, quantization(0.5F, 1));
  const ValueId b = net.input("b", {3, 2}, quantization(0.25F, -2));
  net.output(net.node("MatMul", MatMul{}, {a, b}, {2, 2}, quantization(1)));
  net.q.target.accumulate.accumulator = {{8, true}, emu::Overflow::wrap};
  const Lowered lowered = net.lowered();
  const auto& op = only<emu::MatMul>(lowered.program);
  EXPECT_FALSE(op.b.is_constant);
  EXPECT_EQ(op.za, 1);
  EXPECT_EQ(op.zb, -2);
  EXPECT_EQ(scale(lowered.program, op.requant), (std::vector<emu::QScale>{weighted_scale(1 << 30, 0, 2)}));
  EXPECT_EQ(lowered.notes.at(0).bits_needed, 17) << "3 * 129 * 129 = 49923";
}

TEST(LowerMatMul, WeightsPerColumn) {
  Net net(real_target());
  const ValueId a = net.input("a", {1, 2}, quantization(0.5F));
  const ValueId b = net.constant("w", {{2, 2}, {1, 2, 3, 4}}, per_channel({1, 0.5F}, 1));
  net.output(net.node("Gemm", MatMul{}, {a, b}, {1, 2}, quantization(1)));
  const emu::Program p = net.lowered().program;
  EXPECT_EQ(constant_words(p, only<emu::MatMul>(p).b), (std::vector<int64_t>{1, 4, 3, 8}));
  EXPECT_EQ(scale(p, only<emu::MatMul>(p).requant), (std::vector<emu::QScale>{weighted_scale(1 << 30, 0, 0), weighted_scale(1 << 30, 0, 1)}));
}

}  // namespace
}  // namespace assay::quant
