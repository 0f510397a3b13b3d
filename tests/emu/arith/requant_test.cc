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

TEST(Steps, AreBinary32BetweenToFp32AndToInt) {
  const Steps steps = parse_steps("add 1; to_fp32; mul_fp32 scale; to_int half_even; add 1");
  const bool expected[] = {false, false, true, true, false, false};
  for (size_t count = 0; count <= steps.size(); ++count) EXPECT_EQ(is_fp32_after(steps, count), expected[count]) << count;
}

}  // namespace
}  // namespace assay::emu
