// Table contents: against hand values, published ones, and long double arithmetic wherever that is far from a tie.
#include "quant/exact/tables.h"

#include <gtest/gtest.h>

#include <cmath>

#include "quant/ops/op.h"

namespace assay::quant {
namespace {

using emu::Round;

std::vector<int64_t> table(const Operator& op, float input_scale, int64_t zx, float output_scale, int64_t zy, Round round = Round::half_even) {
  return function_table(op, {emu::kS8, {}, input_scale, zx, output_scale, zy, -128, 127, round});
}
int64_t entry_of(const std::vector<int64_t>& entries, int q) {
  return entries.at(static_cast<size_t>(q + 128));
}

TEST(FunctionTable, SigmoidHasThePublishedValues) {
  const auto t = table(Unary{Function::sigmoid, 0, 0}, 0.1F, 0, 0x1p-8F, -128, Round::half_away);
  const std::vector<std::pair<int, int64_t>> published = {{-128, -128}, {-64, -128}, {-1, -6}, {0, 0}, {1, 6}, {64, 127}, {127, 127}};
  for (const auto& [q, y] : published) EXPECT_EQ(entry_of(t, q), y) << q;
}

// The source's own steps, in long double: none of these functions comes near a tie.
std::vector<int64_t> corrected(Function function, float input_scale, float output_scale) {
  const auto f = [&](long double x) -> long double {
    switch (function) {
      case Function::exp: return std::exp(x);
      case Function::silu: return x / (1 + std::exp(-x));
      default: return x * std::tanh(std::log1p(std::exp(x)));  // mish
    }
  };
  const long double first = -32768.0L * input_scale, step = (32767.0L * input_scale - first) / 512, unit = 65536 / (65535.0L * output_scale);
  const auto kept = [](long double value) { return static_cast<int64_t>(std::min(std::max(value, -32768.0L), 32767.0L)); };
  std::vector<int64_t> entries;
  for (int i = 0; i < 512; ++i) {
    const long double at = std::round(f(first + i * step) * unit), next = f(first + (i + 1) * step) * unit;
    const long double error = std::round((next + at) / 2) - std::round(f(first + i * step + step / 2) * unit);
    entries.push_back(kept(at - std::round(error / 2)));
  }
  entries.push_back(kept(std::round(f(first + 512 * step) * unit)));
  return entries;
}

TEST(FunctionTable, CorrectedEntriesAreTheSourcesOwn) {
  for (const Function function : {Function::exp, Function::silu, Function::mish}) {
    TableSpec spec{{16, true}, {7, Round::half_up}, 0x1.1p-12F, 0, 0x1.3p-12F, 0, -32768, 32767, Round::half_away};
    const auto plain = function_table(Unary{function}, spec);
    spec.correction = emu::TableCorrection::midpoint, spec.output = emu::kS16;
    const auto entries = function_table(Unary{function}, spec);
    EXPECT_EQ(entries, corrected(function, spec.input_scale, spec.output_scale)) << static_cast<int>(function);
    EXPECT_NE(entries, plain) << static_cast<int>(function);
  }
}

TEST(FunctionTable, TheEntriesOfASecondGridFollowFromItsFirstWordOn) {
  const emu::TableForm form{5, Round::half_up, emu::Interpolation::value, 5, 3};  // words -128, -96 ... 128, then -16, -8 ... 16
  const auto entries = function_table(Unary{Function::square}, {emu::kS8, form, 1, 8, 64, 0, -128, 127, Round::floor});
  EXPECT_EQ(entries, (std::vector<int64_t>{127, 127, 81, 25, 1, 9, 49, 121, 127, 9, 4, 1, 0, 1}));  // ((word - 8) / 8)^2
}

TEST(FunctionTable, SeesTiesOfRationalFunctionsExactly) {
  // y = x / 2 in steps: every odd word is a tie, although 0.3f / 0.6f are no short fractions.
  for (const auto& [round, expected] : std::vector<std::pair<Round, std::vector<int64_t>>>{
           {Round::half_even, {-2, 0, 0, 2}}, {Round::half_up, {-1, 0, 1, 2}}, {Round::half_away, {-2, -1, 1, 2}}, {Round::half_down, {-2, -1, 0, 1}}}) {
    const auto t = table(LeakyRelu{1.0F}, 0.3F, 0, 0.6F, 0, round);
    EXPECT_EQ((std::vector<int64_t>{entry_of(t, -3), entry_of(t, -1), entry_of(t, 1), entry_of(t, 3)}), expected) << to_string(round);
  }
  // hard_swish at x = 3/2: 1.5 * 4.5 / 6 = 1.125, half-way between 2 and 2.5 steps of 0.5: 2.25 steps; at scale 0.25: 4.5.
  EXPECT_EQ(entry_of(table(Unary{Function::hard_swish, 0, 0}, 0.5F, 0, 0.25F, 0, Round::half_even), 3), 4);
  EXPECT_EQ(entry_of(table(Unary{Function::hard_swish, 0, 0}, 0.5F, 0, 0.25F, 0, Round::half_up), 3), 5);
  EXPECT_EQ(entry_of(table(Unary{Function::reciprocal, 0, 0}, 1.0F, 0, 1.0F, 0, Round::half_up), 2), 1);
  EXPECT_EQ(entry_of(table(Unary{Function::reciprocal, 0, 0}, 1.0F, 0, 1.0F, 0, Round::half_even), 2), 0);
}

TEST(FunctionTable, AgreesWithLongDoubleForEveryFunction) {
  const Function all[] = {Function::sigmoid, Function::tanh, Function::hard_sigmoid, Function::hard_swish, Function::silu, Function::exp,
                          Function::log,     Function::sqrt, Function::reciprocal,   Function::abs,        Function::neg,  Function::erf,
                          Function::gelu,    Function::elu,  Function::selu,         Function::softplus,   Function::mish, Function::square};
  for (const Function function : all) {
    const Unary op{function, 0.2F, 0.5F};
    const auto t = table(op, 0.0372F, 3, 0.0411F, -7);
    for (int q = -128; q < 128; ++q) {
      const float x = 0.0372F * static_cast<float>(q - 3);
      const float real = function_value(op, x);
      if (!std::isfinite(real)) continue;  // outside the domain: the next test
      const double steps = static_cast<double>(real) / 0.0411F;
      const double entry = static_cast<double>(entry_of(t, q) + 7);
      EXPECT_LT(std::fabs(entry - std::min(std::max(steps, -121.0), 134.0)), 0.5 + 1e-3) << static_cast<int>(function) << " at " << q;
    }
  }
}

TEST(FunctionTable, ClampsOutsideTheDomain) {
  EXPECT_EQ(entry_of(table(Unary{Function::log, 0, 0}, 0.1F, 0, 0.1F, 5), 0), -128);
  EXPECT_EQ(entry_of(table(Unary{Function::log, 0, 0}, 0.1F, 0, 0.1F, 5), -50), -128);
  EXPECT_EQ(entry_of(table(Unary{Function::sqrt, 0, 0}, 0.1F, 0, 0.1F, 5), -50), 5);
  EXPECT_EQ(entry_of(table(Unary{Function::reciprocal, 0, 0}, 0.1F, 0, 0.1F, 5), 0), 127);
  EXPECT_EQ(entry_of(table(Unary{Function::exp, 0, 0}, 1e30F, 0, 0.1F, 5), 127), 127) << "overflow of the exponential itself";
  EXPECT_EQ(entry_of(table(Unary{Function::exp, 0, 0}, 1e30F, 0, 0.1F, 5), -128), 5);
  EXPECT_EQ(entry_of(table(Unary{Function::mish, 0, 0}, 1e30F, 0, 0.1F, 5), -128), 5);
  EXPECT_EQ(entry_of(table(Unary{Function::gelu, 0, 0}, 1e6F, 0, 0.1F, 5), -128), 5);
}

TEST(FunctionTable, KeepsTheStoragesLimits) {
  const auto t = function_table(Unary{Function::neg, 0, 0}, {emu::kS8, {}, 1, 0, 1, 0, -127, 127, Round::half_even});
  EXPECT_EQ(entry_of(t, 127), -127);
  EXPECT_EQ(entry_of(t, -128), 127);
}

TEST(FunctionTable, InterpolatedTablesEndOneBeyondTheLastWord) {
  const auto t = function_table(Unary{Function::neg, 0, 0}, {emu::kS16, {7, Round::half_up}, 0x1p-7F, 0, 1, 0, -32768, 32767, Round::half_even});
  ASSERT_EQ(t.size(), 513U);
  EXPECT_EQ(t.front(), 256);
  EXPECT_EQ(t[256], 0);
  EXPECT_EQ(t.back(), -256) << "x = 32768 / 128";
}

TEST(FunctionTable, ClipAndReluCut) {
  const auto t = table(Clip{-1, 2}, 0.5F, 0, 0.5F, 0);
  EXPECT_EQ(entry_of(t, -9), -2);
  EXPECT_EQ(entry_of(t, 3), 3);
  EXPECT_EQ(entry_of(t, 9), 4);
  EXPECT_EQ(entry_of(table(Relu{}, 0.5F, 0, 0.5F, -10), -3), -10);
}

TEST(ExponentialTable, FallsFromAllOnes) {
  const auto t = exponential_table(0.5F, 256, 16, Round::half_even);
  EXPECT_EQ(t[0], 65535);
  EXPECT_EQ(t[1], 39749);  // 65535 * e^-0.5 = 39748.98
  EXPECT_EQ(t[2], 24109);  // 65535 * e^-1 = 24108.97
  EXPECT_EQ(t[255], 0);
  EXPECT_EQ(exponential_table(0.5F, 256, 16, Round::ceil)[255], 1);
}

TEST(ExponentialTable, IsRightForEveryDifferenceOfWideWords) {
  const float scale = 0x1.2p-12F;
  const auto t = exponential_table(scale, 65536, 32, Round::floor);
  for (size_t d = 0; d < t.size(); ++d) {
    const long double exact = 4294967295.0L * std::exp(-static_cast<long double>(d) * static_cast<long double>(scale));
    const long double whole = std::floor(exact);
    if (std::fabs(exact - std::round(exact)) < 1e-6L) continue;  // long double cannot tell on which side it lies
    ASSERT_EQ(t[d], static_cast<int64_t>(whole)) << d;
  }
}

}  // namespace
}  // namespace assay::quant
