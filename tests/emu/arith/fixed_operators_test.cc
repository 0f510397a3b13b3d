// The borders beyond which an operator gives its end without calculating: what lies on a border is told apart by a border that is nearer than a chip would have it.
#include "emu/arith/fixed_operators.h"

#include <gtest/gtest.h>

#include "emu/arith/fixed_point.h"

namespace assay::emu {
namespace {

// A difference of 1 is 1 in Q5.26.
constexpr QScale kUnit{1 << 30, LeftShift{27}, RightShift{0}};

TEST(FixedOperators, SoftmaxCountsTheLowestDifferenceItself) {
  const std::vector<int64_t> row{0, -1, -2};
  const auto all = softmax_row(row, {kUnit, -2}, kS8), two = softmax_row(row, {kUnit, -1}, kS8);
  EXPECT_GT(all[2], -128);
  EXPECT_EQ(two[2], -128);
  EXPECT_GT(two[1], all[1]) << "the sum is smaller";
}

TEST(FixedOperators, LogisticAndTanhAreAtTheirEndsFromTheRadiusOn) {
  // A word's step is 1 in Q4.27.
  const ArgumentScale argument{3, {1 << 30, LeftShift{28}, RightShift{0}}, 2};
  for (const auto function : {logistic_8, tanh_8}) {
    EXPECT_EQ(function(1, argument), -128);
    EXPECT_EQ(function(5, argument), 127);
    EXPECT_GT(function(2, argument), -128);
    EXPECT_LT(function(4, argument), 127);
  }
}

TEST(FixedOperators, AnInterpolatedTieGoesAwayFromZero) {
  EXPECT_EQ(interpolate_corners(-1, -1, 0, 0, 512, 0), -1);
  EXPECT_EQ(interpolate_corners(1, 0, 1, 0, 0, 512), 1);
  EXPECT_EQ(interpolate_corners(-3, -3, -2, -2, 512, 100), -3);
}

TEST(FixedPoint, TiesAndBordersByHand) {
  EXPECT_EQ(rounding_half_sum(-1, 0), -1) << "away from zero";
  EXPECT_EQ(rounding_half_sum(1, 0), 1);
  EXPECT_EQ(apply_scale_16(-1, {1 << 14, LeftShift{0}, RightShift{15}}), 0) << "-1/2 goes up";
  EXPECT_EQ(apply_scale_32_rounding_twice(1, {1, LeftShift{0}, RightShift{31}}), 0) << "31 is rounded once";
  EXPECT_EQ(reciprocal_scale(3), (QScale{1431655766, LeftShift{0}, RightShift{32}})) << "1431655766.67, with 2^30 for 2^30 + 1 it is 1431655765.33";
  EXPECT_EQ(reciprocal_scale(4), (QScale{(1 << 30) + 1, LeftShift{0}, RightShift{32}})) << "a power of two is its own upper end";
}

}  // namespace
}  // namespace assay::emu
