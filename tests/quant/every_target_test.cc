// The embedded network on every file of emu/targets: it lowers, its program survives text and file, and kernels write the reference's bytes. A new file is tested without being
// named.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "emu/machine.h"
#include "emu/program/file.h"
#include "emu/program/text.h"
#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/graph/passes/passes.h"
#include "quant/lower.h"
#include "quant/onnx/import_onnx.h"
#include "tests/oracle/level.h"
#include "vectors/inputs.h"

namespace assay::quant {
namespace {

constexpr size_t kCalibrationInputs = 16;
constexpr size_t kInputs = 2;

// The embedded network's inputs of one folder, the first `count`.
std::vector<std::vector<FloatTensor>> load_inputs(const std::string& folder, const Graph& graph, size_t count) {
  std::vector<vectors::InputDescription> descriptions;
  for (const auto id : graph.inputs) descriptions.push_back({graph.value(id).name, graph.value(id).shape});
  auto samples = vectors::find_samples(std::string(ASSAY_SOURCE_DIR) + "/vectors/models/" + folder, descriptions);
  samples.resize(std::min(samples.size(), count));
  std::vector<std::vector<FloatTensor>> loaded;
  for (const auto& sample : samples) {
    auto& tensors = loaded.emplace_back();
    for (auto& tensor : vectors::load_sample(sample, descriptions, {})) tensors.emplace_back(tensor.shape, tensor.data);
  }
  return loaded;
}

Lowered lowered_digits(const std::string& target_file, std::vector<std::vector<FloatTensor>>& inputs) {
  Graph graph = import_onnx(std::string(ASSAY_SOURCE_DIR) + "/vectors/models/digits.onnx", {});
  simplify(graph);
  const auto calibration = load_inputs("calibration", graph, kCalibrationInputs);
  inputs = load_inputs("inputs", graph, kInputs);
  return lower(calibrate(std::move(graph), emu::load_target(target_file), {calibration.size(), [&](size_t i) { return calibration[i]; }}, {}));
}

class Kept : public emu::Observer {
 public:
  void on_output(size_t, const emu::Tensor& result, const emu::OverflowCounts& counts) override {
    results.push_back(result);
    overflows.push_back(counts);
  }
  std::vector<emu::Tensor> results;
  std::vector<emu::OverflowCounts> overflows;
};

class EveryTarget : public testing::TestWithParam<std::string> {};

TEST_P(EveryTarget, RunsTheEmbeddedNetworkAndItsProgramSurvivesTextAndFile) {
  std::vector<std::vector<FloatTensor>> inputs;
  const Lowered lowered = lowered_digits(GetParam(), inputs);
  const emu::Program& program = lowered.program;
  EXPECT_TRUE(emu::parse_program(emu::print(program)) == program);
  const std::string bytes = emu::serialize(program);
  const emu::Program again = emu::deserialize(bytes, "bytes");
  EXPECT_TRUE(again == program);
  EXPECT_EQ(emu::serialize(again), bytes);

  ASSERT_EQ(inputs.size(), kInputs);
  for (const auto& input : inputs) {
    const auto words = quantize_inputs(program, input);
    Kept fast, reference;
    emu::run(program, words, fast, emu::Engine::fast);
    emu::run(again, words, reference, emu::Engine::reference);
    ASSERT_EQ(fast.results.size(), program.instructions.size());
    for (size_t i = 0; i < fast.results.size(); ++i) {
      const auto name = emu::operation_name(program.instructions[i].operation);
      EXPECT_TRUE(fast.results[i] == reference.results[i]) << "instruction " << i << " " << name << " writes other bytes";
      EXPECT_TRUE(fast.overflows[i] == reference.overflows[i]) << "instruction " << i << " " << name << " counts other overflows";
    }
    const emu::Tensor& output = fast.results.back();
    bool constant = true;
    for (size_t i = 1; i < output.size(); ++i) constant = constant && output.at(i) == output.at(0);
    EXPECT_FALSE(constant) << "the output is one number, so nothing was seen";
  }
}

INSTANTIATE_TEST_SUITE_P(EveryFile, EveryTarget, testing::ValuesIn(oracle::in_turn(emu::list_targets(std::string(ASSAY_SOURCE_DIR) + "/emu/targets"))),
                         [](const auto& file) { return std::filesystem::path(file.param).stem().string(); });

}  // namespace
}  // namespace assay::quant
