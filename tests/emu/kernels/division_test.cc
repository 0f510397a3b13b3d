#include "emu/kernels/division.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace assay::emu {
namespace {

// Numerators and divisors on both sides of 64 bits, where the quotient is a whole number, a tie and neither.
TEST(ScaledDivision, EqualsTheDefinitionOnBothSidesOf64Bits) {
  const int64_t values[] = {0, 1, 3, -1, 12, 1 << 16, -(1 << 16), INT32_MAX, INT32_MIN}, divisors[] = {1, 2, 3, 8, 1000, INT32_MAX};
  for (const Round round : kAllRounds) {
    for (const QScale& scale : {QScale{1}, QScale{3, LeftShift{1}, RightShift{2}}, QScale{-5, LeftShift{0}, RightShift{3}}, QScale{INT32_MAX, LeftShift{4}, RightShift{20}},
                                QScale{1, LeftShift{40}, RightShift{45}}, QScale{1, LeftShift{0}, RightShift{35}}}) {
      const ScaledDivision divide(Wide{1} << 31, INT32_MAX, scale, round);
      const ScaledDivision small(1 << 16, 1000, scale, round);
      for (const int64_t value : values) {
        for (const int64_t divisor : divisors) {
          const Wide expected = divide_scaled(value, divisor, scale, round);
          if (!IntType{64, true}.holds(expected)) continue;
          EXPECT_EQ(divide(value, divisor), static_cast<int64_t>(expected)) << value << " / " << divisor << " " << to_string(round) << " * " << scale.multiplier;
          if (std::abs(value) > 1 << 16 || divisor > 1000) continue;
          EXPECT_EQ(small(value, divisor), static_cast<int64_t>(expected)) << value << " / " << divisor << " " << to_string(round) << " * " << scale.multiplier;
        }
      }
    }
  }
}

}  // namespace
}  // namespace assay::emu
