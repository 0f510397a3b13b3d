// Equalization and the splits: PPQ's recorded parameters, and networks whose function must not change.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "emu/base/error.h"
#include "quant/ppq/executor.h"
#include "quant/ppq/passes/optional.h"
#include "tests/ppq/recorded.h"
#include "tests/ppq/small_network.h"

namespace assay::ppq {
namespace {

using test::RecordedRun;

TEST(LayerwiseEqualizationPass, GivesPpqsRecordedParametersBitForBit) {
  const RecordedRun before("cnn_core", "PPL_DSP_INT8"), after("cnn_core", "PPL_DSP_INT8_dspsetting");
  if (!before.exists() || !after.exists()) GTEST_SKIP() << after.missing();
  Network network = before.after("INIT");
  const Network wanted = after.after("INIT");
  Settings settings;  // the preset "dsp"
  settings.equalization.iterations = 3;
  const PassReport report = layerwise_equalization(network, test::SmallContext({}, settings).context);
  EXPECT_EQ(report.changes.size(), 3U);
  EXPECT_TRUE(report.warnings.empty()) << report.warnings[0];
  const Network untouched = before.after("INIT");
  size_t equal = 0, changed = 0;
  for (const OperationId id : network.order) {
    for (size_t slot = 0; slot < network.operation(id).inputs.size(); ++slot) {
      const VariableId input = network.operation(id).inputs[slot];
      if (input == kNone || !network.variable(input).is_parameter) continue;
      const VariableId same = wanted.find_variable(network.variable(input).name).value();
      ASSERT_TRUE(wanted.variable(same).value);
      const std::vector<float>&ours = network.variable(input).value->reals, &theirs = wanted.variable(same).value->reals;
      ASSERT_EQ(ours.size(), theirs.size());
      const bool good = std::memcmp(ours.data(), theirs.data(), ours.size() * sizeof(float)) == 0;
      EXPECT_TRUE(good) << network.variable(input).name;
      equal += good ? 1 : 0;
      changed += ours != untouched.variable(input).value->reals ? 1 : 0;
    }
  }
  EXPECT_EQ(equal, 27U);
  EXPECT_EQ(changed, 9U);
}

// Outputs of the network in FP32 on the recorded input.
Tensors outputs_of(const Network& network, const RecordedRun& run) {
  return Executor(network).run({test::read_tensor(run.model_folder() + "input.npy")}, Executor::Mode::fp32);
}

double largest_difference(const Tensors& a, const Tensors& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].shape, b[i].shape);
    for (size_t k = 0; k < a[i].size(); ++k) largest = std::max(largest, std::fabs(static_cast<double>(a[i].data[k]) - static_cast<double>(b[i].data[k])));
  }
  return largest;
}

// FP32, before quantization: nothing has a configuration.
Network unquantized(const RecordedRun& run) {
  Network network = run.after("INIT");
  network.variable(network.inputs[0]).shape = test::read_tensor(run.model_folder() + "input.npy").shape;
  for (Operation& operation : network.operations) operation.quantized = false, operation.input_configs.clear(), operation.output_configs.clear();
  return network;
}

const quant::Constant& weight_of(const Network& network, const std::string& name) {
  return *network.variable(network.operation(network.find_operation(name).value()).inputs[1]).value;
}

struct Cnn : testing::Test {
  const RecordedRun run{"cnn_core", "PPL_DSP_INT8"};
  void SetUp() override {
    if (!run.exists()) GTEST_SKIP() << run.missing();
  }
};

TEST_F(Cnn, ClosedEqualizationOfEitherLevelWithBiasesAndActivationsKeepsTheFunction) {
  const Network before = unquantized(run);
  const Tensors wanted = outputs_of(before, run);
  for (const int64_t level : {1, 2}) {
    for (const bool including : {false, true}) {
      Network network = before;
      Settings settings;
      settings.equalization.opt_level = level, settings.equalization.including_bias = including, settings.equalization.including_act = including;
      settings.exact = false;
      test::SmallContext small({}, settings);
      small.inputs = {20, [&](size_t) { return Tensors{test::read_tensor(run.model_folder() + "input.npy")}; }};
      size_t steps = 0;
      small.context.progress = [&](const std::string&, size_t, size_t) { ++steps; };
      const PassReport report = layerwise_equalization(network, small.context);
      EXPECT_LT(largest_difference(outputs_of(network, run), wanted), 1e-5) << level << including;
      EXPECT_EQ(steps, 10 * report.changes.size() + (including ? 18 : 0));
      EXPECT_NE(weight_of(network, "conv2").reals, weight_of(before, "conv2").reals);
      EXPECT_GE(report.changes.size(), level == 1 ? 3U : 4U);
      EXPECT_TRUE(report.warnings.empty()) << report.warnings[0];
    }
  }
}

