#include "tests/emu/ops/pick.h"
#include "tests/emu/ops/sums_oracle.h"

namespace assay::emu::one_op {
namespace {

TEST(MatMul, MultipliesRowsByColumnsWithoutTheirZeroPoints) {
  OneOp one;
  MatMul op;
  op.a = one.value(kU8, {2, 2}, {11, 12, 13, 14}, 10);   // 1 2; 3 4
  op.b = one.constant(kS8, {2, 3}, {4, 5, 6, 7, 8, 9});  // 5 6 7; 8 9 10
  op.za = 10;
  op.zb = -1;
  op.requant = one.requant("saturate output");
  one.result(kS32, {2, 3});
  EXPECT_EQ(one.run(op).values, (Values{5 + 16, 6 + 18, 7 + 20, 15 + 32, 18 + 36, 21 + 40}));
}

TEST(MatMul, BiasScaleAndCountsAreByColumn) {
  OneOp one;
  MatMul op;
  op.a = one.value(kS8, {1, 2, 2}, {1, 2, 100, 100});
  op.b = one.constant(kS8, {2, 2}, {1, 3, 1, 4});
  op.bias = one.constant(kS32, {2}, {10, -1});
  op.acc = {kS8, Overflow::saturate};
  op.requant = one.requant("add_bias; multiply; shift_right scale half_away; saturate output", {scaled(1, 0), scaled(-1, 1)});
  one.result(kS16, {1, 2, 2});
  const Outcome outcome = one.run(op);
  // row 0: 3 + 10; (11 - 1) * -1/2. row 1: 100 + 100 -> 127, + 10; 300 -> 127, + 400 -> 127, (127 - 1) * -1/2
  EXPECT_EQ(outcome.values, (Values{13, -5, 137, -63}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{1, 1}, {}, {}}));
}

TEST(MatMul, LeadingAxesBroadcast) {
  OneOp one;
  MatMul op;
  op.a = one.value(kS8, {2, 1, 1, 2}, {1, 2, 3, 4});
  op.b = one.value(kS8, {3, 2, 1}, {1, 0, 0, 1, 1, 1});
  op.requant = one.requant("saturate output");
  one.result(kS32, {2, 3, 1, 1});
  EXPECT_EQ(one.run(op).values, (Values{1, 2, 3, 3, 4, 7}));
}

TEST(MatMul, SumsInAscendingOrder) {
  OneOp one;
  MatMul op;
  op.a = one.value(kS8, {1, 3}, {100, 100, -100});
  op.b = one.constant(kS8, {3, 2}, {1, 1, 1, -1, 1, -1});
  op.acc = {kS8, Overflow::saturate};
  op.requant = one.requant("saturate output");
  one.result(kS32, {1, 2});
  const Outcome outcome = one.run(op);
  EXPECT_EQ(outcome.values, (Values{27, 100}));  // 100, 127, 27;  100, 0, 100
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{1, 0}, {}, {}}));
}

TEST(MatMul, RefusesWhatDoesNotFitTogether) {
  OneOp one;
  MatMul op;
  op.a = one.value(kS8, {2, 3}, Values(6));
  op.b = one.constant(kS8, {2, 3}, Values(6));
  op.requant = one.requant("saturate output");
  one.result(kS8, {2, 3});
  EXPECT_NE(one.problems(op).find("rows of 'x' have 3 elements, columns of 'w' 2"), std::string::npos) << one.problems(op);
  op.b = one.constant(kS8, {3}, Values(3));
  EXPECT_NE(one.problems(op).find("must have 2 axes or more"), std::string::npos) << one.problems(op);
  op.a = one.value(kS32, {2, 3}, Values(6));
  op.b = one.value(kS32, {3, 3}, Values(9));
  EXPECT_NE(one.problems(op).find("may need more than 62 bits"), std::string::npos) << one.problems(op);
}

