// Convolution by hand: each example's arithmetic stands beside it. The random laws are in conv_laws_test.cc.
#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

const Values kOneToNine{1, 2, 3, 4, 5, 6, 7, 8, 9};

Values plus(Values values, int64_t offset) {
  for (int64_t& value : values) value += offset;
  return values;
}

TEST(Conv, SumsProductsOverEachWindow) {
  OneOp one;
  Conv conv;
  conv.x = one.value(kS8, {1, 1, 3, 3}, kOneToNine);
  conv.w = one.constant(kS8, {1, 1, 2, 2}, {1, 2, 3, 4});
  conv.requant = one.requant("saturate output");
  one.result(kS32, {1, 1, 2, 2});
  // 1*1 + 2*2 + 4*3 + 5*4 = 37; one step right adds 1+2+3+4 = 10, one step down 3*10 = 30.
  EXPECT_EQ(one.run(conv).values, (Values{37, 47, 67, 77}));
  EXPECT_EQ(one.run(conv).overflows, OverflowCounts{});
}

TEST(Conv, TakesZeroPointsOffAndPadsEachSideWithRealZero) {
  OneOp one;
  Conv conv;
  conv.x = one.value(kU8, {1, 1, 3, 3}, plus(kOneToNine, 200), 200);
  conv.w = one.constant(kS8, {1, 1, 2, 2}, {0, 1, 2, 3});
  conv.requant = one.requant("saturate output");
  conv.zx = 200;
  conv.zw = -1;              // the weights are 1, 2, 3, 4
  conv.pads = {1, 0, 0, 1};  // above and to the right
  one.result(kS32, {1, 1, 3, 3});
  EXPECT_EQ(one.run(conv).values, (Values{
                                      1 * 3 + 2 * 4,
                                      2 * 3 + 3 * 4,
                                      3 * 3,  // the row above is padding
                                      37,
                                      47,
                                      3 * 1 + 6 * 3,  // the column to the right is padding
                                      67,
                                      77,
                                      6 * 1 + 9 * 3,
                                  }));
}

TEST(Conv, StridesAndDilationsArePerAxis) {
  OneOp one;
  Values x;
  for (int64_t i = 1; i <= 25; ++i) x.push_back(i);
  Conv conv;
  conv.x = one.value(kS8, {1, 1, 5, 5}, x);
  conv.w = one.constant(kS8, {1, 1, 2, 2}, {1, 1, 1, 1});
  conv.requant = one.requant("saturate output");
  conv.stride = {2, 1};
  conv.dilation = {2, 3};
  one.result(kS32, {1, 1, 2, 2});
  // rows 2h and 2h+2, columns w and w+3
  EXPECT_EQ(one.run(conv).values, (Values{1 + 4 + 11 + 14, 2 + 5 + 12 + 15, 11 + 14 + 21 + 24, 12 + 15 + 22 + 25}));
}

TEST(Conv, DepthwiseWithItsOwnScaleAndBiasPerChannel) {
  OneOp one;
  Conv conv;
  conv.x = one.value(kS8, {1, 2, 1, 2}, {10, 20, 30, -40});
  conv.w = one.constant(kS8, {2, 1, 1, 1}, {3, -5});
  conv.bias = one.constant(kS32, {2}, {100, 7});
  conv.groups = 2;
  conv.requant = one.requant("add_bias; multiply; shift_right scale half_up; add_zero_point; saturate output", {scaled(1, 1), scaled(3, 2)});
  one.result(kS8, {1, 2, 1, 2}, 5);
  const Outcome outcome = one.run(conv);
  EXPECT_EQ(outcome.values, (Values{
                                70,    // (30 + 100) / 2 + 5
                                85,    // (60 + 100) / 2 + 5
                                -102,  // (-150 + 7) * 3 / 4 = -107.25 -> -107, + 5
                                127,   // (200 + 7) * 3 / 4 = 155.25 -> 155, + 5 = 160 does not fit
                            }));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {}, {0, 1}}));
  EXPECT_EQ(outcome.stage("accumulator"), (Values{30, 60, -150, 200}));
  EXPECT_EQ(outcome.stage("step1 add_bias"), (Values{130, 160, -143, 207}));
}

