// Learned steps and learned rounding on recorded networks.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "quant/ppq/block_data.h"
#include "quant/ppq/passes/learning.h"
#include "quant/ppq/passes/passes.h"
#include "tests/ppq/learning_network.h"

namespace assay::ppq {
namespace {

using test::LearningNetwork;

// The lines of a report hold the errors of each block: "... error 0.1 -> 0.05 ...".
double total_after(const PassReport& report, double& before) {
  double after = 0;
  for (const std::string& line : report.changes) {
    double from = 0, to = 0;
    if (std::sscanf(line.c_str() + line.find("mean squared error "), "mean squared error %lf -> %lf", &from, &to) == 2) before += from, after += to;
  }
  return after;
}

// The gradients of a whole block against finite differences. Nothing is quantized, so that the loss is smooth but for kinks.
TEST(BlockFunction, PullsTheLossBackToItsParameters) {
  LearningNetwork learning("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  const Network& network = learning.network;
  const Executor executor(network);
  const Facts facts = observe(network, executor, learning.inputs.get(0));
  for (const Block& block : build_blocks(network, 4, {})) {
    BlockFunction function(network, block, facts, Executor::Mode::fp32);
    if (function.without_derivative() != kNone) continue;
    PassReport report;
    const Context context = learning.context();
    const BlockData data = collect(network, executor, context, function, facts, {}, report);
    BlockFunction::Tape tape;
    BlockFunction::Gradients gradients;
    Tensors wanted = data.targets[0];
    for (FloatTensor& tensor : wanted) {
      for (float& value : tensor.data) value = value * 0.5F + 0.1F;
    }
    const auto loss = [&] { return block_error(function, BlockData{{data.inputs[0]}, {wanted}}, 1); };
    function.pull_back(data.inputs[0], tape, error_gradient(function.run(data.inputs[0], &tape), wanted), gradients);
    ASSERT_FALSE(function.parameters.empty());
    for (size_t p = 0; p < function.parameters.size(); ++p) {
      const FloatTensor& gradient = gradients.parameters[p];
      double length = 0;
      for (const float value : gradient.data) length += static_cast<double>(value * value);
      ASSERT_GT(length, 0.0);
      FloatTensor& used = function.parameters[p].used;
      const FloatTensor middle = used;
      const double h = 1e-3 / std::sqrt(length);
      double difference = 0;
      for (const double sign : {1.0, -1.0}) {
        for (size_t i = 0; i < used.size(); ++i) used.data[i] = static_cast<float>(static_cast<double>(middle.data[i]) + sign * h * static_cast<double>(gradient.data[i]));
        difference += sign * loss() / (2.0 * h);
      }
      used = middle;
      EXPECT_NEAR(difference / length, 1.0, 0.02) << to_string(network, block) << " parameter " << p;
    }
  }
}

// dL/ds of the output's scale, by hand: the sum of dL/dy * (y / s - x / s), times 1 / sqrt(elements * 127).
TEST(BlockFunction, GivesAScaleItsShareOfTheGradient) {
  LearningNetwork learning("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  const Network& network = learning.network;
  const Executor executor(network);
  const Facts facts = observe(network, executor, learning.inputs.get(0));
  const OperationId gemm = network.find_operation("gemm").value();
  const BlockFunction function(network, build_block(network, gemm, 0), facts, Executor::Mode::quantized);
  PassReport report;
  const Context context = learning.context();
  const BlockData data = collect(network, executor, context, function, facts, {}, report);
  const ConfigId root = network.operation(gemm).output_configs.at(0);
  ASSERT_TRUE(is_trainable_scale(network.configurations, root));
  BlockFunction::Tape tape;
  BlockFunction::Gradients gradients;
  gradients.scales[root];
  const Tensors y = function.run(data.inputs[0], &tape), dy = error_gradient(y, data.targets[0]);
  function.pull_back(data.inputs[0], tape, dy, gradients);
  const FloatTensor& x = tape.back().computed.at(0);
  const double scale = static_cast<double>(network.configurations.scale(root).scale[0]);
  double wanted = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool clipped = std::fabs(static_cast<double>(x.data[i]) / scale) > 127;
    wanted += static_cast<double>(dy[0].data[i]) * (static_cast<double>(y[0].data[i]) - (clipped ? 0.0 : static_cast<double>(x.data[i]))) / scale;
  }
  wanted /= std::sqrt(static_cast<double>(x.size()) * 127.0);
  ASSERT_NE(wanted, 0.0);
  EXPECT_NEAR(gradients.scales.at(root).at(0), wanted, 1e-4 * std::fabs(wanted));
}

// Nothing quantized in FP32 mode, and the executor's own values in both.
TEST(BlockFunction, IsWhatTheExecutorComputes) {
  LearningNetwork learning("cnn_core", "NXP_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  const Network& network = learning.network;
  const Executor executor(network);
  const Tensors sample = learning.inputs.get(0);
  const Facts facts = observe(network, executor, sample);
  for (const Executor::Mode mode : {Executor::Mode::quantized, Executor::Mode::fp32}) {
    std::vector<Tensors> made(network.operations.size());
    Executor::Hooks hooks;
    hooks.after = [&](OperationId id, const Tensors& outputs) { made[id] = outputs; };
    executor.run(sample, mode, hooks);
    size_t blocks = 0;
    for (const Block& block : build_blocks(network, 4, {})) {
      const BlockFunction function(network, block, facts, mode);
      Tensors inputs;
      for (const VariableId id : function.inputs()) {
        const OperationId producer = network.variable(id).producer;
        inputs.push_back(producer == kNone ? sample[0] : made[producer][0]);
      }
      const FloatTensor ours = function.run(inputs).at(0), wanted = made[block.last].at(0);
      ASSERT_EQ(ours.shape, wanted.shape);
      size_t different = 0;
      for (size_t i = 0; i < ours.size(); ++i) different += std::fabs(ours.data[i] - wanted.data[i]) > 1e-4F ? 1 : 0;
      EXPECT_EQ(different, 0U) << to_string(network, block);
      ++blocks;
    }
    EXPECT_EQ(blocks, 8U);
  }
}

TEST(LearnedStepSize, BringsBlocksCloserToFp32) {
  for (const char* platform : {"TRT_INT8", "PPL_DSP_INT8"}) {
    LearningNetwork learning("cnn_core", platform, "PassiveParameterQuantizePass");
    if (!learning.exists()) GTEST_SKIP() << learning.missing();
    learning.settings.lsq.steps = 24;
    learning.settings.lsq.learning_rate = 1e-4;
    const Network start = learning.network;
    const PassReport report = learned_step_size(learning.network, learning.context());
    ASSERT_GE(report.changes.size(), 4U) << platform;
    learning.expect_errors_fall(report, start);
    EXPECT_FALSE(test::same_configurations(start, learning.network));
    for (ConfigId id = 0; id < start.configurations.size(); ++id) {
      EXPECT_EQ(start.configurations[id].state, learning.network.configurations[id].state);
      EXPECT_EQ(start.configurations.scale(id).offset, learning.network.configurations.scale(id).offset);
    }
    double before = 0;
    const double after = total_after(report, before);
    std::cout << platform << ": " << report.changes.size() << " blocks, the sum of their errors " << before << " -> " << after << "\n";
    EXPECT_LT(after, 0.99 * before);
  }
}

TEST(LearnedStepSize, LeavesPowersOfTwoAndPassiveScalesAlone) {
  LearningNetwork learning("cnn_core", "NXP_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  learning.settings.lsq.steps = 4;
  learning.settings.lsq.learning_rate = 1e-4;
  const Network start = learning.network;
  learned_step_size(learning.network, learning.context());
  EXPECT_TRUE(test::same_configurations(start, learning.network));
}

TEST(LearnedStepSize, TrainsNoScaleWhereItMustNotUnlessPpqDoes) {
  for (const bool exact : {false, true}) {
    LearningNetwork learning("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
    if (!learning.exists()) GTEST_SKIP() << learning.missing();
    learning.settings.exact = exact;
    learning.settings.lsq.steps = 4;
    learning.settings.lsq.learning_rate = 1e-4;
    learning.settings.lsq.is_scale_trainable = false;
    learning.settings.lsq.interested_layers = {"conv2", "conv4"};
    const Network start = learning.network;
    const PassReport report = learned_step_size(learning.network, learning.context());
    EXPECT_EQ(test::same_configurations(start, learning.network), !exact);
    EXPECT_FALSE(test::same_parameters(start, learning.network));
    EXPECT_EQ(!report.warnings.empty() && report.warnings[0].find("is_scale_trainable") != std::string::npos, exact);
  }
}

TEST(LearnedStepSize, ThreadsDoNotChangeTheResultAndCancellingKeepsTheBest) {
  LearningNetwork one("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!one.exists()) GTEST_SKIP() << one.missing();
  one.settings.lsq.steps = 5;
  one.settings.lsq.interested_layers = {"conv2"};
  LearningNetwork three = one, stopped = one;
  three.threads = 3;
  learned_step_size(one.network, one.context());
  learned_step_size(three.network, three.context());
  EXPECT_TRUE(test::same_parameters(one.network, three.network) && test::same_configurations(one.network, three.network));
  int asked = 0;
  stopped.cancelled = [&asked] { return ++asked > 8; };  // a few steps into the first block
  stopped.settings.lsq.steps = 1000000;
  const PassReport report = learned_step_size(stopped.network, stopped.context());
  EXPECT_LE(report.changes.size() + report.warnings.size(), 2U);
  EXPECT_GT(asked, 8);
}

// Steps that are far too long.
TEST(LearnedStepSize, LeavesABlockAsItWasWhereItsErrorDoesNotFall) {
  LearningNetwork learning("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  learning.settings.lsq.steps = 3;
  learning.settings.lsq.learning_rate = 10;  // destroys
  learning.settings.lsq.interested_layers = {"conv2"};
  const Network start = learning.network;
  const PassReport report = learned_step_size(learning.network, learning.context());
  EXPECT_TRUE(report.changes.empty());
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_NE(report.warnings[0].find("it is left as it was"), std::string::npos);
  EXPECT_TRUE(test::same_parameters(start, learning.network) && test::same_configurations(start, learning.network));
}

TEST(AdaRound, RoundsWeightsSoThatBlocksComeCloserAndBakingKeepsTheCodes) {
  for (const char* platform : {"TRT_INT8", "NXP_INT8", "PPL_DSP_INT8"}) {
    LearningNetwork learning("cnn_core", platform, "PassiveParameterQuantizePass");
    if (!learning.exists()) GTEST_SKIP() << learning.missing();
    learning.settings.blockwise_reconstruction.steps = 60;
    learning.settings.blockwise_reconstruction.learning_rate = 0.02;
    learning.settings.blockwise_reconstruction.interested_layers = {"gemm", "dw1"};
    const Network start = learning.network;
    const PassReport report = adaround(learning.network, learning.context());
    ASSERT_FALSE(report.changes.empty()) << platform << (report.warnings.empty() ? "" : report.warnings[0]);
    for (const std::string& line : report.changes) std::cout << platform << ": " << line << "\n";
    learning.expect_errors_fall(report, start);
    Network baked = learning.network;
    parameter_baking(baked, learning.context());
    size_t changed = 0;
    for (VariableId id = 0; id < start.variables.size(); ++id) {
      const Variable& now = learning.network.variable(id);
      if (now.value == start.variable(id).value) continue;
      EXPECT_EQ(now.value->reals, baked.variable(id).value->reals) << now.name;
      ++changed;
    }
    EXPECT_GT(changed, 0U);
  }
}

TEST(AdaRound, AsPpqHasItSaysWhatPpqDoes) {
  LearningNetwork learning("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  learning.settings.exact = true;
  learning.settings.blockwise_reconstruction.steps = 10;
  learning.settings.blockwise_reconstruction.interested_layers = {"conv2"};
  const PassReport report = adaround(learning.network, learning.context());
  ASSERT_FALSE(report.warnings.empty());
  EXPECT_NE(report.warnings[0].find("gamma has no effect"), std::string::npos);
}

TEST(Learning, ABlockIsCutBeforeAnOperationWithoutDerivative) {
  LearningNetwork learning("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  learning.settings.lsq.steps = 2;
  learning.settings.lsq.interested_layers = {"gemm"};
  const PassReport report = learned_step_size(learning.network, learning.context());
  ASSERT_FALSE(report.warnings.empty());
  EXPECT_NE(report.warnings[0].find("no derivative of operation 'softmax' (Softmax) is known; it learns only up to 'gemm'"), std::string::npos) << report.warnings[0];
}

// FP32 outputs kept for all blocks, or computed for each: the same.
TEST(BlockData, IsTheSameWithAndWithoutKeptFp32Outputs) {
  LearningNetwork learning("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  const Network& network = learning.network;
  const Executor executor(network);
  const Facts facts = observe(network, executor, learning.inputs.get(0));
  const std::vector<Block> blocks = build_blocks(network, 4, {});
  const Context context = learning.context();
  const Fp32Outputs kept = collect_fp32(network, executor, context, blocks, facts);
  ASSERT_EQ(kept.size(), blocks.size());
  PassReport report;
  for (const Block& block : blocks) {
    const BlockFunction function(network, block, facts, Executor::Mode::quantized);
    const BlockData with = collect(network, executor, context, function, facts, kept, report), without = collect(network, executor, context, function, facts, {}, report);
    EXPECT_EQ(with.inputs, without.inputs);
    EXPECT_EQ(with.targets, without.targets);
    EXPECT_EQ(with.targets.size(), 4U);
  }
}

// A real network: minutes.
TEST(Learning, OfARealNetworkBringsItsOutputCloserToFp32) {
  const char* level = std::getenv("ASSAY_LEVEL");
  if (level == nullptr || level[0] != '2') GTEST_SKIP() << "takes a minute; set ASSAY_LEVEL=2";
  LearningNetwork start("resnet8_cifar10", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!start.exists()) GTEST_SKIP() << start.missing();
  start.inputs.count = std::min<size_t>(start.inputs.count, 8);
  const auto output_error = [&](const Network& network) {
    const Executor executor(network);
    double sum = 0;
    for (size_t n = 0; n < start.inputs.count; ++n) {
      const Tensors sample = start.inputs.get(n);
      const FloatTensor a = executor.run(sample, Executor::Mode::quantized).at(0), b = executor.run(sample, Executor::Mode::fp32).at(0);
      for (size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a.data[i]) - static_cast<double>(b.data[i]), 2);
    }
    return sum;
  };
  const double before = output_error(start.network);
  const auto learn = [&](const char* name, auto pass) {
    LearningNetwork learning = start;
    learning.settings.lsq.learning_rate = 1e-4, learning.settings.lsq.steps = 300;
    learning.settings.blockwise_reconstruction.learning_rate = 1e-2, learning.settings.blockwise_reconstruction.steps = 1000;
    const PassReport report = pass(learning.network, learning.context());
    for (const std::string& line : report.changes) std::cout << name << ": " << line << "\n";
    for (const std::string& line : report.warnings) std::cout << name << ": " << line << "\n";
    learning.expect_errors_fall(report, start.network);
    EXPECT_FALSE(report.changes.empty());
    std::cout << name << ": squared error of the network's output " << before << " -> " << output_error(learning.network) << "\n";
  };
  learn("bias correction", bias_correction);
  learn("learned steps", learned_step_size);
  learn("learned rounding", adaround);
}

}  // namespace
}  // namespace assay::ppq
