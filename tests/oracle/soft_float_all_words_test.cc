// narrow() and its kernel on every binary32 word. Rationals are too slow for 2^32 words in ten modes, but a rounding is a monotone step function: the oracle determines, in exact
// rationals, the first binary32 word on each step (from the number, the middle to its successor, and the successor), and the check walks up the words and these thresholds
// together. The steps are derived from the format's set of numbers; nothing is taken from narrow() and nothing is searched.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

#include "emu/kernels/narrow_rows.h"
#include "tests/oracle/exact_float.h"
#include "tests/oracle/level.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

using emu::kAllRounds;
using emu::kFp32;

constexpr int64_t kInfinityWord = 0x7f800000;
constexpr int64_t kSignlessWords = int64_t{1} << 31;

// Signless binary32 words (which are in the order of their numbers), infinity's where there is no such number.
int64_t unbounded_word(const Rational& q, Round mode) {
  const Place p = place(q, kFp32);
  return p.binade * fractions(kFp32) + static_cast<int64_t>(rounded(p.spacings, mode));
}
int64_t first_from(const Rational& q) {
  return std::min(unbounded_word(q, Round::ceil), kInfinityWord);
}
int64_t first_above(const Rational& q) {
  return std::min(unbounded_word(q, Round::floor) + 1, kInfinityWord);
}

// Between a format's number n and its successor.
struct StepWords {
  int64_t above, from_middle, above_middle, from_successor;
};

StepWords step(int64_t n, FloatFormat format) {
  const Rational low = magnitude_of(n, format), high = magnitude_of(n + 1, format), middle = (low + high) / 2;
  return {first_above(low), first_from(middle), first_above(middle), first_from(high)};
}

// The first word that the mode takes to the successor. What a mode does a quarter, a half and three quarters of the way from an even or odd number is exact.h's.
int64_t first_of_successor(const StepWords& s, Round mode, bool negative, bool odd) {
  const auto leaves = [&](int quarters) {
    const int magnitude = (odd ? 4 : 0) + quarters;
    return abs(rounded(Rational(negative ? -magnitude : magnitude, 4), mode)) > (odd ? 1 : 0);
  };
  return leaves(1) ? s.above : (leaves(2) ? s.from_middle : (leaves(3) ? s.above_middle : s.from_successor));
}

class EveryWord : public ::testing::TestWithParam<FloatFormat> {};

std::vector<int64_t> thresholds(const std::vector<StepWords>& steps, Round mode, bool negative) {
  // The decision depends on the parity alone.
  std::vector<int64_t> first;
  std::array<int, 2> chosen{};
  const StepWords places{0, 1, 2, 3};
  for (const bool odd : {false, true}) chosen[odd] = static_cast<int>(first_of_successor(places, mode, negative, odd));
  for (size_t n = 0; n < steps.size(); ++n) {
    const StepWords& s = steps[n];
    first.push_back(std::array{s.above, s.from_middle, s.above_middle, s.from_successor}[static_cast<size_t>(chosen[n % 2])]);
  }
  return first;
}

struct Wrong {
  std::mutex mutex;
  std::atomic<int64_t> count = 0;
  std::atomic<int64_t> checked = 0;
  uint32_t word = 0, found = 0, expected = 0;
  void add(uint32_t w, uint32_t f, uint32_t e) {
    const std::lock_guard lock(mutex);
    if (count++ == 0) word = w, found = f, expected = e;
  }
};

// The definition costs some 40 CPU seconds for 2^32 words, the kernel one or two.
enum class Judged { definition, kernel };