TEST_F(Cnn, PpqsOwnSearchOverlooksConsumersAtLevelTwoAndTheReportSaysSo) {
  Network network = unquantized(run);
  const Tensors wanted = outputs_of(network, run);
  Settings settings;
  settings.equalization.opt_level = 2;
  const PassReport report = layerwise_equalization(network, test::SmallContext({}, settings).context);
  ASSERT_FALSE(report.warnings.empty());
  EXPECT_NE(report.warnings[0].find("the network's function changes: conv2 reads"), std::string::npos) << report.warnings[0];
  EXPECT_GT(largest_difference(outputs_of(network, run), wanted), 1e-3);
}

TEST_F(Cnn, ACancelledEqualizationKeepsTheFunctionAndSaysSo) {
  Network network = unquantized(run);
  const Tensors wanted = outputs_of(network, run);
  test::SmallContext small({});
  int asked = 0;
  small.context.cancelled = [&] { return ++asked > 4; };
  const PassReport report = layerwise_equalization(network, small.context);
  ASSERT_FALSE(report.warnings.empty());
  EXPECT_NE(report.warnings[0].find("cancelled after 4 of 30"), std::string::npos) << report.warnings[0];
  EXPECT_LT(largest_difference(outputs_of(network, run), wanted), 1e-5);
}

TEST_F(Cnn, SplitChannelsAddUpToTheOldOnes) {
  const Network before = unquantized(run);
  Network network = before;
  Settings settings;
  settings.channel_split.value_threshold = 0.3, settings.channel_split.iterations = 2, settings.channel_split.including_bias = true;
  const PassReport report = channel_split(network, test::SmallContext({}, settings).context);
  EXPECT_FALSE(report.changes.empty());
  EXPECT_EQ(report.warnings.size(), 1U);  // the depthwise one
  EXPECT_GT(weight_of(network, "conv2").shape[0], weight_of(before, "conv2").shape[0]);
  EXPECT_EQ(weight_of(network, "conv2").shape[0], weight_of(network, "conv3").shape[1]);
  EXPECT_EQ(weight_of(network, "dw1").shape, weight_of(before, "dw1").shape);
  EXPECT_LT(largest_difference(outputs_of(network, run), outputs_of(before, run)), 1e-5);
}

TEST_F(Cnn, SplitLayersAddUpToTheOldOnes) {
  const Network before = unquantized(run);
  for (const std::string method : {"balance", "random"}) {
    Network network = before;
    Settings settings;
    settings.weight_split.interested_layers = {"conv2", "gemm"}, settings.weight_split.value_threshold = 0.1, settings.weight_split.method = method;
    const PassReport report = weight_split(network, test::SmallContext({}, settings).context);
    EXPECT_EQ(report.changes.size(), 2U);
    EXPECT_EQ(network.order.size(), before.order.size() + 4);
    EXPECT_EQ(network.operation(network.order.back()).type, "Add");
    EXPECT_NE(weight_of(network, "conv2").reals, weight_of(before, "conv2").reals);
    EXPECT_LT(largest_difference(outputs_of(network, run), outputs_of(before, run)), 1e-5) << method;
  }
}

