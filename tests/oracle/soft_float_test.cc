// emu/arith/soft_float.h against the oracle in exact rationals.
#include "emu/arith/soft_float.h"

#include <random>

#include "tests/oracle/exact_float.h"
#include "tests/oracle/float_corners.h"
#include "tests/oracle/float_random.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

using emu::Fp32;
using emu::kAllFloatFormats;
using emu::kAllRounds;
using emu::kFp32;
using emu::to_string;

constexpr FloatRule kBinary32{kFp32, Round::half_even, Subnormals::keep, FloatOverflow::infinity};

Real real(uint32_t bits) {
  return value_of(bits, kFp32);
}

// Every rule for a format but the format itself.
template <class Use>
void for_all_rules(FloatFormat format, const Use& use) {
  for (const Round round : kAllRounds) {
    for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
      for (const FloatOverflow overflow : {FloatOverflow::infinity, FloatOverflow::saturate}) use(FloatRule{format, round, subnormals, overflow});
    }
  }
}

std::string words(const FloatRule& rule) {
  return std::string(to_string(rule.format)) + " " + std::string(to_string(rule.round)) + " " + std::string(to_string(rule.subnormals)) + " " +
         std::string(to_string(rule.overflow));
}

void check_pair(uint32_t a, uint32_t b, Tally& tally) {
  const Real x = real(a), y = real(b);
  const auto check = [&](const char* name, Fp32 found, const Real& exact) {
    const uint32_t expected = word_of(exact, kBinary32);
    tally.check(found.bits == expected,
                [&](auto& out) { out << name << " " << to_string(Fp32{a}) << " " << to_string(Fp32{b}) << ": " << to_string(found) << ", exactly " << to_string(Fp32{expected}); });
  };
  check("add", emu::add({a}, {b}), sum(x, y));
  check("multiply", emu::multiply({a}, {b}), product(x, y));
  check("divide", emu::divide({a}, {b}), quotient(x, y));
  const bool below = !x.is_nan() && !y.is_nan() && (x.is_infinite() ? x.negative && !(y.is_infinite() && y.negative) : (y.is_infinite() ? !y.negative : x.value < y.value));
  tally.check(emu::less({a}, {b}) == below, [&](auto& out) { out << "less " << to_string(Fp32{a}) << " " << to_string(Fp32{b}); });
}

void check_triple(FloatTriple t, Tally& tally) {
  const uint32_t expected = word_of(sum(product(real(t.a), real(t.b)), real(t.c)), kBinary32);
  const Fp32 found = emu::mul_add({t.a}, {t.b}, {t.c});
  tally.check(found.bits == expected, [&](auto& out) {
    out << to_string(Fp32{t.a}) << " * " << to_string(Fp32{t.b}) << " + " << to_string(Fp32{t.c}) << ": " << to_string(found) << ", exactly " << to_string(Fp32{expected});
  });
}

TEST(OracleSoftFloat, AddMultiplyDivideAndLessOnAllPairsOfCorners) {
  Tally tally;
  const auto corners = float_corners();
  for (size_t i = 0; i < corners.size() * corners.size(); i += kStride) check_pair(corners[i / corners.size()], corners[i % corners.size()], tally);
  tally.expect_all_right(static_cast<int64_t>(corners.size() * corners.size()) * 4);
}

TEST(OracleSoftFloat, AddMultiplyDivideAndLessOnRandomPairs) {
  Tally tally;
  RandomFloats random(1);
  for (int i = 0; i < 60000; i += kStride) {
    const FloatTriple t = random.next();
    check_pair(t.a, t.b, tally);
  }
  tally.expect_all_right(60000 * 4);
}

TEST(OracleSoftFloat, MulAddOnAllTriplesOfCorners) {
  Tally tally;
  const auto corners = few_float_corners();
  const size_t n = corners.size();
  for (size_t i = 0; i < n * n * n; i += kStride) check_triple({corners[i / n / n], corners[i / n % n], corners[i % n]}, tally);
  tally.expect_all_right(static_cast<int64_t>(n * n * n));
}

TEST(OracleSoftFloat, MulAddOnRandomTriples) {
  Tally tally;
  RandomFloats random(2);
  for (int i = 0; i < 100000; i += kStride) check_triple(random.next(), tally);
  tally.expect_all_right(100000);
}

void check_narrow(uint32_t bits, FloatFormat format, Tally& tally) {
  const Real exact = real(bits);
  const bool finite = exact.kind == Real::Kind::finite && !exact.is_zero();
  const Place where = finite ? place(exact.value, format) : Place{};
  for_all_rules(format, [&](const FloatRule& rule) {
    const uint32_t found = emu::narrow({bits}, rule), expected = finite ? word_of(where, rule) : word_of(exact, rule);
    tally.check(found == expected, [&](auto& out) { out << to_string(Fp32{bits}) << " to " << words(rule) << ": " << found << ", exactly " << expected; });
  });
}