// What the oracle expects of each word from begin to end.
void expect_words(int64_t begin, int64_t end, bool negative, const std::vector<int64_t>& first, const FloatRule& rule, uint32_t* expected) {
  int64_t n = std::upper_bound(first.begin(), first.end(), begin) - first.begin();
  int64_t word = begin;
  while (word < std::min(end, kInfinityWord)) {
    const int64_t until = std::min({end, kInfinityWord, n < static_cast<int64_t>(first.size()) ? first[static_cast<size_t>(n)] : kInfinityWord});
    std::fill(expected + (word - begin), expected + (until - begin), bounded(negative, n, rule));
    word = until;
    ++n;
  }
  if (word == kInfinityWord && word < end) expected[word++ - begin] = word_of(Real::infinity(negative), rule);
  std::fill(expected + (word - begin), expected + (end - begin), word_of(Real::nan(), rule));
}

void walk(int64_t begin, int64_t end, bool negative, const std::vector<int64_t>& first, const FloatRule& rule, Judged judged, Wrong& wrong) {
  constexpr int64_t kBlock = 4096;
  std::array<uint32_t, kBlock> words, expected, found;
  for (; begin < end; begin += kBlock) {
    const auto signed_begin = static_cast<uint32_t>(begin) | (negative ? 0x80000000U : 0U);
    for (size_t i = 0; i < kBlock; ++i) words[i] = signed_begin + static_cast<uint32_t>(i);
    expect_words(begin, begin + kBlock, negative, first, rule, expected.data());
    if (judged == Judged::kernel) {
      emu::narrow_row(words.data(), kBlock, rule, found.data());
    } else {
      for (size_t i = 0; i < kBlock; ++i) found[i] = emu::narrow({words[i]}, rule);
    }
    wrong.checked += kBlock;
    if (found == expected) continue;
    for (size_t i = 0; i < kBlock; ++i) {
      if (found[i] != expected[i]) wrong.add(words[i], found[i], expected[i]);
    }
  }
}

