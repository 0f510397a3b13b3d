// Rules of a platform on slots: which apply, in which order, and what they leave of the slot's own state.
#include "quant/ppq/quantizer.h"

#include <gtest/gtest.h>

namespace assay::ppq {
namespace {

Platform platform_with(std::vector<ParameterRule> rules) {
  Platform platform;
  platform.name = "MINE", platform.operation_platform = "MARK";
  platform.quantized_types = {"Conv", "Clip", "Gemm"};
  platform.parameters = std::move(rules);
  return platform;
}

ParameterRule rule(const std::string& type, size_t input, uint8_t bits) {
  ParameterRule made;
  made.types = {type}, made.input = input, made.configuration.bits = bits;
  return made;
}

// One operation with so many inputs, all but the first parameters.
Network one(const std::string& type, size_t inputs, bool parameters = true) {
  Network network;
  Operation operation;
  operation.name = "op", operation.type = type, operation.platform = "UNSPECIFIED";
  for (size_t i = 0; i < inputs; ++i) {
    operation.inputs.push_back(network.add_variable("v" + std::to_string(i)));
    if (i == 0 || !parameters) continue;
    network.variable(operation.inputs[i]).is_parameter = true;
    network.variable(operation.inputs[i]).value = std::make_shared<const quant::Constant>(quant::Constant::of_reals({1, 1, 3, 3}, std::vector<float>(9, 1)));
  }
  operation.outputs = {network.add_variable("y")};
  network.add_operation(std::move(operation));
  return network;
}

std::vector<int> bits_of(Network network, const Platform& platform) {
  create_configurations(network, platform);
  std::vector<int> bits;
  for (const ConfigId id : network.operation(0).input_configs) bits.push_back(network.configurations[id].bits);
  return bits;
}

TEST(Quantizer, MarksOperationsAndKeepsParametersAsTheyAre) {
  Network network = one("Conv", 2);
  create_configurations(network, platform_with({}));
  EXPECT_EQ(network.operation(0).platform, "MARK");
  EXPECT_EQ(network.variable(1).fp32, network.variable(1).value);
  Network unknown = one("Relu", 1);
  create_configurations(unknown, platform_with({}));
  EXPECT_EQ(unknown.operation(0).platform, "FP32");
  EXPECT_FALSE(unknown.operation(0).quantized);
}

TEST(Quantizer, TheLastRuleThatAppliesDecides) {
  EXPECT_EQ(bits_of(one("Conv", 2), platform_with({rule("Conv", 1, 6), rule("Conv", 1, 4), rule("Gemm", 1, 3)})), (std::vector<int>{8, 4}));
}

TEST(Quantizer, ARuleAppliesOnlyUnderItsConditions) {
  ParameterRule exact = rule("Conv", 1, 4), least = rule("Conv", 1, 4), constant = rule("Conv", 1, 4), windows = rule("Conv", 1, 4);
  exact.exact_inputs = 3, least.least_inputs = 3, constant.constant = true, windows.windows_3x3 = true;
  EXPECT_EQ(bits_of(one("Conv", 2), platform_with({exact}))[1], 8);
  EXPECT_EQ(bits_of(one("Conv", 3), platform_with({exact}))[1], 4);
  EXPECT_EQ(bits_of(one("Conv", 4), platform_with({exact}))[1], 8);
  EXPECT_EQ(bits_of(one("Conv", 2), platform_with({least}))[1], 8);
  EXPECT_EQ(bits_of(one("Conv", 4), platform_with({least}))[1], 4);
  EXPECT_EQ(bits_of(one("Conv", 2), platform_with({constant}))[1], 4);
  EXPECT_EQ(bits_of(one("Conv", 2, false), platform_with({constant}))[1], 8);
  EXPECT_EQ(bits_of(one("Conv", 2), platform_with({windows}))[1], 4);  // without kernel_shape the weight says it
  for (const char* key : {"strides", "dilations", "kernel_shape"}) {
    Network network = one("Conv", 2);
    network.operation(0).attributes[key] = std::vector<int64_t>{2, 2};
    EXPECT_EQ(bits_of(network, platform_with({windows}))[1], 8) << key;
  }
  Network grouped = one("Conv", 2);
  grouped.operation(0).attributes["group"] = int64_t{2};
  EXPECT_EQ(bits_of(grouped, platform_with({windows}))[1], 8);
}

TEST(Quantizer, ARuleWithoutAStateLeavesTheSlots) {
  Network network = one("Clip", 3);
  ParameterRule stated = rule("Clip", 2, 4);
  stated.configuration.state = State::passive_init;
  create_configurations(network, platform_with({rule("Clip", 1, 4), stated}));
  const auto state = [&](size_t input) { return network.configurations[network.operation(0).input_configs[input]].state; };
  EXPECT_EQ(state(0), State::initial);
  EXPECT_EQ(state(1), State::fp32);
  EXPECT_EQ(state(2), State::passive_init);
}

TEST(Quantizer, OutputsOfComputingOperationsStayWhereOnlyInputsAreQuantized) {
  Platform platform = platform_with({});
  platform.inputs_only = true;
  Network conv = one("Conv", 2), clip = one("Clip", 1);
  create_configurations(conv, platform), create_configurations(clip, platform);
  EXPECT_EQ(conv.configurations[conv.operation(0).output_configs[0]].state, State::fp32);
  EXPECT_EQ(clip.configurations[clip.operation(0).output_configs[0]].state, State::initial);
}

}  // namespace
}  // namespace assay::ppq
