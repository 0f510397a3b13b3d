// Our own arithmetic, held against itself and the oracle as `assay verify --self` does.
#include "verify/self/self.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "emu/target/load_target.h"
#include "tests/oracle/level.h"

namespace assay::verify {
namespace {

void expect_equal(const emu::Target& target) {
  const std::vector<SelfLine> lines = check_self(target, {});
  EXPECT_FALSE(lines.empty()) << target.name;
  for (const SelfLine& line : lines) {
    EXPECT_EQ(line.different, 0U) << target.name << ", " << line.what << ": " << line.first;
    EXPECT_GT(line.cases, 0U) << target.name << ", " << line.what;
  }
}

class SelfOnEveryTarget : public testing::TestWithParam<std::string> {};
TEST_P(SelfOnEveryTarget, KernelsReferenceAndOracleAgree) {
  expect_equal(emu::load_target(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(EveryFile, SelfOnEveryTarget, testing::ValuesIn(oracle::in_turn(emu::list_targets(std::string(ASSAY_SOURCE_DIR) + "/emu/targets"))),
                         [](const auto& file) { return std::filesystem::path(file.param).stem().string(); });

TEST(Self, TheyAgreeOnTargetsThatAreNotBuiltIn) {
  for (const char* name : {"tflite_single", "cmsis_nn_single", "fbgemm_int_bias", "kestrel_k2"}) {
    expect_equal(emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/docs/examples/targets/" + name + ".toml"));
  }
}

TEST(Self, JsonSaysWhatDiffers) {
  const auto json = nlohmann::json::parse(self_json({{"steps of ops.conv", "kernel, oracle", 5, 2, "accumulator 7"}, {"conv", "kernel", 9, 0, ""}, {"mul", "", 0, 0, ""}}));
  EXPECT_EQ(json[0]["verdict"], "NOT_EQUAL");
  EXPECT_EQ(json[0]["first"], "accumulator 7");
  EXPECT_EQ(json[1]["verdict"], "EQUAL");
  EXPECT_EQ(json[2]["verdict"], "untested");
}

}  // namespace
}  // namespace assay::verify
