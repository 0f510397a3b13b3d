// Multipliers of 31 bits and the logistic table, and what they give in the fixed-point functions, against published values.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "emu/arith/fixed_functions.h"
#include "emu/arith/fixed_operators.h"
#include "emu/base/error.h"
#include "quant/exact/ratio.h"
#include "quant/exact/tables.h"

namespace assay::quant {
namespace {

using Json = nlohmann::json;

Json example(const std::string& number) {
  std::ifstream in(std::string(ASSAY_SHARED_DIR) + "/specs/arithmetic_examples.json");
  if (!in) return Json();
  const Json all = Json::parse(in);
  for (const Json& e : all["examples"]) {
    if (e["id"].get<std::string>().rfind(number, 0) == 0) return e;
  }
  return Json();
}

#define ASSAY_EXAMPLE(name, number)  \
  const Json name = example(number); \
  if (name.is_null()) GTEST_SKIP() << "specs/arithmetic_examples.json is not beside this source tree, or lacks example " << (number)

TEST(QuantizeMultiplier, PublishedExamples) {
  for (const char* number : {"081", "082", "084"}) {
    ASSAY_EXAMPLE(e, number);
    const emu::QScale found = quantize_multiplier({{std::stod(e["inputs"]["real"].get<std::string>())}, {}, 0});
    EXPECT_EQ(found.multiplier, e["expected"][0].get<int64_t>());
    EXPECT_EQ(found.left.bits - found.right.bits, e["expected"][1].get<int>());
  }
}

TEST(QuantizeMultiplier, MantissaOfThirtyOneBitsWithinHalfAStep) {
  for (int numerator = 1; numerator < 500; ++numerator) {
    for (const int denominator : {1, 3, 7, 127, 1023}) {
      const emu::QScale q = quantize_multiplier({{double(numerator)}, {double(denominator)}, 0});
      EXPECT_GE(q.multiplier, int64_t{1} << 30);
      EXPECT_LT(q.multiplier, int64_t{1} << 31);
      EXPECT_TRUE(q.left.bits == 0 || q.right.bits == 0);
      // |multiplier * 2^left - ratio * 2^(31 + right)| <= 2^left / 2
      const Wide off = (Wide{q.multiplier} << q.left.bits) * denominator - (Wide{numerator} << (31 + q.right.bits));
      EXPECT_LE(2 * (off < 0 ? -off : off), Wide{denominator} << q.left.bits) << numerator << "/" << denominator;
    }
  }
}

TEST(QuantizeMultiplier, ACarryOutOfTheTopIsHalved) {
  const emu::QScale q = quantize_multiplier({{1.0 - 0x1p-40}, {}, 0});
  EXPECT_EQ(q.multiplier, int64_t{1} << 30);
  EXPECT_EQ(q.left.bits, 1);
}

TEST(QuantizeMultiplier, EndsOfTheRange) {
  EXPECT_EQ(quantize_multiplier({{0.0}, {}, 0}).multiplier, 0);
  EXPECT_EQ(quantize_multiplier({{1.0}, {}, -32}), (emu::QScale{int64_t{1} << 30, emu::LeftShift{0}, emu::RightShift{31}}));
  EXPECT_EQ(quantize_multiplier({{1.0}, {}, -33}).multiplier, 0);
  EXPECT_EQ(quantize_multiplier({{1.0}, {}, 29}), (emu::QScale{int64_t{1} << 30, emu::LeftShift{30}, emu::RightShift{0}}));
  EXPECT_THROW(quantize_multiplier({{1.0}, {}, 30}), InputError);
  EXPECT_EQ(quantize_multiplier({{-0.75}, {}, 0}).multiplier, -(int64_t{3} << 29));
}

TEST(LogisticTable, PublishedEntries) {
  ASSAY_EXAMPLE(e, "139");
  const std::vector<int64_t> table = logistic_table_16();
  for (size_t i = 0; i < e["expected"].size(); ++i) EXPECT_EQ(table.at(e["inputs"]["i"][i]), e["expected"][i].get<int64_t>()) << i;
}

TEST(LogisticTable, NeverFallsAndItsStepsShrink) {
  const std::vector<int64_t> table = logistic_table_16();
  ASSERT_EQ(table.size(), 256u);
  for (size_t i = 1; i < table.size(); ++i) EXPECT_GE(table[i], table[i - 1]);
}

TEST(LogisticTable, InterpolatedLogisticAndTanh) {
  const std::vector<int64_t> table = logistic_table_16();
  const emu::TableArgument q3_12{3, emu::RightShift{0}};
  for (const char* number : {"137", "138"}) {
    const Json e = example(number);
    if (e.is_null()) continue;
    for (size_t i = 0; i < e["expected"].size(); ++i) {
      const int64_t x = e["inputs"]["x"][i];
      EXPECT_EQ(number[2] == '7' ? emu::logistic_16_from_table(table, x, q3_12) : emu::tanh_16_from_table(table, x, q3_12), e["expected"][i].get<int64_t>()) << x;
    }
  }
  for (int64_t x = 1; x < 32768; ++x) {
    EXPECT_EQ(emu::tanh_16_from_table(table, -x, q3_12), -emu::tanh_16_from_table(table, x, q3_12));
    EXPECT_EQ(emu::logistic_16_from_table(table, -x, q3_12), 32768 - emu::logistic_16_from_table(table, x, q3_12));
  }
}

TEST(LstmCellUpdate, PublishedExample) {
  ASSAY_EXAMPLE(e, "184");
  const std::vector<int64_t> table = logistic_table_16();
  const emu::TableArgument q3_12{3, emu::RightShift{0}};
  const Json &in = e["inputs"], &want = e["expected"];
  const emu::LstmGates gates{emu::logistic_16_from_table(table, in["i_pre"], q3_12), emu::logistic_16_from_table(table, in["f_pre"], q3_12),
                             emu::tanh_16_from_table(table, in["g_pre"], q3_12), emu::logistic_16_from_table(table, in["o_pre"], q3_12)};
  EXPECT_EQ(gates.input, want["i"].get<int64_t>());
  EXPECT_EQ(gates.forget, want["f"].get<int64_t>());
  EXPECT_EQ(gates.candidate, want["g"].get<int64_t>());
  EXPECT_EQ(gates.output, want["o"].get<int64_t>());
  const emu::LstmScale scale{quantize_multiplier({{1.0}, {}, -15}), quantize_multiplier({{1.0}, {}, -18}), quantize_multiplier({{1.0}, {}, -23}), 0, 0};
  const emu::LstmCell cell = emu::lstm_cell(gates, in["c"], scale);
  EXPECT_EQ(cell.forgotten, want["f*c"].get<int64_t>());
  EXPECT_EQ(cell.added, want["i*g"].get<int64_t>());
  EXPECT_EQ(cell.cell, want["c_new"].get<int64_t>());
}

}  // namespace
}  // namespace assay::quant
