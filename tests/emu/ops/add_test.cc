#include "tests/emu/ops/pick.h"
#include "tests/emu/ops/sums_oracle.h"
#include "tests/oracle/exact_steps.h"

namespace assay::emu::one_op {
namespace {

template <class Op>
Op plain(OneOp& one, Ref a, Ref b) {
  Op op;
  op.a = a;
  op.b = b;
  op.scale_a = one.scale();
  op.scale_b = one.scale();
  op.operand_steps = one.steps("");
  op.requant = one.requant("saturate output");
  return op;
}

TEST(Add, OfEqualScalesIsAPlainSum) {
  OneOp one;
  const Add op = plain<Add>(one, one.value(kS8, {3}, {1, -2, 100}), one.value(kS8, {3}, {10, 20, 100}));
  one.result(kS8, {3});
  const Outcome outcome = one.run(op);
  EXPECT_EQ(outcome.values, (Values{11, 18, 127}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {}, {0, 0, 1}}));  // rank 1: the axis itself
}

TEST(Sub, TakesTheSecondFromTheFirst) {
  OneOp one;
  const Sub op = plain<Sub>(one, one.value(kS8, {3}, {1, -2, 100}), one.constant(kS8, {1}, {10}));
  one.result(kS8, {3});
  EXPECT_EQ(one.run(op).values, (Values{-9, -12, 90}));
}

TEST(Add, BringsEachOperandToTheCommonScaleFirst) {
  OneOp one;
  Add op = plain<Add>(one, one.value(kU8, {1, 2}, {13, 4}, 10), one.value(kS8, {1, 2}, {-5, 8}, 1));
  op.za = 10;
  op.zb = 1;
  op.operand_steps = one.steps("shift_left 4; multiply; shift_right scale half_away");
  op.scale_a = one.scale({scaled(3, 2)});
  op.scale_b = one.scale({scaled(1, 5)});
  op.requant = one.requant("multiply; shift_right scale half_up; add_zero_point; saturate output", {scaled(1, 1)});
  one.result(kS8, {1, 2}, -3);
  const Outcome outcome = one.run(op);
  // a: 3*16*3/4 = 36; -6*16*3/4 = -72.   b: -6*16/32 = -3; 7*16/32 = 3.5 -> 4.   sums 33, -68;  /2: 16.5 -> 17, -34;  - 3
  EXPECT_EQ(outcome.stage("operand1"), (Values{36, -72}));
  EXPECT_EQ(outcome.stage("operand2"), (Values{-3, 4}));
  EXPECT_EQ(outcome.stage("accumulator"), (Values{33, -68}));
  EXPECT_EQ(outcome.values, (Values{14, -37}));
}

TEST(Add, CountsAnOperandThatSaturatesOnceAsIntermediate) {
  OneOp one;
  Add op = plain<Add>(one, one.value(kS8, {1, 3}, {100, 5, 100}), one.value(kS8, {1, 3}, {100, 5, -100}));
  op.operand_steps = one.steps("saturate 6");
  op.requant = one.requant("saturate 6; saturate output");
  one.result(kS8, {1, 3});
  const Outcome outcome = one.run(op);
  // 31 + 31 = 62 -> 31: operands and sum saturate, one output;  10;  31 - 32: only the operands
  EXPECT_EQ(outcome.values, (Values{31, 10, -1}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {1, 0, 1}, {}}));
}

TEST(Add, TheAccumulatorStoresTheFirstOperandAndThenTheSum) {
  OneOp one;
  Add op = plain<Add>(one, one.value(kS16, {1, 2}, {200, -100}), one.value(kS16, {1, 2}, {-100, -100}));
  op.acc = {kS8, Overflow::saturate};
  one.result(kS16, {1, 2});
  const Outcome outcome = one.run(op);
  EXPECT_EQ(outcome.values, (Values{127 - 100, -128}));  // 200 -> 127 before the sum
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{1, 1}, {}, {}}));
  op.acc = {kS8, Overflow::wrap};
  EXPECT_EQ(one.run(op).values, (Values{100, -200 + 256}));
}

TEST(Add, OperandsBroadcastAndScalesMayBeByChannel) {
  OneOp one;
  Add op = plain<Add>(one, one.value(kS8, {2, 1, 2}, {1, 2, 3, 4}), one.constant(kS8, {2, 1}, {10, 20}));
  op.requant = one.requant("multiply; saturate output", {scaled(1, 0), scaled(2, 0)});
  one.result(kS16, {2, 2, 2});
  EXPECT_EQ(one.run(op).values, (Values{11, 12, 42, 44, 13, 14, 46, 48}));
  one.result(kS16, {2, 2, 3});
  EXPECT_NE(one.problems(op).find("must have shape [2,2,2]"), std::string::npos) << one.problems(op);
}

