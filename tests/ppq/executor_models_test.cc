// The executor and calibration on real networks: FP32 against ONNX Runtime, scales, simulations and analyses against PPQ.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "quant/ppq/analysis.h"
#include "quant/ppq/executor.h"
#include "quant/ppq/load.h"
#include "quant/ppq/passes/calibration.h"
#include "tests/ppq/recorded.h"
#include "vectors/npy.h"

namespace assay::ppq {
namespace {

using test::RecordedRun;

const std::string kModels = std::string(ASSAY_SHARED_DIR) + "/models/";

bool all_models() {
  const char* level = std::getenv("ASSAY_LEVEL");
  return level != nullptr && std::string(level) >= "2";
}

class RealModel : public testing::TestWithParam<const char*> {};

TEST_P(RealModel, InFp32IsWhatOnnxRuntimeComputed) {
  const std::string name = GetParam();
  const std::string input = kModels + "calib/" + name + "/000.npy";
  if (!std::filesystem::exists(input)) GTEST_SKIP() << input << " is not here";
  const FloatTensor x = test::read_tensor(input);
  const Network network = load(kModels + "onnx/" + name + ".onnx", {{"", x.shape}});
  const Tensors outputs = Executor(network).run({x}, Executor::Mode::fp32);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& output = network.variable(network.outputs[i]).name;
    const std::string folder = kModels + "expected/" + name + "/000/";
    const bool is_renamed = !std::filesystem::exists(folder + output + ".npy");  // PPQ leaves the names of outputs behind that an Identity gave
    const FloatTensor wanted = test::read_tensor(is_renamed ? test::npy_files(folder).at(i) : folder + output + ".npy");
    ASSERT_EQ(outputs[i].shape, wanted.shape) << output;
    float most = 0, apart = 0;
    for (size_t k = 0; k < wanted.size(); ++k) most = std::max(most, std::fabs(wanted.data[k])), apart = std::max(apart, std::fabs(wanted.data[k] - outputs[i].data[k]));
    EXPECT_LE(apart, std::max(3e-5F * most, 2e-7F)) << output;
  }
}

std::vector<const char*> models() {
  std::vector<const char*> names = {"mnist_8", "dscnn_l_kws", "resnet8_cifar10", "speech_embedding"};
  if (all_models()) {
    names.insert(names.end(), {"yunet_n_320", "blazeface_front_128", "blazeface_back_256", "super_resolution_10", "ppocr_v4_rec_en", "ppocr_v4_det", "ppocr_mobile_v2_cls",
                               "ultraface_rfb_320", "mobilenetv2_dequant_fp32"});
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Models, RealModel, testing::ValuesIn(models()), [](const auto& model) { return std::string(model.param); });

struct Recorded {
  const char *model, *platform;
};

// A recorded run of a real network, whose parameters come from the model.
class RealRun : public testing::TestWithParam<Recorded> {
 protected:
  void SetUp() override {
    if (!run.exists()) GTEST_SKIP() << run.missing();
    const std::string folder = kModels + "calib/" + GetParam().model;
    const std::vector<std::string> paths = test::npy_files(folder);
    inputs = {paths.size(), [paths](size_t i) { return std::vector<FloatTensor>{test::read_tensor(paths.at(i))}; }};
    shape = inputs.get(0)[0].shape;
    loaded = load(kModels + "onnx/" + GetParam().model + ".onnx", {{"", shape}});
    settings.calibration_steps = 8;
  }

  Network after(const std::string& pass) const {
    Network network = run.after(pass);
    network.variable(network.inputs.at(0)).shape = shape;
    for (const OperationId id : network.order) {
      const Operation& operation = network.operation(id);
      const auto same = loaded.find_operation(operation.name);  // names of cloned parameters differ from run to run of PPQ
      for (size_t i = 0; same && i < operation.inputs.size(); ++i) {
        if (operation.inputs[i] == kNone || i >= loaded.operation(*same).inputs.size() || loaded.operation(*same).inputs[i] == kNone) continue;
        const Variable& of_file = loaded.variable(loaded.operation(*same).inputs[i]);
        Variable& variable = network.variable(operation.inputs[i]);
        if (!of_file.is_parameter || (variable.value && of_file.value->kind == quant::Kind::real)) continue;
        variable.is_parameter = true;
        variable.value = of_file.value, variable.fp32 = nullptr;
      }
    }
    return network;
  }

  static bool is_power_of_two(const Network& network) { return network.configurations[0].policy.power_of_two; }

  RecordedRun run{GetParam().model, GetParam().platform};
  InputSet inputs;
  Shape shape;
  Network loaded;
  Platform platform;
  Settings settings;
  Context context{platform, settings, inputs, 2, nullptr, nullptr};
};

TEST_P(RealRun, CalibrationGivesPpqsScales) {
  Network network = after("QuantizeSimplifyPass");
  parameter_quantize(network, context);
  for (const std::string& difference : test::differences(network, run.after("ParameterQuantizePass"), run.slots(), true)) ADD_FAILURE() << difference;
  runtime_calibration(network, context);
  const Network wanted = run.after("RuntimeCalibrationPass");
  for (const std::string& difference : test::differences(network, wanted, run.slots(), false)) ADD_FAILURE() << difference;
  size_t scales = 0, differ = 0;
  double most = 0;
  for (const auto& [slot, id] : run.slots()) {
    const ScaleOffset &a = network.configurations.scale(id), &b = wanted.configurations.scale(id);
    ASSERT_EQ(a.scale.size(), b.scale.size()) << slot;
    EXPECT_EQ(a.offset, b.offset) << slot;
    for (size_t i = 0; i < a.scale.size(); ++i, ++scales) {
      if (a.scale[i] == b.scale[i]) continue;
      ++differ, most = std::max(most, std::fabs(static_cast<double>(a.scale[i]) / static_cast<double>(b.scale[i]) - 1));
    }
  }
  std::cout << GetParam().model << " " << GetParam().platform << ": " << differ << " of " << scales << " scales differ, at most by " << most << "\n";
  EXPECT_LT(most, 1e-6);
  const bool is_small = std::string(GetParam().model) == "resnet8_cifar10";  // whose sums have one order
  EXPECT_TRUE(!(is_power_of_two(network) || is_small) || differ == 0);
}

TEST_P(RealRun, AnalysesArePpqs) {
  const std::string file = run.folder() + "analysis.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not here";
  const nlohmann::json recorded = nlohmann::json::parse(vectors::read_file(file));
  const Network network = after("ParameterBakingPass");
  double most = 0;
  for (const OperationErrors& row : graphwise_analysis(network, context)) {
    const double theirs = recorded.at("graphwise_snr").at(row.name);
    most = std::max(most, std::fabs(row.errors.snr / theirs - 1));
    EXPECT_NEAR(row.errors.cosine, recorded.at("graphwise_cosine").at(row.name).get<double>(), is_power_of_two(network) ? 1e-6 : 5e-3) << row.name;
  }
  std::cout << GetParam().model << " " << GetParam().platform << ": SNR at most " << most << " apart (relative)\n";
  EXPECT_LT(most, is_power_of_two(network) ? 1e-5 : 0.1);  // codes that differ by one elsewhere
}

TEST_P(RealRun, LastOutputsArePpqsCodes) {
  if (!std::filesystem::exists(run.folder() + "sim")) GTEST_SKIP() << "no outputs are recorded";
  const Network network = after("ParameterBakingPass");
  std::map<VariableId, FloatTensor> wanted;
  for (const std::string& path : test::npy_files(run.folder() + "sim")) {
    const std::string stem = std::filesystem::path(path).stem().string();
    const size_t end = stem.rfind("_out");
    for (const OperationId id : network.order) {
      std::string name = network.operation(id).name;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.'; }, '_');
      if (name == stem.substr(4, end - 4)) wanted[network.operation(id).outputs.at(std::stoul(stem.substr(end + 4)))] = test::read_tensor(path);
    }
  }
  size_t all = 0, differ = 0;
  float most = 0, greatest = 0;
  Executor::Hooks hooks;
  hooks.after = [&](OperationId id, const Tensors& outputs) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto found = wanted.find(network.operation(id).outputs[i]);
      if (found == wanted.end()) continue;
      ASSERT_EQ(outputs[i].shape, found->second.shape);
      for (size_t k = 0; k < outputs[i].size(); ++k, ++all) {
        const float theirs = found->second.data[k], apart = std::fabs(outputs[i].data[k] - theirs);
        differ += apart > 1e-6F * std::fabs(theirs) ? 1 : 0;
        greatest = std::max(greatest, std::fabs(theirs)), most = std::max(most, apart);
      }
    }
  };
  Executor(network).run(inputs.get(0), Executor::Mode::quantized, hooks);
  std::cout << GetParam().model << " " << GetParam().platform << ": " << differ << " of " << all << " values of " << wanted.size() << " last outputs differ, at most by " << most
            << " of " << greatest << "\n";
  // Without powers of two PPQ does not agree with itself from one build of oneDNN to the next; a code that differs by one early moves many a little.
  EXPECT_EQ(all > 0 && is_power_of_two(network) ? differ : 0, 0U);
  EXPECT_LT(most, 0.1F * greatest);
}

std::vector<Recorded> runs() {
  std::vector<Recorded> all = {{"resnet8_cifar10", "PPL_DSP_INT8"}, {"resnet8_cifar10", "TRT_INT8"}, {"blazeface_front_128", "NXP_INT8"}};
  if (all_models()) {
    all.insert(all.end(), {{"blazeface_front_128", "PPL_DSP_INT8"}, {"blazeface_front_128", "TRT_INT8"}, {"yunet_n_320", "NXP_INT8"}, {"yunet_n_320", "PPL_DSP_INT8"}});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Runs, RealRun, testing::ValuesIn(runs()), [](const auto& recorded) { return std::string(recorded.param.model) + "_" + recorded.param.platform; });

}  // namespace
}  // namespace assay::ppq
