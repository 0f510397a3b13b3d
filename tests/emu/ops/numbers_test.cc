// Operators on floating-point words, by hand: bf16 1.0 is 0x3f80, 2.0 0x4000, and 2^-8 of a number lies below its last place. (Drawn words against the oracle:
// tests/verify/self_test.cc.)
#include "emu/base/error.h"
#include "emu/ops/op.h"
#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

constexpr IntType kBf16Word = word_type(kBf16);
constexpr IntType kTf32Word = word_type(kTf32);
constexpr ClampBounds kAll{0xff80, 0x7f80};
constexpr int64_t kOne = 0x3f80, kMinusOne = 0xbf80, kTwo = 0x4000, kThree = 0x4040, kHalf = 0x3f00;

Accumulator sums(const char* text) {
  return *parse_accumulator(text);
}
int64_t bf16(float value) {
  return narrow({std::bit_cast<uint32_t>(value)}, {kBf16});
}

TEST(WordTypes, OfNumbersAreSpelledByTheirFormat) {
  for (const FloatFormat format : kAllFloatFormats) {
    const IntType type = word_type(format);
    EXPECT_EQ(to_string(type), to_string(format));
    EXPECT_EQ(parse_int_type(to_string(format)), type);
    EXPECT_EQ(type.bits, format.bits());
    EXPECT_TRUE(type.is_float());
  }
  EXPECT_FALSE(kS8.is_float());
  EXPECT_NE(word_type(kBf16), word_type(kFp16));
  EXPECT_NE(kU16, kBf16Word);
  EXPECT_FALSE(parse_accumulator("bf16.wrap"));
}

TEST(Ordered, GrowsWithTheNumberByOneForNeighbours) {
  for (const FloatFormat format : {kBf16, kFp16}) {
    const IntType type = word_type(format);
    const int64_t infinity = narrow({0x7f800000}, {format}), sign = int64_t{1} << (type.bits - 1);
    for (int64_t word = 0; word < infinity; ++word) {
      EXPECT_EQ(ordered(word + 1, type), ordered(word, type) + 1);
      EXPECT_EQ(ordered(sign + word + 1, type), ordered(sign + word, type) - 1);
      EXPECT_TRUE(is_smaller(word, word + 1, type));
      EXPECT_TRUE(is_smaller(sign + word + 1, sign + word, type));
    }
    EXPECT_EQ(ordered(0, type), ordered(sign, type) + 1);
    EXPECT_FALSE(is_smaller(sign, 0, type));  // -0 is +0
  }
  EXPECT_EQ(ordered(-5, kS8), -5);
}

// 2^8 + 1 + 1 - 2^8 in bf16: words hold each term, binary32 every sum. With 2^24 instead, the order shows.
TEST(NumbersConv, TheOrderOfTheSumIsTheAccumulators) {
  const int64_t large = bf16(16777216.0F), minus_large = bf16(-16777216.0F);
  for (const auto& [order, expected] : {std::pair{"fp32.sequential", 0.0F}, std::pair{"fp32.pairwise", 1.0F}, std::pair{"fp32.blocks:3", 0.0F}}) {
    OneOp one;
    Conv op;
    op.x = one.value(kBf16Word, {1, 4, 1, 1}, {large, kOne, kOne, minus_large});
    op.w = one.constant(kBf16Word, {1, 4, 1, 1}, {kOne, kOne, kOne, kOne});
    op.acc = sums(order);
    op.requant = one.requant("store_fp32 half_even", {QScale{}}, kAll);
    EXPECT_EQ(one.result(kBf16Word, {1, 1, 1, 1}).run(op).values, (Values{bf16(expected)})) << order;
  }
}

TEST(NumbersConv, BiasLimitsAndRoundingComeInTheListsOrder) {
  OneOp one;
  Conv op;
  op.x = one.value(kBf16Word, {1, 1, 1, 3}, {kOne, kThree, kMinusOne});
  op.w = one.constant(kBf16Word, {1, 1, 1, 1}, {kOne});
  op.acc = sums("fp32.sequential");
  QScale scale;
  scale.fp32.bias = {std::bit_cast<uint32_t>(0.00390625F)};  // 2^-8, half the last place of 1.0
  op.requant = one.requant("add_fp32 bias; clamp_fp32 clamp; store_fp32 half_even", {scale}, {0, kTwo});
  one.result(kBf16Word, {1, 1, 1, 3});
  EXPECT_EQ(one.run(op).values, (Values{kOne, kTwo, 0}));  // a tie to even; limited; a negative number to 0
  op.requant = one.requant("add_fp32 bias; clamp_fp32 clamp; store_fp32 ceil", {scale}, {0, kTwo});
  EXPECT_EQ(one.run(op).values, (Values{kOne + 1, kTwo, 0}));
}

TEST(NumbersConv, PaddingIsZeroAndOverflowsAreCounted) {
  OneOp one;
  Conv op;
  const int64_t largest = 0x7f7f;
  op.x = one.value(kBf16Word, {1, 1, 1, 2}, {largest, largest});
  op.w = one.constant(kBf16Word, {1, 1, 1, 3}, {kOne, kOne, kOne});
  op.pads = {0, 1, 0, 1};
  op.acc = sums("fp32.sequential");
  op.requant = one.requant("store_fp32 half_even", {QScale{}}, kAll);
  const Outcome outcome = one.result(kBf16Word, {1, 1, 1, 2}).run(op);
  EXPECT_EQ(outcome.values, (Values{0x7f80, 0x7f80}));
  EXPECT_EQ(outcome.overflows.accumulator, (std::vector<uint64_t>{2}));
  EXPECT_TRUE(outcome.overflows.output.empty());  // the sum was infinite before
}

