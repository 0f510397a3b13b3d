// Steps in binary32 against the oracle: each kind alone on corner words, and the field's lists on whole accumulators.
#include <gtest/gtest.h>

#include <random>

#include "emu/base/error.h"
#include "tests/oracle/exact_steps.h"
#include "tests/oracle/float_corners.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

using namespace emu;

StepOperands some_operands() {
  StepOperands o;
  o.bias = -321;
  o.scale.fp32 = {Fp32{0x3c4985f0}, Fp32{0xbf19999a}, Fp32{0x3cf5c28f}, Fp32{0x3dcccccd}};
  o.zero_point = 3;
  o.clamp_low = 3;
  o.clamp_high = 100;
  return o;
}

TEST(OracleFp32Steps, EveryKindOnEveryCornerWord) {
  std::vector<Step> steps;
  std::vector<Fp32Operand> operands = {Fp32Name::scale, Fp32Name::bias, Fp32Name::output, Fp32Name::slope};
  for (const uint32_t word : {0x3f000000U, 0xbf800000U, 0x00000001U, 0x7f7fffffU, 0x4b800000U, 0x80000000U, 0x00800000U}) operands.emplace_back(Fp32{word});
  for (const Fp32Operand& x : operands) {
    steps.insert(steps.end(), {Step{MulFp32{x}}, Step{AddFp32{x}}, Step{DivFp32{x}}, Step{LeakyFp32{x}}});
    steps.insert(steps.end(), {Step{FmaFp32{x, Fp32Name::bias}}, Step{FmaFp32{Fp32Name::scale, x}}});
  }
  steps.insert(steps.end(),
               {Step{ClampFp32{Fp32Bounds::output}}, Step{ClampFp32{Fp32Bounds::clamp}}, Step{ClampFp32{std::pair{Fp32{0xc3030000}, Fp32{0x42f80000}}}}, Step{AddHalfFp32{}}});
  for (const Round mode : kAllRounds) {
    steps.push_back(ToInt{mode});
    for (const FloatFormat format : {kTf32, kBf16, kFp16, kE5m2, kE4m3}) steps.push_back(RoundFp32{format, mode});
  }
  const StepOperands o = some_operands();
  Tally tally;
  for (const Step& step : steps) {
    ASSERT_EQ(parse_step(to_string(step)), step);
    ASSERT_TRUE(takes_fp32(step));
    for (const auto& corner : kFloatCorners) {
      StepEvents events;
      const Wide found = apply(step, corner.bits, o, events);
      const Int exact = in_fp32(corner.bits, step, o);
      tally.check(to_int(found) == exact, [&](auto& out) { out << to_string(step) << " on " << to_string(Fp32{corner.bits}) << ": " << to_int(found) << ", exactly " << exact; });
    }
  }
  tally.expect_all_right(int64_t{100} * 30 * kStride);
}

TEST(OracleFp32Steps, WordsOfEveryFormatAreStoredInEveryMode) {
  StepOperands o = some_operands();
  Tally tally;
  for (const FloatFormat format : {kTf32, kBf16, kFp16, kE5m2, kE4m3}) {
    o.output = word_type(format);
    o.clamp_low = narrow({0xc0400000}, {format}), o.clamp_high = narrow({0x42c80000}, {format});
    for (const Round mode : kAllRounds) {
      const Steps steps{ClampFp32{Fp32Bounds::clamp}, ClampFp32{Fp32Bounds::output}, StoreFp32{mode}};
      ASSERT_EQ(parse_steps(to_string(steps)), steps);
      for (const bool limited : {false, true}) {
        const Steps list(steps.begin() + (limited ? 0 : 2), steps.end());
        for (const auto& corner : kFloatCorners) {
          StepEvents events;
          const Wide found = requantize(corner.bits, list, o, events);
          const Stepped exact = stepped(corner.bits, list, o);
          tally.check(to_int(found) == exact.values.back() && events.output == exact.output,
                      [&](auto& out) { out << to_string(list) << " to " << to_string(format) << " on " << to_string(Fp32{corner.bits}) << ": " << to_int(found); });
        }
      }
    }
  }
  tally.expect_all_right(int64_t{100} * 30 * kStride);
}

TEST(OracleFp32Steps, TheFieldsListsOnAccumulators) {
  const char* const lists[] = {
      "to_fp32; mul_fp32 scale; add_fp32 bias; leaky_fp32 slope; mul_fp32 0x42480000; to_int half_away; clamp -127 127",
      "add_bias; to_fp32; mul_fp32 0x38d1b717; div_fp32 output; to_int half_away; clamp -127 127",
      "to_fp32; mul_fp32 scale; clamp_fp32 output; to_int half_even; add_zero_point",
      "to_fp32; fma_fp32 scale bias; to_int half_even; saturate output",
      "to_fp32; mul_fp32 scale; round_fp32 bf16 half_even; add_half_fp32; to_int toward_zero; saturate output",
      "add 12; multiply 155; shift_right 14 half_up; clamp -128 100",
  };
  std::mt19937_64 random(3);
  Tally tally;
  for (const char* text : lists) {
    const Steps steps = parse_steps(text);
    ASSERT_EQ(to_string(steps), text);
    ASSERT_FALSE(mixed_up(steps));
    const StepOperands o = some_operands();
    for (int i = 0; i < 1500; i += kStride) {
      const auto accumulator = static_cast<int32_t>(random()) >> (random() % 31);
      const Stepped exact = stepped(accumulator, steps, o);
      const std::vector<Wide> found = requantize_traced(accumulator, steps, o);
      bool right = true;
      for (size_t s = 0; s < found.size(); ++s) right = right && to_int(found[s]) == exact.values[s];
      tally.check(right, [&](auto& out) { out << text << " on " << accumulator; });
    }
  }
  tally.expect_all_right(6 * 1500);
}

TEST(MixedUp, NamesTheStepThatStandsOnTheWrongSide) {
  EXPECT_FALSE(mixed_up(parse_steps("add_bias; to_fp32; mul_fp32 scale; to_int floor; to_fp32; to_int ceil; saturate output")));
  EXPECT_EQ(*mixed_up(parse_steps("mul_fp32 scale")), "'mul_fp32 scale' works on binary32 numbers, but no to_fp32 comes before it");
  EXPECT_EQ(*mixed_up(parse_steps("to_fp32; saturate 8; to_int floor")), "'saturate 8' works on integers, but comes between to_fp32 and to_int");
  EXPECT_EQ(*mixed_up(parse_steps("to_fp32; to_fp32; to_int floor")), "'to_fp32' works on integers, but comes between to_fp32 and to_int");
  EXPECT_EQ(*mixed_up(parse_steps("to_fp32; mul_fp32 scale")), "to_fp32 has no to_int after it");
}

}  // namespace
}  // namespace assay::oracle
