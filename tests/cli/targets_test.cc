// assay targets, as a user runs it.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "emu/target/load_target.h"
#include "nlohmann/json.hpp"
#include "tests/cli/process.h"

namespace assay::testing {
namespace {

const std::string kTargets = std::string(ASSAY_SOURCE_DIR) + "/emu/targets";

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void expect_columns(const std::string& text) {
  for (const std::string& line : split_lines(text)) {
    EXPECT_TRUE(line.size() <= 120 || line.find('/') != std::string::npos) << line;
  }
}

std::string changed(const std::string& name, const std::string& from, const std::string& to) {
  std::string text = read(kTargets + "/" + name + ".toml");
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(TargetsList, HasOneSortedLineForEachFileWithItsClaims) {
  const auto result = assay("targets list --targets " + kTargets);
  ASSERT_EQ(result.exit_code, 0) << result.output;
  expect_columns(result.output);
  const auto lines = split_lines(result.output);
  const auto paths = emu::list_targets(kTargets);
  ASSERT_EQ(lines.size(), paths.size() + 1);
  const auto json = nlohmann::json::parse(assay("targets list --json --targets " + kTargets).output);
  ASSERT_EQ(json.size(), paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    const emu::Target target = emu::load_target(paths[i]);
    std::istringstream in(lines[i + 1]);
    std::string name;
    size_t documented = 0, measured = 0, assumed = 0;
    in >> name >> documented >> measured >> assumed;
    EXPECT_EQ(name, target.name);
    EXPECT_EQ(documented + measured + assumed, target.claims.size()) << name;
    EXPECT_EQ(json[i]["name"], target.name);
    EXPECT_EQ(json[i]["summary"], target.summary);
    EXPECT_EQ(json[i]["assumed"], assumed);
  }
}

TEST(TargetsList, ABrokenFileHidesNoOtherAndIsNamed) {
  TemporaryFolder folder;
  write(folder / "good.toml", changed("nxp_int8", "name = \"nxp_int8\"", "name = \"good\""));
  write(folder / "bad.toml", "name = 3\n");
  const auto result = assay("targets list --targets '" + (folder / "") + "'");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("good "), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("bad.toml"), std::string::npos) << result.output;
}

TEST(TargetsDiff, EqualIsZeroAndDifferentIsOne) {
  TemporaryFolder folder;
  write(folder / "other.toml", changed("nxp_int8", "name = \"nxp_int8\"", "name = \"other\""));
  const auto same = assay("targets diff nxp_int8 '" + (folder / "other.toml") + "' --vectors");
  EXPECT_EQ(same.exit_code, 0) << same.output;
  EXPECT_NE(same.output.find("equal: "), std::string::npos) << same.output;
  EXPECT_NE(same.output.find("No input was found that tells them apart."), std::string::npos) << same.output;
  const auto different = assay("targets diff nxp_int8 dsp_int8");
  EXPECT_EQ(different.exit_code, 1) << different.output;
  expect_columns(different.output);
  EXPECT_NE(different.output.find("ops.conv.steps"), std::string::npos) << different.output;
  EXPECT_EQ(assay("targets diff nxp_int8 none_such").exit_code, 2);
}

TEST(TargetsDiff, ShowsInputsThatTellOneChangedWordApartWithAReason) {
  TemporaryFolder folder;
  write(folder / "even.toml", changed("nxp_int8", "shift_right scale half_up", "shift_right scale half_even"));
  const auto text = assay("targets diff nxp_int8 '" + (folder / "even.toml") + "' --vectors --limit 2");
  EXPECT_EQ(text.exit_code, 1) << text.output;
  expect_columns(text.output);
  EXPECT_NE(text.output.find("tie"), std::string::npos) << text.output;
  const auto json = nlohmann::json::parse(assay("targets diff nxp_int8 '" + (folder / "even.toml") + "' --vectors --limit 2 --json").output);
  EXPECT_EQ(json["equal"], false);
  ASSERT_EQ(json["differences"].size(), 1U);
  EXPECT_EQ(json["differences"][0]["key"], "ops.conv.steps");
  EXPECT_EQ(json["differences"][0]["steps"][2]["a"], "shift_right scale half_up");
  EXPECT_EQ(json["differences"][0]["steps"][2]["b"], "shift_right scale half_even");
  ASSERT_EQ(json["vectors"]["pairs"].size(), 2U);
  for (const auto& pair : json["vectors"]["pairs"]) {
    EXPECT_EQ(pair["op"], "requantize");
    EXPECT_NE(pair["a"]["result"], pair["b"]["result"]);
    EXPECT_FALSE(pair["reason"].get<std::string>().empty());
  }
}

TEST(TargetsCheck, TellsEveryProblemWithItsLine) {
  TemporaryFolder folder;
  write(folder / "chip.toml", changed("nxp_int8", "half_down", "half_dawn"));
  const auto result = assay("targets check '" + (folder / "chip.toml") + "'");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("line "), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("half_dawn"), std::string::npos) << result.output;
  const auto json_result = assay("targets check --json '" + (folder / "chip.toml") + "'");
  EXPECT_EQ(json_result.exit_code, 2);
  const auto json = nlohmann::json::parse(json_result.output);
  EXPECT_EQ(json["legal"], false);
  EXPECT_EQ(json["problems"].size(), 1U);
}

TEST(TargetsCheck, TellsWhatNoRuleCanSee) {
  TemporaryFolder folder;
  std::string text = changed("nxp_int8", "name = \"nxp_int8\"", "name = \"chip\"");
  const size_t claim = text.find("[[claim]]\nkey = \"accumulate.*\"");
  ASSERT_NE(claim, std::string::npos);
  text.erase(claim, text.find("[[claim]]", claim + 1) - claim);
  write(folder / "chip.toml", text);
  const auto result = assay("targets check '" + (folder / "chip.toml") + "'");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  for (const char* words : {"'chip' is a complete target", "ops.conv_transpose", "[accumulate] admits", "ops.conv.steps", "assay verify --self",
                            "nearest built-in target is nxp_int8; keys that decide a bit and differ: 0"}) {
    EXPECT_NE(result.output.find(words), std::string::npos) << words << "\n" << result.output;
  }
  const auto json = nlohmann::json::parse(assay("targets check --json '" + (folder / "chip.toml") + "'").output);
  EXPECT_EQ(json["legal"], true);
  EXPECT_EQ(json["unclaimed"][0]["section"], "accumulate");
  EXPECT_EQ(json["nearest"]["name"], "nxp_int8");
}

// Every line of a help text that begins with `assay targets` and needs no file of the user's.
TEST(Help, ExamplesThatNeedNoFileOfTheUsersRun) {
  std::set<std::string> run;
  for (const char* command : {"targets", "targets list", "targets explain", "targets diff", "targets check", "vectors"}) {
    const auto help = assay(std::string(command) + " --help");
    EXPECT_NE(help.output.find("Example"), std::string::npos) << command;
    for (const std::string& line : split_lines(help.output)) {
      if (line.rfind("  assay ", 0) != 0 || line.find("my_ch") != std::string::npos || line.find("--level 2") != std::string::npos) continue;
      if (!run.insert(line).second) continue;
      TemporaryFolder folder;
      const auto result = assay(line.substr(8), "cd '" + (folder / "") + "' &&");
      EXPECT_LE(result.exit_code, line.find(" diff ") == std::string::npos ? 0 : 1) << line << "\n" << result.output;
    }
  }
  EXPECT_GE(run.size(), 6U);
}

}  // namespace
}  // namespace assay::testing
