// Functions as straight lines: which segment, and one rounding.
#include "emu/arith/piecewise.h"

#include <gtest/gtest.h>

#include <bit>

namespace assay::emu {
namespace {

Fp32 fp32(float value) {
  return {std::bit_cast<uint32_t>(value)};
}
float real(Fp32 value) {
  return std::bit_cast<float>(value.bits);
}

TEST(PiecewiseLinear, APointBelongsToTheSegmentThatBeginsThere) {
  const PiecewiseLinear lines{{fp32(-1), fp32(1)}, {fp32(0), fp32(1), fp32(2)}, {fp32(5), fp32(10), fp32(20)}};
  EXPECT_EQ(real(evaluate(lines, fp32(-2))), 5);
  EXPECT_EQ(real(evaluate(lines, fp32(-1))), 9);
  EXPECT_EQ(real(evaluate(lines, fp32(0.5F))), 10.5F);
  EXPECT_EQ(real(evaluate(lines, fp32(1))), 22);
  EXPECT_TRUE(evaluate(lines, kNan32).is_nan());
}

// The product's low half survives to the sum: fused, not rounded twice.
TEST(PiecewiseLinear, ALineIsOneFusedProductAndSum) {
  const float x = 1 + 0x1p-12F;
  const PiecewiseLinear lines{{fp32(9)}, {fp32(x), fp32(0)}, {fp32(-1 - 0x1p-11F), fp32(0)}};
  EXPECT_EQ(real(evaluate(lines, fp32(x))), 0x1p-24F);
}

}  // namespace
}  // namespace assay::emu
