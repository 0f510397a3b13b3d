#include "emu/target/load_target.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "emu/base/error.h"
#include "tests/oracle/level.h"

namespace assay::emu {
namespace {

namespace fs = std::filesystem;

std::string targets_dir() {
  return std::string(ASSAY_SOURCE_DIR) + "/emu/targets";
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string nxp() {
  return text_of(targets_dir() + "/nxp_int8.toml");
}

// `text` with the first `from` replaced.
std::string with(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

size_t line_number(const std::string& text, const std::string& part) {
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(part)), '\n'));
}

std::vector<std::string> target_problems(const std::string& text) {
  try {
    parse_target(text, "x.toml");
  } catch (const InputError& error) {
    return error.problems();
  }
  return {};
}

// One problem, which holds each of `parts`.
void expect_problem(const std::string& text, const std::vector<std::string>& parts) {
  const auto problems = target_problems(text);
  ASSERT_EQ(problems.size(), 1u) << (problems.empty() ? "" : problems[0] + "\n" + (problems.size() > 1 ? problems[1] : ""));
  for (const std::string& part : parts) EXPECT_NE(problems[0].find(part), std::string::npos) << "'" << part << "' is not in:\n" << problems[0];
}

TEST(LoadTarget, ReadsEveryBuiltInTargetWithoutAProblem) {
  const auto paths = list_targets(targets_dir());
  ASSERT_GE(paths.size(), 2u);
  for (const std::string& path : paths) {
    const Target target = load_target(path);
    EXPECT_EQ(target.name, fs::path(path).stem().string());
    EXPECT_TRUE(validate(target).empty()) << path;
    EXPECT_FALSE(target.claims.empty()) << path;
  }
}

TEST(LoadTarget, EveryBuiltInSectionThatIsNotPublishedIsClaimedAsAssumed) {
  for (const std::string& path : list_targets(targets_dir())) {
    const Target target = load_target(path);
    for (const Source& source : target.sources) {
      if (source.text.find("not published") == std::string::npos) continue;
      const bool claimed =
          std::any_of(target.claims.begin(), target.claims.end(), [&](const Claim& c) { return c.evidence == Evidence::assumed && c.key.find(source.section + ".") == 0; });
      EXPECT_TRUE(claimed) << path << " " << source.section;
    }
  }
}

TEST(LoadTarget, ReadsThePowerOfTwoTarget) {
  const Target t = load_target(targets_dir() + "/nxp_int8.toml");
  EXPECT_EQ(t.storage.weight.low, -128);
  EXPECT_EQ(t.storage.bias.high, 1 << 30);
  EXPECT_EQ(t.quantize.input.round, Round::half_down);
  EXPECT_EQ(t.quantize.activation.round, Round::half_up);
  EXPECT_EQ(t.quantize.weight.round, Round::half_down);
  EXPECT_EQ(t.quantize.weight.granularity, Granularity::per_channel);
  EXPECT_EQ(t.quantize.bias_round, Round::half_down);
  EXPECT_EQ(t.multiplier.bits, 1);
  ASSERT_TRUE(t.conv);
  EXPECT_EQ(to_string(t.conv->steps), "add_bias; shift_left scale; shift_right scale half_up; saturate output; clamp");
  EXPECT_FALSE(t.conv_transpose);
  EXPECT_EQ(t.add->inputs, InputScales::joint);
  EXPECT_EQ(t.average_pool->round, Round::half_up);
  EXPECT_TRUE(t.max_pool);
  EXPECT_EQ(t.sources.front().section, "storage");
}

TEST(LoadTarget, ReadsTheMultiplierTarget) {
  const Target t = load_target(targets_dir() + "/dsp_int8.toml");
  EXPECT_EQ(t.storage.activation.type, kU8);
  EXPECT_EQ(t.quantize.weight.symmetry, Symmetry::asymmetric);
  EXPECT_EQ(t.multiplier.bits, 31);
  EXPECT_EQ(to_string(t.conv->steps), "add_bias; multiply; shift_right scale half_up; add_zero_point; saturate output; clamp");
  EXPECT_EQ(t.add->headroom.bits, 16);
  EXPECT_EQ(t.softmax->exponent_bits, 16);
  EXPECT_EQ(t.table->form.fraction_bits, 0);
}

TEST(LoadTarget, EveryKeyThatIsLeftOutIsDemandedByName) {
  // Each line `key = value`, removed alone, must be missed by its name: every line of three files that between them support every operator in integers and in binary32, and of
  // the others one line in twenty, another one in each file. ASSAY_LEVEL=2: all of all.
  const bool all = oracle::thorough();
  size_t file = 0;
  for (const std::string& path : list_targets(targets_dir())) {
    const std::string text = text_of(path), stem = std::filesystem::path(path).stem().string();
    const size_t stride = all || stem == "nxp_int8" || stem == "dsp_int8" || stem == "openvino" ? 1 : 20;
    ++file;
    std::istringstream in(text);
    std::string section, line;
    for (size_t number = 1; std::getline(in, line); ++number) {
      if (!line.empty() && line[0] == '[') section = line.substr(1, line.find(']') - 1);
      const size_t equals = line.find(" = ");
      if (line.empty() || line[0] == '#' || line[0] == '[' || equals == std::string::npos) continue;
      const std::string key = line.substr(0, equals);
      const std::string full = section.empty() ? key : (section[0] == '[' ? section.substr(1) : section) + "." + key;
      if (line.find("source = ") == 0 || section == "[claim") continue;  // their text occurs more than once in a file
      if ((number + file) % stride != 0) continue;
      const auto problems = target_problems(with(text, "\n" + line + "\n", "\n"));
      bool named = false;
      for (const auto& problem : problems) named = named || problem.find(full + ": missing") != std::string::npos;
      // A line that occurs in several sections is removed from the first of them: then that one is missed.
      bool any_missing = false;
      for (const auto& problem : problems) any_missing = any_missing || problem.find("." + key + ": missing") != std::string::npos;
      EXPECT_TRUE(named || any_missing) << path << ":" << number << " " << full;
    }
  }
}

TEST(LoadTarget, AnUnknownKeyIsAnErrorThatSuggestsTheNearest) {
  const std::string text = with(nxp(), "observer = \"minmax\"", "observr = \"minmax\"\nobserver = \"minmax\"");
  expect_problem(text, {"quantize.weight.observr: unknown key", "did you mean 'observer'", "line " + std::to_string(line_number(text, "observr")), "| observr = \"minmax\""});
}

TEST(LoadTarget, AnUnknownSectionIsAnError) {
  expect_problem(nxp() + "\n[ops.convv]\nsupported = true\n", {"ops.convv: unknown key", "did you mean 'conv'", "[ops.convv]"});
}

TEST(LoadTarget, AnOperatorThatIsNotSupportedHasNoOtherKeys) {
  expect_problem(with(nxp(), "[ops.conv_transpose]\nsupported = false", "[ops.conv_transpose]\nsupported = false\nsteps = []"), {"ops.conv_transpose.steps: unknown key"});
}

TEST(LoadTarget, AllProblemsComeAtOnceInLineOrderWithTheirText) {
  std::string text = with(nxp(), "type = \"s8\", low = -128", "type = \"q8\", low = -128");
  text = with(text, "bits = 1\n", "bits = 33\n");
  text = with(text, "accumulator = \"s32.wrap\"", "accumulator = \"s32.bounce\"");
  text = with(text, "\"add_bias\", \"shift_left scale\"", "\"add_bais\", \"shift_left scale\"");
  text = with(text, "round = \"half_down\"\nobserver", "round = \"nearest\"\nobserver");
  const auto problems = target_problems(text);
  ASSERT_EQ(problems.size(), 5u) << problems[0];
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"storage.input.type", "found \"q8\""},   {"quantize.input.round", "half_even"},          {"multiplier.bits", "an integer from 1 to 32, found 33"},
      {"accumulate.accumulator", "s32.bounce"}, {"ops.conv.steps", "step 'add_bais': unknown"},
  };
  size_t last = 0;
  for (size_t i = 0; i < problems.size(); ++i) {
    EXPECT_NE(problems[i].find(expected[i].first), std::string::npos) << problems[i];
    EXPECT_NE(problems[i].find(expected[i].second), std::string::npos) << problems[i];
    EXPECT_NE(problems[i].find("\n    | "), std::string::npos) << problems[i];
    const size_t line = std::stoul(problems[i].substr(5));
    EXPECT_GT(line, last);
    last = line;
  }
}

