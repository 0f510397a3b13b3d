// FastSteps against requantize(): any legal list of steps, any rounding, any constants that fit the lanes.
#include "emu/kernels/fast_steps.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "emu/kernels/step_bound.h"
#include "tests/emu/kernels/any_steps.h"

namespace assay::emu {
namespace {

using namespace kernel_testing;

template <class Accumulator>
void check_against_the_definition(Steps steps) {
  const IntType output = *element(kS8, kU8, kS16, IntType{6, true}, IntType{7, false});
  steps.push_back(*inRange(0, 4) != 0 ? Step(Saturate{}) : Step(Wrap{}));
  if (*inRange(0, 2) != 0) steps.push_back(Clamp{});
  ValueInfo result;
  result.type = output;
  result.zero_point = *inRange<int64_t>(-100, 100);
  const int64_t low = *inRange<int64_t>(-300, 300);
  const ClampBounds clamp{low, low + *inRange<int64_t>(0, 300)};
  const int64_t limit = int64_t{1} << *inRange(1, sizeof(Accumulator) == 8 ? 60 : 32);
  const auto count = static_cast<size_t>(*inRange(1, 600));
  const auto accumulators = any_accumulators<Accumulator>(count, limit);
  ChannelConstants constants;
  constants.bias = *inRange<int64_t>(-100000, 100000);
  constants.scale.multiplier = *element<int64_t>(1, 3, -7, 1 << 15, (1LL << 30) + 12345, (1LL << 31) - 1, -(1LL << 30));
  constants.scale.left = LeftShift{static_cast<uint8_t>(*inRange(0, 10))};
  constants.scale.right = RightShift{static_cast<uint8_t>(*inRange(0, 50))};
  constants.scale.first = RightShift{static_cast<uint8_t>(*inRange(0, 20))};
  constants.scale.fp32 = {any_word(), any_word(), any_word(), any_word()};

  // What the definition's own multiplication takes.
  RC_PRE(largest_within(steps, limit, {constants}, output, result.zero_point, clamp) < Wide{1} << 94);
  const auto fast = FastSteps::prepare(steps, Wide{limit}, {constants}, result, clamp);
  RC_ASSERT(fast.has_value());
  FastSteps::RowCounts counts, expected_counts;
  std::vector<int64_t> results(count), expected(count);
  fast->run(accumulators.data(), count, 0, results.data(), counts);
  StepOperands operands{constants.bias, constants.scale, output, result.zero_point, clamp.low, clamp.high};
  for (size_t i = 0; i < count; ++i) {
    StepEvents events;
    expected[i] = static_cast<int64_t>(requantize(as_defined(accumulators[i]), steps, operands, events));
    expected_counts.intermediate += events.intermediate ? 1 : 0;
    expected_counts.output += events.output ? 1 : 0;
  }
  RC_CLASSIFY(fast->lanes() == FastSteps::Lanes::bits32, "32-bit lanes");
  RC_CLASSIFY(fast->lanes() == FastSteps::Lanes::bits64, "64-bit lanes");
  RC_CLASSIFY(fast->lanes() == FastSteps::Lanes::bits128, "128-bit lanes");
  RC_CLASSIFY(fast->one_pass(), "one pass");
  RC_ASSERT(results == expected);
  RC_ASSERT(counts.intermediate == expected_counts.intermediate);
  RC_ASSERT(counts.output == expected_counts.output);
}

RC_GTEST_PROP(FastSteps, EqualTheDefinitionForAnyList, ()) {
  check_against_the_definition<int32_t>(*rc::gen::container<Steps>(rc::gen::exec(any_step)));
}
RC_GTEST_PROP(FastSteps, EqualTheDefinitionForAnyListOnWideSums, ()) {
  check_against_the_definition<int64_t>(*rc::gen::container<Steps>(rc::gen::exec(any_step)));
}

RC_GTEST_PROP(FastSteps, EqualTheDefinitionInTheCommonForm, ()) {
  check_against_the_definition<int32_t>(any_common_steps());
}
RC_GTEST_PROP(FastSteps, EqualTheDefinitionInTheCommonFormOnWideSums, ()) {
  check_against_the_definition<int64_t>(any_common_steps());
}

RC_GTEST_PROP(FastSteps, EqualTheDefinitionInBinary32, ()) {
  check_against_the_definition<int32_t>(any_steps_with_fp32());
}
RC_GTEST_PROP(FastSteps, EqualTheDefinitionInBinary32OnWideSums, ()) {
  check_against_the_definition<int64_t>(any_steps_with_fp32());
}
RC_GTEST_PROP(FastSteps, EqualTheDefinitionForListsThatBeginInBinary32, ()) {
  Steps steps;
  append_fp32_steps(steps);
  if (*inRange(0, 2) == 0) steps.push_back(AddZeroPoint{});
  check_against_the_definition<float>(std::move(steps));
}

// The lists of real float requantizers, at sums whose products are ties, limits and everything between.
TEST(FastSteps, RequantizersInBinary32EqualTheDefinition) {
  for (const char* list : {"to_fp32; mul_fp32 scale; to_int half_even; add_zero_point; saturate output; clamp",
                           "to_fp32; mul_fp32 scale; clamp_fp32 output; to_int half_even; add_zero_point; saturate output",
                           "to_fp32; mul_fp32 scale; add_fp32 bias; mul_fp32 output; to_int half_away; saturate output; clamp",
                           "to_fp32; fma_fp32 scale bias; leaky_fp32 slope; div_fp32 output; to_int half_away; saturate output",
                           "add_bias; to_fp32; mul_fp32 scale; add_half_fp32; to_int toward_zero; saturate output",
                           "to_fp32; mul_fp32 slope; add_half_fp32; to_int floor; saturate output",  // the sign of -0 tells
                           "to_fp32; round_fp32 bf16 half_even; mul_fp32 scale; round_fp32 tf32 half_away; add_fp32 bias; to_int half_up; saturate output; clamp"}) {
    const Steps steps = parse_steps(list);
    const ValueInfo result{"y", {}, kS8, 5};
    const ClampBounds clamp{-100, 90};
    // 2^-4, 1.5, 2^-1, -2^-2
    const ChannelConstants constants{7, {1, LeftShift{0}, RightShift{0}, {{0x3d800000U}, {0x3fc00000U}, {0x3f000000U}, {0xbe800000U}}}};
    std::vector<int32_t> accumulators;
    for (int32_t a = -5000; a <= 5000; ++a) accumulators.push_back(a);
    for (const int32_t a : {INT32_MIN + 8, INT32_MIN / 2, (1 << 24) + 1, (1 << 24) + 3, INT32_MAX - 8}) accumulators.push_back(a);
    const auto fast = FastSteps::prepare(steps, Wide{1} << 31, {constants}, result, clamp);
    ASSERT_TRUE(fast.has_value()) << list;
    std::vector<int8_t> results(accumulators.size());
    FastSteps::RowCounts counts;
    uint64_t outside = 0;
    fast->run(accumulators.data(), accumulators.size(), 0, results.data(), counts);
    for (size_t i = 0; i < accumulators.size(); ++i) {
      StepEvents events;
      const StepOperands operands{constants.bias, constants.scale, kS8, 5, clamp.low, clamp.high};
      EXPECT_EQ(results[i], static_cast<int8_t>(requantize(accumulators[i], steps, operands, events))) << list << " of " << accumulators[i];
      outside += events.output ? 1 : 0;
    }
    EXPECT_EQ(counts.output, outside) << list;
    EXPECT_EQ(counts.intermediate, 0U) << list;
  }
}

// Where the number after to_int is wrapped, or much is added to it, what lies beyond 2^30 still matters.
TEST(FastSteps, RoundedNumbersAreHeldOnlyWhereNothingCanTell) {
  const ChannelConstants constants{0, {1, LeftShift{0}, RightShift{0}, {{0x4b000000U}, {}, {}, {}}}};  // 2^23
  for (const char* list : {"to_fp32; mul_fp32 scale; to_int floor; wrap output", "to_fp32; mul_fp32 scale; to_int floor; add -2000000000; saturate output",
                           "to_fp32; mul_fp32 scale; to_int floor; add 1500000000; add_zero_point; clamp -128 127", "to_fp32; mul_fp32 scale; to_int floor; saturate output",
                           "to_fp32; mul_fp32 scale; to_int floor; shift_right 30 floor; saturate output", "to_fp32; mul_fp32 scale; to_int floor; saturate 32; saturate output"}) {
    const Steps steps = parse_steps(list);
    const ValueInfo result{"y", {}, kS8, 1};
    const auto fast = FastSteps::prepare(steps, 300, {constants}, result, {-128, 127});
    ASSERT_TRUE(fast.has_value()) << list;
    for (int32_t a = -300; a <= 300; ++a) {
      int8_t found[1];
      FastSteps::RowCounts counts;
      StepEvents events;
      fast->run(&a, 1, 0, found, counts);
      EXPECT_EQ(found[0], static_cast<int8_t>(requantize(a, steps, {0, constants.scale, kS8, 1, -128, 127}, events))) << list << " of " << a;
      EXPECT_EQ(counts.output != 0, events.output) << list << " of " << a;
      EXPECT_EQ(counts.intermediate != 0, events.intermediate) << list << " of " << a;
    }
  }
}

TEST(FastSteps, LanesAreTheSmallestThatHoldEveryValue) {
  ValueInfo result;
  ChannelConstants constants;
  constants.scale.multiplier = (int64_t{1} << 31) - 1;
  const auto lanes = [&](const char* list, Wide worst) {
    const auto fast = FastSteps::prepare(parse_steps(list), worst, {constants}, result, {-128, 127});
    return fast ? std::optional(fast->lanes()) : std::nullopt;
  };
  const char* multiplied = "multiply; shift_right 31 half_up; saturate output";
  EXPECT_EQ(lanes("saturate output", (Wide{1} << 31) - 1), FastSteps::Lanes::bits32);
  EXPECT_EQ(lanes("saturate output", Wide{1} << 31), FastSteps::Lanes::bits64);
  EXPECT_EQ(lanes(multiplied, Wide{1} << 30), FastSteps::Lanes::bits64);
  EXPECT_EQ(lanes(multiplied, Wide{1} << 31), FastSteps::Lanes::bits128);
  EXPECT_EQ(lanes(multiplied, Wide{1} << 62), FastSteps::Lanes::bits128);
  EXPECT_EQ(lanes("multiply; multiply; multiply; saturate output", Wide{1} << 62), std::nullopt);
  EXPECT_EQ(lanes("to_fp32; mul_fp32 scale; to_int half_even; add_zero_point; saturate output", 1 << 20), FastSteps::Lanes::bits32);
  EXPECT_EQ(lanes("to_fp32; mul_fp32 scale; to_int half_even; add_zero_point; wrap output", 1 << 20), FastSteps::Lanes::bits64);
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

TEST(FastSteps, AValueThatWrapsIntoAnUnsignedTypeMayGrow) {
  const ValueInfo result{"y", {}, kU8, 0};
  const auto fast = FastSteps::prepare(parse_steps("wrap output; shift_left 24; shift_right 24 floor"), 1, {ChannelConstants{}}, result, {});
  ASSERT_TRUE(fast.has_value());
  const int32_t accumulators[] = {-1};
  uint8_t results[1];
  FastSteps::RowCounts counts;
  fast->run(accumulators, 1, 0, results, counts);
  EXPECT_EQ(results[0], 255);
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
  const ValueInfo result{"y", {}, kS8, 3};
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
  const ValueInfo result{"y", {}, kS8, 0};
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
