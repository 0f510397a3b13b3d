// saturate and wrap against the oracle: all 16-bit values into every type, and the limits of every type.
#include "emu/arith/int_type.h"

#include "tests/oracle/exact.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

TEST(OracleIntType, LimitsOfEveryType) {
  for (uint8_t bits = 1; bits <= 64; ++bits) {
    for (const bool is_signed : {false, true}) {
      const IntType type{bits, is_signed};
      EXPECT_EQ(to_int(type.min()), lowest(type)) << to_string(type);
      EXPECT_EQ(to_int(type.max()), highest(type)) << to_string(type);
      EXPECT_TRUE(emu::parse_int_type(to_string(type)) == type);
    }
  }
}

TEST(OracleIntType, All16BitValuesSaturateAndWrapIntoEveryType) {
  Tally tally;
  for (uint8_t bits = 1; bits <= 64; bits = static_cast<uint8_t>(bits + kStride)) {
    for (const bool is_signed : {false, true}) {
      const IntType type{bits, is_signed};
      const Int low = lowest(type), high = highest(type), modulus = power_of_two(bits);
      // The wrapped value of the first is found by the oracle; each next is one more, or back at the lowest.
      Int congruent = wrapped(Int(-32768), type);
      for (int value = -32768; value <= 32767; ++value) {
        const Int kept = value < low ? low : (value > high ? high : Int(value));
        tally.check(to_int(emu::saturate(value, type)) == kept, [&](auto& out) { out << "saturate " << value << " to " << to_string(type); });
        tally.check(to_int(emu::wrap(value, type)) == congruent, [&](auto& out) { out << "wrap " << value << " to " << to_string(type) << ", exactly " << congruent; });
        congruent = congruent == high ? low : Int(congruent + 1);
      }
    }
  }
  tally.expect_all_right(65536LL * 128 * 2);
}

TEST(OracleIntType, ValuesAroundMultiplesOfEveryModulus) {
  Tally tally;
  for (uint8_t bits = 1; bits <= 64; ++bits) {
    for (const bool is_signed : {false, true}) {
      const IntType type{bits, is_signed};
      for (const int64_t times : {-1000003, -3, -2, -1, 0, 1, 2, 3, 1000003}) {
        for (int nearby = -3; nearby <= 3; ++nearby) {
          for (const Wide start : {type.min(), type.max(), Wide{0}}) {
            const Wide value = start + nearby + times * (Wide{1} << bits);
            tally.check(to_int(emu::wrap(value, type)) == wrapped(to_int(value), type), [&](auto& out) { out << "wrap " << to_int(value) << " to " << to_string(type); });
            tally.check(to_int(emu::saturate(value, type)) == saturated(to_int(value), type), [&](auto& out) { out << "saturate " << to_int(value) << " to " << to_string(type); });
            tally.check(type.holds(value) == (to_int(value) >= lowest(type) && to_int(value) <= highest(type)),
                        [&](auto& out) { out << to_string(type) << " holds " << to_int(value); });
          }
        }
      }
    }
  }
  tally.expect_all_right(128LL * 9 * 7 * 3 * 3);
}

}  // namespace
}  // namespace assay::oracle
