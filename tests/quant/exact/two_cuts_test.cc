#include "quant/exact/two_cuts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace assay::quant {
namespace {

const emu::Steps kSteps = emu::parse_steps("shift_right first half_up; saturate 16; add_bias; saturate 16; multiply; shift_right scale half_up; saturate output; clamp");
const BiasWords kNoBias{{}, {emu::IntType{16, true}, -32767, 32767}, emu::Round::half_away};

// A multiplier of 8 bits, second cuts of 8 to 16 and first cuts of at most 5.
emu::MultiplierRule two_cuts_rule() {
  emu::MultiplierRule rule;
  rule.form = emu::MultiplierForm::nearest;
  rule.bits = 8, rule.min_right = {8}, rule.max_right = {16}, rule.max_first = {5};
  return rule;
}

long double value_of(const emu::QScale& scale) {
  return std::ldexp(static_cast<long double>(scale.multiplier), -(scale.first.bits + scale.right.bits));
}

std::vector<emu::QScale> scales_of(const std::vector<Ratio>& ratios, const BiasWords& bias) {
  std::string problem;
  const auto found = two_cut_scales(ratios, bias, kSteps, two_cuts_rule(), problem);
  EXPECT_EQ(problem, "");
  return found;
}

TEST(TwoCuts, EachScaleIsTheNearestOfAllLegalPairs) {
  std::mt19937_64 words(7);
  for (int i = 0; i < 300; ++i) {
    const double s_x = 0.01 + static_cast<double>(words() % 1000) / 1000, s_w = std::ldexp(1 + static_cast<double>(words() % 1000) / 1000, -1 - static_cast<int>(words() % 12));
    const auto found = scales_of({{{s_x, s_w}, {1.0}}}, kNoBias);
    ASSERT_EQ(found.size(), 1U);
    const long double exact = static_cast<long double>(s_x) * s_w;
    long double least = 1;
    for (int m = 0; m <= 255; ++m) {
      for (int n = 8; n <= 21; ++n) least = std::min(least, std::fabs(std::ldexp(static_cast<long double>(m), -n) - exact));
    }
    EXPECT_LE(std::fabs(value_of(found[0]) - exact), least * (1 + 1e-12L)) << s_x << " * " << s_w;
    EXPECT_LE(found[0].first.bits, 5);
    EXPECT_GE(found[0].right.bits, 8);
    EXPECT_LE(found[0].right.bits, 16);
  }
}

TEST(TwoCuts, TheFirstCutIsOneForAllChannels) {
  // 200 * 2^-19 needs a first cut of 3; 201 * 2^-12 none, but gets the same, its second cut of 9 being legal; the value is unchanged.
  const std::vector<Ratio> ratios{{{std::ldexp(201.0, -19), 1.0}, {1.0}}, {{std::ldexp(201.0, -12), 1.0}, {1.0}}};
  const auto found = scales_of(ratios, kNoBias);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].first.bits, 3);
  EXPECT_EQ(found[1].first.bits, 3);
  EXPECT_EQ(found[0].right.bits, 16);
  EXPECT_EQ(found[1].right.bits, 9);
  EXPECT_EQ(found[0].multiplier, 201);
  EXPECT_EQ(found[1].multiplier, 201);
}

TEST(TwoCuts, TheFirstCutMakesRoomForTheBias) {
  // A bias of 100000 accumulator steps needs a cut of 2 to fit 16 bits.
  const Ratio ratio{{0.01, 0.01}, {1.0 / 16}};
  BiasWords bias = kNoBias;
  bias.values = {10.0F};
  EXPECT_EQ(scales_of({ratio}, bias)[0].first.bits, 2);
  bias.values = {3.0F};
  EXPECT_EQ(scales_of({ratio}, bias)[0].first.bits, 0);
}

TEST(TwoCuts, ALargeRatioOfOneChannelLimitsTheCutThatAnotherNeeds) {
  // 255 * 2^-8 leaves no room for a first cut, whatever the other channel's bias.
  BiasWords bias = kNoBias;
  bias.values = {0.0F, 10.0F};
  const auto found = scales_of({{{std::ldexp(255.0, -8), 1.0}, {1.0}}, {{0.01, 0.01}, {1.0 / 16}}}, bias);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].first.bits, 0);
  EXPECT_EQ(found[1].first.bits, 0);
  EXPECT_EQ(found[0].multiplier, 255);
}

TEST(TwoCuts, ARatioBeyondTheLargestPairIsRefusedInWords) {
  std::string problem;
  EXPECT_TRUE(two_cut_scales({{{2.0, 1.0}, {1.0}}}, kNoBias, kSteps, two_cuts_rule(), problem).empty());
  EXPECT_NE(problem.find("too large for a multiplier of 8 bits"), std::string::npos) << problem;
}

}  // namespace
}  // namespace assay::quant
