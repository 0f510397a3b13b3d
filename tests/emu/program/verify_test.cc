#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "emu/base/error.h"
#include "emu/program/intervals.h"
#include "emu/program/text.h"
#include "tests/emu/program/samples.h"

namespace assay::emu {
namespace {

Program sample() {
  return parse_program(samples::every_operation());
}

template <class Op>
Op& first(Program& program) {
  for (Instruction& instruction : program.instructions) {
    if (auto* op = std::get_if<Op>(&instruction.operation)) return *op;
  }
  throw InternalError("the sample lacks the operation");
}

std::vector<std::string> problems_found(const Program& program) {
  try {
    verify(program);
  } catch (const InputError& error) {
    return error.problems();
  }
  return {};
}

// Some problem holds all of the words.
testing::AssertionResult says(const Program& program, const std::vector<std::string>& words) {
  const auto problems = problems_found(program);
  auto result = testing::AssertionFailure() << "no problem says so; found:";
  for (const std::string& problem : problems) {
    bool all = true;
    for (const std::string& word : words) all = all && problem.find(word) != std::string::npos;
    if (all) return testing::AssertionSuccess();
    result << "\n  " << problem;
  }
  return result;
}

TEST(Verify, TheSampleIsValid) {
  EXPECT_EQ(problems_found(sample()), std::vector<std::string>{});
}

TEST(Verify, AnEmptyProgramIsValid) {
  EXPECT_NO_THROW(verify(Program{}));
}

TEST(Verify, NamesInstructionOperationAndValue) {
  Program program = sample();
  first<Conv>(program).w.index = 99;
  EXPECT_TRUE(says(program, {"instruction 0", "conv", "relu", "'w' is @k99", "6 constants"}));
}

TEST(Verify, TellsAllProblemsAtOnce) {
  Program program = sample();
  first<Conv>(program).w.index = 99;
  first<MatMul>(program).requant.scale.index = 98;
  program.scales[0][0].multiplier = int64_t{1} << 32;
  program.outputs[0] = 97;
  EXPECT_EQ(problems_found(program).size(), 4u);
}

TEST(Verify, ReferencesBeyondTheTablesAreRefused) {
  Program program = sample();
  first<Conv>(program).requant.steps.index = 50;
  EXPECT_TRUE(says(program, {"conv", "#50"}));
  program = sample();
  first<LeakyRelu>(program).negative.index = 51;
  EXPECT_TRUE(says(program, {"leaky_relu", "@s51"}));
  program = sample();
  first<Concat>(program).inputs[1].index = 52;
  EXPECT_TRUE(says(program, {"concat", "%52"}));
  program = sample();
  first<Conv>(program).bias->index = 53;
  EXPECT_TRUE(says(program, {"conv", "@k53"}));
  program = sample();
  program.instructions[3].result = 54;
  EXPECT_TRUE(says(program, {"instruction 3", "%54"}));
  program = sample();
  program.inputs[0].value = 55;
  EXPECT_TRUE(says(program, {"input 0", "%55"}));
}

TEST(Verify, AValueIsReadOnlyAfterItWasWritten) {
  Program program = sample();
  std::swap(program.instructions[0], program.instructions[1]);
  EXPECT_TRUE(says(program, {"instruction 0", "conv_transpose", "%1", "before it is written"}));
}

TEST(Verify, NoInstructionReadsItsOwnResult) {
  Program program = sample();
  first<Requantize>(program).x.index = 9;
  EXPECT_TRUE(says(program, {"requantize", "%9", "before it is written"}));
}

TEST(Verify, AValueIsWrittenOnce) {
  Program program = sample();
  program.instructions.push_back(program.instructions.back());
  EXPECT_TRUE(says(program, {"%19", "twice"}));
  program = sample();
  program.inputs.push_back(program.inputs[0]);
  EXPECT_TRUE(says(program, {"%0", "twice"}));
}

TEST(Verify, AValueIsWrittenAtAll) {
  Program program = sample();
  program.values.push_back(program.values.back());
  program.values.back().name = "lonely";
  EXPECT_TRUE(says(program, {"%20", "lonely", "no input and no instruction"}));
}

TEST(Verify, InputBoundsLieInTheType) {
  Program program = sample();
  program.inputs[0].high = 128;
  EXPECT_TRUE(says(program, {"input 0", "data", "-128..128"}));
  program.inputs[0] = {0, Round::half_even, 5, 4};
  EXPECT_TRUE(says(program, {"input 0", "wrong order"}));
}

TEST(Verify, AnInstructionWithoutAnOperationIsRefused) {
  Program program = sample();
  program.instructions[2].operation = std::monostate{};
  EXPECT_TRUE(says(program, {"instruction 2", "no operation"}));
}

TEST(Verify, ZeroPointsAgreeWithTheValues) {
  Program program = sample();
  first<Conv>(program).zx = -4;
  EXPECT_TRUE(says(program, {"conv", "'zx' says -4", "-3"}));
  program = sample();
  first<Sub>(program).zb = 6;
  EXPECT_TRUE(says(program, {"sub", "'zb' says 6", "zero point 5"}));
  program = sample();
  first<Concat>(program).zero_points[1] = 7;
  EXPECT_TRUE(says(program, {"concat", "'zx' says 7", "%7"}));
  program = sample();
  first<Conv>(program).zw = 300;
  EXPECT_TRUE(says(program, {"conv", "'zw' says 300", "s8"}));
}

TEST(Verify, ScalesAreNormalised) {
  Program program = sample();
  program.values[4].scale = {Dyadic{6, -9}};
  EXPECT_TRUE(says(program, {"%4", "6*2^-9", "normalised"}));
}

TEST(Verify, AScaleHasOneEntryOrOneForEachChannel) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{3}}) {
    Program program = sample();
    const size_t output = program.outputs.at(0);
    ASSERT_EQ(program.values[output].shape.size(), 2u);
    program.values[output].scale.assign(count, Dyadic{1, -8});
    const bool good = count == 1 || count == static_cast<size_t>(program.values[output].shape[1]);
    EXPECT_EQ(problems_found(program).empty(), good) << count;
    if (!good) {
      EXPECT_TRUE(says(program, {"%" + std::to_string(output), "its scale has " + std::to_string(count) + " entries"}));
    }
  }
}