// The words of a format at its borders, the middles between them and their successors, and the binary32 neighbours of all these.
std::vector<uint32_t> borders(FloatFormat format) {
  const int64_t one = (1 - least_binade(format)) * fractions(format), normal = fractions(format), largest = largest_of(format);
  std::vector<uint32_t> result;
  for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{3}, normal - 2, normal - 1, normal, normal + 1, 2 * normal - 1, 2 * normal, one - 1, one, one + 1, one + 2,
                          largest - 2, largest - 1, largest, largest + 1, largest + 2}) {
    for (const Rational& q : {magnitude_of(n, format), Rational((magnitude_of(n, format) + magnitude_of(n + 1, format)) / 2)}) {
      const auto middle = static_cast<int64_t>(word_of(Real::of(q), FloatRule{kFp32, Round::floor, Subnormals::keep, FloatOverflow::infinity}));
      for (int64_t word = middle - 2; word <= middle + 2; ++word) {
        if (word >= 0) result.push_back(static_cast<uint32_t>(word)), result.push_back(with_sign(true, word, kFp32));
      }
    }
  }
  return result;
}

TEST(OracleSoftFloat, NarrowAtEveryBorderOfEveryFormatByEveryRule) {
  for (const FloatFormat format : kAllFloatFormats) {
    Tally tally;
    auto values = borders(format);
    for (const uint32_t corner : float_corners()) values.push_back(corner);
    for (size_t i = 0; i < values.size(); i += kStride) check_narrow(values[i], format, tally);
    tally.expect_all_right(static_cast<int64_t>(values.size()) * 40);
  }
}

TEST(OracleSoftFloat, NarrowOfRandomNumbersByEveryRule) {
  RandomFloats random(3);
  for (const FloatFormat format : kAllFloatFormats) {
    Tally tally;
    const uint64_t binades = static_cast<uint64_t>(count(format.exponent_bits)) + 6;
    for (int i = 0; i < 6000; i += kStride) {
      // Half of them anywhere, half of them in the format's range and a little around it.
      const uint64_t field = std::min<uint64_t>(254, static_cast<uint64_t>(std::max(0, least_binade(format) + 127 - 5)) + random.any() % binades);
      const uint32_t bits = random.any();
      check_narrow(i % 2 == 0 ? bits : (bits & 0x807fffffU) | static_cast<uint32_t>(field << 23), format, tally);
    }
    tally.expect_all_right(6000 * 40);
  }
}

TEST(OracleSoftFloat, WidenIsExactAndNarrowTakesItBackForAllWords) {
  for (const FloatFormat format : kAllFloatFormats) {
    if (format == kFp32) continue;
    Tally exact, back;
    for (int64_t n = 0; n < 2 * signless_words(format); n += kStride) {
      const auto word = static_cast<uint32_t>(n);
      const Fp32 wide = emu::widen(word, format);
      const Real value = value_of(word, format);
      exact.check(value == real(wide.bits) && (!value.is_nan() || wide == emu::kNan32), [&](auto& out) { out << to_string(format) << " " << word << ": " << to_string(wide); });
      for_all_rules(format, [&](const FloatRule& rule) {
        // Representable numbers stay what they are, but for what the rule says of them.
        const bool subnormal = n % signless_words(format) < fractions(format);
        uint32_t expected = word;
        if (value.is_nan()) expected = static_cast<uint32_t>(nan_of(format));
        if (value.is_infinite() && rule.overflow == FloatOverflow::saturate) expected = with_sign(value.negative, largest_of(format), format);
        if (subnormal && rule.subnormals == Subnormals::flush) expected = with_sign(value.negative, 0, format);
        const uint32_t found = emu::narrow(wide, rule);
        back.check(found == expected, [&](auto& out) { out << words(rule) << " " << word << ": " << found; });
      });
    }
    exact.expect_all_right(2 * signless_words(format));
    back.expect_all_right(2 * signless_words(format) * 40);
  }
}

// The number that the specification of each format gives as its largest and its smallest.
TEST(OracleSoftFloat, FormatsHaveTheRangesOfTheirSpecifications) {
  const auto largest = [](FloatFormat f) { return magnitude_of(largest_of(f), f); };
  const auto smallest = [](FloatFormat f) { return magnitude_of(1, f); };
  EXPECT_EQ(largest(kFp32), (2 - power(-23)) * power(127));
  EXPECT_EQ(largest(emu::kTf32), (2 - power(-10)) * power(127));
  EXPECT_EQ(largest(emu::kBf16), (2 - power(-7)) * power(127));
  EXPECT_EQ(largest(emu::kFp16), 65504);
  EXPECT_EQ(largest(emu::kE5m2), 57344);
  EXPECT_EQ(largest(emu::kE4m3), 448);
  EXPECT_EQ(smallest(kFp32), power(-149));
  EXPECT_EQ(smallest(emu::kTf32), power(-136));
  EXPECT_EQ(smallest(emu::kBf16), power(-133));
  EXPECT_EQ(smallest(emu::kFp16), power(-24));
  EXPECT_EQ(smallest(emu::kE5m2), power(-16));
  EXPECT_EQ(smallest(emu::kE4m3), power(-9));
}

