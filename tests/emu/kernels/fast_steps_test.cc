// FastSteps against requantize(): any legal list of steps, any rounding, any constants that fit the lanes.
#include "emu/kernels/fast_steps.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace assay::emu {
namespace {

using rc::gen::element;
using rc::gen::inRange;

Round any_round() {
  return *rc::gen::elementOf(std::vector<Round>(kAllRounds.begin(), kAllRounds.end()));
}

Step any_step() {
  switch (*inRange(0, 8)) {
    case 0: return AddBias{};
    case 1: return *inRange(0, 2) != 0 ? ShiftLeft{LeftShift{static_cast<uint8_t>(*inRange(0, 8))}} : ShiftLeft{};
    case 2: return Multiply{};
    case 3: return *inRange(0, 2) != 0 ? ShiftRight{RightShift{static_cast<uint8_t>(*inRange(0, 35))}, any_round()} : ShiftRight{std::nullopt, any_round()};
    case 4: return Saturate{static_cast<uint8_t>(*inRange(2, 40))};
    case 5: return Wrap{static_cast<uint8_t>(*inRange(2, 40))};
    case 6: return AddZeroPoint{};
    default: return Clamp{};
  }
}

// The common form, which takes one pass, each step present or not.
Steps any_common_steps() {
  Steps steps;
  const auto maybe = [&](const Step& step) {
    if (*inRange(0, 3) != 0) steps.push_back(step);
  };
  maybe(AddBias{});
  maybe(ShiftLeft{});
  maybe(Multiply{});
  maybe(ShiftLeft{LeftShift{static_cast<uint8_t>(*inRange(0, 4))}});
  maybe(*inRange(0, 2) != 0 ? ShiftRight{std::nullopt, any_round()} : ShiftRight{RightShift{static_cast<uint8_t>(*inRange(0, 35))}, any_round()});
  maybe(AddZeroPoint{});
  return steps;
}

void check_against_the_definition(Steps steps) {
  const IntType output = *element(kS8, kU8, kS16, IntType{6, true}, IntType{7, false});
  steps.push_back(*inRange(0, 4) != 0 ? Step(Saturate{}) : Step(Wrap{}));
  if (*inRange(0, 2) != 0) steps.push_back(Clamp{});
  ValueInfo result;
  result.type = output;
  result.zero_point = *inRange<int64_t>(-100, 100);
  const int64_t low = *inRange<int64_t>(-300, 300);
  const ClampBounds clamp{low, low + *inRange<int64_t>(0, 300)};
  const int bits = *inRange(1, 32);
  const int64_t limit = int64_t{1} << bits;
  const auto count = static_cast<size_t>(*inRange(1, 600));
  const auto accumulators = *rc::gen::container<std::vector<int32_t>>(count, rc::gen::map(inRange<int64_t>(-limit, limit), [](int64_t v) { return static_cast<int32_t>(v); }));
  ChannelConstants constants;
  constants.bias = *inRange<int64_t>(-100000, 100000);
  constants.scale.multiplier = *element<int64_t>(1, 3, -7, 1 << 15, (1LL << 30) + 12345, (1LL << 31) - 1, -(1LL << 30));
  constants.scale.left = LeftShift{static_cast<uint8_t>(*inRange(0, 10))};
  constants.scale.right = RightShift{static_cast<uint8_t>(*inRange(0, 50))};

  const auto fast = FastSteps::prepare(steps, Wide{limit}, {constants}, result, clamp);
  RC_PRE(fast.has_value());
  FastSteps::RowCounts counts, expected_counts;
  std::vector<int64_t> results(count), expected(count);
  fast->run(accumulators.data(), count, 0, results.data(), counts);
  StepOperands operands{constants.bias, constants.scale, output, result.zero_point, clamp.low, clamp.high};
  for (size_t i = 0; i < count; ++i) {
    StepEvents events;
    expected[i] = static_cast<int64_t>(requantize(accumulators[i], steps, operands, events));
    expected_counts.intermediate += events.intermediate ? 1 : 0;
    expected_counts.output += events.output ? 1 : 0;
  }
  RC_CLASSIFY(fast->narrow(), "32-bit lanes");
  RC_CLASSIFY(!fast->narrow(), "64-bit lanes");
  RC_CLASSIFY(fast->one_pass(), "one pass");
  RC_ASSERT(results == expected);
  RC_ASSERT(counts.intermediate == expected_counts.intermediate);
  RC_ASSERT(counts.output == expected_counts.output);
}

RC_GTEST_PROP(FastSteps, EqualTheDefinitionForAnyList, ()) {
  check_against_the_definition(*rc::gen::container<Steps>(rc::gen::exec(any_step)));
}

RC_GTEST_PROP(FastSteps, EqualTheDefinitionInTheCommonForm, ()) {
  check_against_the_definition(any_common_steps());
}

TEST(FastSteps, RefusesWhatCouldLeaveItsLanes) {
  ValueInfo result;
  ChannelConstants constants;
  constants.scale.multiplier = (int64_t{1} << 31) - 1;
  EXPECT_TRUE(FastSteps::prepare(parse_steps("multiply; shift_right 31 half_up; saturate output"), Wide{1} << 30, {constants}, result, {-128, 127}).has_value());
  EXPECT_FALSE(FastSteps::prepare(parse_steps("multiply; shift_right 31 half_up; saturate output"), Wide{1} << 31, {constants}, result, {-128, 127}).has_value());
}

// All 16-bit values through a list that is a shift by `bits` with any mode.
void expect_rounded(const FastSteps& fast, uint8_t bits, Round round) {
  for (int32_t start = -32768; start < 32768; start += 256) {
    int32_t values[256], results[256];
    for (int32_t i = 0; i < 256; ++i) values[i] = start + i;
    FastSteps::RowCounts counts;
    fast.run(values, 256, 0, results, counts);
    for (int32_t i = 0; i < 256; ++i) {
      ASSERT_EQ(results[i], static_cast<int32_t>(shift_right(values[i], RightShift{bits}, round))) << to_string(round) << " " << values[i] << " >> " << int{bits};
    }
  }
}

TEST(FastSteps, EveryRoundingModeEqualsTheDefinitionOnAll16BitValues) {
  for (const Round round : kAllRounds) {
    for (uint8_t bits = 0; bits <= 17; ++bits) {
      for (const bool wide : {false, true}) {
        ValueInfo result;
        result.type = IntType{31, true};
        // A large worst case forces 64-bit lanes.
        const auto steps = FastSteps::prepare({ShiftRight{RightShift{bits}, round}}, wide ? Wide{1} << 40 : Wide{1} << 16, {ChannelConstants{}}, result, {});
        ASSERT_TRUE(steps && steps->narrow() == !wide && !steps->one_pass());
        expect_rounded(*steps, bits, round);
        // In one pass 64-bit products are forced by a factor that the shift takes back.
        const uint8_t more = wide ? 16 : 0;
        const Steps list{ShiftLeft{LeftShift{more}}, ShiftRight{RightShift{static_cast<uint8_t>(bits + more)}, round}, Saturate{}};
        const auto one_pass = FastSteps::prepare(list, Wide{1} << 16, {ChannelConstants{}}, result, {});
        ASSERT_TRUE(one_pass && one_pass->narrow() == !wide && one_pass->one_pass());
        expect_rounded(*one_pass, bits, round);
      }
    }
  }
}

TEST(FastSteps, TheChannelThatShiftsLeastDecidesTheLanes) {
  ValueInfo result;
  ChannelConstants least, most;
  least.scale.multiplier = most.scale.multiplier = 1 << 20;
  most.scale.right = RightShift{30};
  const auto fast = FastSteps::prepare(parse_steps("shift_right scale floor; multiply; saturate output"), Wide{1} << 20, {least, most}, result, {});
  ASSERT_TRUE(fast.has_value());
  EXPECT_FALSE(fast->narrow());
  const int32_t accumulators[] = {1 << 20};
  int8_t results[1];
  FastSteps::RowCounts counts;
  fast->run(accumulators, 1, 0, results, counts);
  EXPECT_EQ(results[0], 127);
  EXPECT_EQ(counts.output, 1U);
}

TEST(FastSteps, RefusesAListThatKeepsItsOutputTwice) {
  const ValueInfo result;
  for (const char* list : {"saturate output; add_zero_point; saturate output", "wrap output; saturate output"}) {
    EXPECT_FALSE(FastSteps::prepare(parse_steps(list), 1000, {ChannelConstants{}}, result, {}).has_value()) << list;
  }
}

// Every accumulator near zero, so that each bound is met, left and just not left; results and counts.
void expect_the_definition(const char* list, const ChannelConstants& constants) {
  const Steps steps = parse_steps(list);
  const ValueInfo result{"y", {}, kS8, 3, {}};
  const ClampBounds clamp{-20, 30};
  std::vector<int32_t> accumulators;
  for (int32_t a = -400; a <= 400; ++a) accumulators.push_back(a);
  const auto fast = FastSteps::prepare(steps, 400, {constants}, result, clamp);
  ASSERT_TRUE(fast.has_value()) << list;
  std::vector<int8_t> results(accumulators.size());
  FastSteps::RowCounts counts, expected;
  fast->run(accumulators.data(), accumulators.size(), 0, results.data(), counts);
  const StepOperands operands{constants.bias, constants.scale, kS8, 3, clamp.low, clamp.high};
  for (size_t i = 0; i < accumulators.size(); ++i) {
    StepEvents events;
    EXPECT_EQ(results[i], static_cast<int8_t>(requantize(accumulators[i], steps, operands, events))) << list << " of " << accumulators[i];
    expected.intermediate += events.intermediate ? 1 : 0;
    expected.output += events.output ? 1 : 0;
  }
  EXPECT_EQ(counts.intermediate, expected.intermediate) << list;
  EXPECT_EQ(counts.output, expected.output) << list;
}

TEST(FastSteps, ListsNextToTheCommonFormAreNotTakenForIt) {
  for (const char* list : {"saturate output",
                           "add_bias; multiply; shift_right scale half_even; add_zero_point; saturate output; clamp",
                           "saturate output; clamp -5 5",
                           "clamp -5 5; saturate output",
                           "clamp; saturate output",
                           "multiply 3; saturate output",
                           "multiply 3; multiply; saturate output",
                           "saturate 6; saturate output",
                           "saturate 6",
                           "saturate 6; clamp",
                           "shift_right 2 half_up; multiply; saturate output",
                           "shift_right 2 floor; shift_right scale ceil; saturate output",
                           "add_zero_point; add_bias; saturate output",
                           "add_bias; add_bias; saturate output",
                           "add_zero_point; add_zero_point; saturate output",
                           "saturate output; add_zero_point; clamp -100 100",
                           "multiply; add_bias; saturate output",
                           "add 9; saturate output",
                           "wrap 7; saturate output",
                           "wrap 6; saturate output; clamp",
                           "shift_left 2; saturate output",
                           "shift_left scale; saturate output"}) {
    expect_the_definition(list, {17, {5, LeftShift{1}, RightShift{3}}});
    expect_the_definition(list, {-40, {-3, LeftShift{0}, RightShift{0}}});
  }
}

TEST(FastSteps, ABiasThatTakesTheSumBeyond32BitsTakesTheLanesWithIt) {
  const ValueInfo result{"y", {}, kS8, 0, {}};
  const ChannelConstants constants{(int64_t{1} << 31) - 1, {}};
  const auto fast = FastSteps::prepare(parse_steps("add_bias; shift_right 24 floor; saturate output"), Wide{1} << 20, {constants}, result, {});
  ASSERT_TRUE(fast.has_value());
  const int32_t accumulators[] = {1 << 20};
  int8_t results[1];
  FastSteps::RowCounts counts;
  fast->run(accumulators, 1, 0, results, counts);
  EXPECT_EQ(results[0], 127);  // (2^31 - 1 + 2^20) / 2^24 is 128
  EXPECT_EQ(counts.output, 1U);
}

}  // namespace
}  // namespace assay::emu
