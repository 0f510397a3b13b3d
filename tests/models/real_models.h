// The real networks that the suite is judged on, and the way from a file to a quantized program. They live in a folder that users do not have; tests skip where it is missing.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/execute/simulate.h"
#include "quant/graph/passes/passes.h"
#include "quant/lower.h"
#include "quant/onnx/import_onnx.h"
#include "vectors/inputs.h"

namespace assay::testing {

struct RealModel {
  std::string name;
  std::string shape;  // of the input where the file leaves it open

  friend void PrintTo(const RealModel& model, std::ostream* out) { *out << model.name; }
};

inline std::vector<RealModel> real_models() {
  return {{"mnist_8", ""},
          {"resnet8_cifar10", ""},
          {"blazeface_front_128", ""},
          {"ultraface_rfb_320", ""},
          {"yunet_n_320", ""},
          {"mobilenetv2_dequant_fp32", "1,3,224,224"},
          {"ppocr_mobile_v2_cls", "1,3,48,192"},
          {"super_resolution_10", "1,1,224,224"},
          {"dscnn_l_kws", ""}};
}

inline std::string shared_dir() {
  return ASSAY_SHARED_DIR;
}
inline bool have_shared() {
  return std::filesystem::exists(shared_dir() + "/models/models.json");
}

inline quant::Graph import_real(const RealModel& model) {
  quant::ImportOptions options;
  Shape shape;
  for (size_t start = 0; start < model.shape.size();) {
    const size_t end = std::min(model.shape.find(',', start), model.shape.size());
    shape.push_back(std::stoll(model.shape.substr(start, end - start)));
    start = end + 1;
  }
  if (!shape.empty()) options.shapes[""] = shape;
  quant::Graph graph = quant::import_onnx(shared_dir() + "/models/onnx/" + model.name + ".onnx", options);
  quant::simplify(graph);
  return graph;
}

// The first `count` calibration inputs of a model.
inline std::vector<std::vector<quant::FloatTensor>> calibration_inputs(const RealModel& model, const quant::Graph& graph, size_t count) {
  std::vector<vectors::InputDescription> inputs;
  for (const auto id : graph.inputs) inputs.push_back({graph.value(id).name, graph.value(id).shape});
  auto samples = vectors::find_samples(shared_dir() + "/models/calib/" + model.name, inputs);
  if (samples.size() > count) samples.resize(count);
  std::vector<std::vector<quant::FloatTensor>> loaded;
  for (const auto& sample : samples) {
    auto& tensors = loaded.emplace_back();
    for (auto& tensor : vectors::load_sample(sample, inputs, {})) tensors.emplace_back(tensor.shape, tensor.data);
  }
  return loaded;
}

struct QuantizedModel {
  std::vector<std::vector<quant::FloatTensor>> inputs;
  quant::Quantized quantized;
  quant::Lowered lowered;
};

inline QuantizedModel quantize_real(const RealModel& model, const std::string& target_file) {
  QuantizedModel result;
  quant::Graph graph = import_real(model);
  result.inputs = calibration_inputs(model, graph, 4);
  const quant::InputSet set{result.inputs.size(), [&](size_t i) { return result.inputs[i]; }};
  result.quantized = quant::calibrate(std::move(graph), emu::load_target(target_file), set, {});
  result.lowered = quant::lower(result.quantized);
  return result;
}

inline std::string targets_dir() {
  return std::string(ASSAY_SOURCE_DIR) + "/emu/targets";
}

}  // namespace assay::testing
