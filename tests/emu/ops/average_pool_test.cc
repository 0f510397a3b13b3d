#include "tests/emu/ops/pick.h"
#include "tests/emu/ops/sums_oracle.h"

namespace assay::emu::one_op {
namespace {

AveragePool average_pool(OneOp& one, const Shape& shape, const Values& values, std::vector<int64_t> kernel, int64_t zero_point = 0) {
  AveragePool op;
  op.x = one.value(kS8, shape, values, zero_point);
  op.zx = zero_point;
  op.kernel = std::move(kernel);
  op.divide = Round::half_away;
  op.requant = one.requant("add_zero_point; saturate output");
  return op;
}

TEST(AveragePool, DividesTheSumOnceWithItsRounding) {
  OneOp one;
  AveragePool op = average_pool(one, {1, 2, 1, 4}, {1, 2, 3, 4, -1, -2, -3, -4}, {1, 4});
  one.result(kS8, {1, 2, 1, 1}, 10);
  EXPECT_EQ(one.run(op).values, (Values{13, 7}));  // 10/4 = 2.5 -> 3; -2.5 -> -3
  op.divide = Round::half_even;
  EXPECT_EQ(one.run(op).values, (Values{12, 8}));
  op.divide = Round::floor;
  EXPECT_EQ(one.run(op).values, (Values{12, 7}));
  const Outcome outcome = one.run(op);
  EXPECT_EQ(outcome.stage("accumulator"), (Values{10, -10}));
  EXPECT_EQ(outcome.stage("quotient"), (Values{2, -3}));
}

TEST(AveragePool, CountsTheWindowInsideTheImageOrAllOfIt) {
  OneOp one;
  // x - zx = 6 8 / 10 12; the window 2x2 at stride 2 with a pad of 1 all around meets one element at each corner
  AveragePool op = average_pool(one, {1, 1, 2, 2}, {9, 11, 13, 15}, {2, 2}, 3);
  op.stride = {2, 2};
  op.pads = {1, 1, 1, 1};
  one.result(kS8, {1, 1, 2, 2}, 3);
  EXPECT_EQ(one.run(op).values, (Values{9, 11, 13, 15}));
  op.include_pad = true;  // padding holds real zero: 6/4 = 1.5 -> 2, 8/4, 10/4 = 2.5 -> 3, 12/4
  EXPECT_EQ(one.run(op).values, (Values{5, 5, 6, 6}));
}

// The words' mean and the mean of distances from the zero point round a tie to different sides where their signs differ.
TEST(AveragePool, ABaseMovesEveryCountedElement) {
  OneOp one;
  AveragePool op = average_pool(one, {1, 1, 1, 4}, {-3, -4, 1, 2}, {1, 2}, -10);
  op.stride = {1, 2};
  op.requant = one.requant("saturate output");
  one.result(kS8, {1, 1, 1, 2}, -10);
  op.base = -10;  // -3.5 -> -4, 1.5 -> 2; less the zero point 6.5 -> 7, 11.5 -> 12: words -3 and 2
  EXPECT_EQ(one.run(op).values, (Values{-4, 2}));
  EXPECT_EQ(one.run(op).stage("accumulator"), (Values{-7, 3}));
  op.base = int64_t{1} << 32;
  EXPECT_NE(one.problems(op).find("'base' is 4294967296, beyond 32 bits"), std::string::npos) << one.problems(op);
}

TEST(AveragePool, PaddingThatCountsAddsTheBase) {
  OneOp one;
  AveragePool op = average_pool(one, {1, 1, 1, 2}, {5, 9}, {1, 2}, 3);
  op.pads = {0, 1, 0, 1};
  op.base = 3;
  op.requant = one.requant("saturate output");
  one.result(kS8, {1, 1, 1, 3}, 3);
  EXPECT_EQ(one.run(op).stage("accumulator"), (Values{5, 14, 9}));
  op.include_pad = true;
  EXPECT_EQ(one.run(op).stage("accumulator"), (Values{8, 14, 12}));
  EXPECT_EQ(one.run(op).values, (Values{4, 7, 6}));
}

TEST(AveragePool, TheRatioOfScalesIsPartOfTheOneDivision) {
  OneOp one;
  AveragePool op = average_pool(one, {1, 1, 1, 3}, {5, 6, 6}, {1, 3});
  op.divide = Round::half_up;
  op.requant = one.requant("add_zero_point; saturate output", {scaled(3, 2)});
  one.result(kS8, {1, 1, 1, 1});
  EXPECT_EQ(one.run(op).values, Values{4});  // 17 * 3 / (3 * 4) = 4.25; rounding the mean 5.67 -> 6 first would give 4.5 -> 5
}

TEST(AveragePool, AReciprocalIsChosenByTheCount) {
  OneOp one;
  AveragePool op = average_pool(one, {1, 1, 1, 3}, {10, 11, 20}, {1, 2});
  op.pads = {0, 1, 0, 0};
  op.divide.reset();
  op.requant = one.requant("multiply; shift_right scale half_up; saturate output", {scaled(1 << 8, 8), scaled(1 << 7, 8)});
  one.result(kS8, {1, 1, 1, 3});
  EXPECT_EQ(one.run(op).values, (Values{10, 11, 16}));  // 10/1; 21/2 = 10.5 -> 11; 31/2 = 15.5 -> 16
  op.requant = one.requant("multiply; shift_right scale half_up; saturate output", {scaled(1 << 7, 8)});
  EXPECT_EQ(one.run(op).values, (Values{5, 11, 16}));  // one entry: the full window's
}

TEST(AveragePool, TheAccumulatorSumsRowByRow) {
  OneOp one;
  AveragePool op = average_pool(one, {1, 2, 2, 2}, {100, 100, -100, 4, 1, 1, 1, 1}, {2, 2});
  op.acc = {kS8, Overflow::saturate};
  one.result(kS8, {1, 2, 1, 1});
  const Outcome outcome = one.run(op);
  EXPECT_EQ(outcome.values, (Values{8, 1}));  // 100, 200 -> 127, 27, 31; 31/4 = 7.75. Column by column: 100, 0, 100, 104 / 4 = 26
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{1, 0}, {}, {}}));
  op.acc = {kS8, Overflow::wrap};
  EXPECT_EQ(one.run(op).values, (Values{26, 1}));
  EXPECT_EQ(one.run(op).overflows, (OverflowCounts{{1, 0}, {}, {}}));
}

