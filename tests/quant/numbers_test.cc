// Targets whose words are numbers: what the quantizer makes of values and of functions.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "emu/arith/soft_float.h"
#include "quant/exact/tables.h"
#include "quant/fake_quantize.h"

namespace assay::quant {
namespace {

const emu::Storage kBf16Storage{emu::word_type(emu::kBf16), 0xff80, 0x7f80};

float bf16_number(int64_t word) {
  return number_of_word(word, kBf16Storage.type);
}

TEST(FloatWords, AreRoundedAndKeptBetweenTheirBounds) {
  TensorQuantization own;
  own.storage = kBf16Storage, own.scale = {1};
  EXPECT_EQ(word_of(1.00390625F, own), 0x3f80);  // a tie
  EXPECT_EQ(word_of(INFINITY, own), 0x7f80);
  own.storage.low = 0, own.storage.high = 0x40c0;  // 0 .. 6
  EXPECT_EQ(word_of(-1, own), 0);
  EXPECT_EQ(word_of(7, own), 0x40c0);
  FloatTensor tensor({4}, {-1, 7, 0.1F, 3});
  EXPECT_EQ(quantize(tensor, own), (std::vector<int64_t>{0, 0x40c0, 0x3dcd, 0x4040}));
  EXPECT_EQ(codes_of(tensor, own), quantize(tensor, own));
  fake_quantize(tensor, own);
  EXPECT_EQ(tensor.data, (std::vector<float>{0, 6, bf16_number(0x3dcd), 3}));
}

// Long doubles decide with 64 bits; where they are within their error of a tie the test says nothing (it hardly happens).
TEST(FunctionOfWords, IsTheRealFunctionRoundedOnce) {
  struct Known {
    Function function;
    long double (*of)(long double);
  };
  const Known known[] = {{Function::sigmoid, [](long double x) { return 1 / (1 + std::exp(-x)); }},
                         {Function::tanh, [](long double x) { return std::tanh(x); }},
                         {Function::exp, [](long double x) { return std::exp(x); }},
                         {Function::softplus, [](long double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }},
                         {Function::silu, [](long double x) { return x / (1 + std::exp(-x)); }},
                         {Function::square, [](long double x) { return x * x; }}};
  for (const Known& one : known) {
    const auto entries = function_of_words(Unary{one.function}, kBf16Storage.type, kBf16Storage, emu::Round::half_even);
    ASSERT_EQ(entries.size(), 65536U);
    int asked = 0;
    for (int64_t word = 0; word < 65536; word += 7) {
      const float x = bf16_number(word);
      if (!std::isfinite(x)) continue;
      const long double y = one.of(static_cast<long double>(x));
      const auto rounded = [](long double value) { return float_word(static_cast<float>(value), kBf16Storage, emu::Round::half_even); };
      // binary32 first would round twice: only numbers that lie clear of its ties are asked.
      if (!std::isfinite(y) || std::fabs(y) < 1e-30L || std::fabs(y) > 1e30L || rounded(y * (1 - 1e-6L)) != rounded(y * (1 + 1e-6L))) continue;
      EXPECT_EQ(entries[static_cast<size_t>(word)], rounded(y)) << to_string(one.function) << " of " << x;
      ++asked;
    }
    EXPECT_GT(asked, 500) << to_string(one.function);
  }
}

TEST(FunctionOfWords, KnowsItsEnds) {
  const auto of = [](Function function) { return function_of_words(Unary{function}, kBf16Storage.type, kBf16Storage, emu::Round::half_even); };
  const auto sigmoid = of(Function::sigmoid), exp = of(Function::exp), gelu = of(Function::gelu);
  EXPECT_EQ(sigmoid[0], 0x3f00);
  EXPECT_EQ(sigmoid[0x7f80], 0x3f80);
  EXPECT_EQ(sigmoid[0xff80], 0);
  EXPECT_EQ(sigmoid[0x7fc0], 0x7fc0);
  EXPECT_EQ(exp[0x7f80], 0x7f80);
  EXPECT_EQ(exp[0x8000], 0x3f80);
  EXPECT_EQ(bf16_number(gelu[0xc0a0]), bf16_number(float_word(-1.4332578e-6F, kBf16Storage, emu::Round::half_even)));  // -5: 1 + erf cancels to 5.7e-7
}

TEST(ExponentialsOfWords, AreWordsOfTheFormatInBinary32) {
  const auto entries = exponentials_of_words(kBf16Storage.type);
  ASSERT_EQ(entries.size(), 32768U);
  const auto entry = [&](size_t word) { return std::bit_cast<float>(static_cast<uint32_t>(entries[word])); };
  EXPECT_EQ(entry(0), 1);
  EXPECT_EQ(entry(0x3f80), bf16_number(float_word(std::exp(-1.0F), kBf16Storage, emu::Round::half_even)));
  EXPECT_EQ(entry(0x7f80), 0);
  EXPECT_TRUE(std::isnan(entry(0x7fc0)));
  for (size_t word = 1; word < 0x7f80; ++word) EXPECT_LE(entry(word), entry(word - 1));
}

}  // namespace
}  // namespace assay::quant
