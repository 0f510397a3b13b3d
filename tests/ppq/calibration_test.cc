// Parameters' and activations' scales against those that PPQ found: every recorded run from the pass before, on the same calibration files.
#include "quant/ppq/passes/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "emu/base/error.h"
#include "tests/ppq/recorded.h"
#include "vectors/npy.h"

namespace assay::ppq {
namespace {

using quant::FloatTensor;
using test::RecordedRun;

InputSet files(const std::string& folder) {
  const std::vector<std::string> paths = test::npy_files(folder);
  return {paths.size(), [paths](size_t i) { return std::vector<FloatTensor>{test::read_tensor(paths.at(i))}; }};
}

struct Given {
  Platform platform;
  Settings settings;
  InputSet inputs;
  Context context{platform, settings, inputs, 2, nullptr, nullptr};
};

Network with_shapes(Network network, Shape shape) {
  network.variable(network.inputs.at(0)).shape = std::move(shape);
  return network;
}

class Calibration : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!run.exists()) GTEST_SKIP() << run.missing();
    given.settings.calibration_steps = 16;
    given.inputs = files(run.model_folder() + "calibration");
  }
  RecordedRun run{"cnn_core", GetParam()};
  Given given;
};

TEST_P(Calibration, ParametersHavePpqsScalesBitForBit) {
  Network network = with_shapes(run.after("QuantizeSimplifyPass"), {1, 3, 32, 32});
  const PassReport report = parameter_quantize(network, given.context);
  EXPECT_EQ(report.name, "ParameterQuantizePass");
  EXPECT_GT(report.changes.size(), 10U);
  for (const std::string& difference : test::differences(network, run.after("ParameterQuantizePass"), run.slots(), true)) ADD_FAILURE() << difference;
}

TEST_P(Calibration, ActivationsHavePpqsScalesBitForBit) {
  Network network = with_shapes(run.after("ParameterQuantizePass"), {1, 3, 32, 32});
  runtime_calibration(network, given.context);
  const Network wanted = run.after("RuntimeCalibrationPass");
  for (const std::string& difference : test::differences(network, wanted, run.slots(), true)) ADD_FAILURE() << difference;
}

std::vector<std::string> platforms() {
  const std::vector<std::string> found = test::recorded_platforms("cnn_core");
  return found.empty() ? std::vector<std::string>{"none"} : found;
}

INSTANTIATE_TEST_SUITE_P(CnnCore, Calibration, testing::ValuesIn(platforms()), [](const auto& platform) { return platform.param; });

// "array([ 1., 2.],\n dtype=float32)" and "(1.0,)".
std::vector<double> numbers_of(std::string text) {
  text = text.substr(text.find(text.find('[') == std::string::npos ? '(' : '[') + 1);
  text = text.substr(0, text.find_first_of("])"));
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream words(text);
  std::vector<double> numbers;
  for (double number = 0; words >> number;) numbers.push_back(number);
  return numbers;
}

