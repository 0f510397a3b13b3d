// Every recorded run of the real PPQ, whole: loading, dispatch, passes and simulation against what it recorded, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "emu/base/error.h"
#include "quant/ppq/dispatch.h"
#include "quant/ppq/load.h"
#include "vectors/npy.h"
#include "verify/ppq/compare.h"

namespace assay::verify {
namespace {

const std::string kShared = std::string(ASSAY_SHARED_DIR) + "/";

struct RecordedName {
  std::string model, platform;
};
void PrintTo(const RecordedName& run, std::ostream* out) {
  *out << run.model << " " << run.platform;
}

std::vector<RecordedName> recorded_runs() {
  std::vector<RecordedName> runs;
  for (const char* model : {"cnn_core", "resnet8_cifar10", "blazeface_front_128", "yunet_n_320"}) {
    const std::string folder = kShared + "ppq/runs/" + model;
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (std::filesystem::exists(entry.path() / "trace.json")) runs.push_back({model, entry.path().filename().string()});
    }
  }
  std::sort(runs.begin(), runs.end(), [](const RecordedName& a, const RecordedName& b) { return a.model + a.platform < b.model + b.platform; });
  return runs;
}

std::vector<std::string> tensors_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".npy") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<quant::FloatTensor> read(const std::string& path) {
  vectors::FloatTensor tensor = vectors::read_npy_float(path);
  return {{std::move(tensor.shape), std::move(tensor.data)}};
}

// `change`: something wrong, done to the platform before it runs.
RunComparison compare(
    const RecordedName& run, const std::function<void(ppq::Platform&)>& change = [](ppq::Platform&) {}) {
  const RecordedSetup setup = read_setup(kShared + "ppq/runs/" + run.model + "/" + run.platform);
  const bool own = run.model == "cnn_core";  // its files lie beside the runs
  const std::string model = own ? kShared + "ppq/runs/cnn_core/model.onnx" : kShared + "models/onnx/" + run.model + ".onnx";
  const auto files = tensors_in(own ? kShared + "ppq/runs/cnn_core/calibration" : kShared + "models/calib/" + run.model);
  const auto input = read(own ? kShared + "ppq/runs/cnn_core/input.npy" : files.at(0));
  ppq::Platform platform = ppq::load_platform(ppq::find_platform(setup.platform, ppq::default_platforms_dir()));
  change(platform);
  ppq::Settings settings = ppq::preset(setup.preset, ppq::default_platforms_dir());
  settings.calibration_steps = setup.calibration_steps;
  ppq::Network network = ppq::load(model);
  ppq::dispatch(network, platform, settings);
  const ppq::InputSet inputs{files.size(), [&](size_t i) { return read(files[i]); }};
  return compare_run(std::move(network), {platform, settings, inputs, 2, {}, {}}, setup, input);
}

class RecordedRuns : public testing::TestWithParam<RecordedName> {};

TEST_P(RecordedRuns, AreReproducedBitForBit) {
  const RunComparison result = compare(GetParam());
  EXPECT_TRUE(result.failures.empty()) << to_text(result);
  EXPECT_GT(result.parameters_equal, 0U);
  for (const PassComparison& pass : result.passes) EXPECT_EQ(pass.scales_close, 0U) << to_text(result);
  for (const TensorComparison& tensor : result.given) EXPECT_EQ(tensor.has_codes ? tensor.differ : 0, 0U) << tensor.name;
  for (const TensorComparison& tensor : result.end_to_end) EXPECT_EQ(tensor.has_codes ? tensor.differ : 0, 0U) << tensor.name;
}

INSTANTIATE_TEST_SUITE_P(OfPpq, RecordedRuns, testing::ValuesIn(recorded_runs()), [](const auto& test) { return test.param.model + "_" + test.param.platform; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordedRuns);

TEST(RecordedRun, OfAnotherRoundingIsNotWithinTheLines) {
  const RecordedName run{"cnn_core", "NXP_INT8"};
  if (!std::filesystem::exists(kShared + "ppq/runs/cnn_core/NXP_INT8")) GTEST_SKIP() << "no recorded runs of PPQ beside this repository";
  const RunComparison result = compare(run, [](ppq::Platform& platform) { platform.activation.rounding = ppq::Rounding::half_even; });
  ASSERT_FALSE(result.failures.empty());
  EXPECT_GT(result.passes.at(0).roundings, 0U);
  EXPECT_NE(to_text(result).find("NOT within the lines"), std::string::npos);
}

TEST(RecordedRun, OfANarrowerGridHasOtherScales) {
  if (!std::filesystem::exists(kShared + "ppq/runs/cnn_core/TRT_INT8")) GTEST_SKIP() << "no recorded runs of PPQ beside this repository";
  const RunComparison result = compare({"cnn_core", "TRT_INT8"}, [](ppq::Platform& platform) { platform.activation.quant_min = -127; });
  EXPECT_GT(result.passes.back().scales_differ, 0U);
}

TEST(RecordedRun, MustBeOne) {
  EXPECT_THROW(read_setup("no/such/folder"), InputError);
}

}  // namespace
}  // namespace assay::verify