TEST(LoadTarget, RefusesWrongTypes) {
  expect_problem(with(nxp(), "headroom = 0", "headroom = 0.5"), {"ops.add.headroom: must be an integer from 0 to 62, found a number with a fraction"});
  expect_problem(with(nxp(), "[ops.max_pool]\nsupported = true", "[ops.max_pool]\nsupported = 1"), {"ops.max_pool.supported: must be true or false, found 1"});
  expect_problem(with(nxp(), "bits = 1\n", "bits = \"1\"\n"), {"multiplier.bits: must be an integer from 1 to 32, found \"1\""});
  expect_problem(with(nxp(), "operand_steps = []", "operand_steps = \"\""), {"ops.add.operand_steps: must be an array"});
  expect_problem(with(nxp(), "operand_steps = []", "operand_steps = [1]"), {"ops.add.operand_steps: each step is a string, found 1"});
  expect_problem(with(nxp(), "summary = \"s8", "summary = 1979-05-27 # \"s8"), {"summary: must be a string that is not empty, found a date"});
  expect_problem(with(nxp(), "max_left = 31", "max_left = -1"), {"multiplier.max_left: must be an integer from 0 to 62, found -1"});
  expect_problem(with(nxp(), "observer = \"minmax\"", "observer = \"minimax\""), {"quantize.weight.observer: must be one of minmax, percentile, kl, mse, found \"minimax\""});
}

