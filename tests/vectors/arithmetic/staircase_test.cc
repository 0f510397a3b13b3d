#include "vectors/arithmetic/staircase.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace assay::vectors {
namespace {

using emu::Steps;

int64_t pick(int64_t low, int64_t high) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<int64_t>(low, high + 1));
}

std::string mode() {
  return std::string(to_string(emu::kAllRounds[static_cast<size_t>(pick(0, 9))]));
}

// A finite binary32 word of about 2^-8 .. 2^4, of either sign, or a zero.
std::string word() {
  const int64_t kind = pick(0, 15);
  const auto bits =
      static_cast<uint32_t>(kind == 0 ? 0 : (kind == 1 ? 0x80000000 : pick(119, 131) * (int64_t{1} << 23) + pick(0, (1 << 23) - 1) + (kind < 6 ? int64_t{1} << 31 : 0)));
  return to_string(emu::Fp32{bits});
}

// Steps over the accumulators of 18 bits, which never leave 100 bits.
std::string random_steps() {
  std::string text;
  const auto add = [&](const std::string& step) { text += (text.empty() ? "" : "; ") + step; };
  int bits = 20;
  for (int64_t left = pick(1, 6); left > 0; --left) {
    switch (pick(0, 9)) {
      case 0: add("add_bias"), bits += 1; break;
      case 1: add("add " + std::to_string(pick(-5000, 5000))), bits += 1; break;
      case 2: add("shift_left " + std::to_string(pick(0, 6))), bits += 6; break;
      case 3: add("multiply"), bits += 10; break;
      case 4: add("multiply " + std::to_string(pick(-300, 300))), bits += 9; break;
      case 5: add("shift_right " + std::to_string(pick(0, 12)) + " " + mode()); break;
      case 6: add("saturate " + std::to_string(pick(3, 20))); break;
      case 7: add("wrap " + std::to_string(pick(6, 20))); break;
      case 8: add("clamp " + std::to_string(pick(-600, 0)) + " " + std::to_string(pick(0, 600))); break;
      default: {
        add("to_fp32");
        for (int64_t floats = pick(1, 4); floats > 0; --floats) {
          switch (pick(0, 8)) {
            case 0: add("mul_fp32 scale"); break;
            case 1: add("mul_fp32 " + word()); break;
            case 2: add("add_fp32 " + word()); break;
            case 3: add("fma_fp32 " + word() + " " + word()); break;
            case 4: add("leaky_fp32 " + word()); break;
            case 5: add("clamp_fp32 output"); break;
            case 6: add("add_half_fp32"); break;
            case 7: add(std::string("round_fp32 ") + (pick(0, 1) != 0 ? "bf16 " : "e4m3 ") + mode()); break;
            default: add("div_fp32 0x40490fdb"); break;
          }
        }
        add("to_int " + mode()), bits = 32;
      }
    }
    if (bits > 80) break;
  }
  add(pick(0, 3) == 0 ? "wrap output" : "saturate output");
  return text;
}

emu::StepOperands random_operands() {
  emu::StepOperands operands;
  operands.bias = pick(-3000, 3000);
  operands.scale.multiplier = pick(-1023, 1023);
  operands.scale.fp32.scale = *emu::parse_fp32(word());
  operands.zero_point = pick(0, 1) != 0 ? 0 : pick(-128, 127);
  operands.clamp_low = -20, operands.clamp_high = 100;
  return operands;
}

TEST(Staircase, GivesTheResultOfEveryAccumulator) {
  int compared = 0, refused = 0, stepped = 0;
  EXPECT_TRUE(rc::check([&] {
    const std::string text = random_steps();
    const Steps steps = emu::parse_steps(text);
    const emu::StepOperands operands = random_operands();
    const int64_t size = int64_t{1} << pick(8, 14);
    const int64_t low = -pick(0, size), high = low + size;
    std::string refusal;
    const auto stairs = stairs_of(steps, operands, low, high, refusal);
    if (!stairs) {
      ++refused;
      RC_ASSERT(!refusal.empty());
      return;
    }
    ++compared;
    if (stairs->stairs.size() > 2) ++stepped;
    size_t in = 0;
    emu::StepEvents events;
    for (int64_t a = low; a <= high; ++a) {
      if (in + 1 < stairs->stairs.size() && stairs->stairs[in + 1].first == a) ++in;
      const Wide expected = requantize(a, steps, operands, events);
      if (stairs->stairs[in].value != expected) RC_FAIL(text + " at " + std::to_string(a));
    }
    RC_ASSERT(in + 1 == stairs->stairs.size());
    RC_ASSERT(stairs->at(high) == stairs->stairs.back().value);
  }));
  EXPECT_GT(compared, 3 * refused) << "nearly every list is refused";
  EXPECT_GT(8 * stepped, compared) << "nearly every list is constant";
}

