// The fixed-point functions against gemmlowp's own compiled code (google/gemmlowp, Debian package libgemmlowp-dev, headers only): every case must be equal.
#include <gtest/gtest.h>

#include "emu/arith/fixed_functions.h"
#include "emu/arith/fixed_point.h"
#include "emu/arith/requant.h"
#include "tests/witness/cases.h"

#if __has_include(<gemmlowp/fixedpoint/fixedpoint.h>)
#include <gemmlowp/fixedpoint/fixedpoint.h>
#include <gemmlowp/public/gemmlowp.h>
#define ASSAY_HAS_GEMMLOWP 1
#else
#define ASSAY_HAS_GEMMLOWP 0
#endif

namespace assay::witness {
namespace {

#if !ASSAY_HAS_GEMMLOWP

TEST(Gemmlowp, IsNotInstalled) {
  GTEST_SKIP() << "gemmlowp's headers are missing: install the Debian package libgemmlowp-dev, configure and build again";
}

#else

using emu::FixedFormat;
using emu::RightShift;

RightShift right(int bits) {
  return RightShift{static_cast<uint8_t>(bits)};
}

template <class Theirs, class Ours>
void compare_two(Tally& tally, int64_t a, int64_t b, const Theirs& theirs, const Ours& ours) {
  const int64_t want = theirs(a, b), found = ours(a, b);
  tally.check(found == want, [&](auto& out) { out << a << ", " << b << ": theirs " << want << ", ours " << found; });
}

template <class Word>
void compare_high_multiplication(int64_t random_cases, int64_t (*ours)(int64_t, int64_t)) {
  constexpr int kBits = 8 * sizeof(Word);
  const auto theirs = [](int64_t a, int64_t b) -> int64_t { return gemmlowp::SaturatingRoundingDoublingHighMul(static_cast<Word>(a), static_cast<Word>(b)); };
  Tally tally;
  const std::vector<int64_t> ends = corners(kBits);
  for (const int64_t a : ends) {
    for (const int64_t b : ends) compare_two(tally, a, b, theirs, ours);
  }
  Random random(kSeed);
  for (int64_t i = 0; i < random_cases; i += kStride) compare_two(tally, random.word(kBits), random.word(kBits), theirs, ours);
  // Products that are ties: a * 2^k.
  for (int64_t i = 0; i < random_cases / 4; i += kStride) compare_two(tally, random.word(kBits), int64_t{1} << random.between(0, kBits - 2), theirs, ours);
  tally.expect_all_right(random_cases);
}

TEST(Gemmlowp, SaturatingRoundingDoublingHighMulOf32Bits) {
  compare_high_multiplication<int32_t>(4000000, emu::saturating_rounding_doubling_high_mul_32);
}

TEST(Gemmlowp, SaturatingRoundingDoublingHighMulOf16Bits) {
  compare_high_multiplication<int16_t>(4000000, emu::saturating_rounding_doubling_high_mul_16);
}

TEST(Gemmlowp, RoundingDivideByPowerOfTwo) {
  Tally tally;
  const auto check_32 = [&](int64_t x, int exponent) {
    const int64_t want = gemmlowp::RoundingDivideByPOT(static_cast<int32_t>(x), exponent);
    tally.check(emu::rounding_divide_by_power(x, right(exponent)) == want, [&](auto& out) { out << x << " / 2^" << exponent; });
  };
  Random random(kSeed);
  for (int exponent = 0; exponent < 32; ++exponent) {
    for (const int64_t x : corners(32)) check_32(x, exponent);
    for (int i = 0; i < 100000; i += kStride) check_32(random.word(32), exponent), check_32(random.near_a_tie(32, exponent), exponent);
  }
  for (int exponent = 0; exponent < 16; ++exponent) {
    for (int x = -32768; x < 32768; x += kStride) {
      const int64_t want = gemmlowp::RoundingDivideByPOT(static_cast<int16_t>(x), exponent);
      tally.check(emu::rounding_divide_by_power(x, right(exponent)) == want, [&](auto& out) { out << "16 bits: " << x << " / 2^" << exponent; });
    }
  }
  tally.expect_all_right(7000000);
}

template <int kExponent>
void compare_left_shifts(Tally& tally, Random& random) {
  const emu::LeftShift amount{kExponent};
  const auto check = [&](int64_t x) {
    tally.check(emu::saturating_shift_left(x, amount, 32) == gemmlowp::SaturatingRoundingMultiplyByPOT<kExponent>(static_cast<int32_t>(x)),
                [&](auto& out) { out << x << " * 2^" << kExponent; });
  };
  for (const int64_t x : corners(32)) check(x);
  for (int i = 0; i < 50000; i += kStride) check(random.word(32));
  for (int x = -32768; kExponent < 16 && x < 32768; x += kStride) {
    tally.check(emu::saturating_shift_left(x, amount, 16) == gemmlowp::SaturatingRoundingMultiplyByPOT<kExponent>(static_cast<int16_t>(x)),
                [&](auto& out) { out << "16 bits: " << x << " * 2^" << kExponent; });
  }
}

TEST(Gemmlowp, SaturatingLeftShiftAndHalfSum) {
  Tally tally;
  Random random(kSeed);
  compare_left_shifts<1>(tally, random);
  compare_left_shifts<2>(tally, random);
  compare_left_shifts<3>(tally, random);
  compare_left_shifts<6>(tally, random);
  compare_left_shifts<12>(tally, random);
  compare_left_shifts<15>(tally, random);
  for (int i = 0; i < 1000000; i += kStride) {
    const int64_t a = random.word(32), b = random.word(32);
    tally.check(emu::rounding_half_sum(a, b) == gemmlowp::RoundingHalfSum(static_cast<int32_t>(a), static_cast<int32_t>(b)), [&](auto& out) { out << a << " + " << b; });
  }
  tally.expect_all_right(1600000);
}

// Runs `visit` with 0, 1 ... kEnd - 1 as constants.
template <int kEnd, class Visit>
void for_each_constant(const Visit& visit) {
  if constexpr (kEnd > 0) {
    for_each_constant<kEnd - 1>(visit);
    visit(std::integral_constant<int, kEnd - 1>());
  }
}

template <class Word>
std::vector<int64_t> negative_words(int64_t random_cases) {
  constexpr int kBits = 8 * sizeof(Word);
  std::vector<int64_t> words;
  if (kBits == 16) {
    for (int64_t x = -32768; x <= 0; x += kStride) words.push_back(x);
    return words;
  }
  for (const int64_t x : corners(kBits)) {
    if (x <= 0) words.push_back(x);
  }
  Random random(kSeed);
  for (int64_t i = 0; i < random_cases; i += kStride) {
    const int64_t x = random.word(kBits);
    words.push_back(x < 0 ? x : -x);
  }
  return words;
}

template <class Word, int kIntegerBits>
void compare_exponentials(Tally& tally, const std::vector<int64_t>& words) {
  const FixedFormat format{8 * sizeof(Word), kIntegerBits};
  for (const int64_t x : words) {
    const int64_t want = gemmlowp::exp_on_negative_values(gemmlowp::FixedPoint<Word, kIntegerBits>::FromRaw(static_cast<Word>(x))).raw();
    const int64_t found = emu::exp_on_negative_values(x, format);
    tally.check(found == want,
                [&](auto& out) { out << "exp of " << x << " with " << kIntegerBits << " integer bits of " << 8 * sizeof(Word) << ": theirs " << want << ", ours " << found; });
  }
}

TEST(Gemmlowp, ExponentialOfEveryFormatOf32Bits) {
  Tally tally;
  const std::vector<int64_t> words = negative_words<int32_t>(100000);
  for_each_constant<30>([&](auto integer_bits) { compare_exponentials<int32_t, integer_bits()>(tally, words); });
  tally.expect_all_right(3000000);
}

TEST(Gemmlowp, ExponentialOfEveryFormatOf16BitsExhaustively) {
  Tally tally;
  const std::vector<int64_t> words = negative_words<int16_t>(0);
  for_each_constant<14>([&](auto integer_bits) { compare_exponentials<int16_t, integer_bits()>(tally, words); });
  tally.expect_all_right(14 * 32769);
}

// The most negative word is left out where their negation of it is undefined (32 bits).
template <class Word, int kIntegerBits>
void compare_sigmoids(Tally& tally, const std::vector<int64_t>& words) {
  const FixedFormat format{8 * sizeof(Word), kIntegerBits};
  for (const int64_t negative : words) {
    if (negative == std::numeric_limits<int32_t>::min()) continue;
    for (const int64_t x : {negative, -negative}) {
      if (x > std::numeric_limits<Word>::max()) continue;
      const auto theirs = gemmlowp::FixedPoint<Word, kIntegerBits>::FromRaw(static_cast<Word>(x));
      tally.check(emu::logistic(x, format) == gemmlowp::logistic(theirs).raw(), [&](auto& out) { out << "logistic of " << x << " with " << kIntegerBits << " integer bits"; });
      if constexpr (kIntegerBits + 4 <= 8 * int{sizeof(Word)}) {
        if (format.fraction_bits() >= 3) {
          tally.check(emu::tanh(x, format) == gemmlowp::tanh(theirs).raw(), [&](auto& out) { out << "tanh of " << x << " with " << kIntegerBits << " integer bits"; });
        }
      }
    }
  }
}

TEST(Gemmlowp, LogisticAndTanhOfEveryFormatOf32Bits) {
  Tally tally;
  const std::vector<int64_t> words = negative_words<int32_t>(30000);
  for_each_constant<29>([&](auto integer_bits) { compare_sigmoids<int32_t, integer_bits()>(tally, words); });
  tally.expect_all_right(3000000);
}

TEST(Gemmlowp, LogisticAndTanhOfEveryFormatOf16BitsExhaustively) {
  Tally tally;
  const std::vector<int64_t> words = negative_words<int16_t>(0);
  for_each_constant<13>([&](auto integer_bits) { compare_sigmoids<int16_t, integer_bits()>(tally, words); });
  tally.expect_all_right(1600000);
}

template <class Word>
void compare_reciprocals(Tally& tally, int64_t x) {
  using F0 = gemmlowp::FixedPoint<Word, 0>;
  constexpr uint8_t kBits = 8 * sizeof(Word);
  const F0 theirs = F0::FromRaw(static_cast<Word>(x));
  tally.check(emu::one_over_one_plus_x(x, kBits) == gemmlowp::one_over_one_plus_x_for_x_in_0_1(theirs).raw(),
              [&](auto& out) { out << "1 / (1 + " << x << "), bits " << int{kBits}; });
  tally.check(emu::one_minus_x_over_one_plus_x(x, kBits) == gemmlowp::one_minus_x_over_one_plus_x_for_x_in_0_1(theirs).raw(),
              [&](auto& out) { out << "(1 - x) / (1 + x) of " << x << ", bits " << int{kBits}; });
}

TEST(Gemmlowp, ReciprocalsByNewtonSteps) {
  Tally tally;
  Random random(kSeed);
  for (const int64_t x : corners(32)) {
    if (x >= 0) compare_reciprocals<int32_t>(tally, x);
  }
  for (int i = 0; i < 1000000; i += kStride) compare_reciprocals<int32_t>(tally, static_cast<int64_t>(random.next() >> 33));
  for (int64_t x = 0; x < 32768; ++x) compare_reciprocals<int16_t>(tally, x);
  tally.expect_all_right(2000000);
}

// A whole matrix product of theirs, with bias, scaling, clamp and cast: our accumulators through the step list of the same arithmetic.
TEST(Gemmlowp, MatrixProductWithItsOutputStages) {
  constexpr int kRows = 48, kDepth = 37, kColumns = 51;
  Random random(kSeed);
  Tally tally;
  const emu::Steps steps =
      emu::parse_steps("add_bias; shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; add_zero_point; clamp; saturate output");
  for (int round = 0; round < 200; round += kStride) {
    std::vector<uint8_t> a(kRows * kDepth), b(kDepth * kColumns), y(kRows * kColumns);
    for (auto& x : a) x = static_cast<uint8_t>(random.next());
    for (auto& x : b) x = static_cast<uint8_t>(random.next());
    std::vector<int32_t> bias(kRows);
    for (auto& x : bias) x = static_cast<int32_t>(random.between(-20000, 20000));
    const int a_offset = -static_cast<int>(random.between(0, 255)), b_offset = -static_cast<int>(random.between(0, 255));
    const auto multiplier = static_cast<int32_t>(random.between(int64_t{1} << 30, (int64_t{1} << 31) - 1));
    const int shift = static_cast<int>(random.between(-14, 1)), zero_point = static_cast<int>(random.between(0, 255));
    const int low = static_cast<int>(random.between(0, 100)), high = static_cast<int>(random.between(150, 255));

    gemmlowp::OutputStageBiasAddition<gemmlowp::VectorMap<const int32_t, gemmlowp::VectorShape::Col> > add_bias;
    add_bias.bias_vector = {bias.data(), kRows};
    gemmlowp::OutputStageScaleInt32ByFixedPointAndExponent scale;
    scale.result_fixedpoint_multiplier = multiplier, scale.result_exponent = shift, scale.result_offset_after_shift = zero_point;
    gemmlowp::OutputStageClamp clamp;
    clamp.min = low, clamp.max = high;
    const auto stages = std::make_tuple(add_bias, scale, clamp, gemmlowp::OutputStageSaturatingCastToUint8());
    const gemmlowp::MatrixMap<const uint8_t, gemmlowp::MapOrder::RowMajor> left(a.data(), kRows, kDepth, kDepth);
    const gemmlowp::MatrixMap<const uint8_t, gemmlowp::MapOrder::ColMajor> right_side(b.data(), kDepth, kColumns, kDepth);
    gemmlowp::MatrixMap<uint8_t, gemmlowp::MapOrder::ColMajor> result(y.data(), kRows, kColumns, kRows);
    gemmlowp::GemmContext context;
    context.set_max_num_threads(1);
    gemmlowp::GemmWithOutputPipeline<uint8_t, uint8_t, gemmlowp::DefaultL8R8BitDepthParams>(&context, left, right_side, &result, a_offset, b_offset, stages);

    emu::StepOperands o;
    o.scale = emu::QScale::from_tflite(multiplier, shift), o.output = emu::kU8, o.zero_point = zero_point, o.clamp_low = low, o.clamp_high = high;
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kColumns; ++j) {
        Wide accumulator = 0;
        for (int k = 0; k < kDepth; ++k) accumulator += (a[static_cast<size_t>(i * kDepth + k)] + a_offset) * (b[static_cast<size_t>(j * kDepth + k)] + b_offset);
        o.bias = bias[static_cast<size_t>(i)];
        emu::StepEvents events;
        const auto found = static_cast<int>(emu::requantize(accumulator, steps, o, events));
        tally.check(found == y[static_cast<size_t>(j * kRows + i)], [&](auto& out) { out << "round " << round << " row " << i << " column " << j << ": ours " << found; });
      }
    }
  }
  tally.expect_all_right(200 * kRows * kColumns);
}

#endif

}  // namespace
}  // namespace assay::witness
