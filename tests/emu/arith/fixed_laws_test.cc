// What the fixed-point functions promise: how far from the real functions they lie, that they keep order and symmetry, and what of a row's softmax must not matter.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>

#include "emu/arith/fixed_functions.h"
#include "emu/arith/fixed_operators.h"
#include "emu/arith/fixed_point.h"
#include "emu/base/error.h"
#include "tests/witness/cases.h"

namespace assay::emu {
namespace {

using Real = boost::multiprecision::cpp_bin_float_50;
using witness::kSeed;
using witness::kStride;
using witness::Random;

Real of(int64_t raw, int fraction_bits) {
  return ldexp(Real(raw), -fraction_bits);
}

// The greatest |found - wanted| in units of 2^-unit_bits, over random words of the given sign.
template <class Found, class Wanted>
double greatest_error(FixedFormat format, bool negative_only, int unit_bits, const Found& found, const Wanted& wanted) {
  Random random(kSeed);
  Real worst = 0;
  for (int i = 0; i < 3000; i += kStride) {
    int64_t x = random.word(format.bits);
    if (negative_only && x > 0) x = -x;
    const Real error = abs(Real(of(found(x), format.bits - 1) - wanted(of(x, format.fraction_bits()))));
    worst = std::max(worst, error);
  }
  return static_cast<double>(ldexp(worst, unit_bits));
}

TEST(FixedFunctionLaws, ExponentialLiesWithin2ToMinus21OfTheRealOne) {
  const auto wanted = [](const Real& x) -> Real { return exp(x); };
  for (const uint8_t integer_bits : {uint8_t{0}, uint8_t{2}, uint8_t{5}, uint8_t{8}}) {
    const FixedFormat f{32, integer_bits};
    EXPECT_LT(greatest_error(
                  f, true, 21, [&](int64_t x) { return exp_on_negative_values(x, f); }, wanted),
              1)
        << int{integer_bits};
  }
}

TEST(FixedFunctionLaws, LogisticAndTanhLieWithin2ToMinus20OfTheRealOnes) {
  const FixedFormat f{32, 4};
  EXPECT_LT(greatest_error(
                f, false, 20, [&](int64_t x) { return logistic(x, f); }, [](const Real& x) -> Real { return 1 / (1 + exp(Real(-x))); }),
            1);
  EXPECT_LT(greatest_error(
                f, false, 20, [&](int64_t x) { return tanh(x, f); }, [](const Real& x) -> Real { return tanh(x); }),
            1);
}

TEST(FixedFunctionLaws, WordsOf16BitsLieWithin2ToMinus11OfTheRealFunctions) {
  const FixedFormat f{16, 3};
  EXPECT_LT(greatest_error(
                f, true, 11, [&](int64_t x) { return exp_on_negative_values(x, f); }, [](const Real& x) -> Real { return exp(x); }),
            1);
  EXPECT_LT(greatest_error(
                f, false, 11, [&](int64_t x) { return logistic(x, f); }, [](const Real& x) -> Real { return 1 / (1 + exp(Real(-x))); }),
            1);
  EXPECT_LT(greatest_error(
                f, false, 11, [&](int64_t x) { return tanh(x, f); }, [](const Real& x) -> Real { return tanh(x); }),
            1);
}

TEST(FixedFunctionLaws, ReciprocalsLieWithin2ToMinus27OfTheRealOnes) {
  const FixedFormat f{32, 0};
  const auto positive = [](int64_t x) { return x < 0 ? ~x : x; };
  EXPECT_LT(greatest_error(
                f, false, 27, [&](int64_t x) { return one_over_one_plus_x(positive(x), 32); }, [](const Real& x) -> Real { return 1 / (1 + abs(x)); }),
            1);
  EXPECT_LT(greatest_error(
                f, false, 27, [&](int64_t x) { return one_minus_x_over_one_plus_x(positive(x), 32); }, [](const Real& x) -> Real { return (1 - abs(x)) / (1 + abs(x)); }),
            1);
}

// Five steps from a guess of 1 leave the most where the scaled input is farthest from 1: 1.24e-6 for 2 * 4^k.
TEST(FixedFunctionLaws, InverseSquareRootsLieWithin2ToMinus19Relatively) {
  Random random(kSeed);
  Real worst = 0;
  for (int i = 0; i < 3000; i += kStride) {
    const int64_t x = (random.word(32) & 0x7fffffff) | 2;
    const InverseSquareRoot found = inverse_square_root(x);
    worst = std::max(worst, Real(abs(Real(of(found.multiplier, 31 + found.right.bits) * sqrt(Real(x)) - 1))));
  }
  EXPECT_LT(worst, ldexp(Real(1), -19));
}

TEST(FixedFunctionLaws, SymmetryOfLogisticAndTanh) {
  Random random(kSeed);
  for (int i = 0; i < 20000; i += kStride) {
    const FixedFormat f{32, static_cast<uint8_t>(random.between(0, 20))};
    const int64_t x = random.word(32);
    if (x == 0 || x == kS32.min()) continue;
    EXPECT_EQ(logistic(x, f) + logistic(-x, f), kS32.max()) << x;
    EXPECT_EQ(tanh(x, f), -tanh(-x, f)) << x;
  }
}

ArgumentScale random_argument(Random& random) {
  const QScale s = QScale::from_tflite(static_cast<int32_t>(random.between(int64_t{1} << 30, (int64_t{1} << 31) - 1)), static_cast<int>(random.between(18, 27)));
  return {random.between(-128, 127), s, input_range_radius(4, s.left)};
}

TEST(FixedOperatorLaws, LogisticAndTanhNeverFallAndLieWithinAStepOfTheRealOnes) {
  Random random(kSeed);
  for (int round = 0; round < 200; round += kStride) {
    const ArgumentScale argument = random_argument(random);
    int64_t below_logistic = -128, below_tanh = -128;
    for (int64_t x = -128; x < 128; ++x) {
      const int64_t l = logistic_8(x, argument), t = tanh_8(x, argument);
      EXPECT_GE(l, below_logistic) << x;
      EXPECT_GE(t, below_tanh) << x;
      below_logistic = l, below_tanh = t;
      if (round >= 20) continue;
      const Real real = (x - argument.zero_point) * of(argument.scale.multiplier, 31) * ldexp(Real(1), argument.scale.left.bits - 27);
      EXPECT_LT(abs(Real(Real(l + 128) - 256 / (1 + exp(Real(-real))))), 1.01) << x;
      EXPECT_LT(abs(Real(Real(t) - 128 * tanh(real))), 1.01) << x;
    }
  }
}

TEST(FixedOperatorLaws, SoftmaxKeepsOrderForgetsTheMeanAndSumsToOne) {
  Random random(kSeed);
  for (int round = 0; round < 400; round += kStride) {
    const QScale s = QScale::from_tflite(static_cast<int32_t>(random.between(int64_t{1} << 30, (int64_t{1} << 31) - 1)), static_cast<int>(random.between(16, 26)));
    const SoftmaxScale scale{s, -input_range_radius(5, s.left)};
    std::vector<int64_t> row(static_cast<size_t>(random.between(1, 60)));
    for (int64_t& x : row) x = random.between(-100, 100);
    const std::vector<int64_t> y = softmax_row(row, scale, kS16);
    int64_t sum = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      sum += y[i] + 32768;
      for (size_t j = 0; j < row.size(); ++j) {
        if (row[i] <= row[j]) {
          EXPECT_LE(y[i], y[j]);
        }
      }
    }
    // Each output is rounded to one part in 65536; the greatest saturates one below 1.
    EXPECT_NEAR(static_cast<double>(sum), 65536, 1 + static_cast<double>(row.size()));
    std::vector<int64_t> raised = row;
    for (int64_t& x : raised) x += 27;
    EXPECT_EQ(softmax_row(raised, scale, kS16), y);
    std::vector<int64_t> backwards(row.rbegin(), row.rend());
    EXPECT_EQ(softmax_row(backwards, scale, kS16), std::vector<int64_t>(y.rbegin(), y.rend()));
  }
}

TEST(FixedOperatorLaws, TheLongestSoftmaxRowOfEqualWordsIsUniform) {
  const std::vector<int64_t> row(kLongestSoftmaxRow, 5);
  const SoftmaxScale scale{QScale::from_tflite(1717986944, 23), -248};
  for (const int64_t y : softmax_row(row, scale, kS16)) EXPECT_EQ(y, -32768 + 16);
  EXPECT_THROW(softmax_row(std::vector<int64_t>(kLongestSoftmaxRow + 1, 5), scale, kS16), InternalError);
}

TEST(FixedOperatorLaws, ResizeOfTheSameSizeIsTheIdentity) {
  for (const ResizeGrid grid : {ResizeGrid::asymmetric, ResizeGrid::align_corners, ResizeGrid::half_pixel}) {
    for (int64_t size = 1; size < 40; ++size) {
      const int64_t step = resize_step(size, size, grid);
      for (int64_t i = 0; i < size; ++i) EXPECT_EQ(resize_tap(i, step, size, grid), (ResizeTap{i, i, 0}));
    }
  }
}

TEST(FixedPointLaws, ReducedMultipliersStopBelowOne) {
  EXPECT_EQ(reduced_multiplier(0x7fff0000), 0x7fff);
  EXPECT_EQ(reduced_multiplier(0x7fffffff), 0x7fff);
  EXPECT_EQ(reduced_multiplier(0x40008000), 0x4001);
  EXPECT_EQ(reduced_multiplier(0x40007fff), 0x4000);
}

}  // namespace
}  // namespace assay::emu