TEST(AveragePool, RefusesWindowsOfPaddingUnlessTheyCount) {
  OneOp one;
  AveragePool op = average_pool(one, {1, 1, 2, 2}, Values(4), {1, 1});
  op.pads = {0, 0, 0, 1};
  one.result(kS8, {1, 1, 2, 3});
  EXPECT_NE(one.problems(op).find("a window lies in the padding alone"), std::string::npos) << one.problems(op);
  op.include_pad = true;
  EXPECT_EQ(one.problems(op), "");
  op.requant = one.requant("add_zero_point; saturate output", std::vector<QScale>(2));
  EXPECT_NE(one.problems(op), "");
  op.kernel = {0, 1};
  EXPECT_NE(one.problems(op).find("'kernel' must lie between 1 and"), std::string::npos) << one.problems(op);
}

TEST(AveragePoolLaws, IsTheExactMeanRoundedOnce) {
  Spread spread;
  EXPECT_TRUE(rc::check("average_pool", [&] {
    OneOp one;
    const Shape x{pick(1, 2), pick(1, 3), pick(3, 6), pick(3, 6)};
    const Values values = pick_values(size_of(x), kS8);
    AveragePool op = average_pool(one, x, values, pick_many(2, 2, 3), pick(-128, 127));
    op.stride = pick_many(2, 1, 3);
    op.pads = pick_many(4, 0, 1);
    op.include_pad = pick(0, 1) == 1;
    if (pick(0, 1) == 1) op.base = pick(-200, 200);
    op.divide = pick_round();
    op.acc = pick_of<Accumulator>({{{10, true}, Overflow::saturate}, {{9, true}, Overflow::wrap}, {kS32, Overflow::wrap}});
    const QScale scale{pick(1, 1000), LeftShift{static_cast<uint8_t>(pick(0, 2))}, RightShift{static_cast<uint8_t>(pick(0, 10))}};
    op.requant = one.requant("saturate output", {scale});
    Shape y{x[0], x[1], 0, 0};
    for (size_t a = 0; a < 2; ++a) {
      for (int64_t first = -op.pads[a]; first + op.kernel[a] <= x[2 + a] + op.pads[2 + a]; first += op.stride[a]) ++y[2 + a];
    }
    const Outcome outcome = one.result(kS32, y).run(op);
    oracle::TermsByOutput terms;
    oracle::every_index(x, [&](const std::vector<int64_t>& in, size_t flat) {
      oracle::every_index({op.kernel[0], op.kernel[1]}, [&](const std::vector<int64_t>& k, size_t) {
        std::vector<int64_t> out{in[0], in[1]};
        for (size_t a = 0; a < 2; ++a) {
          const int64_t first = in[2 + a] + op.pads[a] - k[a];
          if (first < 0 || first % op.stride[a] != 0) return;
          out.push_back(first / op.stride[a]);
        }
        terms[out].push_back({oracle::TermPlace{k[0], k[1], 0}, oracle::Int(values[flat] - op.zx) + op.base.value_or(0)});
      });
    });
    uint64_t overflows = 0;
    oracle::every_index(y, [&](const std::vector<int64_t>& index, size_t flat) {
      oracle::Terms window = terms.at(index);
      const oracle::Int count = op.include_pad ? oracle::Int(op.kernel[0] * op.kernel[1]) : oracle::Int(window.size());
      while (oracle::Int(window.size()) < count) window.push_back({oracle::TermPlace{op.kernel[0], static_cast<int64_t>(window.size()), 0}, oracle::Int(op.base.value_or(0))});
      const oracle::RegisterSum sum = oracle::sum_in_order(window, op.acc);
      const oracle::Rational mean =
          oracle::Rational(sum.value, count) * oracle::Rational(scale.multiplier * oracle::power_of_two(scale.left.bits), oracle::power_of_two(scale.right.bits));
      RC_ASSERT(oracle::Int(outcome.values[flat]) == oracle::rounded(mean, *op.divide));
      overflows += sum.overflowed ? 1 : 0;
    });
    RC_ASSERT(total(outcome.overflows.accumulator) == overflows);
    spread.add(outcome.values, overflows > 0);
  }));
  spread.expect_telling(true);
}

}  // namespace
}  // namespace assay::emu::one_op