TEST(MatMulLaws, EqualsTheOracleInAnyRegister) {
  Spread spread;
  EXPECT_TRUE(rc::check("matmul", [&] {
    OneOp one;
    MatMul op;
    const int64_t m = pick(1, 4);
    const int64_t k = pick(0, 6);
    const int64_t n = pick(1, 4);
    const Shape batch_a = pick_of<Shape>({{}, {1}, {2}, {2, 1}, {1, 3}});
    const Shape batch_b = pick_of<Shape>({{}, {1}, {1, 1}, {2, 1}, {2, 3}});
    RC_PRE(batch_a != Shape{2} || batch_b != (Shape{2, 3}));
    Shape a{batch_a};
    a.insert(a.end(), {m, k});
    Shape b{batch_b};
    b.insert(b.end(), {k, n});
    Shape y = broadcast(batch_a, batch_b);
    y.insert(y.end(), {m, n});
    const Values a_values = pick_values(size_of(a), kU8);
    const Values b_values = pick_values(size_of(b), kS8);
    op.za = pick(0, 255);
    op.zb = pick(-2, 2);
    op.a = one.value(kU8, a, a_values, op.za);
    op.b = one.constant(kS8, b, b_values);
    op.acc = pick_accumulator();
    op.requant = one.requant("saturate output");
    one.result(kS64, y);
    const Outcome outcome = one.run(op);
    uint64_t overflows = 0;
    // An operand's flat index from the result's indices: axes aligned at the right, an extent of 1 always index 0.
    const auto at = [](const Shape& shape, std::vector<int64_t> index, int64_t row, int64_t column) {
      index.resize(index.size() - 2);
      index.insert(index.end(), {row, column});
      int64_t flat = 0;
      for (size_t axis = 0; axis < shape.size(); ++axis) {
        const int64_t i = index[index.size() - shape.size() + axis];
        flat = flat * shape[axis] + (shape[axis] == 1 ? 0 : i);
      }
      return static_cast<size_t>(flat);
    };
    oracle::every_index(y, [&](const std::vector<int64_t>& index, size_t flat) {
      oracle::Terms terms;
      for (int64_t i = k; i-- > 0;) {
        const int64_t row = index[index.size() - 2];
        terms.push_back({oracle::TermPlace{i, 0, 0}, oracle::Int(a_values[at(a, index, row, i)] - op.za) * (b_values[at(b, index, i, index.back())] - op.zb)});
      }
      const oracle::RegisterSum sum = oracle::sum_in_order(terms, op.acc);
      RC_ASSERT(oracle::Int(outcome.values[flat]) == sum.value);
      overflows += sum.overflowed ? 1 : 0;
    });
    RC_ASSERT(total(outcome.overflows.accumulator) == overflows);
    spread.add(outcome.values, overflows > 0);
  }));
  spread.expect_telling(true);
}

// Eight products of -2^31 and -2^29: the exact sum is 2^63, one more than 64 bits hold.
TEST(MatMul, ARegisterOf64BitsOverflowsLikeAnyOther) {
  for (const Overflow rule : {Overflow::saturate, Overflow::wrap}) {
    OneOp one;
    MatMul op;
    op.a = one.value(kS32, {1, 8}, Values(8, -(int64_t{1} << 31)));
    op.b = one.constant(IntType{30, true}, {8, 1}, Values(8, -(int64_t{1} << 29)));
    op.acc = {kS64, rule};
    op.requant = one.requant("shift_right 40 floor; saturate output");
    one.result(kS32, {1, 1});
    const Outcome outcome = one.run(op);
    EXPECT_EQ(outcome.values, (Values{rule == Overflow::saturate ? (1 << 23) - 1 : -(1 << 23)}));
    EXPECT_EQ(outcome.overflows, (OverflowCounts{{1}, {}, {}}));
  }
}

TEST(MatMul, OverflowsOfPairsAndSpillsAreCounted) {
  for (const char* accumulator : {"s32.wrap+pairs:s16.saturate", "s16.saturate+spill:2:s32.wrap"}) {
    OneOp one;
    MatMul op;
    op.a = one.value(kU8, {1, 2}, {255, 255});
    op.b = one.constant(kS8, {2, 2}, {127, 1, 127, 1});
    op.acc = *parse_accumulator(accumulator);
    op.requant = one.requant("saturate output");
    one.result(kS32, {1, 2});
    const Outcome outcome = one.run(op);
    EXPECT_EQ(outcome.values, (Values{32767, 510})) << accumulator;
    EXPECT_EQ(outcome.overflows, (OverflowCounts{{1, 0}, {}, {}})) << accumulator;
  }
}

}  // namespace
}  // namespace assay::emu::one_op
