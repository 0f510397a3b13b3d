// On real networks, every layer's bytes and overflow counts from the fast engine are the reference's. CMake runs this under several ONEDNN_MAX_CPU_ISA: where the CPU's int8
// products are not exact, the kernels must take another path or refuse.
#include <cstdlib>

#include "emu/machine.h"
#include "tests/models/real_models.h"
#include "tests/oracle/level.h"

namespace assay {
namespace {

class Keep : public emu::Observer {
 public:
  void on_output(size_t, const emu::Tensor& result, const emu::OverflowCounts& counts) override {
    results.push_back(result);
    overflows.push_back(counts);
  }
  std::vector<emu::Tensor> results;
  std::vector<emu::OverflowCounts> overflows;
};

class KernelEqualsReference : public ::testing::TestWithParam<std::tuple<testing::RealModel, std::string>> {};

TEST_P(KernelEqualsReference, OnEveryLayer) {
  if (!testing::have_shared()) GTEST_SKIP() << "the shared models are not here: " << testing::shared_dir();
  const auto& [model, target] = GetParam();
  const auto quantized = testing::quantize_real(model, target);
  const emu::Program& program = quantized.lowered.program;
  const auto inputs = quant::quantize_inputs(program, quantized.inputs.at(0));
  Keep fast, reference;
  const emu::Machine machine(program, emu::Engine::fast);
  machine.run(inputs, fast);
  emu::run(program, inputs, reference, emu::Engine::reference);
  size_t kernels = 0;
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const auto& instruction = program.instructions[i];
    if (machine.why_reference(i).empty()) ++kernels;
    EXPECT_TRUE(fast.results[i] == reference.results[i]) << "instruction " << i << " " << emu::operation_name(instruction.operation) << " writes other bytes";
    EXPECT_TRUE(fast.overflows[i] == reference.overflows[i]) << "instruction " << i << " counts other overflows";
  }
  EXPECT_GT(kernels, 0U) << "no kernel ran at all, so nothing was compared";
}

// Every network with every target at level 2. Else every network with the two targets that go back to the simulator's own platforms, and of the others each with one network, in
// turn, so that every kind of kernel meets real weights.
std::vector<std::tuple<testing::RealModel, std::string>> pairs() {
  const std::vector<testing::RealModel> models = testing::real_models();
  std::vector<std::tuple<testing::RealModel, std::string>> chosen;
  size_t turn = 0;
  for (const std::string& target : emu::list_targets(testing::targets_dir())) {
    const std::string name = std::filesystem::path(target).stem().string();
    const bool all = oracle::thorough() || name == "nxp_int8" || name == "dsp_int8";
    for (size_t i = 0; i < models.size(); ++i) {
      if (all || i == turn % models.size()) chosen.emplace_back(models[i], target);
    }
    turn += all ? 0 : 1;
  }
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(RealNetworks, KernelEqualsReference, ::testing::ValuesIn(pairs()),
                         [](const auto& param_info) { return std::get<0>(param_info.param).name + "_on_" + std::filesystem::path(std::get<1>(param_info.param)).stem().string(); });

}  // namespace
}  // namespace assay
