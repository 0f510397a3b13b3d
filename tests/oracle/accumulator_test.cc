// Accumulators against the oracle: sums of terms by their definitions, in exact integers and rationals.
#include <gtest/gtest.h>

#include <random>

#include "emu/arith/accumulator.h"
#include "tests/oracle/exact_steps.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

using emu::Accumulator;
using emu::Fp32Order;
using emu::Stored;
using Terms = std::vector<int64_t>;

Int kept(const Int& value, Stored in) {
  return in.overflow == emu::Overflow::saturate ? saturated(value, in.type) : wrapped(value, in.type);
}

// Chunks of n, the last one shorter.
std::vector<Terms> chunks(const Terms& terms, size_t n) {
  std::vector<Terms> result;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (i % n == 0) result.emplace_back();
    result.back().push_back(terms[i]);
  }
  return result;
}

Int in_register(const Terms& terms, const Accumulator& a) {
  Int sum = 0;
  for (const Terms& together : chunks(terms, a.pairs ? 2 : 1)) {
    Int term = 0;
    for (const int64_t t : together) term += t;
    sum = kept(sum + (a.pairs ? kept(term, *a.pairs) : term), {a.type, a.overflow});
  }
  return sum;
}

Int rounded32(const Int& value) {
  if (value == 0) return 0;
  return boost::multiprecision::numerator(value_of(word_of(Real::of(Rational(value)), kNearest32), emu::kFp32).value);
}

Int sum_in_fp32(const Terms& terms, emu::Fp32Sum rule) {
  const auto sequential = [](const std::vector<Int>& values) {
    Int sum = 0;
    for (const Int& value : values) sum = rounded32(sum + value);
    return sum;
  };
  std::vector<Int> values;
  Int exact = 0;
  for (const int64_t term : terms) values.push_back(rounded32(term)), exact += term;
  if (rule.order == Fp32Order::exact) return rounded32(exact);
  if (rule.order == Fp32Order::sequential) return sequential(values);
  if (rule.order == Fp32Order::blocks) {
    std::vector<Int> sums;
    for (size_t i = 0; i < values.size(); i += rule.block) {
      sums.push_back(sequential({values.begin() + static_cast<long>(i), values.begin() + static_cast<long>(std::min(values.size(), i + rule.block))}));
    }
    return sequential(sums);
  }
  while (values.size() > 1) {
    std::vector<Int> next;
    for (size_t i = 0; i < values.size(); i += 2) next.push_back(i + 1 < values.size() ? rounded32(values[i] + values[i + 1]) : values[i]);
    values = next;
  }
  return values.empty() ? Int(0) : values[0];
}

Int sum_of(const Terms& terms, const Accumulator& a) {
  if (a.fp32) return sum_in_fp32(terms, *a.fp32);
  if (!a.spill) return in_register(terms, a);
  Int sum = 0;
  for (const Terms& part : chunks(terms, a.spill->terms)) sum = kept(sum + in_register(part, a), a.spill->into);
  return sum;
}

int64_t ours(const Terms& terms, const Accumulator& a) {
  emu::Sum sum(a);
  for (const int64_t term : terms) sum.add(term);
  return sum.value();
}

Accumulator named(const std::string& text) {
  const auto accumulator = emu::parse_accumulator(text);
  EXPECT_TRUE(accumulator) << text;
  EXPECT_EQ(emu::to_string(*accumulator), text);
  return *accumulator;
}

const char* const kAll[] = {"s32.wrap",
                            "s24.saturate",
                            "s24.wrap",
                            "s48.saturate",
                            "s32.wrap+pairs:s16.saturate",
                            "s16.saturate+pairs:s16.saturate",
                            "s16.saturate+spill:6:s32.wrap",
                            "s16.wrap+spill:3:s20.saturate",
                            "s16.saturate+pairs:s16.saturate+spill:4:s32.saturate",
                            "fp32.sequential",
                            "fp32.pairwise",
                            "fp32.blocks:4",
                            "fp32.exact"};

TEST(OracleAccumulator, SumsOfEveryKindAtEveryLength) {
  std::mt19937_64 random(1);
  for (const char* text : kAll) {
    const Accumulator a = named(text);
    for (int i = 0; i < 300; i += kStride) {
      Terms terms(random() % 20);
      const int bits = 1 + static_cast<int>(random() % 30);
      for (int64_t& term : terms) term = static_cast<int64_t>(random() >> (64 - bits)) * (random() % 2 == 0 ? 1 : -1);
      ASSERT_EQ(Int(ours(terms, a)), sum_of(terms, a)) << text << " " << ::testing::PrintToString(terms);
    }
  }
}

TEST(OracleAccumulator, AnOverflowIsNoticedWhereTheExactSumIsNotKept) {
  EXPECT_EQ(ours({20000, 20000, -1}, named("s16.saturate")), 32766);
  emu::Sum pairs(named("s32.wrap+pairs:s16.saturate"));
  pairs.add(255 * 127), pairs.add(255 * 127);
  EXPECT_EQ(pairs.value(), 32767);
  EXPECT_TRUE(pairs.overflowed());
  emu::Sum exact(named("s32.wrap"));
  exact.add(255 * 127), exact.add(255 * 127);
  EXPECT_EQ(exact.value(), 64770);
  EXPECT_FALSE(exact.overflowed());
  emu::Sum crossing(named("fp32.sequential"));
  crossing.add(1 << 24), crossing.add(1);
  EXPECT_TRUE(crossing.overflowed());
}

TEST(OracleAccumulator, TheOrderOfBinary32SumsIsVisible) {
  const Terms terms = {1 << 24, 1, 1, -(1 << 24)};
  EXPECT_EQ(ours(terms, named("fp32.sequential")), 0);
  EXPECT_EQ(ours(terms, named("fp32.pairwise")), 1);
  EXPECT_EQ(ours(terms, named("fp32.exact")), 2);
  EXPECT_EQ(ours({1, 1, 1 << 24, -(1 << 24)}, named("fp32.sequential")), 2);
}

TEST(OracleAccumulator, WhatFitsIsKeptWhateverTheKind) {
  std::mt19937_64 random(2);
  for (const char* text : kAll) {
    const Accumulator a = named(text);
    for (int i = 0; i < 200; i += kStride) {
      Terms terms(1 + random() % 12);
      Int exact = 0;
      Wide worst = 0;
      const int bits = 1 + static_cast<int>(random() % 24);
      for (int64_t& term : terms) {
        term = static_cast<int64_t>(random() >> (64 - bits)) * (random() % 2 == 0 ? 1 : -1);
        exact += term, worst += term < 0 ? -term : term;
      }
      if (!emu::fits(a, worst)) continue;
      ASSERT_EQ(Int(ours(terms, a)), exact) << text;
    }
  }
}

TEST(AccumulatorText, RefusesWhatIsNoAccumulator) {
  for (const char* text : {"", "s32", "s32.", "s32.wrap+", "s32.wrap+pairs", "s32.wrap+pairs:s16", "s32.wrap+spill:0:s32.wrap", "s32.wrap+spill:2", "fp32.", "fp32.blocks:0",
                           "fp32.blocks", "fp32.sequential+pairs:s16.wrap", "s16.wrap+spill:2:s32.wrap+pairs:s16.wrap", "s16.wrap+pairs:s16.wrap+spill:3:s32.wrap"}) {
    EXPECT_FALSE(emu::parse_accumulator(text)) << text;
  }
}

}  // namespace
}  // namespace assay::oracle