TEST(OracleSoftFloat, RoundToWordOfSignificandsOfUpTo128BitsWithSticky) {
  std::mt19937_64 random(4);
  for (const FloatFormat format : kAllFloatFormats) {
    Tally tally;
    for (int i = 0; i < 20000; i += kStride) {
      const int bits = 1 + static_cast<int>(random() % 128);
      UnsignedWide significand = (static_cast<UnsignedWide>(random()) << 64 | random()) >> (128 - bits);
      if (random() % 3 == 0) significand = significand >> (bits * 3 / 4) << (bits * 3 / 4);  // ties
      if (random() % 3 == 0) significand = UnsignedWide{1} << (bits - 1);
      if (significand == 0) significand = 1;
      // The leading bit anywhere from far below the smallest number to a little above the largest.
      const int top = least_binade(format) - format.fraction_bits - 8 + static_cast<int>(random() % static_cast<uint64_t>(count(format.exponent_bits) + format.fraction_bits + 12));
      const int exponent = top - bits;
      const bool sticky = bits >= 64 && random() % 2 == 0, negative = random() % 2 == 0;
      // The parts, since to_int takes signed numbers.
      Rational q =
          (Rational(to_int(static_cast<Wide>(significand >> 64))) * power(64) + Rational(Int(static_cast<uint64_t>(significand)))) + (sticky ? Rational(1, 1000003) : Rational(0));
      q *= power(exponent);
      const Place where = place(negative ? Rational(-q) : q, format);
      for_all_rules(format, [&](const FloatRule& rule) {
        const uint32_t found = emu::round_to_word(negative, significand, exponent, sticky, rule), expected = word_of(where, rule);
        tally.check(found == expected, [&](auto& out) { out << q << (negative ? " negative to " : " to ") << words(rule) << ": " << found << ", exactly " << expected; });
      });
    }
    tally.expect_all_right(20000 * 40);
  }
}

TEST(OracleSoftFloat, ToIntOfCornersAndRandomNumbersInAllModes) {
  Tally tally;
  auto values = float_corners();
  RandomFloats random(5);
  for (int i = 0; i < 8000; ++i) values.push_back(i % 4 == 0 ? random.any() : (random.any() & 0x807fffffU) | ((120U + random.any() % 70U) << 23));
  for (int halves = -40; halves <= 40; ++halves) values.push_back(word_of(Real::of(Rational(halves, 2)), kBinary32));
  for (size_t i = 0; i < values.size(); i += kStride) {
    const Real x = real(values[i]);
    for (const Round mode : kAllRounds) {
      const Int whole = x.kind == Real::Kind::finite ? rounded(x.value, mode) : 0;
      for (const IntType type : {emu::kS8, emu::kU8, emu::kS16, emu::kU16, emu::kS32, emu::kS64, IntType{1, true}, IntType{1, false}, IntType{32, false}, IntType{64, false}}) {
        const Int expected = x.kind == Real::Kind::finite ? saturated(whole, type) : integer_of(x, mode, type);
        const Wide found = emu::to_int({values[i]}, mode, type);
        tally.check(to_int(found) == expected, [&](auto& out) {
          out << to_string(Fp32{values[i]}) << " " << to_string(mode) << " to " << to_string(type) << ": " << to_int(found) << ", exactly " << expected;
        });
      }
    }
  }
  tally.expect_all_right(static_cast<int64_t>(values.size()) * 100);
}

TEST(OracleSoftFloat, Fp32OfIntegersInAllModes) {
  Tally tally;
  std::mt19937_64 random(6);
  std::vector<Wide> values;
  for (int bit = 0; bit < 126; ++bit) {
    // Around powers of two, and around the middles of the numbers of that binade.
    const Wide unit = Wide{1} << bit, half_ulp = bit > 23 ? unit >> 24 : Wide{0};
    for (const Wide base : {unit, unit + half_ulp, unit + 3 * half_ulp, 2 * unit - half_ulp}) {
      for (int nearby = -2; nearby <= 2; ++nearby) values.push_back(base + nearby), values.push_back(-(base + nearby));
    }
  }
  for (int i = 0; i < 5000; ++i) values.push_back(((static_cast<Wide>(static_cast<int64_t>(random())) << 62) + static_cast<Wide>(random() >> 2)) >> (random() % 126));
  for (size_t i = 0; i < values.size(); i += kStride) {
    const Int exact = to_int(values[i]);
    for (const Round mode : kAllRounds) {
      const uint32_t expected = word_of(exact == 0 ? Real::zero(false) : Real::of(Rational(exact)), FloatRule{kFp32, mode, Subnormals::keep, FloatOverflow::infinity});
      const Fp32 found = emu::fp32_of(values[i], mode);
      tally.check(found.bits == expected, [&](auto& out) { out << exact << " " << to_string(mode) << ": " << to_string(found) << ", exactly " << to_string(Fp32{expected}); });
    }
  }
  tally.expect_all_right(static_cast<int64_t>(values.size()) * 10);
}

}  // namespace
}  // namespace assay::oracle