TEST(Staircase, CutsWhereANegativeSlopeTurns) {
  const Steps steps = emu::parse_steps("to_fp32; mul_fp32 0x3e4ccccd; leaky_fp32 0xbe99999a; to_int half_even; saturate output");
  std::string refusal;
  const auto stairs = stairs_of(steps, {}, -1000, 1000, refusal);
  ASSERT_TRUE(stairs) << refusal;
  emu::StepEvents events;
  for (int64_t a = -1000; a <= 1000; ++a) ASSERT_EQ(stairs->at(a), requantize(a, steps, {}, events)) << a;
  EXPECT_EQ(stairs->at(-1000), 60);
}

emu::StepOperands with_scale(int64_t multiplier, int right) {
  emu::StepOperands operands;
  operands.scale = {multiplier, {0}, {static_cast<uint8_t>(right)}};
  return operands;
}

TEST(Staircase, CountsAllAccumulatorsOnWhichTwoListsDiffer) {
  // Over 2^20 accumulators both ways: by staircases and one by one.
  const auto operands = with_scale(1 << 30, 8);
  const Steps twice = emu::parse_steps("multiply; shift_right 31 half_up; shift_right scale half_away; saturate output");
  const Steps once = emu::parse_steps("multiply; shift_right 39 half_up; saturate output");
  std::string refusal;
  const int64_t low = -(1 << 19), high = (1 << 19) - 1;
  const auto a = stairs_of(twice, operands, low, high, refusal), b = stairs_of(once, operands, low, high, refusal);
  ASSERT_TRUE(a && b) << refusal;
  const auto differing = differences(*a, *b);
  int64_t expected = 0;
  emu::StepEvents events;
  for (int64_t v = low; v <= high; ++v) expected += requantize(v, twice, operands, events) != requantize(v, once, operands, events) ? 1 : 0;
  EXPECT_GT(expected, 0);
  EXPECT_EQ(static_cast<int64_t>(count(differing)), expected);
  const int64_t first = differing.front().first;
  EXPECT_NE(requantize(first, twice, operands, events), requantize(first, once, operands, events));
  EXPECT_TRUE(differences(*a, *a).empty());
}

TEST(Staircase, AllAccumulatorsOf32BitsTakeSomeThousandsOfEvaluations) {
  const auto operands = with_scale(1518500250, 12);
  std::string refusal;
  const auto stairs =
      stairs_of(emu::parse_steps("multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; saturate output"), operands, INT32_MIN, INT32_MAX, refusal);
  ASSERT_TRUE(stairs) << refusal;
  EXPECT_EQ(stairs->stairs.size(), 256U);
  EXPECT_EQ(stairs->at(INT32_MIN), -128);
  EXPECT_EQ(stairs->at(INT32_MAX), 127);
  EXPECT_EQ(stairs->at(0), 0);
}

TEST(Staircase, RefusesWhatItCannotProve) {
  std::string refusal;
  EXPECT_FALSE(stairs_of(emu::parse_steps("wrap output"), {}, INT32_MIN, INT32_MAX, refusal));
  EXPECT_EQ(refusal, "step 1, 'wrap output', cuts the accumulators into more than 131072 pieces");
  EXPECT_FALSE(stairs_of(emu::parse_steps("add 1"), {}, INT32_MIN, INT32_MAX, refusal));
  EXPECT_EQ(refusal, "there are more than 131072 different results");
  EXPECT_FALSE(stairs_of(emu::parse_steps("to_fp32; mul_fp32 0x7f800000; to_int floor"), {}, -1, 1, refusal));
  EXPECT_FALSE(stairs_of(emu::parse_steps("to_fp32; div_fp32 0x00000000; to_int floor"), {}, -1, 1, refusal));
  EXPECT_FALSE(stairs_of(emu::parse_steps("to_fp32; mul_fp32 0x7f000000; mul_fp32 0x7f000000; mul_fp32 0x00000000; to_int floor"), {}, -1, 1, refusal));
  EXPECT_EQ(refusal, "step 4, 'mul_fp32 0x00000000', makes a NaN");
}

}  // namespace
}  // namespace assay::vectors
