// The QScale that stands for a ratio, judged by rationals built another way: from the QScale back to the value that the steps multiply by.
#include "quant/exact/ratio.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <random>

namespace assay::quant {
namespace {

using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;
using emu::MultiplierRule;
using emu::QScale;
using emu::Round;

const emu::Steps kDouble = emu::parse_steps("shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; saturate output");
const emu::Steps kSingle = emu::parse_steps("multiply; shift_right scale half_up; saturate output");
const emu::Steps kFixed = emu::parse_steps("multiply; shift_right 16 half_up; saturate output");
const emu::Steps kShift = emu::parse_steps("shift_left scale; shift_right scale half_up; saturate output");

MultiplierRule rule(int bits, Round round = Round::half_away, int max_left = 31, int max_right = 62) {
  MultiplierRule rule;
  rule.bits = static_cast<uint8_t>(bits), rule.round = round, rule.max_left = {static_cast<uint8_t>(max_left)}, rule.max_right = {static_cast<uint8_t>(max_right)};
  return rule;
}

cpp_rational power_of_2(int exponent) {
  const cpp_int one = 1;
  return exponent >= 0 ? cpp_rational(cpp_int(one << exponent)) : cpp_rational(one, cpp_int(one << -exponent));
}

cpp_rational exact(const Ratio& ratio) {
  cpp_rational value = power_of_2(ratio.exponent);
  for (const double factor : ratio.numerator) value *= cpp_rational(factor);
  for (const double factor : ratio.denominator) value /= cpp_rational(factor);
  return value;
}

// What the fixed shifts of the lists above come to.
int fixed_right(const emu::Steps& steps) {
  return &steps == &kDouble ? 31 : (&steps == &kFixed ? 16 : 0);
}

cpp_rational step_of(const QScale& scale, const emu::Steps& steps) {
  return power_of_2(scale.left.bits - scale.right.bits - fixed_right(steps));
}

cpp_int floor_of(const cpp_rational& value) {
  const cpp_int top = numerator(value), bottom = denominator(value);
  const cpp_int quotient = top / bottom;
  return quotient * bottom > top ? cpp_int(quotient - 1) : quotient;
}

cpp_int round_of(const cpp_rational& value, Round mode) {
  const cpp_rational half(1, 2);
  switch (mode) {
    case Round::floor: return floor_of(value);
    case Round::ceil: return -floor_of(-value);
    case Round::half_up: return floor_of(value + half);
    case Round::half_down: return -floor_of(half - value);
    case Round::half_away: return value < 0 ? cpp_int(-floor_of(half - value)) : floor_of(value + half);
    case Round::half_even: {
      const cpp_int up = floor_of(value + half);
      return up - value == half && up % 2 != 0 ? cpp_int(up - 1) : up;
    }
    default: throw std::logic_error("no oracle for this mode");
  }
}

QScale found(const Ratio& ratio, const emu::Steps& steps, const MultiplierRule& multiplier) {
  std::string problem;
  const auto scale = decompose(ratio, steps, multiplier, problem);
  EXPECT_TRUE(scale.has_value()) << problem;
  return scale.value_or(QScale{});
}

std::string refused(const Ratio& ratio, const emu::Steps& steps, const MultiplierRule& multiplier) {
  std::string problem;
  EXPECT_FALSE(decompose(ratio, steps, multiplier, problem).has_value());
  return problem;
}

QScale q(int64_t multiplier, int left, int right) {
  return {multiplier, emu::LeftShift{static_cast<uint8_t>(left)}, emu::RightShift{static_cast<uint8_t>(right)}};
}

// A positive float32 of about 2^-20 to 2^4.
rc::Gen<float> scales() {
  return rc::gen::map(rc::gen::inRange<uint32_t>(0x35800000U, 0x41800000U), [](uint32_t bits) { return std::bit_cast<float>(bits); });
}

RC_GTEST_PROP(Decompose, IsTheNearestMultiplierAndRoundsOnce, ()) {
  const Ratio ratio{{*scales(), *scales()}, {*scales()}, *rc::gen::inRange(-8, 8)};
  const int bits = *rc::gen::inRange(2, 33);
  const Round round = *rc::gen::element(Round::floor, Round::ceil, Round::half_up, Round::half_down, Round::half_away, Round::half_even);
  const emu::Steps& steps = **rc::gen::element(&kDouble, &kSingle);
  const MultiplierRule multiplier = rule(bits, round, 62, 62);
  std::string problem;
  const auto scale = decompose(ratio, steps, multiplier, problem);
  RC_PRE(scale.has_value());
  const cpp_rational step = step_of(*scale, steps);
  RC_ASSERT(scale->left.bits == 0 || scale->right.bits == 0);
  RC_ASSERT(scale->multiplier < int64_t{1} << bits);
  RC_ASSERT(scale->multiplier >= int64_t{1} << (bits - 1) || scale->right.bits == 62);
  if (scale->multiplier != int64_t{1} << (bits - 1)) {
    RC_ASSERT(cpp_int(scale->multiplier) == round_of(exact(ratio) / step, round));
  } else {  // possibly a carry, rounded on the finer grid below the power of two
    RC_ASSERT(cpp_int(scale->multiplier) * 2 == round_of(exact(ratio) / step * 2, round) || cpp_int(scale->multiplier) == round_of(exact(ratio) / step, round));
  }
  if (round != Round::floor && round != Round::ceil) RC_ASSERT(abs(cpp_rational(scale->multiplier * step - exact(ratio))) * 2 <= step);
}

RC_GTEST_PROP(Decompose, IsMonotone, ()) {
  float a = *scales(), b = *scales();
  if (a > b) std::swap(a, b);
  const MultiplierRule multiplier = rule(*rc::gen::inRange(2, 12), Round::half_even, 62, 62);
  const QScale low = found({{a}, {3.0F}}, kDouble, multiplier), high = found({{b}, {3.0F}}, kDouble, multiplier);
  RC_ASSERT(low.multiplier * step_of(low, kDouble) <= high.multiplier * step_of(high, kDouble));
}

TEST(Decompose, GivesTfLitesMultipliers) {
  // Published pairs of q31 multiplier and shift; a negative shift is a right one.
  EXPECT_EQ(found({{0.0037}, {}}, kDouble, rule(31)), q(2034096511, 0, 8));
  EXPECT_EQ(found({{0.25}, {}}, kDouble, rule(31)), q(1073741824, 0, 1));
  EXPECT_EQ(found({{1}, {}}, kDouble, rule(31)), q(1073741824, 1, 0));
  EXPECT_EQ(found({{0.5}, {}}, kSingle, rule(31)), q(1073741824, 0, 31)) << "one list's fixed shift is the other one's scale";
}

TEST(Decompose, CarriesJustBelowAPowerOfTwo) {
  EXPECT_EQ(found({{1 - 0x1p-40}, {}}, kSingle, rule(31)), q(1073741824, 0, 30));
  EXPECT_EQ(found({{1 - 0x1p-40}, {}}, kSingle, rule(31, Round::floor)), q(2147483647, 0, 31));
  EXPECT_EQ(found({{255.5}, {256}}, kSingle, rule(8, Round::half_even)), q(128, 0, 7));
  EXPECT_EQ(found({{255.5}, {256}}, kSingle, rule(8, Round::half_down)), q(255, 0, 8));
}

TEST(Decompose, SendsExactTiesWhereTheTargetSays) {
  EXPECT_EQ(found({{200.5}, {256}}, kSingle, rule(8, Round::half_even)).multiplier, 200);
  EXPECT_EQ(found({{201.5}, {256}}, kSingle, rule(8, Round::half_even)).multiplier, 202);
  EXPECT_EQ(found({{200.5}, {256}}, kSingle, rule(8, Round::half_away)).multiplier, 201);
  EXPECT_EQ(found({{-200.5}, {256}}, kSingle, rule(8, Round::half_away)).multiplier, -201);
  EXPECT_EQ(found({{-200.5}, {256}}, kSingle, rule(8, Round::half_up)).multiplier, -200) << "a negative slope is rounded with its sign";
  EXPECT_EQ(found({{-200.25}, {256}}, kSingle, rule(8, Round::floor)).multiplier, -201);
  // Two roundings would see a tie here: 2^-60 above it, beyond a double's 53 bits.
  EXPECT_EQ(found({{200.5, 1 + 0x1p-52}, {256, 1 + 0x1p-51}}, kSingle, rule(8, Round::half_up)).multiplier, 200);
}

TEST(Decompose, DropsBitsWhereTheShiftEnds) {
  EXPECT_EQ(found({{0x1p-40}, {}}, kSingle, rule(31)), q(1 << 22, 0, 62));
  EXPECT_EQ(found({{0x1p-70}, {}}, kSingle, rule(31)), q(0, 0, 62));
  EXPECT_EQ(found({{0.3}, {}}, kFixed, rule(31)), q(19661, 0, 0)) << "no shift by the scale at all: the multiplier's bits are what the fixed shift leaves";
  EXPECT_EQ(found({{0}, {}}, kSingle, rule(31)), q(0, 0, 0));
}

TEST(Decompose, RefusesWhatCannotBeRepresented) {
  EXPECT_NE(refused({{0x1p40}, {}}, kDouble, rule(31)).find("too large"), std::string::npos);
  EXPECT_NE(refused({{0x1p16}, {}}, kFixed, rule(31)).find("too large"), std::string::npos);
  EXPECT_NE(refused({{3}, {}}, kShift, rule(1)).find("not a power of two"), std::string::npos);
  EXPECT_NE(refused({{-2}, {}}, kShift, rule(1)).find("not a power of two"), std::string::npos);
  EXPECT_NE(refused({{0x1p-63}, {}}, kShift, rule(1)).find("right shift of 63"), std::string::npos);
  EXPECT_NE(refused({{0x1p32}, {}}, kShift, rule(1)).find("left shift of 32"), std::string::npos);
}

TEST(Decompose, OnlyShiftsWhereTheStepsOnlyShift) {
  EXPECT_EQ(found({{0x1p-9}, {}}, kShift, rule(1)), q(1, 0, 9));
  EXPECT_EQ(found({{0x1p-9 * 3}, {3}}, kShift, rule(1)), q(1, 0, 9)) << "exact: the threes cancel";
  EXPECT_EQ(found({{8}, {}}, kShift, rule(1)), q(1, 3, 0));
  EXPECT_EQ(found({{1}, {}}, {}, rule(31)), q(1, 0, 0)) << "no steps at all: only a ratio of one";
}

TEST(DecomposeDivided, KeepsPowersOfTwoPlain) {
  std::string problem;
  EXPECT_EQ(decompose_divided({{1}, {}}, rule(31), problem), q(1, 0, 0));
  EXPECT_EQ(decompose_divided({{}, {0x1p-8}}, rule(1), problem), q(1, 8, 0));
  EXPECT_EQ(decompose_divided({{0.75}, {}}, rule(31), problem), q(0x60000000, 0, 31));
  EXPECT_EQ(decompose_divided({{0.75}, {}}, rule(1), problem), std::nullopt);
}

RC_GTEST_PROP(RoundRatio, AgreesWithRationals, ()) {
  const Ratio ratio{{static_cast<double>(*rc::gen::inRange(-100000, 100000)), *scales()}, {*scales()}, *rc::gen::inRange(-4, 4)};
  const Round round = *rc::gen::element(Round::floor, Round::half_up, Round::half_down, Round::half_even);
  const int64_t low = -(int64_t{1} << 29), high = int64_t{1} << 29;
  const cpp_int whole = round_of(exact(ratio), round);
  RC_ASSERT(round_ratio(ratio, round, low, high) == (whole < low ? low : (whole > high ? high : static_cast<int64_t>(whole))));
}

TEST(Dyadic, HoldsEveryFloatExactly) {
  EXPECT_EQ(to_dyadic(0.75F), (emu::Dyadic{3, -2}));
  EXPECT_EQ(to_dyadic(0), (emu::Dyadic{0, 0}));
  EXPECT_EQ(to_dyadic(-96), (emu::Dyadic{-3, 5}));
  for (const float value : {0x1p-149F, 0x1.fffffep127F, 0.1F, -3.3F, 0x1.8p-140F}) EXPECT_EQ(to_float(to_dyadic(value)), value);
}

// 31 bits first, then half_up to the rule's own, all ones at most: two roundings, of which the second alone would often give another multiplier.
TEST(Decompose, NarrowedRoundsTwice) {
  MultiplierRule own = rule(15);
  own.form = emu::MultiplierForm::narrowed;
  std::mt19937_64 random(5);
  int unlike = 0, at_most = 0;
  for (int i = 0; i < 20000; ++i) {
    const float value = i < 3 ? std::ldexp(std::nextafter(1.0F, 0.0F), i - 1) : std::ldexp(1 + static_cast<float>(random() >> 41) * 0x1p-23F, -static_cast<int>(random() % 20));
    std::string problem;
    const auto scale = decompose({{value, 1.0F / 3}, {}}, kSingle, own, problem);
    ASSERT_TRUE(scale) << problem;
    const cpp_rational ratio = exact({{value, 1.0F / 3}, {}});
    int e = 0;  // 2^(e-1) <= ratio < 2^e
    while (ratio >= power_of_2(e)) ++e;
    while (ratio < power_of_2(e - 1)) --e;
    cpp_int wide = round_of(ratio * power_of_2(31 - e), Round::half_away);
    if (wide == cpp_int(1) << 31) wide >>= 1, ++e;
    const cpp_int once = round_of(cpp_rational(wide) * power_of_2(-16), Round::half_up), most = (1 << 15) - 1;
    EXPECT_EQ(cpp_int(scale->multiplier), once > most ? most : once);
    EXPECT_EQ(scale->right.bits - scale->left.bits, 15 - e);
    unlike += cpp_int(scale->multiplier) != round_of(ratio * power_of_2(15 - e), Round::half_away) ? 1 : 0;
    at_most += scale->multiplier == (1 << 15) - 1 ? 1 : 0;
  }
  EXPECT_GT(unlike + at_most, 0) << "no ratio here tells it from one rounding";
}

TEST(Decompose, FixedPointKeepsItsShift) {
  MultiplierRule own = rule(16, Round::half_up, 0, 15);
  own.form = emu::MultiplierForm::fixed_point;
  std::mt19937_64 random(6);
  for (int i = 0; i < 5000; ++i) {
    const double value = static_cast<double>(static_cast<float>(random() >> 40)) * 0x1p-24 * 1.9;
    std::string problem;
    const auto scale = decompose({{value}, {}}, kSingle, own, problem);
    ASSERT_TRUE(scale) << problem;
    EXPECT_EQ(scale->right.bits, 15);
    EXPECT_EQ(cpp_int(scale->multiplier), round_of(cpp_rational(value) * power_of_2(15), Round::half_up));
  }
  std::string problem;
  EXPECT_FALSE(decompose({{2.0}, {}}, kSingle, own, problem));
  EXPECT_NE(problem.find("too large for a multiplier of 16 bits and a right shift of 15"), std::string::npos) << problem;
}

TEST(DecomposeTogether, GivesAllTheShiftOfTheGreatest) {
  std::string problem;
  const std::vector<Ratio> ratios{{{0.75}, {}}, {{0.75, -0.1}, {}}, {{0.75, 0.0}, {}}};
  const auto scales = decompose_together(ratios, kSingle, rule(16), problem);
  ASSERT_EQ(scales.size(), 3U) << problem;
  for (size_t i = 0; i < scales.size(); ++i) {
    EXPECT_EQ(scales[i].right, scales[0].right);
    EXPECT_EQ(cpp_int(scales[i].multiplier), round_of(exact(ratios[i]) * power_of_2(scales[0].right.bits), Round::half_away)) << i;
  }
  EXPECT_EQ(scales[0].multiplier, 49152);
}

}  // namespace
}  // namespace assay::quant