template <class Op>
void expect_add_oracle(int sign) {
  Spread spread;
  EXPECT_TRUE(rc::check([&] {
    OneOp one;
    const Shape a = pick_of<Shape>({{2, 3, 4}, {1, 3, 1}, {4}, {}});
    const Shape b = pick_of<Shape>({{2, 3, 4}, {2, 1, 4}, {3, 1}});
    const Shape y = broadcast(a, b);
    const Values a_values = pick_values(size_of(a), kS8);
    const Values b_values = pick_values(size_of(b), kU8);
    const int64_t zb = pick(0, 255);
    Op op = plain<Op>(one, one.value(kS8, a, a_values, -7), one.constant(kU8, b, b_values));
    op.za = -7;
    op.zb = zb;
    const Steps steps = parse_steps("shift_left 8; multiply; shift_right scale half_away");
    op.operand_steps = one.steps(to_string(steps));
    StepOperands by_a;
    StepOperands by_b;
    by_a.scale = scaled(pick(1 << 10, 1 << 11), 11);
    by_b.scale = scaled(pick(1 << 10, 1 << 11), 12);
    op.scale_a = one.scale({by_a.scale});
    op.scale_b = one.scale({by_b.scale});
    op.acc = pick_accumulator();
    one.result(kS64, y);
    const Outcome outcome = one.run(op);
    uint64_t overflows = 0;
    const auto at = [](const Shape& shape, const std::vector<int64_t>& index) {
      int64_t flat = 0;
      for (size_t axis = 0; axis < shape.size(); ++axis) flat = flat * shape[axis] + (shape[axis] == 1 ? 0 : index[index.size() - shape.size() + axis]);
      return static_cast<size_t>(flat);
    };
    oracle::every_index(y, [&](const std::vector<int64_t>& index, size_t flat) {
      const oracle::Int first = oracle::stepped(oracle::Int(a_values[at(a, index)] + 7), steps, by_a).values.back();
      const oracle::Int second = oracle::stepped(oracle::Int(b_values[at(b, index)] - zb), steps, by_b).values.back();
      const oracle::RegisterSum sum = oracle::sum_in_order({{oracle::TermPlace{0, 0, 0}, first}, {oracle::TermPlace{1, 0, 0}, oracle::Int(sign * second)}}, op.acc);
      RC_ASSERT(oracle::Int(outcome.values[flat]) == sum.value);
      overflows += sum.overflowed ? 1 : 0;
    });
    RC_ASSERT(total(outcome.overflows.accumulator) == overflows);
    spread.add(outcome.values, overflows > 0);
  }));
  spread.expect_telling(true);
}

TEST(AddLaws, EqualsTheOracleInAnyRegister) {
  expect_add_oracle<Add>(1);
}
TEST(SubLaws, EqualsTheOracleInAnyRegister) {
  expect_add_oracle<Sub>(-1);
}

TEST(Add, CountsTheSecondOperandsSaturationToo) {
  OneOp one;
  Add op = plain<Add>(one, one.value(kS8, {1, 2}, {5, 5}), one.value(kS8, {1, 2}, {100, 5}));
  op.operand_steps = one.steps("saturate 6");
  one.result(kS8, {1, 2});
  const Outcome outcome = one.run(op);
  EXPECT_EQ(outcome.values, (Values{36, 10}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {1, 0}, {}}));
}

// Both operands dequantized, added and quantized in binary32, against exact rationals rounded where binary32 rounds.
template <class Op>
void check_in_fp32(uint64_t seed, bool subtract) {
  const char* const kOperands = "to_fp32; mul_fp32 scale";
  const char* const kSum = "div_fp32 output; add_fp32 zero_point; to_int half_even; saturate output";
  std::mt19937_64 random(seed);
  int differing = 0;
  for (int round = 0; round < 40; ++round) {
    OneOp one;
    const Values a = random_values(random, 64, kU8), b = random_values(random, 64, kU8);
    const int64_t za = random_in(random, 0, 255), zb = random_in(random, 0, 255), zy = random_in(random, 0, 255);
    const auto constants = [&] {
      QScale scale;
      scale.fp32.scale = {static_cast<uint32_t>(random_in(random, 0x3c000000, 0x3e000000))};
      scale.fp32.output = {static_cast<uint32_t>(random_in(random, 0x3c000000, 0x3e000000))};
      return scale;
    };
    const QScale of_a = constants(), of_b = constants(), of_y = constants();
    Op op;
    op.a = one.value(kU8, {1, 64}, a, za), op.b = one.value(kU8, {1, 64}, b, zb), op.za = za, op.zb = zb;
    op.scale_a = one.scale({of_a}), op.scale_b = one.scale({of_b}), op.operand_steps = one.steps(kOperands);
    op.requant = one.requant(kSum, {of_y});
    const Outcome outcome = one.result(kU8, {1, 64}, zy).run(op);
    for (size_t i = 0; i < a.size(); ++i) {
      const auto operand = [&](int64_t centred, const QScale& scale) {
        StepOperands own;
        own.scale = scale;
        return oracle::value_of(static_cast<uint32_t>(oracle::stepped(centred, parse_steps(kOperands), own).values.back()), kFp32);
      };
      auto second = operand(b[i] - zb, of_b);
      if (subtract) second.negative = !second.negative, second.value = -second.value;
      const uint32_t sum = oracle::word_of(oracle::sum(operand(a[i] - za, of_a), second), oracle::kNearest32);
      StepOperands own;
      own.scale = of_y, own.output = kU8, own.zero_point = zy;
      EXPECT_EQ(outcome.values[i], static_cast<int64_t>(oracle::stepped(sum, parse_steps(kSum), own).values.back())) << "seed " << seed << ", element " << i;
      differing += i > 0 && outcome.values[i] != outcome.values[i - 1] ? 1 : 0;
    }
  }
  EXPECT_GT(differing, 40 * 16);
}

TEST(Add, OperandsInBinary32AreAddedThere) {
  check_in_fp32<Add>(11, false);
}
TEST(Sub, OperandsInBinary32AreSubtractedThere) {
  check_in_fp32<Sub>(12, true);
}

TEST(Add, ASumInBinary32MustComeBackToIntegers) {
  OneOp one;
  Add op = plain<Add>(one, one.value(kS8, {1}, {1}), one.value(kS8, {1}, {1}));
  op.operand_steps = one.steps("to_fp32; mul_fp32 scale");
  one.result(kS8, {1});
  EXPECT_NE(one.problems(op), "");  // "saturate output" on a binary32 number
}

}  // namespace
}  // namespace assay::emu::one_op
