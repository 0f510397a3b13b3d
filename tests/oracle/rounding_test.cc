// emu/arith/rounding.h and shift.h against the oracle, over everything that 16 bits can hold.
#include "emu/arith/rounding.h"

#include <random>

#include "emu/arith/shift.h"
#include "tests/oracle/exact.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

using emu::kAllRounds;
using emu::RightShift;

TEST(OracleShiftRight, All16BitValuesByAllShiftsTo20InAllModes) {
  Tally tally;
  for (unsigned shift = 0; shift <= 20; ++shift) {
    const Int divisor = power_of_two(shift);
    for (int value = -32768; value <= 32767; value += kStride) {
      const Between exact = between(Rational(value, divisor));
      for (const Round mode : kAllRounds) {
        const Wide found = emu::shift_right(value, RightShift{static_cast<uint8_t>(shift)}, mode);
        tally.check(rounded(exact, mode) == static_cast<int64_t>(found),
                    [&](auto& out) { out << value << " >> " << shift << " " << to_string(mode) << ": " << to_int(found) << ", exactly " << rounded(exact, mode); });
      }
    }
  }
  tally.expect_all_right(65536LL * 21 * 10);
}

TEST(OracleShiftRight, WideValuesByAllShiftsTo62NearTiesAndTypeLimits) {
  Tally tally;
  std::mt19937_64 random(20240611);
  for (unsigned shift = 0; shift <= 62; ++shift) {
    const Wide unit = Wide{1} << shift;
    std::vector<Wide> values;
    for (const Wide base : {Wide{0}, unit / 2, unit, unit + unit / 2, 2 * unit + unit / 2, (Wide{1} << 31), (Wide{1} << 62), (Wide{1} << 63), (Wide{1} << 125)}) {
      for (int nearby = -2; nearby <= 2; ++nearby) values.push_back(base + nearby), values.push_back(-(base + nearby));
    }
    for (int i = 0; i < 300; ++i) values.push_back((static_cast<Wide>(static_cast<int64_t>(random())) << (random() % 60)) / static_cast<Wide>(1 + random() % 1000));
    for (const Wide value : values) {
      const Between exact = between(Rational(to_int(value), power_of_two(shift)));
      for (const Round mode : kAllRounds) {
        const Wide found = emu::shift_right(value, RightShift{static_cast<uint8_t>(shift)}, mode);
        tally.check(rounded(exact, mode) == to_int(found), [&](auto& out) { out << to_int(value) << " >> " << shift << " " << to_string(mode) << ": " << to_int(found); });
      }
    }
  }
  tally.expect_all_right(63LL * 390 * 10);
}

// Second judge, which calculates nothing: a result is right when it satisfies the inequalities that define its mode. Fast enough for every divisor.
bool satisfies(int64_t value, int64_t divisor, int64_t result, Round mode) {
  const int64_t error = value - result * divisor;  // in 1/divisor of a step
  if (error == 0) return true;
  const int64_t magnitude = error < 0 ? -error : error;
  switch (mode) {
    case Round::floor: return error > 0 && error < divisor;
    case Round::ceil: return error < 0 && -error < divisor;
    case Round::toward_zero: return magnitude < divisor && (error < 0) == (value < 0);
    case Round::away_from_zero: return magnitude < divisor && (error < 0) == (value > 0);
    default: break;
  }
  if (2 * magnitude != divisor) return 2 * magnitude < divisor;
  switch (mode) {
    case Round::half_up: return error < 0;
    case Round::half_down: return error > 0;
    case Round::half_even: return result % 2 == 0;
    case Round::half_odd: return result % 2 != 0;
    case Round::half_away: return (error < 0) == (value > 0);
    default: return (error < 0) == (value < 0);  // half_toward_zero
  }
}

TEST(OracleDivide, All16BitValuesByAllDivisorsTo300InAllModes) {
  Tally tally;
  for (int64_t divisor = 1; divisor <= 300; ++divisor) {
    for (int64_t value = -32768; value <= 32767; value += kStride) {
      for (const Round mode : kAllRounds) {
        const auto found = static_cast<int64_t>(emu::divide(value, divisor, mode));
        tally.check(satisfies(value, divisor, found, mode), [&](auto& out) { out << value << " / " << divisor << " " << to_string(mode) << ": " << found; });
      }
    }
  }
  tally.expect_all_right(65536LL * 300 * 10);
}

TEST(OracleDivide, TheTwoJudgesAgree) {
  Tally tally;
  for (const int divisor : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 49, 64, 100, 255, 256}) {
    for (int value = -200; value <= 200; value += kStride) {
      const Between exact = between(Rational(value, divisor));
      for (const Round mode : kAllRounds) {
        for (int64_t candidate = -202; candidate <= 202; ++candidate) {
          tally.check((rounded(exact, mode) == candidate) == satisfies(value, divisor, candidate, mode),
                      [&](auto& out) { out << value << " / " << divisor << " " << to_string(mode) << ": " << candidate; });
        }
      }
    }
  }
  tally.expect_all_right(15LL * 401 * 10 * 405);
}

}  // namespace
}  // namespace assay::oracle
