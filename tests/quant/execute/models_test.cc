// Real networks in float32 against ONNX Runtime's recorded outputs and intermediate tensors, as imported and after simplify().
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

#include "quant/execute/executor.h"
#include "quant/graph/passes/passes.h"
#include "quant/onnx/import_onnx.h"
#include "vectors/npy.h"

namespace assay::quant {
namespace {

const std::string kModels = ASSAY_SHARED_DIR "/models/";

// Sums in another order differ in the last bits; nothing else may differ.
constexpr float kTolerance = 1e-4F;

FloatTensor read_tensor(const std::string& path) {
  vectors::FloatTensor read = vectors::read_npy_float(path);
  return {std::move(read.shape), std::move(read.data)};
}

std::string sample_name(size_t index) {
  return "00" + std::to_string(index);
}

// The largest difference, relative to the tensor's largest value.
float largest_difference(const FloatTensor& found, const FloatTensor& expected) {
  if (found.data.size() != expected.data.size()) return HUGE_VALF;
  float largest = 0, worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    largest = std::max(largest, std::fabs(expected.data[i]));
    worst = std::max(worst, std::fabs(found.data[i] - expected.data[i]));
  }
  return largest > 0 ? worst / largest : worst;
}

// The entries of a zip without compression, which is what .npz is, by their names without ".npy".
std::map<std::string, FloatTensor> read_npz(const std::string& path) {
  const std::string bytes = vectors::read_file(path);
  const std::string entry = testing::TempDir() + "assay_models_test_" + std::to_string(::getpid()) + ".npy";
  const auto number = [&](size_t at, size_t size) {
    uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);
    return static_cast<size_t>(value);
  };
  std::map<std::string, FloatTensor> tensors;
  for (size_t at = 0; at + 30 < bytes.size() && bytes.compare(at, 4, "PK\x03\x04") == 0;) {
    const size_t size = number(at + 18, 4), name_size = number(at + 26, 2), data = at + 30 + name_size + number(at + 28, 2);
    const std::string name = bytes.substr(at + 30, name_size - 4);
    vectors::write_file(entry, bytes.substr(data, size));
    tensors[name] = read_tensor(entry);
    at = data + size;
  }
  std::filesystem::remove(entry);
  return tensors;
}

struct Model {
  const char* name;
  const char* dynamic_input;  // its shape is that of the sample
};

void PrintTo(const Model& model, std::ostream* out) {
  *out << model.name;
}

class RealModels : public testing::TestWithParam<Model> {
 protected:
  void SetUp() override {
    name_ = GetParam().name;
    if (!std::filesystem::exists(kModels + "onnx/" + name_ + ".onnx")) GTEST_SKIP() << "model is not here: " << kModels << "onnx/" << name_ << ".onnx";
    for (size_t i = 0; i < 2; ++i) inputs_.push_back(read_tensor(kModels + "calib/" + name_ + "/" + sample_name(i) + ".npy"));
    ImportOptions options;
    if (GetParam().dynamic_input != nullptr) options.shapes[GetParam().dynamic_input] = inputs_[0].shape;
    graph_ = import_onnx(kModels + "onnx/" + name_ + ".onnx", options);
  }

  void expect_recorded_outputs() const {
    const Executor executor(graph_);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const std::vector<FloatTensor> outputs = executor.run({inputs_[i]});
      ASSERT_EQ(outputs.size(), graph_.outputs.size());
      for (size_t k = 0; k < outputs.size(); ++k) {
        const std::string& output = graph_.value(graph_.outputs[k]).name;
        const FloatTensor expected = read_tensor(kModels + "expected/" + name_ + "/" + sample_name(i) + "/" + output + ".npy");
        EXPECT_EQ(outputs[k].shape, expected.shape) << output;
        EXPECT_LE(largest_difference(outputs[k], expected), kTolerance) << output << " of input " << i;
      }
    }
  }

  std::string name_;
  std::vector<FloatTensor> inputs_;
  Graph graph_;
};

TEST_P(RealModels, AsImportedGiveOnnxRuntimesOutputs) {
  expect_recorded_outputs();
}

TEST_P(RealModels, SimplifiedGiveOnnxRuntimesOutputs) {
  simplify(graph_);
  expect_recorded_outputs();
}

// Names in the graph are ONNX's, so a recorded tensor is found by its name; the rest (names that import made, tensors of nodes that it removed) is not compared.
class ModelsWithIntermediates : public RealModels {};

TEST_P(ModelsWithIntermediates, GiveOnnxRuntimesIntermediateTensors) {
  const std::map<std::string, FloatTensor> recorded = read_npz(kModels + "expected/" + name_ + "/intermediates_000.npz");
  size_t compared = 0;
  Executor(graph_).run({inputs_[0]}, [&](ValueId id, FloatTensor& tensor) {
    const auto expected = recorded.find(graph_.value(id).name);
    if (expected == recorded.end()) return;
    ++compared;
    EXPECT_LE(largest_difference(tensor, expected->second), kTolerance) << expected->first;
  });
  EXPECT_GE(2 * compared, graph_.nodes.size()) << "of " << graph_.nodes.size() << " nodes only " << compared << " have a recorded tensor";
}

INSTANTIATE_TEST_SUITE_P(Fp32, RealModels,
                         testing::Values(Model{"mnist_8", nullptr}, Model{"resnet8_cifar10", nullptr}, Model{"blazeface_front_128", nullptr}, Model{"ultraface_rfb_320", nullptr},
                                         Model{"yunet_n_320", nullptr}, Model{"mobilenetv2_dequant_fp32", "input"}, Model{"ppocr_mobile_v2_cls", "x"},
                                         Model{"super_resolution_10", "input"}, Model{"dscnn_l_kws", nullptr}),
                         [](const testing::TestParamInfo<Model>& instance) { return std::string(instance.param.name); });
// Those for which they were recorded.
INSTANTIATE_TEST_SUITE_P(Fp32, ModelsWithIntermediates, testing::Values(Model{"mnist_8", nullptr}, Model{"resnet8_cifar10", nullptr}, Model{"dscnn_l_kws", nullptr}),
                         [](const testing::TestParamInfo<Model>& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace assay::quant
