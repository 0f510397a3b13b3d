#include "tests/emu/ops/pick.h"
#include "tests/oracle/exact.h"

namespace assay::emu::one_op {
namespace {

constexpr IntType kU4{4, false};
constexpr IntType kU16Table{16, false};

// Halves with each step: 256, 128, 64 ... 1, 0 ...
Values halving() {
  Values table(16);
  for (size_t d = 0; d < 9; ++d) table[d] = 256 >> d;
  return table;
}

Softmax halving_softmax(OneOp& one, const Shape& shape, const Values& values) {
  Softmax op;
  op.x = one.value(kU4, shape, values, 3);  // the zero point cancels
  op.table = one.constant(kU16Table, {16}, halving());
  op.requant = one.requant("add_zero_point; saturate output", {QScale{1, LeftShift{8}, RightShift{0}}});  // one output step is 1/256
  return op;
}

TEST(Softmax, DividesEachExponentialByTheirSum) {
  OneOp one;
  Softmax op = halving_softmax(one, {2, 3}, {7, 7, 6, 0, 15, 14});
  const Outcome outcome = one.result(kS8, {2, 3}, -128).run(op);
  // row 0: 256 256 128 of 640: 102.4, 102.4, 51.2.  row 1: d = 15, 0, 1: 0 256 128 of 384: 0, 170.67, 85.33
  EXPECT_EQ(outcome.values, (Values{102 - 128, 102 - 128, 51 - 128, -128, 171 - 128, 85 - 128}));
  EXPECT_EQ(outcome.stage("exponential"), (Values{256, 256, 128, 0, 256, 128}));
  EXPECT_EQ(outcome.stage("accumulator"), (Values{640, 640, 640, 384, 384, 384}));
  EXPECT_EQ(outcome.stage("quotient"), (Values{102, 102, 51, 0, 171, 85}));
}

TEST(Softmax, TheRoundingOfTheDivisionIsItsOwn) {
  OneOp one;
  Softmax op = halving_softmax(one, {1, 2}, {5, 4});
  op.requant = one.requant("saturate output", {scaled(3, 1)});
  one.result(kS8, {1, 2});  // 256/384 * 1.5 = 1;  128/384 * 1.5 = 0.5
  EXPECT_EQ(one.run(op).values, (Values{1, 1}));
  op.divide = Round::half_even;
  EXPECT_EQ(one.run(op).values, (Values{1, 0}));
}

TEST(Softmax, RunsAlongAnyAxis) {
  OneOp one;
  Softmax op = halving_softmax(one, {2, 2, 2}, {7, 1, 7, 2, 9, 9, 8, 9});
  op.axis = 1;
  // pairs (7,7), (1,2), (9,8), (9,9): 128 128; 85.33 170.67; 170.67 85.33; 128 128
  EXPECT_EQ(one.result(kU8, {2, 2, 2}).run(op).values, (Values{128, 85, 128, 171, 171, 128, 85, 128}));
  op.axis = -2;
  EXPECT_EQ(one.run(op).values, (Values{128, 85, 128, 171, 171, 128, 85, 128}));
}

TEST(Softmax, ASaturatingAccumulatorIsCountedAtEveryOutputOfItsRow) {
  OneOp one;
  Softmax op = halving_softmax(one, {2, 3}, {7, 7, 7, 7, 1, 1});
  op.acc = {{10, true}, Overflow::saturate};
  const Outcome outcome = one.result(kU8, {2, 3}).run(op);
  EXPECT_EQ(outcome.values, (Values{128, 128, 128, 248, 4, 4}));  // 768 -> 511: 256*256/511 = 128.25;  264: 248.2, 3.88
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{1, 1, 1}, {}, {}}));
}

TEST(Softmax, RefusesSumsThatCouldWrapToZeroAndTablesThatAreNone) {
  OneOp one;
  Softmax op = halving_softmax(one, {1, 4}, {1, 2, 3, 4});
  one.result(kU8, {1, 4});
  op.acc = {{10, false}, Overflow::wrap};  // 4 * 256 = 1024 would wrap to 0
  EXPECT_NE(one.problems(op).find("cannot hold the largest sum"), std::string::npos) << one.problems(op);
  op.acc = {{11, false}, Overflow::wrap};
  EXPECT_EQ(one.problems(op), "");
  op.table = one.constant(kU16Table, {16}, Values(16));
  EXPECT_NE(one.problems(op).find("entry 0 positive"), std::string::npos) << one.problems(op);
  op.table = one.constant(kU16Table, {8}, Values(8, 1));
  EXPECT_NE(one.problems(op).find("'table' must have shape [16], it has [8]"), std::string::npos) << one.problems(op);
  op.axis = 2;
  EXPECT_NE(one.problems(op).find("'axis' is 2; 'x' has 2 axes"), std::string::npos) << one.problems(op);
}

TEST(SoftmaxLaws, EachOutputIsTheExactQuotientRoundedOnce) {
  Spread spread;
  EXPECT_TRUE(rc::check("softmax", [&] {
    OneOp one;
    const Shape shape{pick(1, 3), pick(1, 5), pick(1, 3)};
    const Values x = pick_values(size_of(shape), kS8);
    Values table{65535};
    while (table.size() < 256) table.push_back(table.back() * pick(90, 100) / 100);
    Softmax op;
    op.x = one.value(kS8, shape, x);
    op.table = one.constant(kU16Table, {256}, table);
    op.axis = 1;
    op.divide = pick_round();
    const QScale scale{pick(1, 1 << 16), LeftShift{4}, RightShift{8}};
    op.requant = one.requant("saturate output", {scale});
    const Outcome outcome = one.result(kS32, shape).run(op);
    const auto at = [&](int64_t n, int64_t c, int64_t i) { return static_cast<size_t>((n * shape[1] + c) * shape[2] + i); };
    for (int64_t n = 0; n < shape[0]; ++n) {
      for (int64_t i = 0; i < shape[2]; ++i) {
        std::vector<int64_t> row;
        for (int64_t c = 0; c < shape[1]; ++c) row.push_back(x[at(n, c, i)]);
        const int64_t largest = *std::max_element(row.begin(), row.end());
        oracle::Int sum = 0;
        for (const int64_t value : row) sum += table[static_cast<size_t>(largest - value)];
        for (int64_t c = 0; c < shape[1]; ++c) {
          const oracle::Int own = table[static_cast<size_t>(largest - row[static_cast<size_t>(c)])];
          const oracle::Rational share(own, sum);
          RC_ASSERT(oracle::Int(outcome.values[at(n, c, i)]) == oracle::rounded(share * oracle::Rational(scale.multiplier, 16), op.divide));
        }
      }
    }
    spread.add(outcome.values, false);
  }));
  spread.expect_telling(false);
}

}  // namespace
}  // namespace assay::emu::one_op
