#include "verify/discriminate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "emu/target/change.h"
#include "emu/target/load_target.h"
#include "tests/oracle/level.h"

namespace assay::verify {
namespace {

using emu::Target;
using vectors::ArithOp;

// A file of docs/examples/targets, or else a built-in target.
Target named(const std::string& name) {
  const std::string path = std::string(ASSAY_SOURCE_DIR) + "/docs/examples/targets/" + name + ".toml";
  return emu::load_target(std::filesystem::exists(path) ? path : emu::find_target(name, emu::default_targets_dir()));
}

// Every pair that is told does differ, and both cases are legal.
void expect_honest(const Target& a, const Target& b, const Comparison& comparison) {
  for (const vectors::Pair& pair : comparison.pairs) {
    EXPECT_FALSE(illegal(a, pair.op, pair.a)) << *illegal(a, pair.op, pair.a);
    EXPECT_FALSE(illegal(b, pair.op, pair.b)) << *illegal(b, pair.op, pair.b);
    EXPECT_EQ(evaluate(a, pair.op, pair.a).result, pair.of_a.result);
    EXPECT_EQ(evaluate(b, pair.op, pair.b).result, pair.of_b.result);
    EXPECT_FALSE(pair.reason.empty());
    EXPECT_FALSE(pair.asked.empty());
  }
}

Comparison compared(const Target& a, const Target& b, ArithOp op) {
  const std::vector<ArithOp> ops{op};
  Comparison comparison = discriminate(a, b, ops, 1, 100);
  expect_honest(a, b, comparison);
  return comparison;
}

bool gives_reason(const Comparison& comparison, const std::string& words) {
  return std::any_of(comparison.pairs.begin(), comparison.pairs.end(), [&](const auto& pair) { return pair.reason.find(words) != std::string::npos; });
}

// A statement that the two are the same function, or were not asked, or that no answer differed.
bool says_that_nothing_differs(const std::string& statement) {
  const auto holds = [&](const char* words) { return statement.find(words) != std::string::npos; };
  return holds(": equal") || holds(": not asked") || holds(" 0 of ") || holds(" 0 have ") || holds("least 0 words") || holds(": 0 accumulators");
}

// Every file of the folder against the next one; against all that follow at ASSAY_LEVEL 2.
class DiscriminateShipped : public testing::TestWithParam<size_t> {};

TEST_P(DiscriminateShipped, SeparatesTargetsOrSaysThatNothingDiffers) {
  if (GetParam() % oracle::kTargetStride != 0) GTEST_SKIP() << "one target in " << oracle::kTargetStride << " under sanitizers";
  const auto paths = emu::list_targets(emu::default_targets_dir());
  const size_t farthest = oracle::thorough() ? paths.size() : 1;
  const Target a = emu::load_target(paths.at(GetParam()));
  for (size_t j = GetParam() + 1; j < paths.size() && j <= GetParam() + farthest; ++j) {
    const Target b = emu::load_target(paths[j]);
    const Comparison comparison = discriminate(a, b, vectors::kAllArithOps, 1, 20);
    expect_honest(a, b, comparison);
    EXPECT_EQ(comparison.statements.size(), vectors::kAllArithOps.size());
    for (const std::string& statement : comparison.statements) {
      const std::string op = statement.substr(0, statement.find(':'));
      const bool differs = std::any_of(comparison.pairs.begin(), comparison.pairs.end(), [&](const auto& pair) { return to_string(pair.op) == op; });
      EXPECT_NE(differs, says_that_nothing_differs(statement)) << a.name << " and " << b.name << ": " << statement;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryFile, DiscriminateShipped, testing::Range(size_t{0}, emu::list_targets(emu::default_targets_dir()).size()),
                         [](const auto& index) { return std::filesystem::path(emu::list_targets(emu::default_targets_dir())[index.param]).stem().string(); });

TEST(Discriminate, SeparatesTheRuleSetsOfTheField) {
  const auto differ = [](const std::string& a, const std::string& b) { return compared(named(a), named(b), ArithOp::requantize); };
  EXPECT_TRUE(gives_reason(differ("tflite_int8", "tflite_single"), "double rounding"));
  EXPECT_TRUE(gives_reason(differ("cmsis_nn", "cmsis_nn_single"), "double rounding"));
  EXPECT_TRUE(gives_reason(differ("xnnpack_qs8", "xnnpack_qs8_rndnu"), "binary32"));
  EXPECT_TRUE(gives_reason(differ("xnnpack_qs8", "xnnpack_qs8_rndnu"), "2^24 crossing"));
  EXPECT_TRUE(gives_reason(differ("tflite_single", "xnnpack_qs8_rndnu"), "multipliers differ"));
  EXPECT_TRUE(gives_reason(differ("xnnpack_qs8_rndnu", "qnnpack"), "tie"));
}

TEST(Discriminate, ProvesThatTheSameRuleInOtherWordsIsTheSame) {
  const auto same = [](const std::string& a, const std::string& b) {
    const Comparison comparison = compared(named(a), named(b), ArithOp::requantize);
    return comparison.pairs.empty() && comparison.statements.at(0).find("equal for every accumulator of -2147483648 to 2147483647, proven by staircases") != std::string::npos;
  };
  EXPECT_TRUE(same("tflite_int8", "cmsis_nn"));
  EXPECT_TRUE(same("tflite_single", "tosa"));
  EXPECT_TRUE(same("tflite_single", "cmsis_nn_single"));
  EXPECT_TRUE(same("xnnpack_qs8", "fbgemm_int_bias"));  // clamped before the zero point or after it
}

TEST(Discriminate, SeparatesATargetFromOneChangedWord) {
  const std::string path = emu::find_target("nxp_int8", emu::default_targets_dir());
  const Target target = emu::load_target(path);
  const auto differs = [&](const std::string& change, ArithOp op) { return !compared(target, emu::load_changed_target(path, change), op).pairs.empty(); };
  EXPECT_TRUE(differs("ops.conv.steps[2]=shift_right scale half_even", ArithOp::requantize));
  EXPECT_TRUE(differs("ops.mul.steps[1]=shift_right scale half_away", ArithOp::mul));
  EXPECT_TRUE(differs("ops.add.steps[1]=shift_right scale half_down", ArithOp::add));
  EXPECT_TRUE(differs("quantize.activation.round=half_even", ArithOp::quantize));
  EXPECT_TRUE(differs("ops.average_pool.round=half_away", ArithOp::average_pool));
  EXPECT_TRUE(differs("accumulate.accumulator=s24.saturate", ArithOp::dot));
  EXPECT_TRUE(differs("accumulate.accumulator=s32.wrap+pairs:s16.saturate", ArithOp::dot));
  EXPECT_FALSE(differs("quantize.bias_round=half_even", ArithOp::requantize));
}

}  // namespace
}  // namespace assay::verify