TEST(Conv, GroupsSeeOnlyTheirOwnChannels) {
  OneOp one;
  Conv conv;
  conv.x = one.value(kS8, {1, 4, 1, 1}, {1, 2, 3, 4});
  conv.w = one.constant(kS8, {4, 2, 1, 1}, {1, 10, 10, 1, 1, 10, 10, 1});
  conv.groups = 2;
  conv.requant = one.requant("saturate output");
  one.result(kS32, {1, 4, 1, 1});
  EXPECT_EQ(one.run(conv).values, (Values{1 + 20, 10 + 2, 3 + 40, 30 + 4}));
}

// Terms 100, -100 of channel 0 and 100, 50 of channel 1, at kx = 0 and 1.
Conv order_matters(OneOp& one, SumOrder order, Overflow overflow) {
  Conv conv;
  conv.x = one.value(kS8, {1, 2, 1, 2}, {100, -100, 100, 50});
  conv.w = one.constant(kS8, {1, 2, 1, 2}, {1, 1, 1, 1});
  conv.requant = one.requant("saturate output");
  conv.acc = {kS8, overflow};
  conv.order = order;
  one.result(kS32, {1, 1, 1, 1});
  return conv;
}

TEST(Conv, ASaturatingAccumulatorDependsOnTheOrder) {
  OneOp pixels_first;
  OneOp channels_first;
  // ky,kx,ic: 100; 100 + 100 -> 127; 127 - 100 = 27; 27 + 50 = 77
  const Outcome a = pixels_first.run(order_matters(pixels_first, SumOrder::ky_kx_ic, Overflow::saturate));
  EXPECT_EQ(a.values, Values{77});
  // ic,ky,kx: 100; 100 - 100 = 0; 0 + 100 = 100; 100 + 50 -> 127
  const Outcome b = channels_first.run(order_matters(channels_first, SumOrder::ic_ky_kx, Overflow::saturate));
  EXPECT_EQ(b.values, Values{127});
  EXPECT_EQ(a.overflows, (OverflowCounts{{1}, {}, {}}));
  EXPECT_EQ(b.overflows, (OverflowCounts{{1}, {}, {}}));
}

TEST(Conv, AWrappingAccumulatorDoesNot) {
  for (const SumOrder order : {SumOrder::ky_kx_ic, SumOrder::ic_ky_kx}) {
    OneOp one;
    const Outcome outcome = one.run(order_matters(one, order, Overflow::wrap));
    EXPECT_EQ(outcome.values, Values{100 - 100 + 100 + 50 - 256});
    EXPECT_EQ(outcome.overflows, (OverflowCounts{{1}, {}, {}}));
  }
}

TEST(Conv, CountsAnAccumulatorThatLeftItsRangeAndCameBack) {
  OneOp one;
  Conv conv;
  conv.x = one.value(kS8, {1, 3, 1, 1}, {100, 100, -100});
  conv.w = one.constant(kS8, {2, 3, 1, 1}, {1, 1, 1, 1, 0, 1});
  conv.requant = one.requant("saturate output");
  conv.acc = {kS8, Overflow::wrap};
  one.result(kS32, {1, 2, 1, 1});
  // channel 0: 100, 200 -> -56, -156 -> 100: right, yet it overflowed. channel 1: 100, 100, 0.
  const Outcome outcome = one.run(conv);
  EXPECT_EQ(outcome.values, (Values{100, 0}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{1, 0}, {}, {}}));
}

TEST(Conv, AnUnsignedAccumulatorCannotHoldNegativeSums) {
  OneOp one;
  Conv conv;
  conv.x = one.value(kS8, {1, 2, 1, 1}, {-3, 5});
  conv.w = one.constant(kS8, {1, 2, 1, 1}, {1, 1});
  conv.requant = one.requant("saturate output");
  conv.acc = {{16, false}, Overflow::saturate};
  one.result(kS32, {1, 1, 1, 1});
  const Outcome outcome = one.run(conv);
  EXPECT_EQ(outcome.values, Values{5});  // -3 -> 0, then 0 + 5
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{1}, {}, {}}));
}

