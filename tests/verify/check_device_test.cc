// Every planted bug of docs/examples/dut is found, shrunk, named and explained; the correct devices are equal.
#include "verify/check/check_device.h"

#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "tests/verify/devices.h"
#include "verify/check/report_text.h"

namespace assay::verify {
namespace {

using vectors::ArithOp;

const OpReport& of(const DeviceReport& report, ArithOp op) {
  for (const OpReport& one : report.ops) {
    if (one.op == op) return one;
  }
  throw std::out_of_range("no such operation in the report");
}

int64_t minimal(const OpReport& report, std::string_view name) {
  return report.counter_example->minimal.operands[vectors::operand_index(report.op, name)];
}

std::vector<std::string> explanations(const OpReport& report) {
  std::vector<std::string> words;
  for (const auto& variation : report.explanation.found) words.push_back(variation.words);
  return words;
}

// Whatever is shrunk must still be legal and still break its law.
void expect_found(const OpReport& report, Law law, const std::string& explanation) {
  ASSERT_EQ(report.verdict, OpVerdict::differs) << vectors::to_string(report.op);
  EXPECT_EQ(report.counter_example->law, law) << to_string(report.counter_example->law);
  EXPECT_TRUE(report.counter_example->minimal.differs());
  const auto words = explanations(report);
  EXPECT_NE(std::find(words.begin(), words.end(), explanation), words.end()) << "not explained as: " << explanation << "; but as: " << (words.empty() ? "nothing" : words.front());
}

TEST(CheckDevice, TheCorrectDevicesAreEqualInEveryOperation) {
  for (const char* target : {"nxp_int8", "dsp_int8"}) {
    const auto report = check_library(target, 0);
    EXPECT_EQ(report.count(OpVerdict::equal), vectors::kAllArithOps.size()) << report_text(target_named(target), report);
  }
}

TEST(CheckDevice, AWrongTieIsShrunkToOneHalfAndNamedByItsStep) {
  const auto nxp = check_library("nxp_int8", 1);
  const OpReport& shifted = of(nxp, ArithOp::requantize);
  expect_found(shifted, Law::ties_go_where_the_target_says, "half_even instead of half_up at step 3 (shift_right scale half_up)");
  EXPECT_EQ(minimal(shifted, "accumulator"), 1);
  EXPECT_EQ(minimal(shifted, "right_shift"), 1);
  EXPECT_EQ(explanations(shifted).size(), 1U);
  const auto dsp = check_library("dsp_int8", 1);
  expect_found(of(dsp, ArithOp::requantize), Law::ties_go_where_the_target_says, "half_even instead of half_up at step 3 (shift_right scale half_up)");
  EXPECT_EQ(minimal(of(dsp, ArithOp::requantize), "accumulator"), 1);
  expect_found(of(dsp, ArithOp::add), Law::ties_go_where_the_target_says, "half_even at every step that rounds");
}

TEST(CheckDevice, AnOverflowOf33BitsIsNamedAndItsStepFound) {
  for (const char* target : {"nxp_int8", "dsp_int8"}) {
    const auto report = check_library(target, 2, {ArithOp::requantize});
    expect_found(report.ops[0], Law::no_33_bit_overflow, "the value wraps to 32 bits after step 1 (add_bias)");
  }
}

TEST(CheckDevice, AClampAtMinus127IsNamed) {
  const auto report = check_library("nxp_int8", 3, {ArithOp::requantize});
  expect_found(report.ops[0], Law::saturates_at_the_limits, "limits -127..127 instead of -128..127 at step 4 (saturate output)");
  EXPECT_EQ(report.ops[0].counter_example->minimal.expected.result, -128);
}

TEST(CheckDevice, AZeroPointAddedBeforeRoundingIsNamed) {
  const auto report = check_library("dsp_int8", 4, {ArithOp::requantize, ArithOp::mul});
  expect_found(of(report, ArithOp::requantize), Law::zero_point_after_rounding, "step 4 (add_zero_point) before step 3 (shift_right scale half_up)");
  EXPECT_EQ(explanations(of(report, ArithOp::requantize)).size(), 1U);
  expect_found(of(report, ArithOp::mul), Law::zero_point_after_rounding, "step 3 (add_zero_point) before step 2 (shift_right scale half_up)");
}

TEST(CheckDevice, AMissingSaturationIsNamed) {
  const auto report = check_library("nxp_int8", 5, {ArithOp::mul});
  expect_found(report.ops[0], Law::saturates_at_the_limits, "wrap output instead of saturate output at step 3 (saturate output)");
}

TEST(CheckDevice, AWrongTableEntryIsNamed) {
  const auto report = check_library("nxp_int8", 6, {ArithOp::table});
  expect_found(report.ops[0], Law::table_entry_is_exact, "entry 145 of the table (x = 17) is off by +1");
  EXPECT_EQ(minimal(report.ops[0], "x"), 17);
}

TEST(CheckDevice, ProductsOfTheLowestThatSaturateIn16BitsAreShrunkToOnePair) {
  const auto report = check_library("nxp_int8", 7, {ArithOp::dot});
  expect_found(report.ops[0], Law::product_of_the_lowest_is_exact, "products are added by twos in 16 bits that saturate");
  EXPECT_EQ(report.ops[0].counter_example->minimal.operands, (Operands{0, 0, -128, -128, -128, -128}));
}

TEST(CheckDevice, ACrashIsReportedWithTheSimplestCaseAndTheOtherOperationsGoOn) {
  const auto report = check_library("nxp_int8", 8);
  const OpReport& crashed = of(report, ArithOp::requantize);
  ASSERT_EQ(crashed.verdict, OpVerdict::crashed);
  EXPECT_EQ(minimal(crashed, "accumulator"), -1001);
  EXPECT_NE(crashed.reason.find("signal 11"), std::string::npos) << crashed.reason;
  EXPECT_EQ(report.count(OpVerdict::equal), vectors::kAllArithOps.size() - 1);
}

TEST(CheckDevice, ADeviceThatDiffersByMoreThanOneWordIsNotExplained) {
  const emu::Target target = target_named("nxp_int8");
  Device device = open_library(library_of("nxp_int8", 0), 10);
  device.ask = [ask = device.ask](ArithOp op, std::span<const Operands> cases) {
    auto answers = ask(op, cases);
    for (size_t i = 0; i < answers.size(); ++i) answers[i].value ^= cases[i][0] % 7 == 3 ? 2 : 0;
    return answers;
  };
  const auto report = check_device(target, device, quick({ArithOp::requantize}));
  EXPECT_EQ(report.ops[0].verdict, OpVerdict::differs);
  EXPECT_TRUE(report.ops[0].explanation.found.empty());
  EXPECT_NE(report_text(target, report).find("no one-word change of the target explains it"), std::string::npos);
}

TEST(CheckDevice, TheSameSeedGivesTheSameReport) {
  const emu::Target target = target_named("dsp_int8");
  EXPECT_TRUE(report_json(target, check_library("dsp_int8", 4)) == report_json(target, check_library("dsp_int8", 4)));
}

TEST(CheckDevice, ADeviceOnAPipeIsTestedAsOneInALibrary) {
  const emu::Target target = target_named("nxp_int8");
  CheckSettings settings = quick();
  settings.random_cases = 300;
  const auto correct = check_device(target, open_pipe(python_device(), PipeFormat::text, 20), settings);
  EXPECT_EQ(correct.count(OpVerdict::equal), 7U) << report_text(target, correct);
  EXPECT_EQ(of(correct, ArithOp::dot).verdict, OpVerdict::not_tested);
  settings.ops = {ArithOp::requantize};
  const auto wrong = check_device(target, open_pipe(python_device("--bug ties"), PipeFormat::text, 20), settings);
  expect_found(wrong.ops[0], Law::ties_go_where_the_target_says, "half_even instead of half_up at step 3 (shift_right scale half_up)");
}

}  // namespace
}  // namespace assay::verify
