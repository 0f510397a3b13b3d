// Scales that are resolved for a target. (What whole lists of steps make of published rows: tests/quant/ops/published_rows_test.cc.)
#include "verify/resolve.h"

#include <gtest/gtest.h>

#include "emu/target/load_target.h"
#include "vectors/arithmetic/cases.h"

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

struct Sum {
  const char* target;
  float scale_a, scale_b, scale_y;
  int64_t zero_a, zero_b, zero_y;
  std::vector<int64_t> a, b, expected;
};

TEST(ResolveAdd, GivesThePublishedSums) {
  const std::vector<int64_t> a{0, 50, -128, 127, 33}, b{0, -50, 127, 127, -12}, expected{-2, 12, -39, 127, 16};
  for (const Sum& row : {Sum{"tflite_int8", 0.05F, 0.03F, 0.07F, -5, 7, -3, a, b, expected}, Sum{"cmsis_nn", 0.05F, 0.03F, 0.07F, -5, 7, -3, a, b, expected},
                         Sum{"qnnpack", 0.040562573820352554F, 0.08881603181362152F, 0.09029635787010193F, 112, 126, 124, {158}, {136}, {155}}}) {
    const emu::Target target = target_of(row.target);
    std::string problem;
    const auto scales = resolve_add(target, row.scale_a, row.scale_b, row.scale_y, problem);
    ASSERT_TRUE(scales) << row.target << ": " << problem;
    for (size_t i = 0; i < row.a.size(); ++i) {
      vectors::Operands operands{row.a[i], row.b[i], row.zero_a, row.zero_b};
      for (const emu::QScale& scale : {scales->a, scales->b, scales->sum}) operands.insert(operands.end(), {scale.multiplier, scale.left.bits, scale.right.bits});
      operands.insert(operands.end(), {row.zero_y, target.storage.activation.low, target.storage.activation.high});
      EXPECT_EQ(vectors::evaluate(target, vectors::ArithOp::add, operands).result, row.expected[i]) << row.target << ", " << row.a[i] << " + " << row.b[i];
    }
  }
}

}  // namespace
}  // namespace assay::verify
