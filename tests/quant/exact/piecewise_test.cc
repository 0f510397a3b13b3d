// Functions as straight lines.
#include "quant/exact/piecewise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "quant/fake_quantize.h"

namespace assay::quant {
namespace {

using emu::Fp32;

Fp32 fp32(float value) {
  return {std::bit_cast<uint32_t>(value)};
}
float real(Fp32 value) {
  return std::bit_cast<float>(value.bits);
}

TEST(PiecewiseLinear, PublishedRow) {
  std::ifstream in(std::string(ASSAY_SHARED_DIR) + "/specs/arithmetic_examples.json");
  if (!in) GTEST_SKIP() << "the file of published rows is not here: " << ASSAY_SHARED_DIR << "/specs/arithmetic_examples.json";
  const auto words = [](const nlohmann::json& numbers) {
    std::vector<Fp32> found;
    for (const auto& number : numbers) found.push_back({static_cast<uint32_t>(std::stoul(number.at("f32_bits").get<std::string>(), nullptr, 16))});
    return found;
  };
  const nlohmann::json file = nlohmann::json::parse(in);
  for (const nlohmann::json& row : file.at("examples")) {
    if (row.at("op") != "pwl_activation") continue;
    const emu::PiecewiseLinear lines{{fp32(-4), fp32(0), fp32(4)}, {fp32(0), fp32(0.125F), fp32(0.125F), fp32(0)}, {fp32(0), fp32(0.5F), fp32(0.5F), fp32(1)}};
    const auto x = words(row.at("inputs").at("x_bf16")), expected = words(row.at("expected"));
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(emu::widen(emu::narrow(emu::evaluate(lines, x[i]), {emu::kBf16}), emu::kBf16), expected[i]) << i;
  }
}

TEST(Fitted, PassesThroughTheFunctionAtItsBreakpointsAndIsCloseBetween) {
  for (const Function function : {Function::sigmoid, Function::tanh, Function::silu, Function::hard_swish, Function::gelu, Function::mish}) {
    const Operator op = Unary{function};
    const emu::PiecewiseLinear lines = fitted(op, -8, 8, 16, emu::kFp32);
    ASSERT_EQ(lines.slopes.size(), 16U);
    ASSERT_EQ(lines.breakpoints.size(), 15U);
    for (size_t i = 0; i + 1 < lines.breakpoints.size(); ++i) {
      EXPECT_NEAR(real(emu::evaluate(lines, lines.breakpoints[i])), function_at(op, static_cast<double>(real(lines.breakpoints[i]))), 1e-5);
    }
    // Further out the lines are what the function tends to.
    for (const float far : {-100.0F, 100.0F}) EXPECT_NEAR(real(emu::evaluate(lines, fp32(far))), function_at(op, static_cast<double>(far)), 1e-4) << to_string(function);
    for (float x = -20; x <= 20; x += 0.01F) EXPECT_NEAR(real(emu::evaluate(lines, fp32(x))), function_at(op, static_cast<double>(x)), 0.13) << to_string(function) << " of " << x;
  }
}

TEST(FittedTable, HasTheLinesValueForEveryWord) {
  const Operator op = Unary{Function::sigmoid};
  const TableSpec spec{emu::kS8, {}, 0.05F, 0, 1.0F / 256, -128, -128, 127, emu::Round::half_even};
  const auto table = fitted_table(op, spec, 16, emu::kBf16);
  const auto exact = function_table(op, spec);
  ASSERT_EQ(table.size(), 256U);
  int64_t farthest = 0;
  for (size_t i = 0; i < 256; ++i) farthest = std::max(farthest, std::abs(table[i] - exact[i]));
  EXPECT_LE(farthest, 4);
  EXPECT_GE(farthest, 1) << "lines are not the function";
}

TEST(FittedTable, OfWordsIsWhatTheLinesGive) {
  const emu::Storage storage{emu::word_type(emu::kFp16), 0xfc00, 0x7c00};
  const Operator op = Unary{Function::tanh};
  const auto lines = fitted(op, -8, 8, 16, emu::kFp16);
  const auto table = fitted_table_of_words(op, storage.type, storage, 16, emu::kFp16, emu::Round::half_even);
  ASSERT_EQ(table.size(), 65536U);
  for (int64_t word = 0; word < 0x7c00; word += 13) {
    EXPECT_EQ(table[static_cast<size_t>(word)], emu::narrow(emu::evaluate(lines, emu::number_of(word, storage.type, 0)), {emu::kFp16}));
  }
  EXPECT_EQ(table[0x7c00], table[0x7bff]) << "an infinity is met as the largest number";
  EXPECT_EQ(table[0x7e00], 0x7e00);
}

}  // namespace
}  // namespace assay::quant
