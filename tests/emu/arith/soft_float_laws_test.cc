// What holds for every rounding to a float format, whatever the numbers.
#include <gtest/gtest.h>

#include "emu/arith/soft_float.h"
#include "tests/oracle/float_corners.h"
#include "tests/oracle/float_random.h"
#include "tests/oracle/tally.h"

namespace assay::emu {
namespace {

using oracle::float_corners;
using oracle::RandomFloats;

constexpr int kRandom = 20000 / oracle::kStride;

Round mirrored(Round mode) {
  switch (mode) {
    case Round::floor: return Round::ceil;
    case Round::ceil: return Round::floor;
    case Round::half_up: return Round::half_down;
    case Round::half_down: return Round::half_up;
    default: return mode;
  }
}

std::vector<uint32_t> stimuli(uint64_t seed) {
  auto words = float_corners();
  RandomFloats random(seed);
  for (int i = 0; i < kRandom; ++i) words.push_back(random.next().a);
  return words;
}

template <class Use>
void for_all_rules(const Use& use) {
  for (const FloatFormat format : kAllFloatFormats) {
    for (const Round round : kAllRounds) {
      for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
        for (const FloatOverflow overflow : {FloatOverflow::infinity, FloatOverflow::saturate}) use(FloatRule{format, round, subnormals, overflow});
      }
    }
  }
}

TEST(Narrow, OfTheNegatedNumberIsTheNegatedResultOfTheMirroredMode) {
  const auto words = stimuli(11);
  for_all_rules([&](const FloatRule& rule) {
    FloatRule other = rule;
    other.round = mirrored(rule.round);
    for (const uint32_t word : words) {
      const Fp32 there = widen(narrow({word ^ 0x80000000U}, rule), rule.format), back = widen(narrow({word}, other), rule.format);
      if (there.is_nan() && back.is_nan()) continue;
      ASSERT_EQ(there.bits, back.bits ^ 0x80000000U) << to_string(rule.format) << " " << to_string(rule.round) << " " << to_string(Fp32{word});
    }
  });
}

TEST(Narrow, NeverReversesTheOrderOfTwoNumbers) {
  const auto words = stimuli(12);
  for_all_rules([&](const FloatRule& rule) {
    if (!rule.format.has_infinity && rule.overflow == FloatOverflow::infinity) return;  // there, what overflows is NaN, which has no order
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      const Fp32 x{words[i]};
      for (const Fp32 y : {Fp32{words[i + 1]}, Fp32{x.bits + 1}}) {
        if (x.is_nan() || y.is_nan()) continue;
        const Fp32 low = widen(narrow(less(x, y) ? x : y, rule), rule.format), high = widen(narrow(less(x, y) ? y : x, rule), rule.format);
        ASSERT_FALSE(less(high, low)) << to_string(rule.format) << " " << to_string(rule.round) << " " << to_string(x) << " " << to_string(y);
      }
    }
  });
}

TEST(Narrow, ToBinary32ChangesNothingThatTheRuleDoesNotName) {
  for (const Round round : kAllRounds) {
    for (const uint32_t word : stimuli(13)) {
      const Fp32 x{word};
      ASSERT_EQ(narrow(x, FloatRule{kFp32, round, Subnormals::keep, FloatOverflow::infinity}), x.is_nan() ? kNan32.bits : word) << to_string(round);
    }
  }
}

TEST(SoftFloat, SumsAndProductsDoNotDependOnTheOrderOfTwo) {
  RandomFloats random(14);
  for (int i = 0; i < kRandom; ++i) {
    const auto [a, b, c] = random.next();
    ASSERT_EQ(add({a}, {b}), add({b}, {a})) << a << " " << b;
    ASSERT_EQ(multiply({a}, {b}), multiply({b}, {a})) << a << " " << b;
    ASSERT_EQ(mul_add({a}, {b}, {c}), mul_add({b}, {a}, {c})) << a << " " << b << " " << c;
    ASSERT_EQ(add({a}, {b}), mul_add({a}, {0x3f800000U}, {b})) << a << " " << b;
  }
}

TEST(SoftFloat, TextOfAWordIsReadBack) {
  for (const uint32_t word : stimuli(15)) ASSERT_EQ(parse_fp32(to_string(Fp32{word})), Fp32{word});
  for (const char* wrong : {"", "0x", "0x0000000", "0x000000000", "3f800000", "0x3f80000g", "0x-1234567", "0X3f800000"}) EXPECT_EQ(parse_fp32(wrong), std::nullopt) << wrong;
}

TEST(SoftFloat, SpellingsAreReadBack) {
  for (const FloatFormat format : kAllFloatFormats) EXPECT_EQ(parse_float_format(to_string(format)), format);
  for (const Subnormals rule : {Subnormals::keep, Subnormals::flush}) EXPECT_EQ(parse_subnormals(to_string(rule)), rule);
  for (const FloatOverflow rule : {FloatOverflow::infinity, FloatOverflow::saturate}) EXPECT_EQ(parse_float_overflow(to_string(rule)), rule);
  EXPECT_EQ(parse_float_format("fp8"), std::nullopt);
  EXPECT_EQ(parse_subnormals(""), std::nullopt);
  EXPECT_EQ(parse_float_overflow("wrap"), std::nullopt);
}

}  // namespace
}  // namespace assay::emu