TEST(Conv, WeightsMayBeComputed) {
  OneOp one;
  Conv conv;
  conv.x = one.value(kS8, {1, 1, 1, 2}, {3, 4});
  conv.w = one.value(kS8, {1, 1, 1, 2}, {15, 25}, 5);
  conv.zw = 5;
  conv.requant = one.requant("saturate output");
  one.result(kS32, {1, 1, 1, 1});
  EXPECT_EQ(one.run(conv).values, Values{3 * 10 + 4 * 20});
}

TEST(Conv, RefusesWhatDoesNotFitTogether) {
  const auto said = [](auto change) {
    OneOp one;
    Conv conv;
    conv.x = one.value(kS8, {1, 2, 3, 3}, Values(18));
    conv.w = one.constant(kS8, {2, 2, 2, 2}, Values(16));
    conv.bias = one.constant(kS32, {2}, {0, 0});
    conv.requant = one.requant("add_bias; saturate output");
    one.result(kS8, {1, 2, 2, 2});
    change(one, conv);
    return one.problems(conv);
  };
  const auto has = [](const std::string& text, const std::string& part) { return text.find(part) != std::string::npos ? "" : "expected '" + part + "' in: " + text; };
  EXPECT_EQ(said([](OneOp&, Conv&) {}), "");
  EXPECT_EQ(has(said([](OneOp& one, Conv&) { one.result(kS8, {1, 2, 3, 2}); }), "must have shape [1,2,2,2], it has [1,2,3,2]"), "");
  EXPECT_EQ(has(said([](OneOp&, Conv& conv) { conv.stride = {1, 0}; }), "'stride' must lie between 1 and"), "");
  EXPECT_EQ(has(said([](OneOp&, Conv& conv) { conv.stride = {1}; }), "'stride' must have 2 values, it has 1"), "");
  EXPECT_EQ(has(said([](OneOp&, Conv& conv) { conv.pads = {0, 0, -1, 0}; }), "'pad' must lie between 0 and"), "");
  EXPECT_EQ(has(said([](OneOp&, Conv& conv) { conv.dilation = {int64_t{1} << 62, 1}; }), "'dilation' must lie between 1 and"), "");
  EXPECT_EQ(has(said([](OneOp&, Conv& conv) { conv.groups = 0; }), "'groups' must lie between 1 and 2"), "");
  EXPECT_EQ(has(said([](OneOp&, Conv& conv) { conv.groups = 2; }), "'x' has 2 channels; 'w' takes 2 in each of 2 groups"), "");
  EXPECT_EQ(has(said([](OneOp& one, Conv& conv) { conv.bias = one.constant(kS32, {3}, {0, 0, 0}); }), "'b' must have shape [2], it has [3]"), "");
  EXPECT_EQ(has(said([](OneOp& one, Conv& conv) { conv.bias = one.value(kS32, {2}, {0, 0}); }), "'b' must be a constant"), "");
  EXPECT_EQ(has(said([](OneOp& one, Conv& conv) { conv.w = one.constant(kS8, {8, 2}, Values(16)); }), "'w' must have 4 axes, its shape is [8,2]"), "");
  EXPECT_EQ(has(said([](OneOp& one, Conv& conv) { conv.x = one.value(kS64, {1, 2, 3, 3}, Values(18)); }), "at most 32 bits"), "");
  EXPECT_EQ(has(said([](OneOp&, Conv& conv) { conv.zx = 3; }), "has zero point 0"), "");
}

TEST(Conv, AnImageSmallerThanTheKernelGivesNoOutput) {
  OneOp one;
  Conv conv;
  conv.x = one.value(kS8, {1, 1, 2, 2}, Values(4));
  conv.w = one.constant(kS8, {1, 1, 3, 3}, Values(9));
  conv.requant = one.requant("saturate output");
  EXPECT_EQ(one.result(kS8, {1, 1, 0, 0}).run(conv).values, Values{});
}

TEST(Conv, GroupsDivideTheOutputChannels) {
  OneOp one;
  Conv op;
  op.x = one.value(kS8, {1, 2, 1, 1}, {1, 2});
  op.w = one.constant(kS8, {3, 1, 1, 1}, {1, 1, 1});
  op.groups = 2;
  op.requant = one.requant("saturate output");
  one.result(kS8, {1, 3, 1, 1});
  EXPECT_NE(one.problems(op).find("3 output channels, which 2 groups do not divide"), std::string::npos);
}

}  // namespace
}  // namespace assay::emu::one_op
