#include "vectors/arithmetic/stimuli.h"

#include <gtest/gtest.h>

#include <set>

#include "emu/target/load_target.h"
#include "tests/oracle/level.h"

namespace assay::vectors {
namespace {

std::vector<emu::Target> shipped_targets() {
  std::vector<emu::Target> targets;
  for (const auto& path : emu::list_targets(emu::default_targets_dir())) targets.push_back(emu::load_target(path));
  for (const char* name : {"tflite_single", "fbgemm_int_bias"}) targets.push_back(emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/docs/examples/targets/" + name + ".toml"));
  return targets;
}

emu::Target first_target() {
  return emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/nxp_int8.toml");
}

struct Seen {
  uint64_t cases = 0, ties = 0, inexact = 0, beyond_24 = 0;
  std::set<int64_t> results;
  std::set<std::string> reasons;
  uint64_t hash = 0;
};

Seen see(const emu::Target& target, ArithOp op, const Level& level, uint64_t limit = UINT64_MAX) {
  Seen seen;
  const uint64_t made = make_cases(target, op, level, [&](const Case& one) {
    ++seen.cases;
    seen.ties += one.expected.flags.tie ? 1 : 0, seen.inexact += one.expected.flags.inexact ? 1 : 0, seen.beyond_24 += one.expected.flags.beyond_24 ? 1 : 0;
    seen.results.insert(one.expected.result);
    if (seen.reasons.size() < 200) seen.reasons.insert(one.reason);
    for (const int64_t operand : one.operands) seen.hash = (seen.hash ^ static_cast<uint64_t>(operand)) * 0x100000001b3U;
    seen.hash ^= static_cast<uint64_t>(one.expected.result);
    return seen.cases < limit;
  });
  EXPECT_EQ(made, seen.cases);
  return seen;
}

TEST(Stimuli, LevelOneHasTensOfThousandsOfTellingCases) {
  // Every fifth at level 1: a target takes seconds, and what makes its cases is the same for all.
  size_t turn = 0;
  for (const emu::Target& target : shipped_targets()) {
    if (!oracle::thorough() && turn++ % (5 * oracle::kTargetStride) != 0) continue;
    for (const ArithOp op : kAllArithOps) {
      if (lacks(target, op)) continue;
      const Seen seen = see(target, op, {1, 1});
      const std::string where = target.name + " " + std::string(to_string(op));
      EXPECT_GE(seen.cases, 10000U) << where;
      EXPECT_LE(seen.cases, 250000U) << where;
      EXPECT_GE(seen.results.size(), 100U) << where;
      if (op == ArithOp::table || op == ArithOp::dot) continue;
      EXPECT_GE(seen.inexact, 1000U) << where;
      EXPECT_GE(seen.ties, 100U) << where;
      EXPECT_GE(seen.reasons.size(), 2U) << where;
    }
  }
}

TEST(Stimuli, TheSameSeedGivesTheSameCases) {
  const emu::Target target = first_target();
  for (const ArithOp op : kAllArithOps) EXPECT_EQ(see(target, op, {1, 5}, 10000).hash, see(target, op, {1, 5}, 10000).hash) << to_string(op);
  for (const ArithOp op : {ArithOp::rounding, ArithOp::quantize, ArithOp::requantize}) {
    EXPECT_EQ(see(target, op, {1, 5}).hash, see(target, op, {1, 5}).hash) << to_string(op);
    EXPECT_NE(see(target, op, {1, 5}).hash, see(target, op, {1, 6}).hash) << to_string(op);
  }
}

TEST(Stimuli, StopWhenNoMoreAreWanted) {
  for (const ArithOp op : kAllArithOps) EXPECT_EQ(see(first_target(), op, {2, 1}, 7).cases, 7U) << to_string(op);
}

TEST(Stimuli, LevelTwoHasMillions) {
  if (!oracle::thorough()) GTEST_SKIP() << "set ASSAY_LEVEL=2: some seconds for each operation";
  const emu::Target target = first_target();
  for (const ArithOp op : kAllArithOps) EXPECT_GE(see(target, op, {2, 1}).cases, 1000000U) << to_string(op);
}

TEST(Stimuli, TiesAreConstructedAtEveryRoundingStep) {
  const emu::Target target = emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/tflite_int8.toml");
  std::set<std::string> steps;
  make_cases(target, ArithOp::requantize, {1, 1}, [&](const Case& one) {
    if (one.reason.rfind("tie at ", 0) == 0) {
      steps.insert(one.reason.substr(7, one.reason.find(';') - 7));
      EXPECT_TRUE(one.expected.flags.tie) << one.id << " " << one.reason;
    }
    return true;
  });
  EXPECT_EQ(steps, (std::set<std::string>{"step 5, shift_right 31 half_up", "step 7, shift_right scale half_away"}));
}

}  // namespace
}  // namespace assay::vectors
