// What single steps do where a mistake is hard to see.
#include "emu/arith/requant.h"

#include <gtest/gtest.h>

namespace assay::emu {
namespace {

Wide after(const char* step, Wide value, const StepOperands& operands = {}) {
  StepEvents events;
  return apply(parse_step(step), value, operands, events);
}

TEST(Step, LeakyFp32LeavesMinusZeroAsItIs) {
  EXPECT_TRUE(after("leaky_fp32 0xc0000000", 0x80000000U) == 0x80000000U) << "v < 0 does not hold for -0";
  EXPECT_TRUE(after("leaky_fp32 0xc0000000", 0xbf800000U) == 0x40000000U) << "-1 * -2";
}

TEST(Step, ShiftRightTakesItsOwnNumberTheFirstCutOrTheRightShift) {
  StepOperands operands;
  operands.scale.right = RightShift{3}, operands.scale.first = RightShift{5};
  EXPECT_TRUE(after("shift_right 1 floor", 4096, operands) == 2048);
  EXPECT_TRUE(after("shift_right scale floor", 4096, operands) == 512);
  EXPECT_TRUE(after("shift_right first floor", 4096, operands) == 128);
  EXPECT_EQ(to_string(parse_steps("shift_right first floor; shift_right scale ceil")), "shift_right first floor; shift_right scale ceil");
}

TEST(Step, ZeroPointInBinary32IsTheOutputs) {
  StepOperands operands;
  operands.zero_point = -3;
  EXPECT_TRUE(after("add_fp32 zero_point", 0, operands) == 0xc0400000U);
}

TEST(Steps, AreBinary32BetweenToFp32AndToInt) {
  const Steps steps = parse_steps("add 1; to_fp32; mul_fp32 scale; to_int half_even; add 1");
  const bool expected[] = {false, false, true, true, false, false};
  for (size_t count = 0; count <= steps.size(); ++count) EXPECT_EQ(is_fp32_after(steps, count), expected[count]) << count;
}

}  // namespace
}  // namespace assay::emu
