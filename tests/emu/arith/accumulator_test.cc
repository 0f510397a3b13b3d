// Registers, pairs, spills and sums in binary32 by hand, where one wrong rule shows.
#include "emu/arith/accumulator.h"

#include <gtest/gtest.h>

namespace assay::emu {
namespace {

TEST(Accumulator, TheFinishedSumLiesInTheLastRegister) {
  const Accumulator plain = *parse_accumulator("s24.saturate"), spilled = *parse_accumulator("s16.saturate+spill:64:s32.wrap");
  EXPECT_EQ(plain.result(), (IntType{24, true}));
  EXPECT_EQ(plain.alone(), plain);
  EXPECT_EQ(spilled.result(), kS32);
  EXPECT_EQ(to_string(spilled.alone()), "s32.wrap");
}

TEST(Accumulator, AnAdditionThatLeavesTheRegisterIsReported) {
  const Accumulator saturating{kS8, Overflow::saturate};
  bool overflowed = false;
  EXPECT_EQ(saturating.add(100, 27, overflowed), 127);
  EXPECT_FALSE(overflowed);
  EXPECT_EQ(saturating.add(100, 28, overflowed), 127);
  EXPECT_TRUE(overflowed);
}

// Its sums may be negative on the way, whatever their magnitude.
TEST(Accumulator, NoSumFitsARegisterWithoutASign) {
  for (const char* text : {"u16.wrap", "u16.saturate", "s32.wrap+spill:2:u32.wrap", "s32.wrap+pairs:u16.saturate"}) {
    const Accumulator accumulator = *parse_accumulator(text);
    EXPECT_FALSE(fits(accumulator, 1)) << text;
    EXPECT_TRUE(fits(accumulator, 0)) << text;
  }
}

struct Outcome {
  int64_t value;
  bool overflowed;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome summed(const char* accumulator, const std::vector<int64_t>& terms) {
  Sum sum(*parse_accumulator(accumulator));
  for (const int64_t term : terms) sum.add(term);
  return {sum.value(), sum.overflowed()};
}

TEST(Sum, EachRegisterHasItsOwnRule) {
  EXPECT_EQ(summed("s32.wrap+pairs:s16.wrap", {32385, 32385}), (Outcome{64770 - 65536, true}));
  EXPECT_EQ(summed("s32.wrap+pairs:s16.saturate", {32385, 32385}), (Outcome{32767, true}));
  EXPECT_EQ(summed("s16.saturate+spill:1:s8.wrap", {100, 100}), (Outcome{200 - 256, true}));
  EXPECT_EQ(summed("s16.wrap+spill:1:s8.saturate", {100, 100}), (Outcome{127, true}));
}

constexpr int64_t kLast = int64_t{1} << 24;  // the last integer before binary32 leaves some out

TEST(Sum, ReportsRoundingsThatCancel) {
  EXPECT_EQ(summed("fp32.sequential", {kLast + 1, -kLast - 1}), (Outcome{0, true})) << "both terms lose 1";
  EXPECT_EQ(summed("fp32.sequential", {kLast, 1, 2, 1}), (Outcome{kLast + 4, true})) << "the first sum loses 1, the last one gains 1";
  EXPECT_EQ(summed("fp32.sequential", {kLast, 2, 2}), (Outcome{kLast + 4, false}));
}

TEST(Sum, ReportsTheOneRoundingOfAnExactSum) {
  EXPECT_EQ(summed("fp32.exact", {kLast, 1}), (Outcome{kLast, true}));
  EXPECT_EQ(summed("fp32.exact", {kLast, 1, 1}), (Outcome{kLast + 2, false}));
}

TEST(Accumulator, HoldsSumsUpToItsNarrowestRegister) {
  for (const char* text : {"s8.wrap", "s32.wrap+pairs:s8.wrap", "s32.wrap+spill:2:s8.wrap", "s8.wrap+spill:2:s32.wrap"}) {
    EXPECT_TRUE(fits(*parse_accumulator(text), 127)) << text;
    EXPECT_FALSE(fits(*parse_accumulator(text), 128)) << text;
  }
  EXPECT_TRUE(fits(*parse_accumulator("fp32.pairwise"), kLast));
  EXPECT_FALSE(fits(*parse_accumulator("fp32.pairwise"), kLast + 1));
}

TEST(Accumulator, OnlyAPlainRegisterThatWrapsIsFreeOfOrder) {
  EXPECT_TRUE(order_free(*parse_accumulator("s8.wrap"), 1000));
  EXPECT_FALSE(order_free(*parse_accumulator("s8.saturate"), 1000));
  EXPECT_FALSE(order_free(*parse_accumulator("s16.wrap+pairs:s8.saturate"), 1000));
  EXPECT_FALSE(order_free(*parse_accumulator("s16.wrap+spill:2:s8.saturate"), 1000));
}

}  // namespace
}  // namespace assay::emu
