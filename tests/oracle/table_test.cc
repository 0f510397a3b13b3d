// Lookup tables against the oracle: the real line through the two entries around a word, rounded once. Every word of s8, u8 and s16.
#include "emu/arith/table.h"

#include <random>
#include <tuple>

#include "tests/oracle/exact.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

using namespace emu;

// The point of a grid at or below a word, and how far the word is beyond it: on the second grid where that reaches it, else on the first.
Int looked_up(const std::vector<int64_t>& entries, IntType input, TableForm form, int64_t x) {
  Rational place = Rational(Int(x) - lowest(input), power_of_two(form.fraction_bits));
  size_t first = 0;
  if (form.fine_entries > 0) {
    // Measured from the middle of the words, in steps of the second grid, whose middle point lies there.
    const Rational steps = (Rational(Int(x) - lowest(input)) - Rational(power_of_two(input.bits), 2)) / Rational(power_of_two(form.fine_fraction_bits));
    const Rational half = Rational(Int(form.fine_entries - 1), 2);
    if (steps >= -half && steps < half) place = steps + half, first = entries.size() - form.fine_entries;
  }
  const Int left = below(place);
  const auto i = first + static_cast<size_t>(left);
  if (place == Rational(left)) return entries.at(i);
  const Rational rise = Rational(Int(entries.at(i + 1)) - entries.at(i)) * (place - Rational(left));
  return form.interpolation == Interpolation::value ? rounded(Rational(entries[i]) + rise, form.round) : entries[i] + rounded(rise, form.round);
}

void check_all_words(IntType input, const TableForm& form, Tally& tally) {
  std::mt19937_64 random(form.fraction_bits + 100u);
  std::vector<int64_t> entries;
  for (int64_t i = 0; i < table_entries(input, form); ++i) entries.push_back(static_cast<int16_t>(random()));
  for (auto x = static_cast<int64_t>(input.min()); x <= static_cast<int64_t>(input.max()); x += kStride) {
    const int64_t found = look_up(entries, input, form, x);
    tally.check(looked_up(entries, input, form, x) == found, [&](auto& out) {
      out << to_string(input) << " fraction " << int{form.fraction_bits} << " " << to_string(form.interpolation) << " " << to_string(form.round) << ", second grid "
          << form.fine_entries << " fraction " << int{form.fine_fraction_bits} << " at " << x << ": " << found;
    });
  }
}

void check_all_words(IntType input, uint8_t fraction_bits, const std::vector<Round>& modes, Tally& tally) {
  for (const Round mode : modes) check_all_words(input, TableForm{fraction_bits, mode}, tally);
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

TEST(OracleTable, EveryWordOfS8AndU8OnTwoGridsWithEveryModeOfBothInterpolations) {
  Tally tally;
  int64_t forms = 0;
  for (const Interpolation interpolation : {Interpolation::difference, Interpolation::value}) {
    for (const Round mode : kAllRounds) {
      for (const auto& [fraction, entries, fine] :
           {std::tuple{2, 257, 0}, std::tuple{2, 129, 0}, std::tuple{3, 65, 1}, std::tuple{5, 9, 4}, std::tuple{7, 3, 6}, std::tuple{4, 0, 0}}) {
        const TableForm form{static_cast<uint8_t>(fraction), mode, interpolation, static_cast<uint16_t>(entries), static_cast<uint8_t>(fine)};
        ASSERT_TRUE(has_sound_grids(kS8, form));
        check_all_words(kS8, form, tally), check_all_words(kU8, form, tally);
        ++forms;
      }
    }
  }
  tally.expect_all_right(256 * 2 * forms);
}

TEST(OracleTable, EveryWordOfS16OnGridsOf65And257Points) {
  Tally tally;
  check_all_words(kS16, TableForm{10, Round::half_away, Interpolation::value, 257, 6}, tally);
  tally.expect_all_right(65536);
}

TEST(OracleTable, HasOneEntryForEachWordOrOneMoreThanTheIntervals) {
  EXPECT_EQ(table_entries(kS8, {0, Round::half_up}), 256);
  EXPECT_EQ(table_entries(kU8, {0, Round::half_up}), 256);
  EXPECT_EQ(table_entries(kS16, {7, Round::half_up}), 513);
  EXPECT_EQ(table_entries(kS16, {0, Round::half_up}), 65536);
  EXPECT_EQ(table_entries(IntType{4, true}, {2, Round::half_up}), 5);
  EXPECT_EQ(table_entries(kS16, {10, Round::half_away, Interpolation::value, 257, 6}), 65 + 257);
}

}  // namespace
}  // namespace assay::oracle
