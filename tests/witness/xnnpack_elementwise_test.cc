// Sums, differences, leaky ReLU and conversions in XNNPACK's compiled kernels against our arithmetic. Every output is compared.
#include "tests/witness/xnnpack.h"

#ifdef ASSAY_HAS_XNNPACK

namespace assay::witness {
namespace {

using emu::Fp32;

// Sums: with ra = sa / sy and rb = sb / sy in binary32 and e the exponent of the greater, n = 20 - e;
//   y = clamp(half_up((a - za) * ma + (b - zb) * mb) / 2^n) + zy),  ma = half_even(ra * 2^n), mb = half_even(+-rb * 2^n)
struct SumScale {
  SumScale(float ratio_a, float ratio_b, bool subtract) {
    const Fp32 a = fp32(ratio_a), b = fp32(ratio_b);
    const int exponent = static_cast<int>((emu::less(a, b) ? b : a).bits >> 23) - 127;
    shift = 20 - exponent;
    const Fp32 power = emu::fp32_of(Wide{1} << shift, emu::Round::half_even);
    const auto multiplier = [&](Fp32 ratio) { return static_cast<int64_t>(emu::to_int(emu::multiply(ratio, power), emu::Round::half_even, emu::kS32)); };
    multiplier_a = multiplier(a);
    multiplier_b = subtract ? -multiplier(b) : multiplier(b);
  }
  int64_t multiplier_a, multiplier_b;
  int shift;
};

template <class Word, class Create, class Setup>
void check_sum(uint64_t seed, bool subtract, const Create& create, const Setup& setup) {
  check_all_pairs<Word>(seed, {-4, 3}, {-3, 3}, create, setup, [subtract](const PairCase& one) {
    const SumScale scale(one.scale_a / one.scale_y, one.scale_b / one.scale_y, subtract);
    const Steps steps("shift_right " + std::to_string(scale.shift) + " half_up; add_zero_point; clamp", one.bounds);
    return [scale, steps](int a, int b) { return steps(Wide{a} * scale.multiplier_a + Wide{b} * scale.multiplier_b); };
  });
}

TEST(Xnnpack, SumsOfAllPairsOfSignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_sum<int8_t>(kSeed + 6, false, xnn_create_add_nd_qs8, xnn_setup_add_nd_qs8);
}

TEST(Xnnpack, SumsOfAllPairsOfUnsignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_sum<uint8_t>(kSeed + 7, false, xnn_create_add_nd_qu8, xnn_setup_add_nd_qu8);
}

TEST(Xnnpack, DifferencesOfAllPairsOfSignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_sum<int8_t>(kSeed + 8, true, xnn_create_subtract_nd_qs8, xnn_setup_subtract_nd_qs8);
}

TEST(Xnnpack, DifferencesOfAllPairsOfUnsignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_sum<uint8_t>(kSeed + 9, true, xnn_create_subtract_nd_qu8, xnn_setup_subtract_nd_qu8);
}

// half_even((v < 0 ? v * slope : v) * (1 / sy)) + zy, v = (x - zx) * sx, for all 256 words of thousands of operators. (With sx / sy instead, one in two million differs.)
TEST(Xnnpack, LeakyReluOfAllUnsignedWords) {
  ASSAY_NEEDS_XNNPACK();
  Random random(kSeed + 10);
  Compared compared;
  Padded<uint8_t> x(256), y(256);
  for (size_t i = 0; i < 256; ++i) x[i] = static_cast<uint8_t>(i);
  for (int round = 0; round < 8000; round += kStride) {
    const Bounds bounds = random_bounds<uint8_t>(random);
    const int zero_point = static_cast<int>(random.between(0, 255));
    const float sx = random_scale(random, -6, 1), sy = random_scale(random, -4, 1), slope = random_scale(random, -9, -1);
    Operator op;
    ASSERT_EQ(xnn_create_leaky_relu_nc_qu8(1, 1, 1, slope, static_cast<uint8_t>(zero_point), sx, static_cast<uint8_t>(bounds.zero_point), sy, static_cast<uint8_t>(bounds.low),
                                           static_cast<uint8_t>(bounds.high), 0, &op.handle),
              xnn_status_success);
    ASSERT_EQ(xnn_setup_leaky_relu_nc_qu8(op.handle, 256, x.data(), y.data(), nullptr), xnn_status_success);
    op.run();
    const Steps steps("to_fp32; mul_fp32 " + to_string(fp32(sx)) + "; leaky_fp32 " + to_string(fp32(slope)) + "; mul_fp32 " + to_string(fp32(1.0F / sy)) +
                          "; to_int half_even; add_zero_point; clamp",
                      bounds);
    for (size_t i = 0; i < 256; ++i) {
      const int64_t found = steps(static_cast<int>(i) - zero_point);
      compared.check(found, y[i], bounds, [&](auto& out) { out << i << ", slope " << slope; });
    }
  }
  compared.expect_all_equal(8000 * 256);
}

// clamp(half_even(x * (1 / scale)) + zero point), the reciprocal rounded to binary32.
template <class Word, class Create, class Setup>
void check_quantization(uint64_t seed, const Create& create, const Setup& setup) {
  Random random(seed);
  Compared compared;
  constexpr size_t kSize = 65536;
  Padded<float> x(kSize);
  Padded<Word> y(kSize);
  for (int round = 0; round < 40; ++round) {
    const Bounds bounds = random_bounds<Word>(random);
    const float scale = random_scale(random, -12, 6), reciprocal = 1.0F / scale;
    for (float& value : x) {
      const auto word = static_cast<uint32_t>(random.next());
      const float tie = (static_cast<float>(random.between(-600, 600)) * 0.5F) * scale;
      const auto kind = random.next() % 4;
      value = kind == 0 ? std::bit_cast<float>((word & 0x7f800000U) == 0x7f800000U ? word & 0xff7fffffU : word)
                        : (kind == 1 ? tie : tie * (1.0F + static_cast<float>(random.between(-3, 3)) * 0x1p-23F));
    }
    Operator op;
    ASSERT_EQ(create(1, 1, 1, scale, static_cast<Word>(bounds.zero_point), static_cast<Word>(bounds.low), static_cast<Word>(bounds.high), 0, &op.handle), xnn_status_success);
    ASSERT_EQ(setup(op.handle, kSize, x.data(), y.data(), nullptr), xnn_status_success);
    op.run();
    for (size_t i = 0; i < kSize; i += kStride) {
      const int64_t found = stored(emu::multiply(fp32(x[i]), fp32(reciprocal)), bounds);
      compared.check(found, y[i], bounds, [&](auto& out) { out << x[i] << " / " << scale << " + " << bounds.zero_point; });
    }
  }
  compared.expect_all_equal(40 * kSize);
}

TEST(Xnnpack, QuantizationOfFloatsToSignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_quantization<int8_t>(kSeed + 11, xnn_create_convert_nc_f32_qs8, xnn_setup_convert_nc_f32_qs8);
}

TEST(Xnnpack, QuantizationOfFloatsToUnsignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_quantization<uint8_t>(kSeed + 12, xnn_create_convert_nc_f32_qu8, xnn_setup_convert_nc_f32_qu8);
}

// fp32(x - zero point) * scale, bit for bit.
template <class Word, class Create, class Setup>
void check_dequantization(uint64_t seed, const Create& create, const Setup& setup) {
  Random random(seed);
  Tally tally;
  Padded<Word> x(256);
  Padded<float> y(256);
  for (size_t i = 0; i < 256; ++i) x[i] = static_cast<Word>(i);
  for (int round = 0; round < 8000; round += kStride) {
    const auto zero_point = static_cast<Word>(random.next());
    const float scale = random_scale(random, -120, 100);
    Operator op;
    ASSERT_EQ(create(1, 1, 1, scale, zero_point, 0, &op.handle), xnn_status_success);
    ASSERT_EQ(setup(op.handle, 256, x.data(), y.data(), nullptr), xnn_status_success);
    op.run();
    for (size_t i = 0; i < 256; ++i) {
      const Fp32 found = emu::multiply(emu::fp32_of(x[i] - zero_point, emu::Round::half_even), fp32(scale));
      tally.check(found == fp32(y[i]),
                  [&](auto& out) { out << int{x[i]} << " - " << int{zero_point} << " times " << scale << ": theirs " << y[i] << ", ours " << to_string(found); });
    }
  }
  tally.expect_all_right(8000 * 256);
}

TEST(Xnnpack, DequantizationOfAllSignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_dequantization<int8_t>(kSeed + 13, xnn_create_convert_nc_qs8_f32, xnn_setup_convert_nc_qs8_f32);
}

TEST(Xnnpack, DequantizationOfAllUnsignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_dequantization<uint8_t>(kSeed + 14, xnn_create_convert_nc_qu8_f32, xnn_setup_convert_nc_qu8_f32);
}

}  // namespace
}  // namespace assay::witness

#endif
