#include "tests/emu/ops/pick.h"
#include "tests/oracle/exact.h"

namespace assay::emu::one_op {
namespace {

TEST(LeakyRelu, EachSideHasItsScale) {
  OneOp one;
  LeakyRelu op;
  op.x = one.value(kU8, {5}, {10, 11, 30, 9, 0}, 10);
  op.zx = 10;
  op.negative = one.scale({scaled(1, 2)});
  op.requant = one.requant("multiply; shift_right scale half_away; add_zero_point; saturate output", {scaled(3, 1)});
  one.result(kS8, {5}, 1);
  // 0; 1.5 -> 2; 20*1.5 = 30; -1/4 -> 0; -10/4 = -2.5 -> -3;  each + 1
  EXPECT_EQ(one.run(op).values, (Values{1, 3, 31, 1, -2}));
}

TEST(LeakyRelu, SlopesByChannelAndNegativeSlopes) {
  OneOp one;
  LeakyRelu op;
  op.x = one.value(kS8, {1, 3, 2}, {-8, 8, -8, 8, -8, 100});
  op.negative = one.scale({scaled(1, 1), scaled(-1, 1), scaled(0, 0)});
  op.requant = one.requant("multiply; shift_right scale floor; saturate output", {scaled(2, 0)});
  const Outcome outcome = one.result(kS8, {1, 3, 2}).run(op);
  EXPECT_EQ(outcome.values, (Values{-4, 16, 4, 16, 0, 127}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {}, {0, 0, 1}}));
  op.negative = one.scale({scaled(1, 1), scaled(-1, 1)});
  EXPECT_NE(one.problems(op).find("'negative' has 2 entries; it must have 1 or 3"), std::string::npos) << one.problems(op);
}

TEST(LeakyReluLaws, EachElementIsItsSidesProductRoundedOnce) {
  Spread spread;
  EXPECT_TRUE(rc::check("leaky_relu", [&] {
    OneOp one;
    LeakyRelu op;
    const Shape shape{2, 3, 5};
    const Values values = pick_values(size_of(shape), kS8);
    op.zx = pick(-128, 127);
    op.x = one.value(kS8, shape, values, op.zx);
    std::vector<QScale> positive{scaled(pick(1, 1 << 16), 16)};
    std::vector<QScale> negative;
    for (int64_t i = pick(0, 1) * 2; i >= 0; --i) negative.push_back(scaled(pick(-(1 << 15), 1 << 15), 16));
    const Round round = pick_round();
    op.negative = one.scale(negative);
    op.requant = one.requant("multiply; shift_right scale " + std::string(to_string(round)) + "; saturate output", positive);
    const Outcome outcome = one.result(kS16, shape).run(op);
    for (size_t i = 0; i < values.size(); ++i) {
      const int64_t v = values[i] - op.zx;
      const std::vector<QScale>& side = v >= 0 ? positive : negative;
      const QScale& scale = side[side.size() == 1 ? 0 : i % 15 / 5];
      RC_ASSERT(oracle::Int(outcome.values[i]) == oracle::rounded(oracle::Rational(oracle::Int(v) * scale.multiplier, oracle::power_of_two(16)), round));
    }
    spread.add(outcome.values, false);
  }));
  spread.expect_telling(false);
}

}  // namespace
}  // namespace assay::emu::one_op
