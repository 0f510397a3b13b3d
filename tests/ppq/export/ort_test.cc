// Exported QDQ models in ONNX Runtime against our simulation of the network that they were written from: integers of the quantized variables.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "quant/export/export.h"
#include "quant/ppq/executor.h"
#include "tests/ppq/export/files.h"
#include "tests/witness/ort/ort.h"

namespace assay::ppq::test {
namespace {

struct Codes {
  size_t values = 0, other = 0;  // all of them, and those that differ
  int64_t furthest = 0;
};

Codes compare(const std::string& platform, const std::string& level, const std::vector<std::string>& names) {
  const RecordedRun run("cnn_core", platform);
  Network network = as_exported(run);
  const FloatTensor input = read_tensor(run.model_folder() + "input.npy");
  const Executor executor(network);
  std::map<std::string, FloatTensor> ours;
  std::map<std::string, float> steps;
  Executor::Hooks hooks;
  hooks.after = [&](OperationId id, const Tensors& outputs) {
    const VariableId output = network.operation(id).outputs[0];
    ours[network.variable(output).name] = outputs[0];
    if (network.operation(id).quantized) steps[network.variable(output).name] = network.configurations.scale(network.operation(id).output_configs[0]).scale[0];
  };
  executor.run({input}, Executor::Mode::quantized, hooks);
  network.outputs.clear();
  for (const std::string& name : names) network.outputs.push_back(*network.find_variable(name));
  const assay::testing::OrtRun theirs = assay::testing::run_ort(export_network(network, "ONNXRUNTIMExporter").files.at(0).bytes, level, {{"input", input}});
  Codes codes;
  for (const std::string& name : names) {
    const FloatTensor& tensor = ours.at(name);
    std::vector<float> values(tensor.size());
    EXPECT_EQ(theirs.outputs.at(name).bytes.size(), values.size() * sizeof(float)) << name;
    std::memcpy(values.data(), theirs.outputs.at(name).bytes.data(), theirs.outputs.at(name).bytes.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const auto distance =
          static_cast<int64_t>(std::llround(std::fabs(static_cast<double>(values[i]) - static_cast<double>(tensor.data[i])) / static_cast<double>(steps.at(name))));
      ++codes.values;
      codes.other += distance == 0 ? 0 : 1;
      codes.furthest = std::max(codes.furthest, distance);
    }
  }
  return codes;
}

class QdqInOnnxRuntime : public ::testing::TestWithParam<std::string> {};

TEST_P(QdqInOnnxRuntime, IsWithinOneCodeOfTheSimulation) {
  const RecordedRun run("cnn_core", GetParam());
  if (!run.exists()) GTEST_SKIP() << run.missing();
  ASSAY_NEEDS_ORT();
  const std::vector<std::string> names = {"relu0_out", "bn3_out", "add1_out", "relu3_out", "concat_out", "relu4_out", "relu5_out", "gemm_out", "softmax_out"};
  // Operation by operation as the file says: the same floats but for the order of sums.
  const Codes plain = compare(GetParam(), "disabled", names);
  EXPECT_LE(plain.furthest, 1);
  EXPECT_LE(plain.other * 100000, plain.values) << plain.other << " of " << plain.values;
  EXPECT_GT(plain.values, 50000U);
  // With its kernels on integers, which take biases and activations as integers too: codes differ by one in a layer, and by one more where a layer reads such codes.
  const Codes fused = compare(GetParam(), "all", names);
  EXPECT_LE(fused.furthest, 2);
  EXPECT_LE(fused.other * 100, fused.values * 4) << fused.other << " of " << fused.values;
  RecordProperty("disabled", std::to_string(plain.other) + " of " + std::to_string(plain.values));
  RecordProperty("all", std::to_string(fused.other) + " of " + std::to_string(fused.values) + ", furthest " + std::to_string(fused.furthest));
}
// Platforms that round half to even, as ONNX does.
INSTANTIATE_TEST_SUITE_P(All, QdqInOnnxRuntime, ::testing::Values("ONNXRUNTIME", "TRT_INT8", "PPL_DSP_INT8"));

}  // namespace
}  // namespace assay::ppq::test