void check_all(const FloatRule& rule, const std::vector<StepWords>& steps, Judged judged) {
  Wrong wrong;
  const std::array first = {thresholds(steps, rule.round, false), thresholds(steps, rule.round, true)};
  std::atomic<int64_t> next = 0;
  constexpr int64_t kChunk = int64_t{1} << 24;
  const auto work = [&] {
    for (int64_t begin = kChunk * next++; begin < 2 * kSignlessWords; begin = kChunk * next++) {
      const bool negative = begin >= kSignlessWords;
      const int64_t from = begin - (negative ? kSignlessWords : 0);
      walk(from, from + kChunk, negative, first[negative], rule, judged, wrong);
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(wrong.checked, 2 * kSignlessWords);
  EXPECT_EQ(wrong.count, 0) << to_string(rule.format) << " " << to_string(rule.round) << ": the first: " << wrong.word << " gives " << wrong.found << ", exactly "
                            << wrong.expected;
}

std::vector<StepWords> all_steps(FloatFormat format) {
  std::vector<StepWords> steps;
  for (int64_t n = 0; n <= largest_of(format); ++n) steps.push_back(step(n, format));
  return steps;
}

void check_all_modes(FloatFormat format, Subnormals subnormals, FloatOverflow overflow, Judged judged) {
  const auto steps = all_steps(format);
  for (const Round round : kAllRounds) {
    const auto start = std::chrono::steady_clock::now();
    check_all(FloatRule{format, round, subnormals, overflow}, steps, judged);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("  %s %s %s %s: 2^32 words in %.1f s\n", std::string(to_string(format)).c_str(), std::string(to_string(round)).c_str(), std::string(to_string(subnormals)).c_str(),
                std::string(to_string(overflow)).c_str(), seconds.count());
    std::fflush(stdout);
  }
}

TEST_P(EveryWord, OfBinary32IsNarrowedByTheKernelAsTheThresholdsSayInAllModes) {
  if (!thorough()) GTEST_SKIP() << "2^32 words in ten modes take minutes: set ASSAY_LEVEL=2";
  check_all_modes(GetParam(), Subnormals::keep, FloatOverflow::infinity, Judged::kernel);
}

TEST_P(EveryWord, OfBinary32IsFlushedAndSaturatedByTheKernelAsTheThresholdsSayInAllModes) {
  if (!thorough()) GTEST_SKIP() << "2^32 words in ten modes take minutes: set ASSAY_LEVEL=2";
  check_all_modes(GetParam(), Subnormals::flush, FloatOverflow::saturate, Judged::kernel);
}

TEST_P(EveryWord, OfBinary32IsNarrowedByTheDefinitionAsTheThresholdsSayInAllModes) {
  if (!thorough()) GTEST_SKIP() << "2^32 words in ten modes take minutes: set ASSAY_LEVEL=2";
  check_all_modes(GetParam(), Subnormals::keep, FloatOverflow::infinity, Judged::definition);
}

// The words around every threshold by all rules: wherever a step could be misplaced by a word or two.
TEST_P(EveryWord, NextToAThresholdIsNarrowedAsTheThresholdsSayByAllRules) {
  const FloatFormat format = GetParam();
  const int64_t stride = (format == emu::kTf32 ? 61 : 7) * kStride;
  Tally tally;
  // The last numbers are always among them: where overflow begins.
  for (int64_t n = largest_of(format) % stride; n <= largest_of(format); n += stride) {
    const StepWords s = step(n, format);
    for (const Round round : kAllRounds) {
      for (const bool negative : {false, true}) {
        const int64_t border = first_of_successor(s, round, negative, n % 2 != 0);
        for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
          for (const FloatOverflow overflow : {FloatOverflow::infinity, FloatOverflow::saturate}) {
            const FloatRule rule{format, round, subnormals, overflow};
            for (const int64_t word : {border - 1, border}) {
              if (word == kInfinityWord) continue;
              const uint32_t number = with_sign(negative, word, kFp32), expected = bounded(negative, word < border ? n : n + 1, rule);
              const uint32_t found = emu::narrow({number}, rule);
              uint32_t by_kernel = 0;
              emu::narrow_row(&number, 1, rule, &by_kernel);
              tally.check(found == expected && by_kernel == expected,
                          [&](auto& out) { out << to_string(format) << " " << to_string(round) << " " << word << ": " << found << ", exactly " << expected; });
            }
          }
        }
      }
    }
  }
  tally.expect_all_right(largest_of(format) / 61 * 60);
}

// The thresholds themselves against the oracle's rounding, on words spread over all binary32 numbers.
TEST_P(EveryWord, SpreadOverAllIsRoundedByTheOracleAsTheThresholdsSay) {
  const FloatFormat format = GetParam();
  Tally tally;
  for (int64_t word = 1; word < kInfinityWord; word += 65537LL * 7 * kStride) {
    const Rational magnitude = magnitude_of(word, kFp32);
    const Place below = place(magnitude, format);
    const int64_t n = below.binade * fractions(format) + static_cast<int64_t>(below.spacings.low);
    if (n > largest_of(format)) break;
    const StepWords s = step(n, format);
    for (const Round round : kAllRounds) {
      for (const bool negative : {false, true}) {
        const FloatRule rule{format, round, Subnormals::keep, FloatOverflow::infinity};
        const uint32_t by_thresholds = bounded(negative, word < first_of_successor(s, round, negative, n % 2 != 0) ? n : n + 1, rule);
        const uint32_t expected = word_of(Real::of(negative ? Rational(-magnitude) : magnitude), rule), found = emu::narrow({with_sign(negative, word, kFp32)}, rule);
        tally.check(expected == by_thresholds && found == expected,
                    [&](auto& out) { out << to_string(format) << " " << to_string(round) << " " << word << ": " << found << ", " << by_thresholds << ", exactly " << expected; });
      }
    }
  }
  tally.expect_all_right(2000 * 20);
}

INSTANTIATE_TEST_SUITE_P(SoftFloat, EveryWord, ::testing::Values(emu::kBf16, emu::kFp16, emu::kTf32, emu::kE4m3, emu::kE5m2),
                         [](const auto& format) { return std::string(to_string(format.param)); });

}  // namespace
}  // namespace assay::oracle
