// Transposed convolution by hand. Its laws (oracle, adjoint of conv) are in conv_laws_test.cc.
#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

ConvTranspose two_by_two(OneOp& one) {
  ConvTranspose op;
  op.x = one.value(kS8, {1, 1, 2, 2}, {1, 2, 3, 4});
  op.w = one.constant(kS8, {1, 1, 2, 2}, {1, 10, 100, 50});
  op.requant = one.requant("saturate output");
  return op;
}

TEST(ConvTranspose, EachInputAddsItsMultipleOfTheKernel) {
  OneOp one;
  const ConvTranspose op = two_by_two(one);
  one.result(kS32, {1, 1, 3, 3});
  // 1 at (0,0), 2 at (0,1), 3 at (1,0), 4 at (1,1), each times [1 10; 100 50]
  EXPECT_EQ(one.run(op).values, (Values{1, 10 + 2, 20,                         //
                                        100 + 3, 50 + 200 + 30 + 4, 100 + 40,  //
                                        300, 150 + 400, 200}));
}

TEST(ConvTranspose, StrideSpreadsTheInputAndPadsCropTheResult) {
  OneOp one;
  ConvTranspose op = two_by_two(one);
  op.stride = {2, 2};
  one.result(kS32, {1, 1, 4, 4});
  EXPECT_EQ(one.run(op).values, (Values{1, 10, 2, 20, 100, 50, 200, 100, 3, 30, 4, 40, 300, 150, 400, 200}));
  op.pads = {1, 0, 0, 2};  // the first row and the last two columns fall away
  one.result(kS32, {1, 1, 3, 2});
  EXPECT_EQ(one.run(op).values, (Values{100, 50, 3, 30, 300, 150}));
}

TEST(ConvTranspose, OutputPaddingAddsPositionsThatNothingReaches) {
  OneOp one;
  ConvTranspose op = two_by_two(one);
  op.stride = {3, 3};
  op.zx = 1;
  op.x = one.value(kS8, {1, 1, 1, 1}, {8}, 1);
  one.result(kS32, {1, 1, 3, 4});  // 2 by 2 without; at most stride - 1 = 2 more
  EXPECT_EQ(one.run(op).values, (Values{7, 70, 0, 0, 700, 350, 0, 0, 0, 0, 0, 0}));
  one.result(kS32, {1, 1, 3, 5});
  EXPECT_NE(one.problems(op).find("extent 5 on axis 3 must lie between 2 and 4"), std::string::npos) << one.problems(op);
}

TEST(ConvTranspose, GroupsBiasAndScalesAreByOutputChannel) {
  OneOp one;
  ConvTranspose op;
  op.groups = 2;
  op.x = one.value(kU8, {1, 2, 1, 1}, {13, 6}, 10);  // 3 and -4
  op.w = one.constant(kS8, {2, 2, 1, 1}, {1, 2, 3, 4});
  op.bias = one.constant(kS32, {4}, {1, 1, 1, -1000});
  op.zx = 10;
  op.requant = one.requant("add_bias; multiply; shift_right scale half_even; saturate output", {scaled(1, 0), scaled(1, 1), scaled(3, 1), scaled(1, 0)});
  one.result(kS8, {1, 4, 1, 1});
  const Outcome outcome = one.run(op);
  // 3*1 + 1; (3*2 + 1)/2 = 3.5 -> 4; (-4*3 + 1)*3/2 = -16.5 -> -16; -16 - 1000 -> -128
  EXPECT_EQ(outcome.values, (Values{4, 4, -16, -128}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {}, {0, 0, 0, 1}}));
}

TEST(ConvTranspose, TheOrderOfAnOutputIsThatOfItsKernelPositions) {
  // One row; stride 1: output 1 receives x[1]*w[0] at kx = 0, then x[0]*w[1] at kx = 1, from each of two channels.
  const auto run = [](SumOrder order) {
    OneOp one;
    ConvTranspose op;
    op.x = one.value(kS8, {1, 2, 1, 2}, {-100, 100, 50, 100});
    op.w = one.constant(kS8, {2, 1, 1, 2}, {1, 1, 1, 1});
    op.acc = {kS8, Overflow::saturate};
    op.order = order;
    op.requant = one.requant("saturate output");
    one.result(kS32, {1, 1, 1, 3});
    return one.run(op).values[1];
  };
  EXPECT_EQ(run(SumOrder::ky_kx_ic), 77);   // 100 + 100 -> 127, - 100 = 27, + 50
  EXPECT_EQ(run(SumOrder::ic_ky_kx), 127);  // 100 - 100 + 100 = 100, + 50 -> 127
}

}  // namespace
}  // namespace assay::emu::one_op
