#include "emu/target/diff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "emu/target/change.h"
#include "emu/target/load_target.h"
#include "emu/target/values.h"

namespace assay::emu {
namespace {

std::vector<std::string> paths() {
  return list_targets(std::string(ASSAY_SOURCE_DIR) + "/emu/targets");
}

bool is_supported(const Target& target, const std::string& section) {
  const auto values = values_of(target);
  return std::none_of(values.begin(), values.end(), [&](const KeyValue& value) { return value.key == section + ".supported" && value.text == "false"; });
}

// "multiplier.bits" -> "multiplier"
std::string section_of(const std::string& key) {
  return key.substr(0, key.rfind('.'));
}

TEST(ValuesOf, HasEveryKeyThatDecidesABit) {
  for (const std::string& path : paths()) {
    const Target target = load_target(path);
    std::set<std::string> found;
    for (const KeyValue& value : values_of(target)) {
      EXPECT_TRUE(found.insert(value.key).second) << value.key << " twice";
      EXPECT_FALSE(value.text.empty()) << value.key;
    }
    for (const std::string& key : known_keys()) {
      const bool tells_only = key == "name" || key == "summary" || key.ends_with(".source");
      const bool expected = !tells_only && (key.ends_with(".supported") || is_supported(target, section_of(key)));
      EXPECT_EQ(found.count(key), expected ? 1U : 0U) << path << " " << key;
    }
  }
}

TEST(ValuesOf, SpellsValuesAsTheFileDoes) {
  const Target target = load_target(find_target("dsp_int8", default_targets_dir()));
  const auto values = values_of(target);
  const auto text = [&](const std::string& key) {
    const auto it = std::find_if(values.begin(), values.end(), [&](const KeyValue& value) { return value.key == key; });
    return it == values.end() ? std::string("absent") : it->text;
  };
  EXPECT_EQ(text("storage.activation.type"), "u8");
  EXPECT_EQ(text("storage.bias.low"), "-536870912");
  EXPECT_EQ(text("quantize.weight.granularity"), "per_tensor");
  EXPECT_EQ(text("multiplier.bits"), "31");
  EXPECT_EQ(text("accumulate.accumulator"), "s32.wrap");
  EXPECT_EQ(text("accumulate.order"), "ky,kx,ic");
  EXPECT_EQ(text("ops.max_pool.supported"), "true");
  EXPECT_EQ(text("ops.add.operand_steps"), "multiply; shift_right scale half_up");
}

TEST(Diff, EveryTargetEqualsItselfUnderAnotherNameAndWithOtherSources) {
  for (const std::string& path : paths()) {
    const Target target = load_target(path);
    Target other = target;
    other.name = "other", other.summary = "other", other.claims.clear();
    for (Source& source : other.sources) source.text = "other";
    const TargetDiff same = diff(target, other);
    EXPECT_TRUE(same.differences.empty()) << path;
    EXPECT_GT(same.compared, 40U);
    EXPECT_NE(diff_text(target, other, same).find("equal: "), std::string::npos);
  }
}

TEST(Diff, OneChangedWordIsOneDifference) {
  for (const std::string& path : paths()) {
    const Target target = load_target(path);
    const std::string word = target.quantize.bias_round == Round::floor ? "ceil" : "floor";
    const TargetDiff one = diff(target, load_changed_target(path, "quantize.bias_round=" + word));
    ASSERT_EQ(one.differences.size(), 1U) << path;
    EXPECT_EQ(one.differences[0].key, "quantize.bias_round");
    EXPECT_EQ(one.differences[0].a, to_string(target.quantize.bias_round));
    EXPECT_EQ(one.differences[0].b, word);
  }
}

TEST(Diff, OfAnOperatorThatOneLacksOnlySupportedIsTold) {
  const Target with = load_target(find_target("dsp_int8", default_targets_dir()));
  Target without = with;
  without.add.reset();
  for (const auto& [a, b] : {std::pair(with, without), std::pair(without, with)}) {
    const TargetDiff one = diff(a, b);
    ASSERT_EQ(one.differences.size(), 1U);
    EXPECT_EQ(one.differences[0].key, "ops.add.supported");
    EXPECT_EQ(one.differences[0].a, a.add ? "true" : "false");
  }
}

std::string aligned(const std::string& a, const std::string& b) {
  std::string text;
  for (const StepPair& pair : align_steps(parse_steps(a), parse_steps(b))) text += "[" + pair.a + "|" + pair.b + "]";
  return text;
}

TEST(AlignSteps, PutsStepsOfOneKindBesideEachOther) {
  EXPECT_EQ(aligned("add_bias; shift_right scale half_up; saturate output", "add_bias; multiply; shift_right scale half_even; saturate output"),
            "[add_bias|add_bias][|multiply][shift_right scale half_up|shift_right scale half_even][saturate output|saturate output]");
  EXPECT_EQ(aligned("multiply; clamp", "clamp"), "[multiply|][clamp|clamp]");
  EXPECT_EQ(aligned("add_bias", "multiply"), "[add_bias|][|multiply]");
  EXPECT_EQ(aligned("multiply; shift_right 31 half_up; shift_right scale half_away", "multiply; shift_right scale half_away"),
            "[multiply|multiply][shift_right 31 half_up|][shift_right scale half_away|shift_right scale half_away]");
}

TEST(AlignSteps, LosesNoStepOfAnyTwoTargets) {
  const auto all = paths();
  for (size_t i = 0; i < all.size(); ++i) {
    const Target a = load_target(all[i]), b = load_target(all[(i + 1) % all.size()]);
    if (!a.conv || !b.conv) continue;
    std::string left, right;
    for (const StepPair& pair : align_steps(a.conv->steps, b.conv->steps)) {
      if (!pair.a.empty()) left += (left.empty() ? "" : "; ") + pair.a;
      if (!pair.b.empty()) right += (right.empty() ? "" : "; ") + pair.b;
    }
    EXPECT_EQ(left, to_string(a.conv->steps));
    EXPECT_EQ(right, to_string(b.conv->steps));
  }
}

TEST(DiffText, FitsIn120ColumnsForAnyTwoTargets) {
  const auto all = paths();
  std::vector<Target> targets;
  for (const std::string& path : all) targets.push_back(load_target(path));
  targets.push_back(load_changed_target(all[0], "accumulate.accumulator=s32.wrap+pairs:s16.saturate+spill:64:s48.saturate"));
  for (const Target& a : targets) {
    for (const Target& b : targets) {
      const TargetDiff difference = diff(a, b);
      std::istringstream in(diff_text(a, b, difference));
      for (std::string line; std::getline(in, line);) {
        EXPECT_LE(line.size(), 120U) << a.name << " " << b.name << ": " << line;
        EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
      }
    }
  }
}

TEST(DiffText, MarksWhatOnlyOneSideHas) {
  const Target a = load_target(find_target("nxp_int8", default_targets_dir())), b = load_target(find_target("dsp_int8", default_targets_dir()));
  const std::string text = diff_text(a, b, diff(a, b));
  EXPECT_NE(text.find("shift_left scale"), std::string::npos);
  EXPECT_TRUE(std::any_of(text.begin(), text.end(), [](char c) { return c == '<'; })) << text;
  EXPECT_NE(text.find("  > multiply"), std::string::npos) << text;
  EXPECT_NE(text.find("storage.activation.type"), std::string::npos);
}

}  // namespace
}  // namespace assay::emu
