// A LeakyRelu behind a convolution on targets that compute it in the same instruction: no quantization point lies between, neither in the simulation nor in the program.
#include <gtest/gtest.h>

#include "emu/machine.h"
#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/execute/simulate.h"
#include "quant/fake_quantize.h"
#include "quant/lower.h"
#include "tests/quant/execute/small_graph.h"

namespace assay::quant {
namespace {

constexpr float kBend = 0.1F;

// conv 3x3 -> LeakyRelu -> conv 1x1 without a bias -> LeakyRelu
Graph bent_network() {
  test::SmallGraph small;
  const ValueId x = small.input("x", {1, 3, 6, 6});
  const ValueId w = small.constant("w", test::random_tensor({4, 3, 3, 3}, 1)), b = small.constant("b", test::random_tensor({4}, 2));
  const ValueId v = small.constant("v", test::random_tensor({2, 4, 1, 1}, 3));
  const ValueId first = small.node("first", Conv{}, {x, w, b}, {1, 4, 4, 4});
  const ValueId bent = small.node("bent", LeakyRelu{kBend}, {first}, {1, 4, 4, 4});
  const ValueId second = small.node("second", Conv{}, {bent, v}, {1, 2, 4, 4});
  small.output(small.node("y", LeakyRelu{kBend}, {second}, {1, 2, 4, 4}));
  return small.graph;
}

emu::Target target_with_slopes(const std::string& name) {
  return emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/" + name + ".toml");
}

Quantized calibrated_on(const emu::Target& target) {
  CalibrateOptions options;
  options.observer = "minmax";
  return calibrate(bent_network(), target, {4, [](size_t i) { return std::vector<FloatTensor>{test::random_tensor({1, 3, 6, 6}, 10 + static_cast<uint32_t>(i))}; }}, options);
}

TEST(LeakyEpilogue, NothingIsQuantizedBetweenTheSumAndTheActivation) {
  const Quantized fused = calibrated_on(target_with_slopes("ncnn_int8")), apart = calibrated_on(target_with_slopes("mnn"));
  EXPECT_EQ(fused.graph.nodes.size(), 2U);
  EXPECT_EQ(apart.graph.nodes.size(), 4U);
  for (const Value& value : fused.graph.values) EXPECT_NE(value.name, "first") << "the sum is no tensor";
  // In the simulation, what is stored is the activation of the sum as it was: there are values between the grid's of the sum.
  const FloatTensor input = test::random_tensor({1, 3, 6, 6}, 99);
  std::map<std::string, FloatTensor> seen;
  Simulator(fused).run({input}, [&](ValueId id, FloatTensor& tensor) { seen[fused.graph.value(id).name] = tensor; });
  std::map<std::string, FloatTensor> real;
  Executor(fused.graph).run({input}, [&](ValueId id, FloatTensor& tensor) { real[fused.graph.value(id).name] = tensor; });
  size_t negative = 0;
  for (size_t i = 0; i < seen.at("bent").size(); ++i) {
    negative += seen.at("bent").data[i] < 0;
    EXPECT_NEAR(seen.at("bent").data[i], real.at("bent").data[i], 0.1F);
  }
  EXPECT_GT(negative, 5U);
}

TEST(LeakyEpilogue, TheProgramComputesTheSimulationsWordsAndKernelsTheReferences) {
  const Quantized fused = calibrated_on(target_with_slopes("ncnn_int8"));
  const Lowered lowered = lower(fused);
  ASSERT_EQ(lowered.program.instructions.size(), 2U);
  size_t negative = 0;
  for (uint32_t seed = 50; seed < 60; ++seed) {
    const FloatTensor input = test::random_tensor({1, 3, 6, 6}, seed);
    const auto words = quantize_inputs(lowered.program, {input});
    emu::Observer nobody;
    const emu::Tensor reference = emu::run(lowered.program, words, nobody, emu::Engine::reference)[0], fast = emu::run(lowered.program, words, nobody, emu::Engine::fast)[0];
    EXPECT_TRUE(fast == reference);
    const FloatTensor simulated = Simulator(fused).run({input})[0];
    EXPECT_EQ(reference.values(), quantize(simulated, *fused.tensors[fused.graph.outputs[0]])) << "no sum here is near enough to a tie to fall to its other side";
    for (const int64_t word : reference.values()) negative += word < 0;
  }
  EXPECT_GT(negative, 50U);
}

}  // namespace
}  // namespace assay::quant
