// Bad input, as a user meets it: one paragraph that names the file, node or key and the remedy, the right exit code, and nothing left that looks complete.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/cli/process.h"
#include "vectors/npy.h"

namespace assay::testing {
namespace {

const std::string kRepository = ASSAY_SOURCE_DIR;
const std::string kDigits = kRepository + "/vectors/models/digits.onnx";
const std::string kCalibration = kRepository + "/vectors/models/calibration";

class BadInput : public ::testing::Test {
 protected:
  // align with a model and calibration folder; everything else is good.
  ProcessResult align(const std::string& model, const std::string& calibration, const std::string& more = "", const std::string& before = "") {
    return assay("align '" + model + "' -t nxp_int8 -c '" + calibration + "' -o '" + out() + "' --quiet " + more, before);
  }
  std::string out() const { return folder_ / "out"; }

  void expect(const ProcessResult& result, int exit_code, const std::vector<std::string>& words) const {
    EXPECT_EQ(result.exit_code, exit_code) << result.output;
    for (const auto& word : words) EXPECT_NE(result.output.find(word), std::string::npos) << "the message does not say '" << word << "':\n" << result.output;
    EXPECT_FALSE(std::filesystem::exists(out() + "/align.json"));
    EXPECT_FALSE(std::filesystem::exists(out() + "/golden"));
  }

  // x [1,2] -> y = x * w, and a calibration folder of two inputs.
  std::string small_model(const std::vector<float>& weights = {1, 2}) {
    ModelBuilder builder({1, 2});
    builder.weight("w", {2}, weights);
    builder.node("Mul", {"x", "w"}, "y");
    write(folder_ / "small.onnx", builder.bytes());
    return folder_ / "small.onnx";
  }
  std::string small_calibration(const std::vector<float>& values = {0.5F, -1}) {
    std::filesystem::create_directories(folder_ / "calibration");
    write(folder_ / "calibration/000.npy", vectors::npy_bytes(vectors::FloatTensor{{1, static_cast<int64_t>(values.size())}, values}));
    return folder_ / "calibration";
  }

  TemporaryFolder folder_;
};

TEST_F(BadInput, AGoodModelIsAligned) {
  const auto result = align(small_model(), small_calibration());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(std::filesystem::exists(out() + "/align.json"));
}

TEST_F(BadInput, AMissingModelIsNamed) {
  expect(align(folder_ / "no.onnx", kCalibration), 2, {"no.onnx"});
}

TEST_F(BadInput, ATruncatedModelIsRefused) {
  const std::string bytes = read(kDigits);
  ASSERT_GT(bytes.size(), 1000U);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    write(folder_ / "cut.onnx", bytes.substr(0, size));
    expect(align(folder_ / "cut.onnx", kCalibration), 2, {"cut.onnx"});
  }
}

TEST_F(BadInput, RandomBytesAreRefused) {
  std::string bytes;
  uint64_t state = 12345;
  for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<char>((state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 56));
  write(folder_ / "noise.onnx", bytes);
  expect(align(folder_ / "noise.onnx", kCalibration), 2, {"noise.onnx"});
}

TEST_F(BadInput, MissingExternalDataNamesTheFileAndTheTensor) {
  ModelBuilder builder({1, 2});
  auto& weight = builder.weight("w", {2}, {});
  weight.set_data_location(onnx::TensorProto::EXTERNAL);
  auto& entry = *weight.add_external_data();
  entry.set_key("location");
  entry.set_value("weights.bin");
  builder.node("Mul", {"x", "w"}, "y");
  write(folder_ / "external.onnx", builder.bytes());
  expect(align(folder_ / "external.onnx", small_calibration()), 2, {"external.onnx", "weights.bin", "w"});
}

TEST_F(BadInput, AllUnsupportedOperatorsAreListedAtOnce) {
  ModelBuilder builder({1, 2});
  builder.node("Sin", {"x"}, "a");
  builder.node("Det", {"a"}, "b");
  builder.node("Cos", {"a"}, "y");
  write(folder_ / "odd.onnx", builder.bytes());
  expect(align(folder_ / "odd.onnx", small_calibration()), 3, {"Sin", "a_node", "Det", "b_node", "Cos", "y_node"});
}

TEST_F(BadInput, ADynamicShapeAsksForShape) {
  ModelBuilder builder({-1, 2});
  builder.weight("w", {2}, {1, 2});
  builder.node("Mul", {"x", "w"}, "y");
  write(folder_ / "dynamic.onnx", builder.bytes());
  expect(align(folder_ / "dynamic.onnx", small_calibration()), 2, {"dynamic.onnx", "x", "--shape"});
  EXPECT_EQ(align(folder_ / "dynamic.onnx", small_calibration(), "--shape x=1x2").exit_code, 0);
}

TEST_F(BadInput, NaNAndInfiniteWeightsAreNamed) {
  expect(align(small_model({1, std::nanf("")}), small_calibration()), 2, {"small.onnx", "w"});
  expect(align(small_model({std::numeric_limits<float>::infinity(), 1}), small_calibration()), 2, {"small.onnx", "w"});
}

TEST_F(BadInput, NaNInputsAreNamed) {
  expect(align(small_model(), small_calibration({1, std::nanf("")})), 2, {"000.npy"});
}

TEST_F(BadInput, AnEmptyCalibrationFolderIsRefused) {
  std::filesystem::create_directories(folder_ / "empty");
  expect(align(small_model(), folder_ / "empty"), 2, {"empty", "--calibration"});
  expect(align(small_model(), folder_ / "nowhere"), 2, {"nowhere"});
}

TEST_F(BadInput, CalibrationInputsOfTheWrongSizeAreNamedWithBothShapes) {
  expect(align(small_model(), small_calibration({1, 2, 3})), 2, {"000.npy", "[1,3]", "[1,2]"});
  write(folder_ / "calibration/000.npy", "not numpy");
  expect(align(small_model(), folder_ / "calibration"), 2, {"000.npy"});
}

TEST_F(BadInput, AnUnwritableOutputFolderIsRefusedBeforeTheWork) {
  write(folder_ / "file", "");
  const auto result = assay("align '" + small_model() + "' -t nxp_int8 -c '" + small_calibration() + "' -o '" + (folder_ / "file/out") + "'");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("file/out"), std::string::npos) << result.output;
  EXPECT_EQ(assay("align '" + small_model() + "' -t nxp_int8 -c '" + small_calibration() + "' -o /proc/assay").exit_code, 2);
}

