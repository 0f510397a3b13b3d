#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

TEST(Mul, MultipliesWithoutZeroPointsThenRequantizes) {
  OneOp one;
  Mul op;
  op.a = one.value(kU8, {1, 3}, {12, 3, 255}, 5);
  op.b = one.value(kS8, {1, 3}, {-3, 4, 126}, -1);
  op.za = 5;
  op.zb = -1;
  op.requant = one.requant("multiply; shift_right scale half_even; add_zero_point; saturate output", {scaled(1, 2)});
  one.result(kU8, {1, 3}, 20);
  const Outcome outcome = one.run(op);
  // 7 * -2 = -14 / 4 = -3.5 -> -4, + 20;  -2 * 5 = -10 / 4 = -2.5 -> -2, + 20;  250 * 127 / 4 = 7937.5 saturates
  EXPECT_EQ(outcome.values, (Values{16, 18, 255}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {}, {0, 0, 1}}));
}

TEST(Mul, AProductThatLeavesTheAccumulatorIsCounted) {
  OneOp one;
  Mul op;
  op.a = one.value(kS8, {1, 2, 2}, {100, 3, 2, 1});
  op.b = one.constant(kS8, {2, 1}, {2, 100});
  op.acc = {kS8, Overflow::wrap};
  op.requant = one.requant("saturate output");
  one.result(kS16, {1, 2, 2});
  Outcome outcome = one.run(op);
  EXPECT_EQ(outcome.values, (Values{200 - 256, 6, 200 - 256, 100}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{1, 1}, {}, {}}));
  op.acc = {kS8, Overflow::saturate};
  EXPECT_EQ(one.run(op).values, (Values{127, 6, 127, 100}));
}

TEST(Mul, EveryPairOfBytesEqualsItsProduct) {
  OneOp one;
  Values bytes;
  for (int64_t i = -128; i <= 127; ++i) bytes.push_back(i);
  Mul op;
  op.a = one.value(kS8, {256, 1}, bytes, 3);
  op.b = one.value(kS8, {256}, bytes, -128);
  op.za = 3;
  op.zb = -128;
  op.requant = one.requant("saturate output");
  one.result(kS32, {256, 256});
  const Values products = one.run(op).values;
  for (int64_t a = -128; a <= 127; ++a) {
    for (int64_t b = -128; b <= 127; ++b) ASSERT_EQ(products[static_cast<size_t>((a + 128) * 256 + b + 128)], (a - 3) * (b + 128));
  }
}

}  // namespace
}  // namespace assay::emu::one_op