TEST(Verify, MultipliersAndShiftsHaveLimits) {
  for (const int64_t multiplier : {int64_t{1} << 32, -(int64_t{1} << 32), std::numeric_limits<int64_t>::min()}) {
    Program program = sample();
    program.scales[1][1].multiplier = multiplier;
    EXPECT_TRUE(says(program, {"@s1", "2^32"}));
  }
  Program program = sample();
  program.scales[1][1].right.bits = 63;
  EXPECT_TRUE(says(program, {"@s1", "more than 62"}));
  program = sample();
  program.step_lists[2][0] = ShiftLeft{LeftShift{63}};
  EXPECT_TRUE(says(program, {"#2", "shift_left 63"}));
  program = sample();
  program.step_lists[1][2] = Saturate{uint8_t{65}};
  EXPECT_TRUE(says(program, {"#1", "saturate 65"}));
}

TEST(Verify, AScaleHasOneEntryOrOnePerChannel) {
  Program program = sample();
  program.scales[1].push_back(program.scales[1][0]);
  EXPECT_TRUE(says(program, {"conv", "3 entries", "1 or 2"}));
  program = sample();
  program.scales[0].clear();
  EXPECT_TRUE(says(program, {"@s0", "no entry"}));
}

TEST(Verify, AveragePoolTakesOneScalePerCount) {
  Program program = sample();
  program.scales[2].assign(4, program.scales[2][0]);
  EXPECT_FALSE(says(program, {"average_pool"}));
  program.scales[2].resize(3);
  EXPECT_TRUE(says(program, {"average_pool", "3 entries", "1 or 4"}));
}

TEST(Verify, ABiasIsAddedWhereThereIsOneAndOnlyThere) {
  Program program = sample();
  first<Conv>(program).bias.reset();
  EXPECT_TRUE(says(program, {"conv", "add a bias, but it has none"}));
  program = sample();
  first<Conv>(program).requant.steps.index = 1;
  EXPECT_TRUE(says(program, {"conv", "has a bias", "no add_bias"}));
}

TEST(Verify, StepsEndInsideTheResultsType) {
  Program program = sample();
  program.step_lists[1] = parse_steps("multiply; shift_right scale half_away; saturate 9");
  EXPECT_TRUE(says(program, {"matmul", "-256..255", "s8 does not hold"}));
  program.step_lists[1] = parse_steps("multiply; shift_right scale half_away; saturate 16; clamp");
  EXPECT_FALSE(says(program, {"matmul"}));
  program.step_lists[1] = parse_steps("multiply; shift_right scale half_away; wrap 7; add_zero_point");
  EXPECT_FALSE(says(program, {"matmul"}));
  first<Requantize>(program).requant.clamp = {-200, 127};
  program.step_lists[1] = parse_steps("multiply; shift_left 10; clamp");
  EXPECT_TRUE(says(program, {"requantize", "s8 does not hold"}));
}

TEST(Verify, NoStepLeaves126Bits) {
  Program program = sample();
  program.step_lists[1] = parse_steps("shift_left 62; shift_left 33; saturate output");
  EXPECT_TRUE(says(program, {"matmul", "step 2 (shift_left 33)", "126 bits"}));
  program.step_lists[1] = parse_steps("shift_left 62; shift_left 32; saturate output");
  EXPECT_FALSE(says(program, {"matmul"}));
  program.step_lists[1] = parse_steps("shift_left 62; shift_left 2; multiply; saturate output");
  EXPECT_TRUE(says(program, {"matmul", "step 3 (multiply)", "126 bits"}));
}

TEST(Verify, EveryEntryOfAScaleIsFollowed) {
  Program program = sample();
  program.step_lists[0] = parse_steps("add_bias; shift_left scale; shift_left 33; saturate output");
  EXPECT_FALSE(says(program, {"conv"}));
  program.scales[1][1].left.bits = 62;
  EXPECT_TRUE(says(program, {"conv", "step 3 (shift_left 33)", "entry 1 of the scale"}));
}

