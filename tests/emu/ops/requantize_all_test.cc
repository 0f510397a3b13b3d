#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "emu/base/error.h"
#include "emu/ops/op.h"

namespace assay::emu {
namespace {

struct Stage {
  std::string name;
  Tensor values;
};

// One result of type `type` and zero point 3; scales @s0, steps #0, constants as given.
struct Bench {
  Program program;
  std::vector<const Tensor*> values;
  Requant requant;
  std::vector<Stage> stages;
  OverflowCounts overflows;

  Bench(Shape shape, const std::string& steps, std::vector<QScale> scales, IntType type = kS8) {
    program.values.push_back({"y", std::move(shape), type, 3, {Dyadic{1, 0}}});
    program.step_lists.push_back(parse_steps(steps));
    program.scales.push_back(std::move(scales));
    requant.clamp = {-100, 100};
  }

  Tensor run(const std::vector<int64_t>& accumulators, bool reporting, const std::vector<uint8_t>& overflowed = {}, std::optional<Ref> bias = std::nullopt, int64_t axis = 1,
             const std::function<size_t(size_t)>& entry = nullptr) {
    stages.clear();
    OpRun op_run(reporting ? OpRun::Report([this](const std::string& stage, const Tensor& shown) { stages.push_back({stage, shown}); }) : nullptr);
    const OpContext context(program, 0, values);
    Tensor result = requantize_all(accumulators, overflowed, requant, bias, axis, context, op_run, entry);
    overflows = op_run.overflows;
    return result;
  }
};

constexpr const char* kPlain = "multiply; shift_right scale half_up; add_zero_point; saturate output; clamp";

TEST(RequantizeAll, GivesTheStepsResultPerElement) {
  Bench bench({1, 2, 2}, kPlain, {{3, LeftShift{0}, RightShift{1}}});
  EXPECT_EQ(bench.run({10, -10, 1, 1000}, false).values(), (std::vector<int64_t>{18, -12, 5, 100}));
}

TEST(RequantizeAll, ScaleAndBiasFollowTheChannelAxis) {
  const std::vector<QScale> scales = {{1, LeftShift{0}, RightShift{0}}, {10, LeftShift{0}, RightShift{0}}};
  Bench bench({2, 2, 2}, "add_bias; multiply; saturate output", scales);
  bench.program.constants.push_back({"bias", Tensor(kS32, {2}, {1, 2})});
  const std::vector<int64_t> ones(8, 1);
  const Ref bias{true, 0};
  EXPECT_EQ(bench.run(ones, false, {}, bias, 0).values(), (std::vector<int64_t>{2, 2, 2, 2, 30, 30, 30, 30}));
  EXPECT_EQ(bench.run(ones, false, {}, bias, 1).values(), (std::vector<int64_t>{2, 2, 30, 30, 2, 2, 30, 30}));
  EXPECT_EQ(bench.run(ones, false, {}, bias, 2).values(), (std::vector<int64_t>{2, 30, 2, 30, 2, 30, 2, 30}));
}

TEST(RequantizeAll, AnEntryCanBeChosenPerElement) {
  Bench bench({1, 1, 3}, "multiply; saturate output", {{1, LeftShift{0}, RightShift{0}}, {2, LeftShift{0}, RightShift{0}}, {3, LeftShift{0}, RightShift{0}}});
  EXPECT_EQ(bench.run({5, 5, 5}, false, {}, std::nullopt, 1, [](size_t i) { return 2 - i; }).values(), (std::vector<int64_t>{15, 10, 5}));
}

TEST(RequantizeAll, ReportsAccumulatorAndEveryStep) {
  Bench bench({1, 1, 2}, kPlain, {{3, LeftShift{0}, RightShift{1}}});
  bench.run({10, 1000}, true);
  const std::vector<Stage> expected = {{"accumulator", Tensor(kS64, {1, 1, 2}, {10, 1000})},       {"step1 multiply", Tensor(kS64, {1, 1, 2}, {30, 3000})},
                                       {"step2 shift_right", Tensor(kS64, {1, 1, 2}, {15, 1500})}, {"step3 add_zero_point", Tensor(kS64, {1, 1, 2}, {18, 1503})},
                                       {"step4 saturate", Tensor(kS64, {1, 1, 2}, {18, 127})},     {"step5 clamp", Tensor(kS64, {1, 1, 2}, {18, 100})}};
  ASSERT_EQ(bench.stages.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(bench.stages[i].name, expected[i].name);
    EXPECT_EQ(bench.stages[i].values.values(), expected[i].values.values()) << expected[i].name;
    EXPECT_EQ(bench.stages[i].values.shape(), expected[i].values.shape());
    EXPECT_EQ(bench.stages[i].values.type(), kS64);
  }
}

TEST(RequantizeAll, AStageBeyond64BitsIsShownAsTheNearestAndComputedWhole) {
  Bench bench({1}, "shift_left 62; shift_right 60 floor; saturate output", {{}});
  EXPECT_EQ(bench.run({-9}, true).values(), std::vector<int64_t>{-36});
  EXPECT_EQ(bench.stages[1].values.at(0), INT64_MIN);
}

TEST(RequantizeAll, CountsPerChannel) {
  Bench bench({1, 3, 2}, "multiply; saturate 10; add_zero_point; saturate output", {{1, LeftShift{0}, RightShift{0}}});
  bench.run({5, 6, 600, 200, -1000, 1000}, false, {0, 1, 0, 0, 1, 1});
  EXPECT_EQ(bench.overflows.accumulator, (std::vector<uint64_t>{1, 0, 2}));
  EXPECT_EQ(bench.overflows.intermediate, (std::vector<uint64_t>{0, 1, 2}));
  EXPECT_EQ(bench.overflows.output, (std::vector<uint64_t>{0, 2, 2}));
  EXPECT_EQ(total(bench.overflows.output), 4u);
}

TEST(RequantizeAll, NothingHappenedLeavesNoCounts) {
  Bench bench({1, 3, 1}, kPlain, {{1, LeftShift{0}, RightShift{0}}});
  bench.run({1, 2, 3}, false, {0, 0, 0});
  EXPECT_EQ(bench.overflows, OverflowCounts{});
}

TEST(RequantizeAll, AResultOutsideItsTypeIsOurOwnMistake) {
  Bench bench({1}, "multiply", {{1, LeftShift{0}, RightShift{0}}});
  EXPECT_THROW(bench.run({128}, false), InternalError);
  EXPECT_EQ(bench.run({127}, false).values(), std::vector<int64_t>{127});
}

TEST(RequantizeAll, ScalarsAndEmptyTensorsAreTensorsToo) {
  Bench scalar({}, kPlain, {{1, LeftShift{0}, RightShift{0}}});
  EXPECT_EQ(scalar.run({5}, false).values(), std::vector<int64_t>{8});
  Bench empty({1, 2, 0}, kPlain, {{1, LeftShift{0}, RightShift{0}}, {1, LeftShift{0}, RightShift{0}}});
  EXPECT_EQ(empty.run({}, true).size(), 0u);
}

// Watching a run never changes it.
RC_GTEST_PROP(RequantizeAll, ReportingChangesNoBitAndNoCount, ()) {
  const auto channels = *rc::gen::inRange<int64_t>(1, 4);
  const auto inner = *rc::gen::inRange<int64_t>(1, 4);
  const auto any_scale = [] { return QScale{*rc::gen::inRange<int64_t>(-(int64_t{1} << 31), int64_t{1} << 31), LeftShift{0}, RightShift{*rc::gen::inRange<uint8_t>(0, 40)}}; };
  std::vector<QScale> scales;
  for (int64_t i = *rc::gen::arbitrary<bool>() ? channels : 1; i > 0; --i) scales.push_back(any_scale());
  Bench bench({2, channels, inner}, "add_bias; multiply; shift_right scale half_even; wrap 12; add_zero_point; saturate output; clamp", scales);
  Tensor bias(kS32, {channels});
  for (size_t i = 0; i < bias.size(); ++i) bias.set(i, *rc::gen::arbitrary<int32_t>());
  bench.program.constants.push_back({"bias", bias});
  std::vector<int64_t> accumulators;
  for (int64_t i = 0; i < 2 * channels * inner; ++i) accumulators.push_back(*rc::gen::arbitrary<int32_t>());
  const Tensor plain = bench.run(accumulators, false, {}, Ref{true, 0});
  const OverflowCounts counted = bench.overflows;
  RC_ASSERT(bench.run(accumulators, true, {}, Ref{true, 0}) == plain);
  RC_ASSERT(bench.overflows == counted);
}

}  // namespace
}  // namespace assay::emu
