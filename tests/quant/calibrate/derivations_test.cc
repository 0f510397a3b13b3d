// Rules that derive scales, against worked numbers: the published examples' and some made by hand.
#include "quant/calibrate/derivations.h"

#include <gtest/gtest.h>

namespace assay::quant {
namespace {

using emu::Fp32;

TEST(RoundToInteger, ModesSendTiesWhereRoundingSays) {
  const auto rounded = [](int halves, emu::Round mode) { return static_cast<int>(round_to_integer(Rational(halves, 2), mode)); };
  for (const emu::Round mode : emu::kAllRounds) {
    for (int halves = -9; halves <= 9; ++halves) EXPECT_EQ(rounded(halves, mode), static_cast<int>(emu::divide(halves, 2, mode))) << emu::to_string(mode) << ' ' << halves;
  }
}

TEST(FloorLog2, IsExactAroundPowersOfTwo) {
  EXPECT_EQ(floor_log2(8), 3);
  EXPECT_EQ(floor_log2(Rational(799, 100)), 2);
  EXPECT_EQ(floor_log2(Rational(-1, 3)), -2);
  EXPECT_EQ(floor_log2(power_of_two(-200)), -200);
}

TEST(SymmetricScale, IsTwiceTheGreatestMagnitudeOverTheGrid) {
  EXPECT_EQ(symmetric_scale(-2, 1, -128, 127), Rational(4, 255));
  EXPECT_EQ(power_of_two_above(Rational(4, 255)), Rational(1, 32));
  EXPECT_EQ(power_of_two_above(Rational(1, 64)), Rational(1, 64));
  EXPECT_EQ(power_of_two_near(Rational(4, 255)), Rational(1, 64));
  EXPECT_EQ(power_of_two_near(Rational(3, 2)), 2);
}

TEST(AsymmetricEncoding, PutsZeroOnTheGridAndKeepsTheWidth) {
  const Encoding even = asymmetric_encoding(Rational(-51, 10), Rational(51, 10), 8, Rational(1, 100));
  EXPECT_EQ(even.delta, Rational(1, 25));
  EXPECT_EQ(even.offset, -128);
  EXPECT_EQ(even.min, Rational(-128, 25));
  EXPECT_EQ(even.max, Rational(127, 25));
  const Encoding positive = asymmetric_encoding(Rational(1, 2), 2, 8, Rational(1, 100));
  EXPECT_EQ(positive.offset, 0);
  EXPECT_EQ(positive.max, 2);
  EXPECT_EQ(asymmetric_encoding(0, 0, 8, Rational(1, 100)).max, Rational(1, 100));
}

TEST(SymmetricEncoding, StrictDropsTheLowestWord) {
  EXPECT_EQ(symmetric_encoding(-2, 1, 8, false, 0).offset, -128);
  EXPECT_EQ(symmetric_encoding(-2, 1, 8, true, 0).offset, -127);
  EXPECT_EQ(symmetric_encoding(-2, 1, 8, true, 0).delta, Rational(2, 127));
}

TEST(NudgeRange, MovesTheEndThatMovesLeast) {
  const NudgedRange up = nudge_range({0xC0A33333}, {0x40A33333}, 255);  // -5.1, 5.1
  EXPECT_EQ(up.moved, 2);
  EXPECT_EQ(up.high.bits, 0x40A47C2BU);                                   // 5.140157
  const NudgedRange down = nudge_range({0xBC23D70A}, {0x40800000}, 255);  // -0.01, 4: z is below 1, so only the low end can move
  EXPECT_EQ(down.moved, 1);
  EXPECT_EQ(down.low.bits, emu::divide({0x40800000}, {0xC37E0000}).bits);  // 4 * 1 / -254
  EXPECT_EQ(nudge_range({0xC1200000}, {0x40A00000}, 255).moved, 0);        // -10, 5
  EXPECT_EQ(nudge_range({0}, {0x40A00000}, 255).moved, 0);
  EXPECT_EQ(nudge_range({0x40A00000}, {0x40A00000}, 255).moved, -1);
  EXPECT_EQ(nudge_range(emu::kNan32, {0x40A00000}, 255).moved, -1);
}

TEST(PositionScale, FillsTheWord) {
  EXPECT_EQ(position_scale(3, 8).position, -5);
  EXPECT_EQ(position_scale(3, 8).scale, Rational(127, 96));
  EXPECT_EQ(position_scale(3, 16).position, -13);
  EXPECT_EQ(position_scale(0, 8).scale, 1);
}

TEST(NormalisationRatio, IsOneWhereThereIsNothing) {
  EXPECT_EQ(normalisation_ratio(Rational(635, 100), 8), Rational(1, 20));
  EXPECT_EQ(normalisation_ratio(0, 8), 1);
}

TEST(NearestScale, TakesTheSmallerShiftOfEquals) {
  const auto pair = [](const Rational& scale, int bits, int low, int high) {
    const emu::QScale found = nearest_scale(scale, bits, low, high);
    return std::pair<int64_t, int>(found.multiplier, found.right.bits);
  };
  EXPECT_EQ(pair(Rational(6, 635), 8, 8, 21), (std::pair<int64_t, int>(155, 14)));
  EXPECT_EQ(pair(Rational(1, 256), 8, 8, 21), (std::pair<int64_t, int>(1, 8)));
  EXPECT_EQ(pair(5, 8, 8, 21), (std::pair<int64_t, int>(255, 8)));
}

TEST(EqualFirstShift, RaisesTheWeightWhereTheBiasWouldFallBelowItsLeast) {
  const std::vector<std::pair<int64_t, int64_t>> expected = {{14, 11}, {12, 9}, {11, 8}};
  EXPECT_EQ(equal_first_shift({{14, 11}, {12, 12}, {9, 8}}, 8), expected);
}

TEST(PoolReciprocal31, HasTheSourcesNumbers) {
  EXPECT_EQ(pool_reciprocal_31(9).multiplier, 3817748709);
  EXPECT_EQ(pool_reciprocal_31(9).right.bits, 35);
  EXPECT_EQ(pool_reciprocal_31(2).multiplier, 2147483649);
}

TEST(AverageFactorOfKernel, IsFixedForSquareKernelsAndNearestElsewhere) {
  EXPECT_EQ(average_factor_of_kernel(3, 3).multiplier, 7);
  EXPECT_EQ(average_factor_of_kernel(3, 3).right.bits, 6);
  EXPECT_EQ(average_factor_of_kernel(2, 3).multiplier, 85);
  EXPECT_EQ(average_factor_of_kernel(2, 3).right.bits, 9);
  EXPECT_EQ(average_factor_of_kernel(2, 2).multiplier, 1);
}

}  // namespace
}  // namespace assay::quant
