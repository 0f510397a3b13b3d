// Bias correction on recorded networks: what it changes, and that each block comes closer to FP32.
#include <gtest/gtest.h>

#include <cmath>

#include "quant/ppq/block_data.h"
#include "quant/ppq/passes/learning.h"
#include "tests/ppq/learning_network.h"

namespace assay::ppq {
namespace {

using test::LearningNetwork;

TEST(BiasCorrection, BringsBlocksCloserToFp32AndChangesNothingButBiases) {
  for (const char* platform : {"NXP_INT8", "PPL_DSP_INT8", "TRT_INT8"}) {
    LearningNetwork learning("cnn_core", platform, "PassiveParameterQuantizePass");
    if (!learning.exists()) GTEST_SKIP() << learning.missing();
    const Network before = learning.network;
    const PassReport report = bias_correction(learning.network, learning.context());
    EXPECT_EQ(report.name, "BiasCorrectionPass");
    EXPECT_FALSE(report.changes.empty()) << platform;
    size_t changed = 0;
    for (VariableId id = 0; id < before.variables.size(); ++id) {
      if (learning.network.variable(id).value == before.variable(id).value) continue;
      const Reader& reader = before.variable(id).readers.at(0);
      EXPECT_EQ(reader.input, 2U) << before.variable(id).name;
      EXPECT_TRUE(is_computing(before.operation(reader.operation).type));
      EXPECT_NE(learning.network.variable(id).fp32, nullptr);
      ++changed;
    }
    EXPECT_GT(changed, 0U);
    EXPECT_TRUE(test::same_configurations(before, learning.network));
    learning.expect_errors_fall(report, before);
  }
}

// A bias that is wrong by a known amount is put right, channel by channel.
TEST(BiasCorrection, TakesBackAShiftOfTheMean) {
  LearningNetwork learning("cnn_core", "TRT_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  Network& network = learning.network;
  const Operation& conv = network.operation(network.find_operation("conv2").value());
  const VariableId bias = conv.inputs.at(2);
  const auto loaded = network.variable(bias).value;
  FloatTensor shifted(loaded->shape, loaded->reals);
  for (size_t c = 0; c < shifted.size(); ++c) shifted.data[c] += c % 2 == 0 ? 0.25F : -0.5F;
  set_value(network, bias, shifted);
  learning.settings.bias_correct.block_size = 0;
  learning.settings.bias_correct.interested_layers = {"conv2"};
  const PassReport report = bias_correction(network, learning.context());
  ASSERT_EQ(report.changes.size(), 1U);
  for (size_t c = 0; c < shifted.size(); ++c) EXPECT_NEAR(network.variable(bias).value->reals[c], loaded->reals[c], 0.08) << c;
}

TEST(BiasCorrection, ThreadsDoNotChangeTheResult) {
  LearningNetwork one("cnn_core", "PPL_DSP_INT8", "PassiveParameterQuantizePass"), three = one;
  if (!one.exists()) GTEST_SKIP() << one.missing();
  three.threads = 3;
  bias_correction(one.network, one.context());
  bias_correction(three.network, three.context());
  EXPECT_TRUE(test::same_parameters(one.network, three.network));
}

TEST(BiasCorrection, StopsWhereTheUserSaysSo) {
  LearningNetwork learning("cnn_core", "PPL_DSP_INT8", "PassiveParameterQuantizePass");
  if (!learning.exists()) GTEST_SKIP() << learning.missing();
  const Network before = learning.network;
  learning.cancelled = [] { return true; };
  const PassReport report = bias_correction(learning.network, learning.context());
  EXPECT_TRUE(report.changes.empty());
  ASSERT_FALSE(report.warnings.empty());
  EXPECT_NE(report.warnings[0].find("stopped by the user before block conv0 -> relu0: 8 blocks"), std::string::npos);
  EXPECT_TRUE(test::same_parameters(before, learning.network));
}

TEST(BiasCorrection, RefusesBakedParametersAndNoData) {
  LearningNetwork baked("cnn_core", "PPL_DSP_INT8", "ParameterBakingPass");
  if (!baked.exists()) GTEST_SKIP() << baked.missing();
  EXPECT_THROW(bias_correction(baked.network, baked.context()), InputError);
  LearningNetwork empty("cnn_core", "PPL_DSP_INT8", "PassiveParameterQuantizePass");
  empty.inputs.count = 0;
  EXPECT_THROW(bias_correction(empty.network, empty.context()), InputError);
}

}  // namespace
}  // namespace assay::ppq