TEST_F(Cnn, ASplitOfWhatCannotBeSplitIsRefusedByName) {
  const auto refused = [&](std::vector<std::string> layers, const std::string& words, const std::string& method = "balance") {
    Network network = unquantized(run);
    Settings settings;
    settings.weight_split.interested_layers = std::move(layers), settings.weight_split.method = method;
    try {
      weight_split(network, test::SmallContext({}, settings).context);
      ADD_FAILURE() << words;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  refused({}, "interested_layers");
  refused({"nowhere"}, "nowhere is not in the network");
  refused({"relu0"}, "relu0 is a Relu");
  refused({"conv2"}, "\"half\"", "half");
}

// PPQ's quirk: largest values of grouped weights are ordered by (channel of the group, group), factors by (group, channel of the group).
TEST(LayerwiseEqualizationPass, TakesKeysOfGroupedConvolutionsInPpqsOrder) {
  test::SmallNetwork small;
  small.parameter("w1", {4, 1, 1, 1}, {1, 1, 1, 1});
  small.parameter("w2", {2, 2, 1, 1}, {1, 4, 16, 64});  // two groups of two channels
  small.add("first", "Conv", {"x", "w1"}, {"y"});
  const OperationId second = small.add("second", "Conv", {"y", "w2"}, {"z"});
  small.network.operation(second).attributes["group"] = int64_t{2};
  Settings settings;
  settings.equalization.iterations = 1;
  layerwise_equalization(small.network, test::SmallContext({}, settings).context);
  // Keys in the order 1, 16, 4, 64, so the factors are 1, 4, 2, 8.
  EXPECT_EQ(weight_of(small.network, "first").reals, (std::vector<float>{1, 4, 2, 8}));
  EXPECT_EQ(weight_of(small.network, "second").reals, (std::vector<float>{1, 1, 8, 8}));
}

TEST(LayerwiseEqualizationPass, ClampsFactorsAndLeavesSmallChannels) {
  test::SmallNetwork small;
  small.parameter("w1", {4, 1, 1, 1}, {1, 100, 0.1F, 0});
  small.parameter("b1", {4}, {1, 1, 1, 1});
  small.parameter("w2", {1, 4, 1, 1}, {1000, 0.001F, 0.1F, 0});
  small.add("first", "Conv", {"x", "w1", "b1"}, {"y"});
  small.add("second", "Conv", {"y", "w2"}, {"z"});
  Settings settings;
  settings.equalization.iterations = 1;
  layerwise_equalization(small.network, test::SmallContext({}, settings).context);
  EXPECT_EQ(weight_of(small.network, "first").reals, (std::vector<float>{10, 100 * 0.1F, 0.1F, 0}));
  EXPECT_EQ(small.network.variable(small.network.find_variable("b1").value()).value->reals, (std::vector<float>{10, 0.1F, 1, 1}));
}

TEST(LayerwiseEqualizationPass, WarnsOfNaNOfOutputsAndOfUnknownLayers) {
  test::SmallNetwork small;
  small.parameter("w1", {1, 1, 1, 1}, {0});
  small.parameter("w2", {1, 1, 1, 1}, {0});
  small.add("first", "Conv", {"x", "w1"}, {"y"});
  small.add("second", "Conv", {"y", "w2"}, {"z"});
  small.network.outputs = {small.network.find_variable("y").value()};
  Settings settings;
  settings.equalization.value_threshold = 0, settings.equalization.interested_layers = {"first", "third"};
  const PassReport report = layerwise_equalization(small.network, test::SmallContext({}, settings).context);
  ASSERT_EQ(report.warnings.size(), 3U);
  EXPECT_NE(report.warnings[0].find("third"), std::string::npos);
  EXPECT_NE(report.warnings[1].find("output y"), std::string::npos);
  EXPECT_NE(report.warnings[2].find("NaN"), std::string::npos);
  EXPECT_TRUE(std::isnan(weight_of(small.network, "first").reals[0]));
}

// Two layers of either kind with groups: whatever the factors, the function stays.
TEST(LayerwiseEqualizationPass, KeepsTheFunctionOfGroupedAndTransposedConvolutions) {
  EXPECT_TRUE(rc::check("two layers", [] {
    const int64_t groups = *rc::gen::inRange<int64_t>(1, 4), channels = 2 * groups, last_groups = *rc::gen::element<int64_t>(1, 2, groups);
    const bool first_transposed = *rc::gen::arbitrary<bool>(), last_transposed = *rc::gen::arbitrary<bool>();
    const auto values = [](int64_t count) {
      std::vector<float> made;
      for (int64_t i = 0; i < count; ++i) made.push_back(static_cast<float>(*rc::gen::inRange(-1000, 1000)) / static_cast<float>(*rc::gen::element(1, 10, 1000)));
      return made;
    };
    test::SmallNetwork small;
    const int64_t wide = 2 * groups;  // channels everywhere, so that all groups divide them
    const std::vector<float> w1 = values(channels * wide / groups), b1 = values(channels), w2 = values(channels * wide / last_groups);
    small.parameter("w1", {channels, wide / groups, 1, 1}, w1);
    small.parameter("b1", {channels}, b1);
    small.parameter("w2", {channels, wide / last_groups, 1, 1}, w2);
    const OperationId first = small.add("first", first_transposed ? "ConvTranspose" : "Conv", {"x", "w1", "b1"}, {"a"});
    small.add("relu", "Relu", {"a"}, {"b"});
    const OperationId last = small.add("last", last_transposed ? "ConvTranspose" : "Conv", {"b", "w2"}, {"c"});
    small.network.operation(first).attributes["group"] = groups, small.network.operation(last).attributes["group"] = last_groups;
    for (Operation& operation : small.network.operations) operation.quantized = false, operation.input_configs.clear(), operation.output_configs.clear();
    small.network.inputs = {small.network.find_variable("x").value()}, small.network.outputs = {small.network.find_variable("c").value()};
    small.network.variable(small.network.inputs[0]).shape = {1, wide, 2, 1};
    const FloatTensor input({1, wide, 2, 1}, values(2 * wide));
    const FloatTensor before = Executor(small.network).run({input}, Executor::Mode::fp32).at(0);
    Settings settings;
    settings.equalization.including_bias = *rc::gen::arbitrary<bool>();
    RC_ASSERT(layerwise_equalization(small.network, test::SmallContext({}, settings).context).changes.size() == 1);
    const FloatTensor after = Executor(small.network).run({input}, Executor::Mode::fp32).at(0);
    // No sum of products is larger, so neither is what float32 loses of it.
    const auto largest = [](const std::vector<float>& all) { return std::accumulate(all.begin(), all.end(), 1.0F, [](float a, float b) { return std::max(a, std::fabs(b)); }); };
    const float bound = static_cast<float>(wide * wide + wide) * largest(input.data) * largest(w1) * largest(b1) * largest(w2);
    for (size_t i = 0; i < before.size(); ++i) RC_ASSERT(std::fabs(before.data[i] - after.data[i]) <= bound * 1e-6F);
  }));
}

}  // namespace
}  // namespace assay::ppq
