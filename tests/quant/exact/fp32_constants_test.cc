#include "quant/exact/fp32_constants.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

namespace assay::quant {
namespace {

emu::Fp32Rule fp32_rule(emu::Fp32Scale scale, emu::FloatFormat scale_format = emu::kFp32, emu::Fp32Output output = emu::Fp32Output::scale) {
  return {scale, scale_format, emu::kFp32, output};
}
float float_of(emu::Fp32 word) {
  return std::bit_cast<float>(word.bits);
}

// The definition in exact integers' stead: long double holds each product and quotient of two floats closely enough that rounding it to float once is the float operation.
TEST(Fp32Constants, FormTheScaleInTheNamedOrder) {
  std::mt19937_64 words(1);
  int told_apart = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto draw = [&] { return std::bit_cast<float>(static_cast<uint32_t>(0x3a000000U + words() % 0x04000000U)); };
    const float x = draw(), w = draw(), y = draw();
    const Ratio ratio{{x, w}, {y}};
    const float product = x * w;
    EXPECT_EQ(float_of(fp32_scale(ratio, fp32_rule(emu::Fp32Scale::product))), product);
    EXPECT_EQ(float_of(fp32_scale(ratio, fp32_rule(emu::Fp32Scale::ratio))), product / y);
    const float rx = 1.0F / x, rw = 1.0F / w, both = rx * rw;
    EXPECT_EQ(float_of(fp32_scale(ratio, fp32_rule(emu::Fp32Scale::reciprocal_product))), 1.0F / both);
    const float exact = float_of(fp32_scale(ratio, fp32_rule(emu::Fp32Scale::exact_ratio)));
    EXPECT_NEAR(exact, product / y, 2e-7F * exact);
    told_apart += exact != product / y ? 1 : 0;
  }
  EXPECT_GT(told_apart, 1000);  // one rounding and two are different numbers often enough
}

TEST(Fp32Constants, AnExactRatioIsTheNearestNumberWithTiesToEven) {
  // 1 + 2^-24 lies half way between 1 and the next number, 1 + 3 * 2^-24 half way above it.
  EXPECT_EQ(nearest_float({{0x1.000001p0}, {}}), 1.0F);
  EXPECT_EQ(nearest_float({{0x1.000003p0}, {}}), 0x1.000004p0F);
  EXPECT_EQ(nearest_float({{1}, {3}}), 1.0F / 3.0F);
  EXPECT_EQ(nearest_float({{-7}, {5}, 3}), -11.2F);
  EXPECT_EQ(nearest_float({{0}, {5}}), 0.0F);
}

TEST(Fp32Constants, AveragesDivideByTheCountAfterTheProductOrInTheDivisor) {
  const Ratio ratio{{0.3F}, {0.7F, 9}};
  EXPECT_EQ(float_of(fp32_scale(ratio, fp32_rule(emu::Fp32Scale::product))), 0.3F / 9.0F);
  const float divisor = 0.7F * 9.0F;
  EXPECT_EQ(float_of(fp32_scale(ratio, fp32_rule(emu::Fp32Scale::ratio))), 0.3F / divisor);
}

TEST(Fp32Constants, AreRoundedToNarrowerFormats) {
  const Ratio ratio{{0.1F, 0.3F}, {1.0}};
  const uint32_t exact = std::bit_cast<uint32_t>(0.1F * 0.3F);
  const uint32_t bf16 = fp32_scale(ratio, fp32_rule(emu::Fp32Scale::product, emu::kBf16)).bits;
  EXPECT_EQ(bf16 & 0xffffU, 0U);
  EXPECT_EQ(bf16, (exact + 0x7fffU + ((exact >> 16) & 1U)) & 0xffff0000U);
  EXPECT_EQ(float_of(fp32_output(0.7F, fp32_rule(emu::Fp32Scale::product))), 0.7F);
  EXPECT_EQ(float_of(fp32_output(0.7F, fp32_rule(emu::Fp32Scale::product, emu::kFp32, emu::Fp32Output::reciprocal))), 1.0F / 0.7F);
}

TEST(Fp32Constants, ABiasHasTheUnitsOfItsPlace) {
  const Ratio ratio{{0.3F, 0.05F}, {0.7F}};
  const auto bias = [&](const char* steps, emu::Fp32Scale scale) { return float_of(fp32_bias(2.5F, ratio, emu::parse_steps(steps), fp32_rule(scale))); };
  const float product = 0.3F * 0.05F;
  EXPECT_EQ(bias("to_fp32; mul_fp32 scale; add_fp32 bias; div_fp32 output; to_int half_even", emu::Fp32Scale::product), 2.5F);
  EXPECT_EQ(bias("to_fp32; fma_fp32 scale bias; mul_fp32 output; to_int half_even", emu::Fp32Scale::reciprocal_product), 2.5F);
  EXPECT_EQ(bias("to_fp32; mul_fp32 scale; div_fp32 output; add_fp32 bias; to_int half_even", emu::Fp32Scale::product), 2.5F / 0.7F);
  EXPECT_EQ(bias("to_fp32; mul_fp32 scale; add_fp32 bias; to_int half_even", emu::Fp32Scale::ratio), 2.5F / 0.7F);
  EXPECT_EQ(bias("to_fp32; add_fp32 bias; mul_fp32 scale; to_int half_even", emu::Fp32Scale::ratio), 2.5F / product);
}

}  // namespace
}  // namespace assay::quant
