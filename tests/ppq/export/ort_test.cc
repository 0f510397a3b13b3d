// Exported QDQ models in ONNX Runtime against our simulation of the network that they were written from: integers of the quantized variables.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "quant/export/export.h"
#include "quant/ppq/executor.h"
#include "quant/ppq/load.h"
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

class LoadedModel : public ::testing::TestWithParam<std::string> {};

// As loaded (normalizations folded, shapes as integers, attributes of every kind) and written again: the same network to somebody else.
TEST_P(LoadedModel, WrittenAgainComputesTheSame) {
  const std::string path = std::string(ASSAY_SHARED_DIR) + "/models/onnx/" + GetParam() + ".onnx";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the development models are not here";
  ASSAY_NEEDS_ORT();
  const Network network = load(path);
  const Variable& input = network.variable(network.inputs[0]);
  FloatTensor tensor{input.shape, {}};
  int64_t count = 1;
  for (const int64_t extent : input.shape) count *= extent;
  for (int64_t i = 0; i < count; ++i) tensor.data.push_back(static_cast<float>((i * 7919) % 256) / 128.0F - 1.0F);
  const auto theirs = assay::testing::run_ort(read_bytes(path), "disabled", {{input.name, tensor}});
  const auto ours = assay::testing::run_ort(export_network(network, "OnnxExporter").files.at(0).bytes, "disabled", {{input.name, tensor}});
  ASSERT_EQ(ours.outputs.size(), theirs.outputs.size());
  for (const auto& [name, output] : theirs.outputs) {
    const auto& again = ours.outputs.at(name);
    ASSERT_EQ(again.shape, output.shape) << name;
    ASSERT_EQ(again.type, "float32");
    double furthest = 0, greatest = 0;
    for (size_t i = 0; i + sizeof(float) <= output.bytes.size(); i += sizeof(float)) {
      float a = 0, b = 0;
      std::memcpy(&a, again.bytes.data() + i, sizeof a), std::memcpy(&b, output.bytes.data() + i, sizeof b);
      furthest = std::max(furthest, std::fabs(static_cast<double>(a) - static_cast<double>(b))), greatest = std::max(greatest, std::fabs(static_cast<double>(b)));
    }
    // Folded normalizations round once more.
    EXPECT_LE(furthest, 1e-4 * std::max(greatest, 1.0)) << name;
  }
}
INSTANTIATE_TEST_SUITE_P(All, LoadedModel, ::testing::Values("yunet_n_320", "blazeface_front_128", "ultraface_rfb_320", "resnet8_cifar10"));

}  // namespace
}  // namespace assay::ppq::test
