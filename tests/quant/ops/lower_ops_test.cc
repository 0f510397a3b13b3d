// The other operators: scales, tables, clamps and copies, worked out by hand.
#include <gtest/gtest.h>

#include <bit>

#include "emu/machine.h"
#include "tests/quant/ops/lowering_fixture.h"

namespace assay::quant {
namespace {

using emu::parse_steps;

emu::QScale integer_scale(int64_t multiplier, int left, int right) {
  return {multiplier, emu::LeftShift{static_cast<uint8_t>(left)}, emu::RightShift{static_cast<uint8_t>(right)}};
}
using Scales = std::vector<emu::QScale>;

// One node on an input of shape {1, 2, 2, 2}.
emu::Program one_node(const Operator& op, const Shape& shape, const TensorQuantization& in, const TensorQuantization& out, const emu::Target& target = real_target()) {
  Net net(target);
  const ValueId x = net.input("x", {1, 2, 2, 2}, in);
  net.output(net.node("Node", op, {x}, shape, out));
  return net.lowered().program;
}
const Shape kSame{1, 2, 2, 2};

// Two inputs of one word each.
emu::Program two(Arithmetic kind, const TensorQuantization& a, const TensorQuantization& b, const TensorQuantization& y, const emu::Target& target = real_target(), int64_t n = 1) {
  Net net(target);
  const ValueId x = net.input("a", {n}, a);
  const ValueId z = net.input("b", {n}, b);
  net.output(net.node("Binary", Binary{kind}, {x, z}, {n}, y));
  return net.lowered().program;
}

TEST(LowerAdd, GivesTfLitesNumbersAndBits) {
  // A published vector: s1 0.05, s2 0.03, so 0.07, zero points -5, 7, -3.
  const emu::Program p = two(Arithmetic::add, quantization(0.05F, -5), quantization(0.03F, 7), quantization(0.07F, -3), real_target(), 5);
  const auto& add = only<emu::Add>(p);
  EXPECT_EQ(p.scales[add.scale_a.index], (Scales{integer_scale(1073741824, 0, 0)}));
  EXPECT_EQ(p.scales[add.scale_b.index], (Scales{integer_scale(1288490141, 0, 1)}));
  EXPECT_EQ(p.scales[add.requant.scale.index], (Scales{integer_scale(1533916908, 0, 19)}));
  const auto y = emu::run(p, {emu::Tensor(emu::kS8, {5}, {0, 50, -128, 127, 33}), emu::Tensor(emu::kS8, {5}, {0, -50, 127, 127, -12})});
  EXPECT_EQ(y[0].values(), (std::vector<int64_t>{-2, 12, -39, 127, 16}));
}

TEST(LowerAdd, JointInputsAreAddedAsTheyAre) {
  const emu::Program p = two(Arithmetic::sub, quantization(0.25F), quantization(0.25F), quantization(0.5F), shift_target());
  const auto& sub = only<emu::Sub>(p);
  EXPECT_EQ(p.scales[sub.scale_a.index], (Scales{integer_scale(1, 0, 0)}));
  EXPECT_EQ(p.scales[sub.scale_b.index], (Scales{integer_scale(1, 0, 0)}));
  EXPECT_EQ(p.scales[sub.requant.scale.index], (Scales{integer_scale(1, 0, 1)}));
  EXPECT_THROW(two(Arithmetic::add, quantization(0.25F), quantization(0.5F), quantization(0.5F), shift_target()), Unsupported);
}

TEST(LowerAdd, ShiftingOperandsAlignToTheFinerScale) {
  emu::Target target = shift_target();
  target.add->inputs = emu::InputScales::requantize;
  target.add->operand_steps = parse_steps("shift_left scale; shift_right scale half_up");
  emu::Program p = two(Arithmetic::add, quantization(0.25F), quantization(1), quantization(0.5F), target);
  EXPECT_EQ(p.scales[only<emu::Add>(p).scale_a.index], (Scales{integer_scale(1, 0, 0)}));
  EXPECT_EQ(p.scales[only<emu::Add>(p).scale_b.index], (Scales{integer_scale(1, 2, 0)}));
  EXPECT_EQ(p.scales[only<emu::Add>(p).requant.scale.index], (Scales{integer_scale(1, 0, 1)}));
  target.add->headroom = emu::LeftShift{4};
  target.add->operand_steps = parse_steps("shift_left 4; shift_right scale half_up");
  p = two(Arithmetic::add, quantization(0.25F), quantization(1), quantization(0.5F), target);
  EXPECT_EQ(p.scales[only<emu::Add>(p).scale_a.index], (Scales{integer_scale(1, 0, 2)})) << "cannot shift left by the scale: to the coarser, with the headroom below";
  EXPECT_EQ(p.scales[only<emu::Add>(p).scale_b.index], (Scales{integer_scale(1, 0, 0)}));
  EXPECT_EQ(p.scales[only<emu::Add>(p).requant.scale.index], (Scales{integer_scale(1, 0, 3)})) << "1 / (0.5 * 16)";
}

TEST(LowerAdd, NotesAnAccumulatorThatTheHeadroomFills) {
  Net net(real_target());
  const ValueId a = net.input("a", {1}, quantization(0.5F));
  net.output(net.node("Add", Binary{}, {a, a}, {1}, quantization(1)));
  EXPECT_TRUE(net.lowered().notes.empty());
  net.q.target.accumulate.accumulator = {{27, true}, emu::Overflow::saturate};
  ASSERT_EQ(net.lowered().notes.size(), 1U);
  EXPECT_EQ(net.lowered().notes[0].bits_needed, 29) << "2 * 128 * 2^19 = 2^27, and its positive twin one bit more";
}

TEST(LowerMul, MultipliesTheScalesAndTakesConstants) {
  Net net(real_target());
  const ValueId a = net.input("a", {1, 2, 1}, quantization(0.5F, 4));
  const ValueId b = net.constant("b", {{2, 1}, {1, 3}}, per_channel({0.5F, 0.25F}, 0));
  net.output(net.node("Mul", Binary{Arithmetic::mul}, {a, b}, {1, 2, 1}, quantization(1)));
  const emu::Program p = net.lowered().program;
  const auto& mul = only<emu::Mul>(p);
  EXPECT_EQ(mul.za, 4);
  EXPECT_EQ(p.constants[mul.b.index].tensor.values(), (std::vector<int64_t>{2, 12}));
  EXPECT_EQ(p.scales[mul.requant.scale.index], (Scales{integer_scale(1 << 30, 0, 1), integer_scale(1 << 30, 0, 2)}));
  net.q.tensors[b]->axis = 1;
  net.q.tensors[b]->scale = {0.5F};
  EXPECT_NO_THROW(net.lowered());
  net.q.tensors[a] = per_channel({1, 1}, 2);
  EXPECT_THROW(net.lowered(), InputError);
}

TEST(LowerRelu, RequantizesWithAClamp) {
  const emu::Program p = one_node(Relu{}, kSame, quantization(0.5F, 2), quantization(0.25F, -128));
  const auto& op = only<emu::Requantize>(p);
  EXPECT_EQ(op.zx, 2);
  EXPECT_EQ(p.scales[op.requant.scale.index], (Scales{integer_scale(1 << 30, 2, 0)}));
  EXPECT_EQ(op.requant.clamp, (emu::ClampBounds{-128, 127}));
  const emu::Program clip = one_node(Clip{-1, 6}, kSame, quantization(0.5F, 2), quantization(0.5F, 2));
  EXPECT_EQ(only<emu::Requantize>(clip).requant.clamp, (emu::ClampBounds{0, 14}));
}

TEST(LowerRelu, IsATableWhereScalesCannotChange) {
  emu::Target target = real_target();
  target.requantize.reset();
  const emu::Program p = one_node(Clip{-1, 6}, kSame, quantization(0.5F), quantization(0.5F), target);
  EXPECT_EQ(only<emu::TableLookup>(p).function, "clip");
  const auto y = emu::run(p, {emu::Tensor(emu::kS8, kSame, {-128, -3, -2, 0, 5, 12, 13, 127})});
  EXPECT_EQ(y[0].values(), (std::vector<int64_t>{-2, -2, -2, 0, 5, 12, 12, 12}));
}

TEST(LowerLeakyRelu, HasASecondScaleThatMayBeNegative) {
  emu::Program p = one_node(LeakyRelu{-0.25F}, kSame, quantization(0.5F), quantization(0.5F));
  EXPECT_EQ(p.scales[only<emu::LeakyRelu>(p).requant.scale.index], (Scales{integer_scale(1 << 30, 1, 0)}));
  EXPECT_EQ(p.scales[only<emu::LeakyRelu>(p).negative.index], (Scales{integer_scale(-(1 << 30), 0, 1)}));
  p = one_node(LeakyRelu{0.25F}, kSame, quantization(0.5F), quantization(0.5F), shift_target());
  EXPECT_EQ(only<emu::TableLookup>(p).function, "leaky_relu") << "no multiplier, but a table";
}

TEST(LowerLeakyRelu, PReluTakesTheSlopesAsTheyAreQuantized) {
  Net net(real_target());
  const ValueId x = net.input("x", kSame, quantization(0.5F));
  const ValueId slope = net.constant("slope", {{2}, {0.26F, 0.5F}}, quantization(0.25F));
  net.output(net.node("PRelu", PRelu{}, {x, slope}, kSame, quantization(0.5F)));
  emu::Program p = net.lowered().program;
  EXPECT_EQ(p.scales[only<emu::LeakyRelu>(p).negative.index], (Scales{integer_scale(1 << 30, 0, 1), integer_scale(1 << 30, 0, 0)})) << "0.26 is one step of 0.25";
  net.q.tensors[slope].reset();
  p = net.lowered().program;
  EXPECT_EQ(p.scales[only<emu::LeakyRelu>(p).negative.index][0].multiplier, 1116691456) << "0.26f * 2^32 rounded: 17039360.0 * 2^-26";
}

TEST(LowerLeakyRelu, PReluIsATablePerChannelWhereSlopesNeedAMultiplier) {
  Net net(shift_target());
  const ValueId x = net.input("x", kSame, quantization(0.5F));
  const ValueId slope = net.constant("slope", {{2}, {0.25F, 0.5F}}, quantization(0.25F));
  net.output(net.node("PRelu", PRelu{}, {x, slope}, kSame, quantization(0.5F)));
  const emu::Program p = net.lowered().program;
  const auto& op = only<emu::TableLookup>(p);
  ASSERT_EQ(p.constants[op.table.index].tensor.shape(), (Shape{2, 256}));
  const std::vector<int64_t> entries = p.constants[op.table.index].tensor.values();
  EXPECT_EQ(entries[0], -32) << "-128 * 0.25";
  EXPECT_EQ(entries[256], -64) << "-128 * 0.5";
  EXPECT_EQ(entries[255], 127);
}

TEST(LowerUnary, FillsTheTable) {
  const emu::Program p = one_node(Unary{Function::sigmoid, 0, 0}, kSame, quantization(0.1F), quantization(0x1p-8F, -128));
  const auto& op = only<emu::TableLookup>(p);
  EXPECT_EQ(op.function, "sigmoid");
  const auto entries = p.constants[op.table.index].tensor.values();
  ASSERT_EQ(entries.size(), 256U);
  EXPECT_EQ(entries[128], 0);
  EXPECT_EQ(entries[129], 6);
  EXPECT_EQ(entries[255], 127);
}

TEST(LowerUnary, RefusesATableFinerThanTheWord) {
  emu::Target target = real_target();
  target.table->form.fraction_bits = 8;
  EXPECT_THROW(one_node(Unary{Function::tanh, 0, 0}, kSame, quantization(0.1F), quantization(0.1F), target), Unsupported);
}

TEST(LowerAveragePool, DividesOnceBesideTheScales) {
  const emu::Program p = one_node(AveragePool{{2, 2}}, {1, 2, 1, 1}, quantization(0.75F, 3), quantization(1, -1));
  const auto& op = only<emu::AveragePool>(p);
  EXPECT_EQ(op.divide, emu::Round::half_away);
  EXPECT_EQ(op.zx, 3);
  EXPECT_EQ(p.scales[op.requant.scale.index], (Scales{integer_scale(0x60000000, 0, 31)}));
  const emu::Program same = one_node(AveragePool{{2, 2}}, {1, 2, 1, 1}, quantization(0.75F), quantization(0.75F));
  EXPECT_EQ(same.scales[only<emu::AveragePool>(same).requant.scale.index], (Scales{integer_scale(1, 0, 0)}));
}

TEST(LowerAveragePool, ReciprocalsHaveAnEntryPerCountWhereCountsDiffer) {
  emu::Target target = real_target();
  target.average_pool->form = emu::AverageForm::reciprocal;
  target.average_pool->steps = target.requantize->steps;
  emu::Program p = one_node(AveragePool{{2, 2}}, {1, 2, 1, 1}, quantization(0.5F), quantization(0.5F), target);
  EXPECT_EQ(only<emu::AveragePool>(p).divide, std::nullopt);
  EXPECT_EQ(p.scales[only<emu::AveragePool>(p).requant.scale.index], (Scales{integer_scale(1 << 30, 0, 1)})) << "1/4";
  const AveragePool padded{{2, 2}, {1, 1}, {1, 1, 1, 1}, false};
  p = one_node(padded, {1, 2, 3, 3}, quantization(0.5F), quantization(0.5F), target);
  EXPECT_EQ(p.scales[only<emu::AveragePool>(p).requant.scale.index],
            (Scales{integer_scale(1 << 30, 1, 0), integer_scale(1 << 30, 0, 0), integer_scale(1431655765, 0, 1), integer_scale(1 << 30, 0, 1)}));
  const AveragePool counted{{2, 2}, {1, 1}, {1, 1, 1, 1}, true};
  p = one_node(counted, {1, 2, 3, 3}, quantization(0.5F), quantization(0.5F), target);
  EXPECT_EQ(p.scales[only<emu::AveragePool>(p).requant.scale.index].size(), 1U);
  const AveragePool corners{{2, 2}, {2, 2}, {1, 1, 1, 1}, false};  // every window sees one element
  p = one_node(corners, {1, 2, 2, 2}, quantization(0.5F), quantization(0.5F), target);
  EXPECT_EQ(p.scales[only<emu::AveragePool>(p).requant.scale.index], (Scales{integer_scale(1 << 30, 1, 0)}));
}

TEST(LowerConcat, CopiesWhereAllShareTheScaleElseRequantizes) {
  const auto joined = [](float a, float b, float y, const emu::Target& target) {
    Net net(target);
    const ValueId x = net.input("a", {1, 1}, quantization(a));
    const ValueId z = net.input("b", {1, 1}, quantization(b, b == a ? 0 : 3));
    net.output(net.node("Concat", Concat{1}, {x, z}, {1, 2}, quantization(y)));
    return net.lowered().program;
  };
  EXPECT_TRUE(only<emu::Concat>(joined(0.5F, 0.5F, 0.5F, shift_target())).scales.empty());
  const emu::Program p = joined(0.5F, 0.25F, 0.5F, real_target());
  const auto& op = only<emu::Concat>(p);
  EXPECT_EQ(op.zero_points, (std::vector<int64_t>{0, 3}));
  ASSERT_EQ(op.scales.size(), 2U);
  EXPECT_EQ(p.scales[op.scales[0].index], (Scales{integer_scale(1 << 30, 1, 0)}));
  EXPECT_EQ(p.scales[op.scales[1].index], (Scales{integer_scale(1 << 30, 0, 0)}));
  EXPECT_THROW(joined(0.5F, 0.25F, 0.5F, shift_target()), Unsupported);
  Net narrow(real_target());
  const ValueId x = narrow.input("x", {1, 1}, quantization(0.5F));
  narrow.output(narrow.node("Concat", Concat{1}, {x, x}, {1, 2}, quantization(0.25F, 0, emu::kS8, -127, 127)));
  const emu::Program kept = narrow.lowered().program;
  EXPECT_NE(to_string(kept.step_lists[only<emu::Concat>(kept).steps.index]).find("saturate output; clamp -127 127"), std::string::npos);
  EXPECT_EQ(emu::run(kept, {emu::Tensor(emu::kS8, {1, 1}, {-128})})[0].values(), (std::vector<int64_t>{-127, -127}));
}

TEST(LowerSoftmax, HasATableOfExponentialsAndOneDivision) {
  const emu::Program p = one_node(Softmax{3}, kSame, quantization(0.5F, 17), quantization(0x1p-8F, -128));
  const auto& op = only<emu::Softmax>(p);
  const emu::Tensor& table = p.constants[op.table.index].tensor;
  EXPECT_EQ(table.type(), (emu::IntType{32, false}));
  ASSERT_EQ(table.size(), 256U);
  EXPECT_EQ(table.at(0), 65535);
  EXPECT_EQ(table.at(1), 39749);
  EXPECT_EQ(p.scales[op.requant.scale.index], (Scales{integer_scale(1, 8, 0)}));
  // Equal inputs: a half each, 128 steps above -128.
  EXPECT_EQ(emu::run(p, {emu::Tensor(emu::kS8, kSame)})[0].values(), std::vector<int64_t>(8, 0));
}

TEST(LowerCopies, CarryTheirAttributesAndRefuseAChangeOfScale) {
  const auto s = quantization(0.5F, 3);
  EXPECT_EQ(only<emu::Pad>(one_node(Pad{{0, 0, 1, 0}, {0, 0, 0, 1}, 2.25F}, {1, 2, 3, 3}, s, s)).value, 7) << "2.25 / 0.5 = 4.5, half even 4, + 3";
  EXPECT_EQ(only<emu::Transpose>(one_node(Transpose{{0, 3, 2, 1}}, kSame, s, s)).permutation, (std::vector<int64_t>{0, 3, 2, 1}));
  EXPECT_EQ(only<emu::Slice>(one_node(Slice{{0, 1, 0, 1}, {1, 1, 1, -1}}, {1, 1, 2, 2}, s, s)).steps, (std::vector<int64_t>{1, 1, 1, -1}));
  EXPECT_EQ(only<emu::ResizeNearest>(one_node(ResizeNearest{{0, 1, 1}, {1, 0}}, {1, 2, 3, 2}, s, s)).rows, (std::vector<int64_t>{0, 1, 1}));
  EXPECT_EQ(only<emu::MaxPool>(one_node(MaxPool{{2, 2}}, {1, 2, 1, 1}, s, s)).kernel, (std::vector<int64_t>{2, 2}));
  EXPECT_NO_THROW(one_node(Reshape{}, {8}, s, s));
  EXPECT_THROW(one_node(Reshape{}, {8}, s, quantization(0.5F, 4)), InputError);
  EXPECT_THROW(one_node(MaxPool{{2, 2}}, {1, 2, 1, 1}, s, quantization(0.25F, 3)), InputError);
}

TEST(LowerBatchNorm, IsGoneBeforeLowering) {
  EXPECT_THROW(one_node(BatchNorm{}, kSame, quantization(1), quantization(1)), InputError);
}

}  // namespace
}  // namespace assay::quant
