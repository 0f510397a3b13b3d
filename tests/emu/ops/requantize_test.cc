#include "tests/emu/ops/pick.h"
#include "tests/oracle/exact.h"

namespace assay::emu::one_op {
namespace {

TEST(Requantize, ChangesScaleZeroPointAndType) {
  OneOp one;
  Requantize op;
  op.x = one.value(kU8, {4}, {0, 127, 128, 255}, 128);
  op.zx = 128;
  op.requant = one.requant("multiply; shift_right scale half_even; add_zero_point; saturate output", {scaled(3, 1)});
  one.result(kS8, {4}, 10);
  const Outcome outcome = one.run(op);
  EXPECT_EQ(outcome.values, (Values{-128, 8, 10, 127}));  // -128*1.5 = -192, + 10 saturates; -1.5 -> -2, + 10; 0; 127*1.5 = 190.5 saturates
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {}, {1, 0, 0, 1}}));
}

TEST(Requantize, ClampBoundsMakeItARelu6) {
  OneOp one;
  Requantize op;
  op.x = one.value(kS8, {1, 4}, {-100, 4, 60, 100});
  op.requant = one.requant("add_zero_point; saturate output; clamp", {QScale{}}, {-20, 40});  // 0 and 6 at zero point -20, 10 steps each
  one.result(kS8, {1, 4}, -20);
  EXPECT_EQ(one.run(op).values, (Values{-20, -16, 40, 40}));
}

TEST(Requantize, ScalesMayBeByChannel) {
  OneOp one;
  Requantize op;
  op.x = one.value(kS8, {2, 2, 1}, {1, 2, 3, 4});
  op.requant = one.requant("multiply; saturate output", {scaled(10, 0), scaled(-1, 0)});
  EXPECT_EQ(one.result(kS8, {2, 2, 1}).run(op).values, (Values{10, -2, 30, -4}));
}

TEST(RequantizeLaws, IsTheExactProductRoundedOnce) {
  Spread spread;
  EXPECT_TRUE(rc::check("requantize", [&] {
    OneOp one;
    Requantize op;
    const Values values = pick_values(64, kS16);
    op.zx = pick(-32768, 32767);
    op.x = one.value(kS16, {4, 16}, values, op.zx);
    const Round round = pick_round();
    const QScale scale = scaled(pick(-(int64_t{1} << 31), int64_t{1} << 31), static_cast<int>(pick(29, 36)));
    op.requant = one.requant("multiply; shift_right scale " + std::string(to_string(round)) + "; add_zero_point; saturate output", {scale});
    const int64_t zero_point = pick(-100, 100);
    const Outcome outcome = one.result(kS16, {4, 16}, zero_point).run(op);
    uint64_t saturated = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const oracle::Rational exact = oracle::Rational(values[i] - op.zx) * oracle::Rational(scale.multiplier, oracle::power_of_two(scale.right.bits));
      const oracle::Int wide = oracle::rounded(exact, round) + zero_point;
      RC_ASSERT(oracle::Int(outcome.values[i]) == oracle::saturated(wide, kS16));
      saturated += wide != oracle::saturated(wide, kS16) ? 1 : 0;
    }
    RC_ASSERT(total(outcome.overflows.output) == saturated);
    spread.add(outcome.values, saturated > 0);
  }));
  spread.expect_telling(true);
}

}  // namespace
}  // namespace assay::emu::one_op