TEST(NumbersRequantize, ANumberBeyondTheFormatBecomesInfiniteAndCounts) {
  OneOp one;
  Requantize op;
  op.x = one.value(kTf32Word, {2}, {narrow({std::bit_cast<uint32_t>(65504.0F)}, {kTf32}), narrow({std::bit_cast<uint32_t>(1e6F)}, {kTf32})});
  op.requant = one.requant("store_fp32 half_even", {QScale{}}, {0xfc00, 0x7c00});
  const Outcome outcome = one.result(word_type(kFp16), {2}).run(op);
  EXPECT_EQ(outcome.values, (Values{0x7bff, 0x7c00}));
  EXPECT_EQ(outcome.overflows.output, (std::vector<uint64_t>{0, 1}));
}

TEST(NumbersRequantize, BringsNumbersToIntegersAndBack) {
  OneOp one;
  Requantize op;
  op.x = one.value(kBf16Word, {4}, {kHalf, kThree, bf16(-2.5F), bf16(1000)});
  QScale scale;
  scale.fp32.scale = {std::bit_cast<uint32_t>(2.0F)};
  op.requant = one.requant("mul_fp32 scale; to_int half_even; saturate output", {scale});
  EXPECT_EQ(one.result(kS8, {4}).run(op).values, (Values{1, 6, -5, 127}));
  OneOp back;
  op.x = back.value(kS8, {3}, {1, -5, 7}, 1);
  op.zx = 1;
  op.requant = back.requant("to_fp32; mul_fp32 scale; store_fp32 half_even", {scale}, kAll);
  EXPECT_EQ(back.result(kBf16Word, {3}).run(op).values, (Values{0, bf16(-12), bf16(12)}));
}

TEST(NumbersMaxPool, ComparesNumbersNotWords) {
  OneOp one;
  MaxPool op;
  op.x = one.value(kBf16Word, {1, 1, 1, 6}, {kMinusOne, kHalf, bf16(-3), kMinusOne, 0x8000, 0});
  op.kernel = {1, 2}, op.stride = {1, 2};
  EXPECT_EQ(one.result(kBf16Word, {1, 1, 1, 3}).run(op).values, (Values{kHalf, kMinusOne, 0x8000}));  // of two zeros the first
}

TEST(NumbersLeakyRelu, MinusZeroIsNotNegative) {
  OneOp one;
  LeakyRelu op;
  op.x = one.value(kBf16Word, {3}, {kMinusOne, 0x8000, kThree});
  QScale positive, negative;
  positive.fp32.scale = {std::bit_cast<uint32_t>(1.0F)}, negative.fp32.scale = {std::bit_cast<uint32_t>(-0.5F)};
  op.requant = one.requant("mul_fp32 scale; store_fp32 half_even", {positive}, kAll);
  op.negative = one.scale({negative});
  EXPECT_EQ(one.result(kBf16Word, {3}).run(op).values, (Values{kHalf, 0x8000, kThree}));
}

// d = 0, -1, -inf: exponentials 1, 1/2 and 0 by this table.
TEST(NumbersSoftmax, LooksUpTheRoundedDifferenceAndDividesInBinary32) {
  OneOp one;
  Softmax op;
  op.x = one.value(kBf16Word, {1, 3}, {kTwo, kOne, 0xff80});
  Values table(1 << 15);
  table[0] = std::bit_cast<uint32_t>(1.0F), table[kOne] = std::bit_cast<uint32_t>(0.5F);
  op.table = one.constant(word_type(kFp32), {1 << 15}, table);
  op.acc = sums("fp32.sequential");
  op.requant = one.requant("store_fp32 half_even", {QScale{}}, kAll);
  EXPECT_EQ(one.result(kBf16Word, {1, 3}).run(op).values, (Values{bf16(2.0F / 3), bf16(1.0F / 3), 0}));
}

TEST(NumbersVerify, NamesWhatDoesNotGoTogether) {
  const auto problem = [](const char* steps, IntType result, IntType weight, const char* acc) {
    OneOp one;
    Conv op;
    op.x = one.value(kBf16Word, {1, 1, 1, 1}, {kOne});
    op.w = one.constant(weight, {1, 1, 1, 1}, {1});
    op.acc = sums(acc);
    op.requant = one.requant(steps, {QScale{}}, {0, 1});
    return one.result(result, {1, 1, 1, 1}).problems(op);
  };
  EXPECT_EQ(problem("store_fp32 half_even", kBf16Word, kBf16Word, "fp32.sequential"), "");
  EXPECT_NE(problem("clamp_fp32 clamp; to_int floor", kBf16Word, kBf16Word, "fp32.sequential").find("must end with store_fp32"), std::string::npos);
  EXPECT_NE(problem("store_fp32 half_even", kS32, kBf16Word, "fp32.sequential").find("must not hold store_fp32"), std::string::npos);
  EXPECT_NE(problem("store_fp32 half_even", kBf16Word, kS8, "fp32.sequential").find("both must be integers, or floating-point words"), std::string::npos);
  EXPECT_NE(problem("store_fp32 half_even", kBf16Word, kBf16Word, "s32.wrap").find("floating-point words need fp32.sequential"), std::string::npos);
  EXPECT_NE(problem("store_fp32 half_even", kBf16Word, kBf16Word, "fp32.exact").find("floating-point words need fp32.sequential"), std::string::npos);
  EXPECT_NE(problem("store_fp32 half_even; clamp_fp32 clamp", kBf16Word, kBf16Word, "fp32.sequential").find("must be last"), std::string::npos);
  EXPECT_NE(problem("shift_right 1 floor", kBf16Word, kBf16Word, "fp32.sequential").find("works on integers"), std::string::npos);
}

}  // namespace
}  // namespace assay::emu::one_op
