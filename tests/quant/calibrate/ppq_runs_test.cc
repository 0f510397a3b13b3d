// Whole networks: what calibrate() decides before any joining, against the recorded state of PPQ's configurations after its RuntimeCalibrationPass. Same inputs, same observers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/graph/passes/passes.h"
#include "quant/onnx/import_onnx.h"
#include "vectors/npy.h"

namespace assay::quant {
namespace {

using nlohmann::json;

const std::string kShared = ASSAY_SHARED_DIR "/";

struct Recorded {
  const char* model;
  const char* platform;
  const char* target;
  // Power-of-two scales do not depend on the order of float sums; real ones of activations do, in the last bits.
  float tolerance;
  size_t activations;  // compared
  size_t weights;
};

void PrintTo(const Recorded& run, std::ostream* out) {
  *out << run.model << " " << run.platform;
}

InputSet calibration_of(const std::string& model) {
  const std::string folder = kShared + "models/calib/" + model + "/";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".npy") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return {8, [files](size_t i) {
            vectors::FloatTensor read = vectors::read_npy_float(files[i % files.size()]);
            return std::vector<FloatTensor>{{std::move(read.shape), std::move(read.data)}};
          }};
}

// PPQ's configurations by "<operation>:in0" after the pass, and the variable that each belongs to.
json configurations(const std::string& folder) {
  for (const json& pass : json::parse(vectors::read_file(folder + "trace.json"))) {
    if (pass.at("after") == "RuntimeCalibrationPass") return pass.at("configs");
  }
  return {};
}

std::map<std::string, std::string> variables(const std::string& folder) {
  std::map<std::string, std::string> names;
  for (const json& operation : json::parse(vectors::read_file(folder + "tqc.json"))) {
    for (const char* side : {"inputs", "outputs"}) {
      for (const json& entry : operation.at(side)) {
        if (entry.is_object() && entry.contains("id") && !entry.at("is_parameter").get<bool>()) names[entry.at("id")] = entry.at("var");
      }
    }
  }
  return names;
}

class PpqRuns : public testing::TestWithParam<Recorded> {};

TEST_P(PpqRuns, HaveTheSameScalesAfterCalibration) {
  const Recorded& run = GetParam();
  const std::string folder = kShared + "ppq/runs/" + run.model + "/" + run.platform + "/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "recorded run is not here: " << folder;
  Graph graph = import_onnx(kShared + "models/onnx/" + run.model + ".onnx");
  simplify(graph);
  emu::Target target = emu::load_target(emu::find_target(run.target, emu::default_targets_dir()));
  target.add->inputs = emu::InputScales::requantize, target.concat->inputs = emu::ConcatScales::requantize;  // PPQ joins later
  const Quantized quantized = calibrate(std::move(graph), target, calibration_of(run.model), {});

  std::map<std::string, ValueId> values;
  for (ValueId id = 0; id < quantized.graph.values.size(); ++id) values[quantized.graph.values[id].name] = id;
  std::map<std::string, ValueId> weights;  // by "<operation>:in1"
  for (const Node& node : quantized.graph.nodes) {
    if (std::holds_alternative<Conv>(node.op) || std::holds_alternative<MatMul>(node.op)) weights[node.name + ":in1"] = node.inputs[1];
  }
  const std::map<std::string, std::string> variable = variables(folder);
  size_t activations = 0, compared_weights = 0;
  const json recorded = configurations(folder);
  for (const auto& [id, config] : recorded.items()) {
    if (config.is_null() || config.at("state") != "ACTIVATED") continue;
    const auto check = [&](ValueId value, float tolerance) {
      const TensorQuantization& own = quantized.tensors[value].value();
      const auto scales = config.at("scale").get<std::vector<float>>();
      const auto offsets = config.at("offset").get<std::vector<double>>();
      ASSERT_EQ(std::min<size_t>(own.scale.size(), 4), scales.size()) << id;  // the trace keeps the first four
      for (size_t i = 0; i < scales.size(); ++i) EXPECT_LE(std::fabs(own.scale[i] - scales[i]), tolerance * scales[i]) << id << ": " << own.scale[i] << ", PPQ " << scales[i];
      EXPECT_EQ(static_cast<double>(own.symmetry == emu::Symmetry::symmetric ? own.zero_point : own.zero_point - own.storage.low), offsets[0]) << id;
    };
    if (const auto weight = weights.find(id); weight != weights.end()) {
      check(weight->second, 0);
      ++compared_weights;
    } else if (const auto name = variable.find(id); name != variable.end() && values.contains(name->second)) {
      check(values.at(name->second), run.tolerance);
      ++activations;
    } else {
      ADD_FAILURE() << id << " has no counterpart";
    }
  }
  EXPECT_EQ(activations, run.activations);
  EXPECT_EQ(compared_weights, run.weights);
}

INSTANTIATE_TEST_SUITE_P(Ppq, PpqRuns,
                         testing::Values(Recorded{"blazeface_front_128", "NXP_INT8", "nxp_int8", 0, 76, 37}, Recorded{"yunet_n_320", "NXP_INT8", "nxp_int8", 0, 64, 59},
                                         Recorded{"resnet8_cifar10", "PPL_DSP_INT8", "dsp_int8", 1e-5F, 16, 10},
                                         Recorded{"blazeface_front_128", "PPL_DSP_INT8", "dsp_int8", 1e-5F, 76, 37}),
                         [](const testing::TestParamInfo<Recorded>& instance) { return std::string(instance.param.model) + "_" + instance.param.platform; });

}  // namespace
}  // namespace assay::quant
