// --platform as its user meets it: PPQ's quantizer on the embedded network, its files out and in again.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/process.h"

namespace assay::testing {
namespace {

const std::string kDigitsAndInputs = std::string(ASSAY_SOURCE_DIR) + "/vectors/models";
const std::string kDigitsNetwork = kDigitsAndInputs + "/digits.onnx -c " + kDigitsAndInputs + "/calibration";

TEST(Platform, AlignsFp32SimulationAndItsOwnChip) {
  const TemporaryFolder folder;
  const auto result = assay("align " + kDigitsNetwork + " -p ppl_cuda_int8 -i " + kDigitsAndInputs + "/inputs/000.npy -o '" + (folder / "out") + "'");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("target ppl_cuda_int8"), std::string::npos) << "the platform names its chip\n" << result.output;
  EXPECT_NE(result.output.find("scales are PPQ's for platform PPL_CUDA_INT8"), std::string::npos) << result.output;
}

TEST(Platform, WritesItsFilesAndTakesTheScalesBackWithoutCalibration) {
  const TemporaryFolder folder;
  const auto made = assay("quantize " + kDigitsNetwork + " -p TRT_INT8 --export OnnxExporter --export platform -o '" + (folder / "made") + "'");
  ASSERT_EQ(made.exit_code, 0) << made.output;
  EXPECT_NE(made.output.find("RuntimeCalibrationPass"), std::string::npos) << made.output;
  EXPECT_NE(made.output.find("PASSED"), std::string::npos) << made.output;
  EXPECT_TRUE(std::filesystem::exists(folder / "made/TensorRTExporter_JSON.wts"));
  const auto again = assay("quantize " + kDigitsAndInputs + "/digits.onnx -p TRT_INT8 --import '" + (folder / "made/OnnxExporter.json") + "' -o '" + (folder / "again") + "'");
  ASSERT_EQ(again.exit_code, 0) << again.output;
  EXPECT_EQ(read(folder / "made/program.qprog"), read(folder / "again/program.qprog"));
}

TEST(Platform, RunsThePassesThatItIsTold) {
  const TemporaryFolder folder;
  const auto result = assay("quantize " + kDigitsNetwork + " -p TRT_INT8 --with LayerwiseEqualizationPass --without QuantAlignmentPass -o '" + (folder / "out") + "'");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("LayerwiseEqualizationPass"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("QuantAlignmentPass"), std::string::npos) << result.output;
  const auto order = assay("quantize " + kDigitsNetwork + " -p TRT_INT8 --passes QuantizeFusionPass,INIT -o '" + (folder / "out") + "'");
  EXPECT_EQ(order.exit_code, 2);
  EXPECT_NE(order.output.find("must stand after INIT"), std::string::npos) << order.output;
}

TEST(Platform, IsRefusedWithTheNamesThatThereAre) {
  const TemporaryFolder folder;
  const std::string out = " -o '" + (folder / "out") + "'";
  const auto unknown = assay("quantize " + kDigitsNetwork + " -p NO_SUCH_INT8" + out);
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_NE(unknown.output.find("PPL_CUDA_INT8"), std::string::npos) << unknown.output;
  const auto pass = assay("quantize " + kDigitsNetwork + " -p TRT_INT8 --with NoSuchPass" + out);
  EXPECT_EQ(pass.exit_code, 2);
  EXPECT_NE(pass.output.find("QuantizeFusionPass"), std::string::npos) << pass.output;
  const auto uncalibrated = assay("quantize " + kDigitsAndInputs + "/digits.onnx -p TRT_INT8" + out);
  EXPECT_EQ(uncalibrated.exit_code, 2);
  EXPECT_NE(uncalibrated.output.find("--calibration"), std::string::npos) << uncalibrated.output;
  const auto no_chip = assay("quantize " + kDigitsNetwork + " -p TRT_FP8" + out);
  EXPECT_EQ(no_chip.exit_code, 3) << no_chip.output;
  EXPECT_NE(no_chip.output.find("--target"), std::string::npos) << no_chip.output;
  const auto neither = assay("quantize " + kDigitsNetwork + out);
  EXPECT_EQ(neither.exit_code, 2);
  EXPECT_NE(neither.output.find("--platform"), std::string::npos) << neither.output;
}

TEST(Platform, AnalysisIsReadByMachines) {
  const auto result = assay("ppq analyse " + kDigitsNetwork + " -p TRT_INT8 --batches 2 --json --quiet --layerwise");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_GT(json.at("graphwise").size(), 3U);
  EXPECT_EQ(json.at("graphwise").size(), json.at("layerwise").size());
  EXPECT_GT(json.at("graphwise_mean").at("snr").get<double>(), 0);
  EXPECT_LT(json.at("graphwise_mean").at("snr").get<double>(), 0.1);
}

TEST(Platform, ARunThatIsNoneIsBadInput) {
  const auto result = assay("ppq compare " + kDigitsAndInputs);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.output.find("not a recorded run"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace assay::testing
