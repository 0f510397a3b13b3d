#include "verify/resolve.h"

#include <gtest/gtest.h>

#include "emu/target/load_target.h"

namespace assay::verify {
namespace {

emu::Target target_of(const std::string& name) {
  return emu::load_target(emu::find_target(name, emu::default_targets_dir()));
}

// Multiplier and all right shifts, those of the list included.
std::pair<int64_t, int> average(const std::string& name, int64_t count) {
  const emu::Target target = target_of(name);
  std::string problem;
  const auto scale = resolve_average(target, {1, 1}, count, problem);
  EXPECT_TRUE(scale) << problem;
  int right = scale.value_or(emu::QScale{}).right.bits;
  for (const emu::Step& step : target.average_pool->steps) {
    if (const auto* fixed = std::get_if<emu::ShiftRight>(&step); fixed != nullptr && fixed->amount) right += fixed->amount->bits;
  }
  return {scale.value_or(emu::QScale{}).multiplier, right};
}

// A ratio of scales would ask with the multiplier that [multiplier] makes of 1 / count.
TEST(ResolveAverage, AsksWithTheReciprocalThatTheTargetNames) {
  EXPECT_EQ(average("mnn", 9), (std::pair<int64_t, int>{1864135, 24}));           // floor(2^24 / 9)
  EXPECT_EQ(average("ethos_u55", 9), (std::pair<int64_t, int>{3817748709, 35}));  // published: vela's quantise_pooling_scale
  EXPECT_EQ(average("xilinx_dpu", 9), (std::pair<int64_t, int>{7, 6}));           // published: 3x3
  EXPECT_EQ(average("xilinx_dpu", 49), (std::pair<int64_t, int>{21, 10}));        // 7x7
}

TEST(ResolveAverage, AsksTargetsThatShareAScaleWithOneScale) {
  std::string problem;
  EXPECT_FALSE(resolve_average(target_of("mnn"), {0.5F, 1}, 4, problem));
  EXPECT_NE(problem.find("ops.average_pool.inputs"), std::string::npos);
}

}  // namespace
}  // namespace assay::verify
