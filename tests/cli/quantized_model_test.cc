// From a quantized network to ONNX and back, as a user does it.
#include <gtest/gtest.h>

#include "tests/cli/process.h"

namespace assay::testing {
namespace {

const std::string kDigitsFolder = std::string(ASSAY_SOURCE_DIR) + "/vectors/models";

TEST(QuantizedModels, AreWrittenByQuantizeAndNeedNoCalibrationWhenReadAgain) {
  const TemporaryFolder folder;
  const auto made = assay("quantize " + kDigitsFolder + "/digits.onnx -t dsp_int8 -c " + kDigitsFolder + "/calibration -o '" + (folder / "out") + "' --export-qdq '" +
                          (folder / "qdq.onnx") + "' --export-qlinear '" + (folder / "qlinear.onnx") + "'");
  ASSERT_EQ(made.exit_code, 0) << made.output;
  for (const std::string& form : {std::string("qdq"), std::string("qlinear")}) {
    const auto again = assay("quantize '" + (folder / (form + ".onnx")) + "' -t dsp_int8 -o '" + (folder / form) + "' --quiet");
    ASSERT_EQ(again.exit_code, 0) << again.output;
    for (const std::string& result : {std::string("out"), form}) {
      const auto ran = assay("run '" + (folder / (result + "/program.qprog")) + "' -i " + kDigitsFolder + "/inputs/003.npy -o '" + (folder / ("run_" + result)) + "' --quiet");
      ASSERT_EQ(ran.exit_code, 0) << ran.output;
    }
    const auto same = assay("inspect '" + (folder / (form + "/program.qprog")) + "'");
    EXPECT_EQ(same.exit_code, 0) << same.output;
    std::vector<std::string> outputs;
    for (const std::string& result : {std::string("out"), form}) {
      for (const auto& entry : std::filesystem::directory_iterator(folder / ("run_" + result))) outputs.push_back(read(entry.path().string()));
    }
    ASSERT_EQ(outputs.size(), 2U);
    EXPECT_EQ(outputs[0], outputs[1]) << form;
  }
}

TEST(QuantizedModels, AreAskedForCalibrationInputsWhereTheModelHasNoScales) {
  const TemporaryFolder folder;
  const auto result = assay("quantize " + kDigitsFolder + "/digits.onnx -t dsp_int8 -o '" + (folder / "out") + "' --quiet");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.output.find("no calibration inputs"), std::string::npos) << result.output;
  const auto aligned = assay("align " + kDigitsFolder + "/digits.onnx -t dsp_int8 -o '" + (folder / "out") + "' --quiet");
  EXPECT_EQ(aligned.exit_code, 2);
  EXPECT_NE(aligned.output.find("nothing to align on"), std::string::npos) << aligned.output;
}

}  // namespace
}  // namespace assay::testing