TEST(Verify, OperandStepsDoNotSpeakOfTheResult) {
  for (const char* step : {"saturate output", "wrap output", "add_zero_point", "clamp", "add_bias"}) {
    Program program = sample();
    program.step_lists[2].push_back(parse_step(step));
    EXPECT_TRUE(says(program, {"add", "'operands' on 'a'", "speaks of the result"})) << step;
  }
}

TEST(Verify, ADivisionLeavesNoScaleForTheSteps) {
  Program program = sample();
  first<Softmax>(program).requant.steps.index = 1;
  EXPECT_TRUE(says(program, {"softmax", "the division uses the scale"}));
}

TEST(Verify, TypesOf64BitsHaveASign) {
  Program program = sample();
  program.values[0].type = {64, false};
  EXPECT_TRUE(says(program, {"%0", "u64"}));
  program = sample();
  first<Conv>(program).acc.type = {64, false};
  EXPECT_TRUE(says(program, {"conv", "'acc'", "u64"}));
}

TEST(Verify, ShapesAreChecked) {
  Program program = sample();
  program.values[0].shape = {1, 2, int64_t{1} << 40, int64_t{1} << 40};
  EXPECT_TRUE(says(program, {"%0", "larger than 2^31"}));
}

// The interval that is followed holds what each value becomes, and its ends are met: neither too narrow nor too wide.
RC_GTEST_PROP(Intervals, HoldEveryValueAndAreTight, ()) {
  const auto lists = {"multiply; shift_right scale half_even; saturate 8; add_zero_point; wrap output", "add_bias; shift_left 3; multiply; shift_right 5 floor; clamp",
                      "shift_right scale half_away; wrap 9; multiply; saturate output"};
  const Steps steps = parse_steps(*(lists.begin() + *rc::gen::inRange(0, 3)));
  StepBounds bounds;
  bounds.operands.scale = {*rc::gen::inRange<int64_t>(-20, 20), LeftShift{0}, RightShift{*rc::gen::inRange<uint8_t>(0, 8)}};
  bounds.operands.zero_point = *rc::gen::inRange<int64_t>(-9, 9);
  bounds.operands.clamp_low = *rc::gen::inRange<int64_t>(-50, 0);
  bounds.operands.clamp_high = *rc::gen::inRange<int64_t>(0, 50);
  const auto bias = *rc::gen::inRange<int64_t>(-100, 100);
  bounds.bias = {bias, bias};
  bounds.operands.bias = bias;
  const auto low = *rc::gen::inRange<int64_t>(-400, 400);
  const auto high = low + *rc::gen::inRange<int64_t>(0, 300);
  Interval value{low, high};
  RC_ASSERT(!follow(steps, bounds, value, Begins::as_integer));
  Wide smallest = value.high;
  Wide largest = value.low;
  for (int64_t v = low; v <= high; ++v) {
    StepEvents events;
    const Wide after = requantize(v, steps, bounds.operands, events);
    RC_ASSERT(after >= value.low && after <= value.high);
    smallest = std::min(smallest, after);
    largest = std::max(largest, after);
  }
  const bool wraps = to_string(steps).find("wrap") != std::string::npos;
  if (!wraps) RC_ASSERT(smallest == value.low && largest == value.high);
}

TEST(Intervals, ABiasMovesEachEndByItsOwn) {
  StepBounds bounds;
  bounds.bias = {-5, 7};
  Interval value{0, 10};
  EXPECT_FALSE(follow(parse_steps("add_bias"), bounds, value, Begins::as_integer));
  EXPECT_EQ(to_string(value), "-5..17");
}

// -10 and 5 become 20 and 5, but 0 stays 0.
TEST(Intervals, HoldEveryValueOfALeakyStepWhoseSlopeFalls) {
  const Steps steps = parse_steps("to_fp32; leaky_fp32 0xc0000000; to_int half_even");
  const StepBounds bounds;
  Interval value{-10, 5};
  EXPECT_FALSE(follow(steps, bounds, value, Begins::as_integer));
  for (int64_t v = -10; v <= 5; ++v) {
    StepEvents events;
    const Wide after = requantize(v, steps, bounds.operands, events);
    EXPECT_TRUE(after >= value.low && after <= value.high) << v << " in " << to_string(value);
  }
}

// The divisor may be 1, rounded away from zero, or as large as one likes.
TEST(Intervals, ADivisionReachesFromZeroToTheNumeratorRoundedAway) {
  const auto divided = [](const Interval& sums) {
    Interval value = sums;
    EXPECT_FALSE(follow_division({1, LeftShift{0}, RightShift{1}}, value));
    return to_string(value);
  };
  EXPECT_EQ(divided({-5, 5}), "-3..3");
  EXPECT_EQ(divided({9, 11}), "0..6");
  EXPECT_EQ(divided({-11, -9}), "-6..0");
}

}  // namespace
}  // namespace assay::emu