TEST_F(BadInput, AFullDiskLeavesNothingThatLooksComplete) {
  // A limit on file sizes stands in for a full disk: every write of more than 4 KiB fails.
  const auto result = align(kDigits, kCalibration, "--golden", "trap '' XFSZ; ulimit -f 4;");
  expect(result, 2, {out()});
}

TEST_F(BadInput, ATargetWithAnUnknownKeyShowsTheLine) {
  std::string toml = read(kRepository + "/emu/targets/nxp_int8.toml");
  const size_t section = toml.find("[storage]");
  ASSERT_NE(section, std::string::npos);
  toml.insert(section + 10, "colour = \"blue\"\n");
  write(folder_ / "chip.toml", toml);
  expect(assay("align '" + small_model() + "' -t '" + (folder_ / "chip.toml") + "' -c '" + small_calibration() + "' -o '" + out() + "'"), 2, {"chip.toml", "colour"});
  EXPECT_EQ(assay("targets check '" + (folder_ / "chip.toml") + "'").exit_code, 2);
}

TEST_F(BadInput, AnUnknownTargetListsTheKnownOnes) {
  expect(assay("align '" + small_model() + "' -t nxp_int9 -c '" + small_calibration() + "' -o '" + out() + "'"), 2, {"nxp_int9", "nxp_int8", "dsp_int8"});
}

TEST_F(BadInput, AnUnknownOptionIsRefused) {
  expect(align(small_model(), small_calibration(), "--frobnicate"), 2, {"--frobnicate"});
}

TEST_F(BadInput, ACorruptProgramIsRefused) {
  ASSERT_EQ(align(small_model(), small_calibration()).exit_code, 0);
  const std::string bytes = read(out() + "/program.qprog");
  for (const size_t size : {size_t{0}, size_t{7}, bytes.size() / 2, bytes.size() - 1}) {
    write(folder_ / "cut.qprog", bytes.substr(0, size));
    const auto result = assay("run '" + (folder_ / "cut.qprog") + "' -i '" + small_calibration() + "' -o '" + (folder_ / "integers") + "'");
    EXPECT_EQ(result.exit_code, 2) << result.output;
    EXPECT_NE(result.output.find("cut.qprog"), std::string::npos) << result.output;
  }
}

}  // namespace
}  // namespace assay::testing