TEST(LoadTarget, RefusesClaimsOnKeysThatDoNotExist) {
  expect_problem(with(nxp(), "key = \"multiplier.*\"", "key = \"multiplier.bitz\""), {"'multiplier.bitz' is no key of a target", "did you mean 'multiplier.bits'"});
  expect_problem(with(nxp(), "key = \"multiplier.*\"", "key = \"accumulate.*\""), {"'accumulate.*' is claimed twice"});
  expect_problem(with(nxp(), "key = \"multiplier.*\"\nevidence = \"assumed\"", "key = \"multiplier.*\"\nevidence = \"guessed\""),
                 {"claim.evidence: must be one of documented, measured, assumed"});
  expect_problem("claim = 1\n" + nxp().substr(0, nxp().find("[[claim]]")), {"claim: must be", "found 1"});
}

TEST(LoadTarget, RefusesWhatIsNotToml) {
  expect_problem("name = \"x\"\n= 3\n", {"line 2: not TOML"});
  expect_problem(
      "\x7f"
      "ELF\x02\x01\x01",
      {"line 1: not TOML"});
  expect_problem("name = \"x\"\nname = \"y\"\n", {"not TOML"});
  expect_problem("x = 99999999999999999999999999\n", {"line 1: a number of 26 digits"});
  EXPECT_GE(target_problems("").size(), 6u);  // every section is missing
}

TEST(LoadTarget, RefusesFilesThatNoPersonWrote) {
  expect_problem("x = " + std::string(1000, '['), {"line 1: nested deeper than 8"});
  std::string lines = "x = ";
  for (int i = 0; i < 100000; ++i) lines += "[\n";
  expect_problem(lines, {"line 9: nested deeper than 8"});
  expect_problem("x" + std::string(5000, 'x') + " = 1", {"line 1: the line has 5005 bytes"});
  expect_problem("x = \"\"\"\n[[[[\n\"\"\"\n", {"strings over several lines are not used"});
  EXPECT_THROW(parse_target(std::string((1 << 20) + 1, '#'), "x.toml"), InputError);
  std::string many;
  for (int i = 0; i < 100000; ++i) many += "a" + std::to_string(i) + "=1\n";
  EXPECT_LT(target_problems(many.substr(0, 1 << 20)).size(), 40u);
}

TEST(LoadTarget, AFileThatIsMissingOrTooLargeIsNamed) {
  try {
    load_target("/nowhere/none.toml");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/none.toml"), std::string::npos);
  }
  const fs::path path = fs::temp_directory_path() / "assay_large_target.toml";
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  EXPECT_THROW(load_target(path.string()), InputError);
  fs::remove(path);
  EXPECT_THROW(load_target(fs::temp_directory_path().string()), InputError);  // a folder
}

TEST(FindTarget, LooksInTheFolderAndSuggestsTheNearestName) {
  EXPECT_EQ(find_target("nxp_int8", targets_dir()), targets_dir() + "/nxp_int8.toml");
  EXPECT_EQ(find_target(targets_dir() + "/dsp_int8.toml", "/nowhere"), targets_dir() + "/dsp_int8.toml");
  try {
    find_target("npx_int8", targets_dir());
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'nxp_int8'"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("dsp_int8"), std::string::npos) << error.what();
  }
  EXPECT_THROW(find_target("nxp_int8", "/nowhere"), InputError);
  EXPECT_THROW(find_target("none.toml", targets_dir()), InputError);
}

TEST(FindTarget, TheFolderComesFromTheEnvironmentFirst) {
  setenv("ASSAY_TARGETS", "/some/where", 1);
  EXPECT_EQ(default_targets_dir(), "/some/where");
  unsetenv("ASSAY_TARGETS");
  EXPECT_EQ(default_targets_dir(), targets_dir());
}

TEST(KnownKeys, AreInTheOrderOfTheSchemaAndHoldEveryKind) {
  const auto keys = known_keys();
  EXPECT_EQ(keys.front(), "name");
  for (const char* key : {"storage.source", "storage.input.type", "quantize.bias_round", "quantize.weight.observer", "multiplier.max_right", "accumulate.order",
                          "ops.conv.supported", "ops.conv.steps", "ops.add.operand_steps", "ops.softmax.exponent_bits", "ops.resize_nearest.source"}) {
    EXPECT_EQ(std::count(keys.begin(), keys.end(), key), 1) << key;
  }
}

}  // namespace
}  // namespace assay::emu
