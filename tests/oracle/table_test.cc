// Lookup tables against the oracle: the real line through the two entries around a word, rounded once. Every word of s8, u8 and s16.
#include "emu/arith/table.h"

#include <random>

#include "tests/oracle/exact.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

using namespace emu;

Int looked_up(const std::vector<int64_t>& entries, IntType input, TableForm form, int64_t x) {
  const Rational place = Rational(Int(x) - lowest(input), power_of_two(form.fraction_bits));
  const Int left = below(place);
  const auto i = static_cast<size_t>(left);
  if (place == Rational(left)) return entries.at(i);
  const Rational rise = Rational(Int(entries.at(i + 1)) - entries.at(i)) * (place - Rational(left));
  return entries[i] + rounded(rise, form.round);
}

void check_all_words(IntType input, uint8_t fraction_bits, const std::vector<Round>& modes, Tally& tally) {
  std::mt19937_64 random(fraction_bits + 100u);
  const auto entries_for = [&](TableForm form) {
    std::vector<int64_t> entries;
    for (int64_t i = 0; i < table_entries(input, form); ++i) entries.push_back(static_cast<int16_t>(random()));
    return entries;
  };
  for (const Round mode : modes) {
    const TableForm form{fraction_bits, mode};
    const std::vector<int64_t> entries = entries_for(form);
    for (auto x = static_cast<int64_t>(input.min()); x <= static_cast<int64_t>(input.max()); x += kStride) {
      const int64_t found = look_up(entries, input, form, x);
      tally.check(looked_up(entries, input, form, x) == found,
                  [&](auto& out) { out << to_string(input) << " fraction " << int{fraction_bits} << " " << to_string(mode) << " at " << x << ": " << found; });
    }
  }
}

TEST(OracleTable, EveryWordOfS8AndU8WithEveryFractionAndMode) {
  Tally tally;
  const std::vector<Round> modes(kAllRounds.begin(), kAllRounds.end());
  for (uint8_t fraction = 0; fraction <= 7; ++fraction) {
    check_all_words(kS8, fraction, modes, tally);
    check_all_words(kU8, fraction, modes, tally);
  }
  tally.expect_all_right(256LL * 8 * 2 * 10);
}

TEST(OracleTable, EveryWordOfS16WithSevenFractionBits) {
  Tally tally;
  check_all_words(kS16, 7, {Round::half_up, Round::half_even, Round::half_away, Round::floor}, tally);
  check_all_words(kU16, 7, {Round::half_up}, tally);
  tally.expect_all_right(65536LL * 5);
}

TEST(OracleTable, EveryWordOfS16Directly) {
  Tally tally;
  check_all_words(kS16, 0, {Round::half_up}, tally);
  tally.expect_all_right(65536);
}

TEST(OracleTable, HasOneEntryForEachWordOrOneMoreThanTheIntervals) {
  EXPECT_EQ(table_entries(kS8, {0, Round::half_up}), 256);
  EXPECT_EQ(table_entries(kU8, {0, Round::half_up}), 256);
  EXPECT_EQ(table_entries(kS16, {7, Round::half_up}), 513);
  EXPECT_EQ(table_entries(kS16, {0, Round::half_up}), 65536);
  EXPECT_EQ(table_entries(IntType{4, true}, {2, Round::half_up}), 5);
}

}  // namespace
}  // namespace assay::oracle
