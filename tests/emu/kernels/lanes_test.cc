// What decides the lanes of a row of steps, where random lists seldom come: several channels, first cuts, large zero points and factors.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "emu/kernels/fast_steps.h"

namespace assay::emu {
namespace {

// Each accumulator through the first channel.
void expect_lanes_as_defined(const char* list, const std::vector<ChannelConstants>& channels, const ValueInfo& result, const std::vector<int64_t>& accumulators) {
  const Steps steps = parse_steps(list);
  const ClampBounds clamp{-128, 127};
  Wide worst = 0;
  for (const int64_t a : accumulators) worst = std::max(worst, a < 0 ? -Wide{a} : Wide{a});
  const auto fast = FastSteps::prepare(steps, worst, channels, result, clamp);
  ASSERT_TRUE(fast.has_value()) << list;
  for (const int64_t a : accumulators) {
    int64_t found[1];
    FastSteps::RowCounts counts;
    StepEvents events;
    fast->run(&a, 1, 0, found, counts);
    EXPECT_EQ(found[0], static_cast<int64_t>(requantize(a, steps, {channels[0].bias, channels[0].scale, result.type, result.zero_point, clamp.low, clamp.high}, events)))
        << list << " of " << a;
    EXPECT_EQ(counts.output != 0, events.output) << list << " of " << a;
  }
}

TEST(FastSteps, TheChannelWhoseFirstCutIsLeastDecidesTheLanes) {
  ChannelConstants least, most;
  least.scale = {1 << 20, LeftShift{0}, RightShift{30}, {}, RightShift{0}};
  most.scale = {1 << 20, LeftShift{0}, RightShift{30}, {}, RightShift{30}};
  expect_lanes_as_defined("shift_right first floor; multiply; saturate 62; saturate output", {least, most}, {"y", {}, kS8, 0, {}}, {1 << 20, -(1 << 20)});
}

TEST(FastSteps, ALargeZeroPointAddedToARoundedNumberIsNotHeldBack) {
  const ChannelConstants constants{0, {1, LeftShift{0}, RightShift{0}, {{0x4b000000U}, {}, {}, {}}}};  // 2^23
  for (const int64_t zero_point : {int64_t{1} << 30, -(int64_t{1} << 30)}) {
    expect_lanes_as_defined("to_fp32; mul_fp32 scale; to_int floor; add_zero_point; clamp", {constants}, {"y", {}, kS32, zero_point, {}}, {-300, -128, 0, 127, 128, 300});
  }
}

TEST(FastSteps, FactorsAndProductsBeyond64BitsAreExactInTheCommonForm) {
  const ValueInfo result{"y", {}, kS8, 0};
  const ChannelConstants constants{0, {INT32_MAX, LeftShift{0}, RightShift{0}}};
  expect_lanes_as_defined("multiply; shift_left 40; shift_right 62 floor; saturate output", {constants}, result, {0, 1, 1000, -1000});
  expect_lanes_as_defined("multiply; shift_right 62 floor; saturate output", {constants}, result, {int64_t{1} << 33, -(int64_t{1} << 33), int64_t{1} << 31});
}

TEST(FastSteps, AFirstCutInTheCommonFormIsNotTheRightShift) {
  const ChannelConstants constants{0, {3, LeftShift{0}, RightShift{7}, {}, RightShift{2}}};
  expect_lanes_as_defined("multiply; shift_right first half_up; saturate output", {constants}, {"y", {}, kS8, 0, {}}, {0, 1, 50, -50, 1000, -1000});
}

// No list of the common form: what takes one pass asks for its sum with the bias by itself.
TEST(FastSteps, ABiasCountsInTheLanesOfAnyList) {
  const ChannelConstants constants{INT32_MAX, {}};
  expect_lanes_as_defined("add_bias; saturate 40; shift_right 24 floor; saturate output", {constants}, {"y", {}, kS8, 0, {}}, {1 << 20, -(1 << 20)});
}

TEST(FastSteps, AValueThatWrapsIntoAnUnsignedTypeTakesTheLanesWithIt) {
  expect_lanes_as_defined("wrap output; shift_left 24; shift_right 25 floor", {ChannelConstants{}}, {"y", {}, kU8, 0, {}}, {-1, 0, 1});
}

// 2^-20 and its multiples are subnormal numbers of fp16; times 2^24 they are integers.
TEST(FastSteps, SubnormalNumbersOfAShorterFormatStay) {
  const ChannelConstants constants{0, {1, LeftShift{0}, RightShift{0}, {{0x35800000U}, {}, {0x4b800000U}, {}}}};
  expect_lanes_as_defined("to_fp32; mul_fp32 scale; round_fp32 fp16 half_even; mul_fp32 output; to_int half_even; clamp", {constants}, {"y", {}, kS8, 0, {}}, {0, 1, 5, -3});
}

}  // namespace
}  // namespace assay::emu
