// Lowering for chips whose arithmetic has other forms: common shifts, binary32, two cuts, biases of their own scale, averages with a shared scale. Published vectors, end to end.
#include <gtest/gtest.h>

#include <bit>

#include "emu/base/error.h"
#include "emu/machine.h"
#include "quant/calibrate/fit_weights.h"
#include "quant/calibrate/parameters.h"
#include "tests/quant/ops/lowering_fixture.h"

namespace assay::quant {
namespace {

using emu::parse_steps;
using Words = std::vector<int64_t>;

TensorQuantization u8(float scale, int64_t zero_point) {
  return quantization(scale, zero_point, emu::kU8, 0, 255);
}
TensorQuantization symmetric(float scale) {
  TensorQuantization own = quantization(scale);
  own.symmetry = emu::Symmetry::symmetric;
  return own;
}

emu::Program sum(const TensorQuantization& a, const TensorQuantization& b, const TensorQuantization& y, const emu::Target& target) {
  Net net(target);
  const ValueId x = net.input("a", {1}, a), z = net.input("b", {1}, b);
  net.output(net.node("Add", Binary{Arithmetic::add}, {x, z}, {1}, y));
  return net.lowered().program;
}

// pytorch issue 37343: one backend answers 155, the other 154.
TEST(LowerAdd, OperandsWithACommonShiftGiveThePublishedMultipliersAndResult) {
  emu::Target target = real_target();
  target.multiplier.ratio = emu::RatioFormat::binary32;
  target.multiplier.round = emu::Round::half_even;
  target.add = emu::AddRule{.operand_scale = emu::OperandScale::common_shift,
                            .operand_bits = 22,
                            .operand_steps = parse_steps("multiply"),
                            .steps = parse_steps("shift_right scale half_away; add_zero_point; saturate output; clamp")};
  const emu::Program p = sum(u8(0.040562573820352554F, 112), u8(0.08881603181362152F, 126), u8(0.09029635787010193F, 124), target);
  const auto& add = only<emu::Add>(p);
  EXPECT_EQ(p.scales[add.scale_a.index][0].multiplier, 1884149);
  EXPECT_EQ(p.scales[add.scale_b.index][0].multiplier, 4125542);
  EXPECT_EQ(p.scales[add.requant.scale.index][0].right.bits, 22);
  EXPECT_EQ(emu::run(p, {emu::Tensor(emu::kU8, {1}, Words{158}), emu::Tensor(emu::kU8, {1}, Words{136})})[0].values(), Words{155});
}

TEST(LowerAdd, OperandsInBinary32GiveTheOtherBackendsResult) {
  emu::Target target = real_target();
  target.binary32 = emu::Fp32Rule{};
  target.add =
      emu::AddRule{.operand_steps = parse_steps("to_fp32; mul_fp32 scale"), .steps = parse_steps("div_fp32 output; add_fp32 zero_point; to_int half_even; saturate output; clamp")};
  const emu::Program p = sum(u8(0.040562573820352554F, 112), u8(0.08881603181362152F, 126), u8(0.09029635787010193F, 124), target);
  EXPECT_EQ(emu::run(p, {emu::Tensor(emu::kU8, {1}, Words{158}), emu::Tensor(emu::kU8, {1}, Words{136})})[0].values(), Words{154});
}

// x times one weight of 1, so that the accumulator is x; a bias.
emu::Program conv(const emu::Target& target, float s_x, float s_w, float s_y, float bias, int64_t weight = 1) {
  Net net(target);
  TensorQuantization in = quantization(s_x, 0, emu::IntType{16, true}, -32768, 32767);
  const ValueId x = net.input("x", {1, 1, 1, 1}, in);
  TensorQuantization own = symmetric(s_w);
  const ValueId w = net.constant("w", FloatTensor({1, 1, 1, 1}, {static_cast<float>(weight) * s_w}), own);
  const ValueId b = net.constant("b", FloatTensor({1}, {bias}));
  net.output(net.node("Conv", Conv{}, {x, w, b}, {1, 1, 1, 1}, symmetric(s_y)));
  return net.lowered().program;
}
int64_t result(const emu::Program& program, int64_t accumulator) {
  return emu::run(program, {emu::Tensor(emu::IntType{16, true}, {1, 1, 1, 1}, Words{accumulator})})[0].values()[0];
}

TEST(LowerConv, TheStepwiseEpilogueInBinary32GivesThePublishedRow) {
  emu::Target target = real_target();
  target.binary32 = emu::Fp32Rule{};
  target.conv = emu::StepsRule{parse_steps("to_fp32; mul_fp32 scale; add_fp32 bias; div_fp32 output; to_int half_even; saturate output; clamp")};
  const emu::Program p = conv(target, 0.02F, 0.005F, 0.03F, 0.3F);
  const Words accumulators{100, 1000, -1000, 12345, -12345}, expected{10, 13, 7, 51, -31};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(result(p, accumulators[i]), expected[i]) << accumulators[i];
  EXPECT_FALSE(only<emu::Conv>(p).bias);  // the bias is a constant of the scale
}

TEST(LowerConv, ReciprocalScalesGiveThePublishedRow) {
  emu::Target target = real_target();
  target.binary32 = emu::Fp32Rule{emu::Fp32Scale::reciprocal_product, emu::kFp32, emu::kFp32, emu::Fp32Output::reciprocal};
  target.conv = emu::StepsRule{parse_steps("to_fp32; mul_fp32 scale; add_fp32 bias; mul_fp32 output; to_int half_away; saturate output; clamp")};
  const emu::Program p = conv(target, 1.0F / 63.5F, 1.0F / 254.0F, 1.0F / 50.0F, 0.1F);
  const Words accumulators{10000, -10000, 1234, -1234}, expected{36, -26, 9, 1};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(result(p, accumulators[i]), expected[i]) << accumulators[i];
}

TEST(LowerConv, AnIntegerBiasBeforeTheScaleGivesThePublishedRow) {
  emu::Target target = real_target();
  target.binary32 = emu::Fp32Rule{};
  target.conv = emu::StepsRule{parse_steps("add_bias; to_fp32; mul_fp32 scale; div_fp32 output; to_int half_away; saturate output; clamp")};
  const emu::Program p = conv(target, 0.02F, 0.005F, 0.03F, 50 * 0.0001F);
  const Words accumulators{100, 1000, -1000, 12345, -12345}, expected{1, 4, -3, 41, -41};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(result(p, accumulators[i]), expected[i]) << accumulators[i];
}

// Two cuts with m = 155, first 3 and second 14: the ratio of scales 155 * 2^-17, weights fitted to it.
TEST(LowerConv, TwoCutsGiveThePublishedRow) {
  emu::Target target = real_target();
  target.quantize.activation.symmetry = emu::Symmetry::symmetric;
  target.storage.bias = {emu::IntType{16, true}, -32767, 32767};
  target.quantize.bias_round = emu::Round::half_away;
  target.multiplier.form = emu::MultiplierForm::nearest;
  target.multiplier.bits = 8, target.multiplier.min_right = {8}, target.multiplier.max_right = {14}, target.multiplier.max_first = {5};
  target.conv = emu::StepsRule{parse_steps("shift_right first half_up; saturate 16; add_bias; saturate 16; multiply; shift_right scale half_up; saturate output; clamp")};
  const float s_w = 155 * 0x1p-17F, bias = 10 * 8 * s_w;  // 10 words after a first cut of 3
  const emu::Program p = conv(target, 1.0F, s_w, 1.0F, bias);
  const emu::QScale& scale = p.scales[only<emu::Conv>(p).requant.scale.index][0];
  EXPECT_EQ(scale.multiplier, 155);
  EXPECT_EQ(scale.first.bits, 3);
  EXPECT_EQ(scale.right.bits, 14);
  const Words accumulators{0, 1000, -1000, 4096, -4096, 31, -31}, expected{0, 1, -1, 5, -5, 0, 0};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(result(p, accumulators[i]), expected[i]) << accumulators[i];
}

// 201 * 2^-13 in one cut, on a chip whose other convolutions have two.
TEST(LowerConv, DepthwiseConvolutionsGoTheirOwnWay) {
  emu::Target target = real_target();
  target.quantize.activation.symmetry = emu::Symmetry::symmetric;
  target.storage.bias = {emu::IntType{16, true}, -32767, 32767};
  target.multiplier.form = emu::MultiplierForm::nearest;
  target.multiplier.bits = 8, target.multiplier.min_right = {8}, target.multiplier.max_right = {16}, target.multiplier.max_first = {5};
  target.conv = emu::StepsRule{parse_steps("shift_right first half_up; saturate 16; add_bias; saturate 16; multiply; shift_right scale half_up; saturate output; clamp")};
  target.depthwise_conv = emu::StepsRule{parse_steps("add_bias; multiply; shift_right scale half_up; saturate output; clamp")};
  const float s_w = 201 * 0x1p-13F;
  const emu::IntType wide{16, true};
  const auto net_of = [&](int64_t groups) {
    Net net(target);
    const ValueId x = net.input("x", {1, 2, 1, 1}, quantization(1, 0, wide, -32768, 32767));
    const Shape shape{2, 2 / groups, 1, 1};
    const ValueId w = net.constant("w", FloatTensor(shape, std::vector<float>(static_cast<size_t>(4 / groups), s_w)), symmetric(s_w));
    const ValueId b = net.constant("b", FloatTensor({2}, {100 * s_w, 100 * s_w}));
    net.output(net.node("Conv", Conv{.groups = groups}, {x, w, b}, {1, 2, 1, 1}, symmetric(1)));
    return net.lowered().program;
  };
  const emu::Program depthwise = net_of(2);
  const Words accumulators{4000, -4000, 20, -20, 5200}, expected{101, -96, 3, 2, 127};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(emu::run(depthwise, {emu::Tensor(wide, {1, 2, 1, 1}, Words{accumulators[i], 0})})[0].values()[0], expected[i]);
  EXPECT_EQ(depthwise.step_lists.at(only<emu::Conv>(depthwise).requant.steps.index), target.depthwise_conv->steps);
  const emu::Program dense = net_of(1);
  EXPECT_EQ(dense.step_lists.at(only<emu::Conv>(dense).requant.steps.index), target.conv->steps);
}

TEST(FitWeights, TakesUpTheDifferenceToALegalMultiplier) {
  emu::Target target = real_target();
  target.multiplier.form = emu::MultiplierForm::nearest;
  target.multiplier.bits = 8, target.multiplier.min_right = {8}, target.multiplier.max_right = {16};
  target.conv = emu::StepsRule{parse_steps("add_bias; multiply; shift_right scale half_up; add_zero_point; saturate output; clamp")};
  Net net(target);
  const ValueId x = net.input("x", {1, 1, 1, 1}, symmetric(0.5F));
  const ValueId w = net.constant("w", FloatTensor({2, 1, 1, 1}, {0.3F, 0.02F}), per_channel({0.3F / 127, 0.02F / 127}, 0));
  net.output(net.node("Conv", Conv{}, {x, w}, {1, 2, 1, 1}, symmetric(0.01F)));
  fit_weights_to_multiplier(net.q);
  const emu::Program p = net.lowered().program;
  const auto& scales = p.scales[only<emu::Conv>(p).requant.scale.index];
  ASSERT_EQ(scales.size(), 2U);
  for (size_t c = 0; c < 2; ++c) {
    const double ratio = static_cast<double>(scales[c].multiplier) / static_cast<double>(1 << scales[c].right.bits);
    EXPECT_EQ(net.q.tensors[w]->scale[c], static_cast<float>(ratio * 0.01F / 0.5F));
    EXPECT_NEAR(net.q.tensors[w]->scale[c], (c == 0 ? 0.3F : 0.02F) / 127, 0.01F * net.q.tensors[w]->scale[c]);
  }
}

TEST(FitWeights, CountsTheShiftsThatStandInTheList) {
  emu::Target target = real_target();
  target.multiplier.form = emu::MultiplierForm::nearest;
  target.multiplier.bits = 8, target.multiplier.min_right = {0}, target.multiplier.max_right = {16};
  target.conv = emu::StepsRule{parse_steps("add_bias; shift_left 2; multiply; shift_right 7 floor; shift_right scale half_up; add_zero_point; saturate output; clamp")};
  Net net(target);
  const ValueId x = net.input("x", {1, 1, 1, 1}, symmetric(0.5F));
  const float before = 0.3F / 127;
  const ValueId w = net.constant("w", FloatTensor({1, 1, 1, 1}, {0.3F}), symmetric(before));
  net.output(net.node("Conv", Conv{}, {x, w}, {1, 1, 1, 1}, symmetric(0.01F)));
  fit_weights_to_multiplier(net.q);
  EXPECT_NEAR(net.q.tensors[w]->scale[0], before, 0.01F * before);
}

// Dense convolutions add the bias in binary32, depthwise ones as an integer.
TEST(QuantizeBiases, AsksTheStepsThatADepthwiseConvolutionGoesThrough) {
  emu::Target target = real_target();
  target.binary32 = emu::Fp32Rule{};
  target.depthwise_conv = target.conv;
  target.conv = emu::StepsRule{parse_steps("to_fp32; mul_fp32 scale; add_fp32 bias; div_fp32 output; to_int half_even; saturate output; clamp")};
  for (const int64_t groups : {1, 2}) {
    Net net(target);
    const ValueId x = net.input("x", {1, 2, 1, 1}, symmetric(1));
    const ValueId w = net.constant("w", FloatTensor({2, 2 / groups, 1, 1}), symmetric(1));
    const ValueId b = net.constant("b", FloatTensor({2}, {3, 4}));
    net.output(net.node("Conv", Conv{.groups = groups}, {x, w, b}, {1, 2, 1, 1}, symmetric(1)));
    quantize_biases(net.q);
    EXPECT_EQ(net.q.tensors[b].has_value(), groups == 2) << groups << " groups";
  }
}

TEST(LowerConv, ABiasOfItsOwnPowerOfTwoIsShiftedToTheAccumulator) {
  emu::Target target = shift_target();
  target.storage.bias = {emu::kS8, -128, 127};
  target.quantize.bias_scale = emu::BiasScale::power_of_two;
  Net net(target);
  const ValueId x = net.input("x", {1, 1, 1, 1}, symmetric(0x1p-4F));
  const ValueId w = net.constant("w", FloatTensor({1, 1, 1, 1}, {0.5F}), symmetric(0x1p-5F));
  TensorQuantization own = quantization(0x1p-6F);
  own.symmetry = emu::Symmetry::symmetric, own.round = emu::Round::half_away;
  const ValueId b = net.constant("b", FloatTensor({1}, {1.01F}), own);  // 64.64 -> 65 words of 2^-6 = 520 of 2^-9
  net.output(net.node("Conv", Conv{}, {x, w, b}, {1, 1, 1, 1}, symmetric(0x1p-4F)));
  const emu::Program p = net.lowered().program;
  EXPECT_EQ(p.constants[only<emu::Conv>(p).bias->index].tensor.values(), Words{520});
}

TEST(LowerAveragePool, RefusesWindowsThatNoFactorIsMadeFor) {
  const auto lowered = [](int64_t width) {
    emu::Target target = real_target();
    target.average_pool = emu::AverageRule{.inputs = emu::InputScales::joint,
                                           .form = emu::AverageForm::reciprocal,
                                           .count_scale = emu::CountScale::factor,
                                           .steps = parse_steps("multiply; shift_right scale half_up; add_zero_point; saturate output; clamp")};
    Net net(target);
    const ValueId x = net.input("x", {1, 1, 1, width}, symmetric(0.1F));
    net.output(net.node("AveragePool", AveragePool{{1, width}}, {x}, {1, 1, 1, 1}, symmetric(0.1F)));
    return net.lowered();
  };
  EXPECT_NO_THROW(lowered(1024));
  EXPECT_THROW(lowered(1025), Unsupported);
}

// The mean of nine 9s is 8 where the reciprocal is cut, 9 where it is rounded.
TEST(LowerAveragePool, ReciprocalsOfTheirOwnGiveThePublishedMeans) {
  const auto mean = [](emu::CountScale form, const char* steps, const Words& window) {
    emu::Target target = real_target();
    target.average_pool = emu::AverageRule{.inputs = emu::InputScales::joint, .form = emu::AverageForm::reciprocal, .count_scale = form, .steps = parse_steps(steps)};
    Net net(target);
    const auto width = static_cast<int64_t>(window.size());
    const ValueId x = net.input("x", {1, 1, 1, width}, symmetric(0.1F));
    net.output(net.node("AveragePool", AveragePool{{1, width}}, {x}, {1, 1, 1, 1}, symmetric(0.1F)));
    return emu::run(net.lowered().program, {emu::Tensor(emu::kS8, {1, 1, 1, width}, window)})[0].values()[0];
  };
  const std::vector<Words> windows{{9, 9, 9, 9, 9, 9, 9, 9, 9}, {1, 2}, {-1, -2}, {-3, -4, -4}, {127, 127, 127, 127}, {5, 6, 7, 8}};
  const Words cut{8, 1, -2, -4, 127, 6}, rounded{9, 2, -2, -4, 127, 7};
  for (size_t i = 0; i < windows.size(); ++i) {
    EXPECT_EQ(mean(emu::CountScale::floor_24, "multiply; shift_right scale floor; add_zero_point; saturate output; clamp", windows[i]), cut[i]) << i;
    EXPECT_EQ(mean(emu::CountScale::reciprocal_30, "multiply; shift_right scale half_up; add_zero_point; saturate output; clamp", windows[i]), rounded[i]) << i;
  }
}

}  // namespace
}  // namespace assay::quant
