// The main job on the embedded model, as a user runs it.
#include <gtest/gtest.h>

#include <map>

#include "nlohmann/json.hpp"
#include "tests/cli/process.h"

namespace assay::testing {
namespace {

const std::string kModels = std::string(ASSAY_SOURCE_DIR) + "/vectors/models";

// Every file below a folder, by relative path.
std::map<std::string, std::string> files_below(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[std::filesystem::relative(entry.path(), folder).string()] = read(entry.path().string());
  }
  return files;
}

class AlignDigits : public ::testing::TestWithParam<const char*> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(AlignDigits, EmulatedAccuracyIsWithinOnePointOfFp32) {
  const auto result = assay("align " + kModels + "/digits.onnx -t " + GetParam() + " -c " + kModels + "/calibration -i " + kModels + "/inputs -l " + kModels + "/labels.json -o '" +
                            (folder_ / "out") + "'");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto align = nlohmann::json::parse(read(folder_ / "out/align.json"));
  const auto& accuracy = align.at("accuracy");
  EXPECT_EQ(accuracy.at("labelled"), 256);
  EXPECT_GE(accuracy.at("fp32_correct").get<int>(), 249);
  EXPECT_LE(std::abs(accuracy.at("fp32_correct").get<int>() - accuracy.at("emu_correct").get<int>()), 2);
  for (size_t start = 0; start < result.output.size();) {
    const size_t end = std::min(result.output.find('\n', start), result.output.size());
    size_t columns = 0;  // characters, not UTF-8 bytes
    for (size_t i = start; i < end; ++i) columns += (result.output[i] & 0xC0) != 0x80 ? 1 : 0;
    if (result.output.compare(start, 10, "written to") != 0) {
      EXPECT_LE(columns, 120U) << result.output.substr(start, end - start);
    }
    start = end + 1;
  }
}

TEST_P(AlignDigits, GivesTheSameBytesForOneAndTwoThreadsAndTwice) {
  std::string list;
  for (const char* name : {"000", "001", "002", "003", "004"}) list += kModels + "/inputs/" + name + ".npy\n";
  write(folder_ / "list.txt", list);
  const std::vector<std::pair<std::string, std::string>> runs = {{"one", "1"}, {"two", "2"}, {"again", "2"}};
  for (const auto& [name, threads] : runs) {
    const auto result = assay("align " + kModels + "/digits.onnx -t " + GetParam() + " -c " + kModels + "/calibration -i '" + (folder_ / "list.txt") + "' -o '" + (folder_ / name) +
                              "' --golden --quiet --threads " + threads);
    ASSERT_LT(result.exit_code, 2) << result.output;
  }
  const auto one = files_below(folder_ / "one");
  EXPECT_GT(one.size(), 64U);
  EXPECT_EQ(one, files_below(folder_ / "two"));
  EXPECT_EQ(one, files_below(folder_ / "again"));
}

INSTANTIATE_TEST_SUITE_P(Targets, AlignDigits, ::testing::Values("nxp_int8", "dsp_int8"), [](const auto& param_info) { return std::string(param_info.param); });

TEST(Run, GivesTheIntegersOfTheGoldenBundle) {
  TemporaryFolder folder;
  const std::string one_input = kModels + "/inputs/000.npy";
  ASSERT_LT(assay("align " + kModels + "/digits.onnx -t dsp_int8 -c " + kModels + "/calibration -i " + one_input + " -o '" + (folder / "out") + "' --golden --quiet").exit_code, 2);
  ASSERT_EQ(assay("inspect '" + (folder / "out/golden") + "'").exit_code, 0);
  ASSERT_EQ(assay("run '" + (folder / "out/program.qprog") + "' -i " + one_input + " -o '" + (folder / "binary") + "' --quiet").exit_code, 0);
  ASSERT_EQ(assay("run '" + (folder / "out/program.txt") + "' -i " + one_input + " -o '" + (folder / "text") + "' --quiet --reference").exit_code, 0);
  const auto binary = files_below(folder / "binary");
  ASSERT_EQ(binary.size(), 1U);
  EXPECT_EQ(binary, files_below(folder / "text"));
  size_t found = 0;
  for (const auto& [name, bytes] : files_below(folder / "out/golden")) found += name.ends_with("output.npy") && bytes == binary.begin()->second ? 1 : 0;
  EXPECT_EQ(found, 1U) << "the run's output is not in the golden bundle";
}

// Before anything is read: the model is not even there.
TEST(Align, ASecondBundleInOneFolderIsRefusedBeforeTheWork) {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "out/golden/000");
  const auto result = assay("align no_such_model.onnx -t dsp_int8 -c " + kModels + "/calibration -o '" + (folder / "out") + "' --golden --quiet");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("is there already"), std::string::npos) << result.output;
}

TEST(Inspect, NoticesAChangedGoldenFile) {
  TemporaryFolder folder;
  ASSERT_LT(assay("align " + kModels + "/digits.onnx -t nxp_int8 -c " + kModels + "/calibration -i " + kModels + "/inputs/000.npy -o '" + (folder / "out") + "' --golden --quiet")
                .exit_code,
            2);
  for (const auto& [name, bytes] : files_below(folder / "out/golden")) {
    if (!name.ends_with("output.npy")) continue;
    std::string changed = bytes;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    write(folder / "out/golden/" + name, changed);
    break;
  }
  const auto result = assay("inspect '" + (folder / "out/golden") + "'");
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_NE(result.output.find("output.npy"), std::string::npos) << result.output;
}

TEST(Help, EverySubCommandHasAnExample) {
  for (const char* command : {"", "align", "quantize", "run", "inspect", "targets", "targets list", "targets explain"}) {
    const auto result = assay(std::string(command) + " --help");
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_NE(result.output.find("Example"), std::string::npos) << command;
  }
}

}  // namespace
}  // namespace assay::testing