TEST(Recalibration, ChannelsHavePpqsRanges) {
  const RecordedRun run("cnn_core", "PPL_DSP_TI_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  Given given;
  given.settings.calibration_steps = 16;
  given.inputs = files(run.model_folder() + "calibration");
  given.platform.fused_activations = {"Relu", "Clip"};
  given.platform.finish = {{"recalibrate", "TheLastPass", std::nullopt}};
  Network network = with_shapes(run.after("ParameterBakingPass"), {1, 3, 32, 32});
  EXPECT_EQ(recalibrate(network, given.context).name, "TheLastPass");
  const auto slots = run.slots();
  size_t compared = 0, differ = 0;
  double most = 0;
  for (const nlohmann::json& operation : nlohmann::json::parse(vectors::read_file(run.folder() + "tqc.json"))) {
    for (const char* side : {"inputs", "outputs"}) {
      for (const nlohmann::json& slot : operation.at(side)) {
        if (!slot.is_object() || !slot.contains("id")) continue;
        const auto& detail = network.configurations[slots.at(slot.at("id"))].detail;
        const bool wanted = slot.at("detail").contains("range_min");
        EXPECT_EQ(detail.count("range_min[0]"), wanted ? 1U : 0U) << slot.at("id");
        for (const std::string key : {"range_min", "range_max"}) {
          const std::vector<double> theirs = wanted ? numbers_of(slot.at("detail").at(key)) : std::vector<double>{};
          for (size_t i = 0; i < theirs.size(); ++i, ++compared) {
            const auto found = detail.find(key + "[" + std::to_string(i) + "]");
            ASSERT_NE(found, detail.end());
            const double apart = std::fabs(found->second - theirs[i]);
            differ += apart > 1e-5 ? 1 : 0;
            most = std::max(most, apart);
          }
        }
      }
    }
  }
  std::cout << compared << " ranges compared, " << differ << " differ, at most by " << most << "\n";
  EXPECT_EQ(differ, 0U);  // the record has eight digits
  EXPECT_GT(compared, 200U);
}

// x -> Conv 1 x 1 -> y, everything INITIAL.
Network small_network(const std::string& observer) {
  Network network;
  Operation operation;
  operation.name = "conv", operation.type = "Conv", operation.quantized = true;
  Configuration configuration;
  configuration.observer = observer;
  operation.inputs = {network.add_variable("x"), network.add_variable("w")};
  operation.outputs = {network.add_variable("y")};
  network.inputs = {operation.inputs[0]};
  network.outputs = operation.outputs;
  network.variable(network.inputs[0]).shape = {1, 1, 8, 8};
  Variable& weight = network.variable(operation.inputs[1]);
  weight.is_parameter = true;
  weight.value = std::make_shared<const quant::Constant>(quant::Constant::of_reals({1, 1, 1, 1}, {2}));
  operation.input_configs = {network.configurations.add(configuration), network.configurations.add(Configuration{})};
  operation.output_configs = {network.configurations.add(configuration)};
  network.add_operation(std::move(operation));
  return network;
}

InputSet ramps(size_t count) {
  return {count, [](size_t i) {
            FloatTensor x(Shape{1, 1, 8, 8});
            for (size_t k = 0; k < x.size(); ++k) x.data[k] = static_cast<float>((k * 7 + i * 13) % 64) - 20.0F - static_cast<float>(i);
            return std::vector<FloatTensor>{x};
          }};
}

TEST(RuntimeCalibration, ThreadsAndEpochsDoNotChangeABit) {
  for (const char* observer : {"percentile", "minmax", "kl", "mse"}) {
    std::vector<ScaleOffset> found;
    for (const int threads : {1, 3}) {
      Given given;
      given.settings.calibration_steps = 8;
      given.inputs = ramps(3);
      given.context.threads = threads;
      Network network = small_network(observer);
      parameter_quantize(network, given.context);
      runtime_calibration(network, given.context);
      found.push_back(network.configurations.scale(network.operation(0).output_configs[0]));
      EXPECT_EQ(network.configurations[0].state, State::activated);
    }
    // The same eight batches without epochs.
    Given given;
    given.settings.calibration_steps = 8;
    given.inputs = {8, [few = ramps(3)](size_t i) { return few.get(i % 3); }};
    Network network = small_network(observer);
    parameter_quantize(network, given.context);
    runtime_calibration(network, given.context);
    EXPECT_EQ(found[0], found[1]) << observer;
    EXPECT_EQ(found[0], network.configurations.scale(network.operation(0).output_configs[0])) << observer;
  }
}

TEST(RuntimeCalibration, TheSettingReplacesTheObserverOfActivationsOnly) {
  Given given;
  given.settings.calibration_steps = 8;
  given.settings.calibration_algorithm = "minmax";
  given.inputs = ramps(8);
  Network network = small_network("kl");
  runtime_calibration(network, given.context);
  EXPECT_EQ(network.configurations[0].observer, "minmax");
  EXPECT_EQ(network.configurations[1].observer, "percentile");
  EXPECT_EQ(network.configurations[1].state, State::initial);
}

TEST(RuntimeCalibration, RefusesStepsThatPpqRefusesAndValuesThatAreNoNumbers) {
  Given given;
  given.settings.calibration_steps = 7;
  given.inputs = ramps(8);
  Network network = small_network("percentile");
  EXPECT_THROW(runtime_calibration(network, given.context), InputError);
  given.settings.calibration_steps = 8;
  given.inputs.get = [](size_t i) { return std::vector<FloatTensor>{{{1, 1, 8, 8}, std::vector<float>(64, i == 5 ? NAN : 1.0F)}}; };
  try {
    runtime_calibration(network, given.context);
    FAIL() << "NaN in input 5";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("input 5 makes NaN at conv:in0"), std::string::npos) << error.what();
  }
}

TEST(RuntimeCalibration, StopsWhereItIsCancelledAndSaysSo) {
  Given given;
  given.settings.calibration_steps = 8;
  given.inputs = ramps(8);
  given.context.threads = 1;
  size_t asked = 0;
  given.context.cancelled = [&] { return ++asked == 3; };
  Network network = small_network("percentile");
  const PassReport report = runtime_calibration(network, given.context);
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_NE(report.warnings[0].find("after 3 of 8"), std::string::npos) << report.warnings[0];
  EXPECT_EQ(network.configurations[0].state, State::activated);
}

}  // namespace
}  // namespace assay::ppq
