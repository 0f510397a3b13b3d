// Fixed-point products and functions against exact rationals.
#include "emu/arith/fixed_point.h"

#include "tests/oracle/fixed.h"
#include "tests/oracle/tally.h"
#include "tests/witness/cases.h"

namespace assay::oracle {
namespace {

using emu::FixedFormat;
using emu::LeftShift;
using emu::QScale;
using emu::RightShift;
using witness::corners;
using witness::kSeed;
using witness::Random;

Int real_product(int64_t a, int64_t b, int shift, Round mode) {
  return rounded(Rational(Int(a) * b, power_of_two(static_cast<unsigned>(shift))), mode);
}

TEST(FixedPointOracle, HighMultiplications) {
  Tally tally;
  Random random(kSeed);
  const auto check = [&](int64_t a, int64_t b) {
    tally.check(emu::saturating_rounding_doubling_high_mul_32(a, b) == saturated(real_product(a, b, 31, Round::half_up), emu::kS32), [&](auto& out) { out << a << " * " << b; });
    const int64_t c = a >> 16, d = b >> 16;
    tally.check(emu::saturating_rounding_doubling_high_mul_16(c, d) == saturated(real_product(c, d, 15, Round::half_up), emu::kS16), [&](auto& out) { out << c << " * " << d; });
    tally.check(emu::saturating_doubling_high_mul_16(c, d) == saturated(real_product(c, d, 15, Round::toward_zero), emu::kS16), [&](auto& out) { out << c << " * " << d; });
  };
  const std::vector<int64_t> ends = corners(32);
  for (size_t i = 0; i < ends.size(); i += 3) {
    for (size_t j = 0; j < ends.size(); j += 3) check(ends[i], ends[j]);
  }
  check(-(int64_t{1} << 31), -(int64_t{1} << 31));
  for (int i = 0; i < 20000; i += kStride) check(random.word(32), random.word(32)), check(random.word(32), int64_t{1} << random.between(0, 30));
  tally.expect_all_right(100000);
}

QScale random_scale(Random& random) {
  const auto multiplier = static_cast<int32_t>(random.next() % 4 == 0 ? int64_t{1} << random.between(0, 30) : random.between(int64_t{1} << 30, (int64_t{1} << 31) - 1));
  return QScale::from_tflite(multiplier, static_cast<int>(random.between(-31, 30)));
}

TEST(FixedPointOracle, ScalingRoundedOnceTwiceAndWithFifteenBits) {
  Tally tally;
  Random random(kSeed);
  for (int i = 0; i < 60000; i += kStride) {
    const QScale s = random_scale(random);
    const int down = s.right.bits - s.left.bits;
    const int64_t x = random.next() % 2 == 0 ? random.word(32) : random.near_a_tie(32, s.right.bits > 29 ? 29 : s.right.bits);
    const auto say = [&](auto& out) { out << x << " by " << s.multiplier << " / 2^" << down; };
    tally.check(emu::multiply_by_quantized_multiplier_rounding_twice(x, s) == scaled_twice(x, s), say);
    tally.check(emu::multiply_by_quantized_multiplier_rounding_once(x, s) == saturated(rounded(Rational(x) * s.multiplier * two_to(-31 - down), Round::half_up), emu::kS32), say);
    const QScale small = QScale::from_tflite(static_cast<int32_t>(s.multiplier), static_cast<int>(random.between(-31, 7)));
    const int64_t wide = random.word(48);
    const Int m15 = saturated(rounded(Rational(s.multiplier) * two_to(-16), Round::half_up), emu::kS16);
    tally.check(emu::multiply_by_quantized_multiplier_15(wide, small) == rounded(Rational(wide * m15) * two_to(-15 - small.right.bits + small.left.bits), Round::half_up), say);
  }
  tally.expect_all_right(180000);
}

TEST(FixedPointOracle, ScalingByOneRightShift) {
  Tally tally;
  Random random(kSeed);
  for (int i = 0; i < 60000; i += kStride) {
    const int shift = static_cast<int>(random.between(2, 62));
    const QScale s = QScale::from_tosa(static_cast<int32_t>(random.next() >> 33), shift);
    const int64_t x = random.word(shift < 32 ? shift : 32);
    const auto say = [&](auto& out) { out << x << " * " << s.multiplier << " / 2^" << shift; };
    const Rational exact = Rational(x) * s.multiplier * two_to(-shift);
    tally.check(emu::apply_scale_32_rounding_once(x, s) == rounded(exact, Round::half_up), say);
    const Rational nudge = shift > 31 ? (x < 0 ? -two_to(30 - shift) : two_to(30 - shift)) : Rational(0);
    tally.check(emu::apply_scale_32_rounding_twice(x, s) == rounded(exact + nudge, Round::half_up), say);
    const QScale s16 = QScale::from_tosa(static_cast<int32_t>(random.next() >> 49), shift);
    const int64_t wide = random.word(48);
    tally.check(emu::apply_scale_16(wide, s16) == rounded(Rational(wide) * s16.multiplier * two_to(-shift), Round::half_up), say);
  }
  tally.expect_all_right(180000);
}

TEST(FixedPointOracle, BothWaysOfRoundingTwiceAgreeForShiftsToTheRight) {
  Tally tally;
  Random random(kSeed);
  for (int i = 0; i < 300000; i += kStride) {
    const int right = static_cast<int>(random.between(0, 31));
    const auto multiplier = static_cast<int32_t>(random.between(int64_t{1} << 30, (int64_t{1} << 31) - 1));
    const int64_t x = random.word(right == 0 ? 31 : 32);
    tally.check(emu::multiply_by_quantized_multiplier_rounding_twice(x, QScale::from_tflite(multiplier, -right)) ==
                    emu::apply_scale_32_rounding_twice(x, QScale::from_tosa(multiplier, 31 + right)),
                [&](auto& out) { out << x << " * " << multiplier << " / 2^(31 + " << right << ")"; });
  }
  tally.expect_all_right(300000);
}

TEST(FixedPointOracle, ReciprocalScalesDivideEverySumOfTheirWindowLikeTheExactQuotient) {
  Tally tally;
  for (int64_t divisor = 1; divisor <= 300; ++divisor) {
    const QScale s = emu::reciprocal_scale(divisor);
    EXPECT_GE(s.multiplier, int64_t{1} << 30);
    EXPECT_LE(s.multiplier, (int64_t{1} << 31) - 1);
    for (int64_t sum = -128 * divisor; sum <= 127 * divisor; sum += (divisor > 40 ? 37 : 1) * kStride) {
      tally.check(emu::apply_scale_32_rounding_once(sum, s) == rounded(Rational(sum, divisor), Round::half_away), [&](auto& out) { out << sum << " / " << divisor; });
    }
  }
  tally.expect_all_right(400000);
}

template <class Words>
void check_functions(Tally& tally, const Words& words, FixedFormat f) {
  const unsigned bits = f.bits;
  const int fraction = f.fraction_bits();
  const auto raw = [&](const Rational& q0) { return rounded(q0 * two_to(static_cast<int>(bits) - 1), Round::floor); };
  for (const int64_t x : words) {
    const Rational real = Rational(x) * two_to(-fraction);
    const auto say = [&](const char* what) { return [&, what](auto& out) { out << what << " of " << x << ", bits " << bits << ", integer bits " << int{f.integer_bits}; }; };
    if (x <= 0) tally.check(emu::exp_on_negative_values(x, f) == raw(exponential(real, f.integer_bits, bits)), say("exp"));
    tally.check(emu::logistic(x, f) == raw(logistic_of(real, f.integer_bits, bits)), say("logistic"));
    if (fraction >= 3) tally.check(emu::tanh(x, f) == raw(tanh_of(real, f.integer_bits, bits)), say("tanh"));
    if (f.integer_bits == 0 && x >= 0) {
      tally.check(emu::one_over_one_plus_x(x, f.bits) == raw(reciprocal_of_one_plus(real, bits)), say("1 / (1 + x)"));
      tally.check(emu::one_minus_x_over_one_plus_x(x, f.bits) == raw(one_minus_by_one_plus(real, bits)), say("(1 - x) / (1 + x)"));
    }
  }
}

TEST(FixedPointOracle, ExponentialLogisticAndTanhInEveryFormat) {
  Tally tally;
  Random random(kSeed);
  for (const uint8_t bits : {uint8_t{16}, uint8_t{32}}) {
    for (uint8_t integer_bits = 0; integer_bits + 3 <= bits; ++integer_bits) {
      std::vector<int64_t> words = {0, 1, -1, -(int64_t{1} << (bits - 1)), (int64_t{1} << (bits - 1)) - 1};
      for (int i = 0; i < 60; i += kStride) words.push_back(random.word(bits));
      check_functions(tally, words, FixedFormat{bits, integer_bits});
    }
  }
  tally.expect_all_right(6000);
}

TEST(FixedPointOracle, InverseSquareRoots) {
  Tally tally;
  Random random(kSeed);
  const auto check = [&](int64_t x) {
    const emu::InverseSquareRoot found = emu::inverse_square_root(x);
    const InverseRoot want = inverse_root(x);
    tally.check(found.multiplier == want.multiplier && found.right.bits == want.right, [&](auto& out) { out << "of " << x; });
  };
  for (int64_t x = 0; x < 200; ++x) check(x);
  for (int i = 0; i < 2000; i += kStride) check(random.word(32) & 0x7fffffff);
  tally.expect_all_right(2000);
}

}  // namespace
}  // namespace assay::oracle
