#include <gtest/gtest.h>

#include "tests/cli/process.h"

namespace assay::testing {
namespace {

const std::string kExamples = std::string(ASSAY_SOURCE_DIR) + "/docs/examples/targets/";

size_t lines_without(const std::string& text, const std::string& mark) {
  size_t count = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    if (text.compare(start, mark.size(), mark) != 0) ++count;
    start = end + 1;
  }
  return count;
}

TEST(VectorsCommand, WritesTheSameBytesEachTimeInEveryFormat) {
  const TemporaryFolder folder;
  for (const char* format : {"json", "csv", "hex", "bin"}) {
    const std::string arguments = std::string("vectors --target dsp_int8 --op all --limit 300 --format ") + format + " -o ";
    ASSERT_EQ(assay(arguments + (folder / "a")).exit_code, 0);
    ASSERT_EQ(assay(arguments + (folder / "b")).exit_code, 0);
    EXPECT_EQ(read(folder / "a"), read(folder / "b"));
    EXPECT_GT(read(folder / "a").size(), 8U * 300U);
    EXPECT_FALSE(std::filesystem::exists(folder / "a.partial"));
  }
}

TEST(VectorsCommand, HexHasOneLineOfWordsPerCase) {
  const TemporaryFolder folder;
  ASSERT_EQ(assay("vectors --target nxp_int8 --op rounding --limit 50 --format hex -o " + (folder / "v.hex")).exit_code, 0);
  const std::string text = read(folder / "v.hex");
  EXPECT_EQ(lines_without(text, "//"), 50U);
  EXPECT_NE(text.find("// rounding: value shift mode result\n"), std::string::npos);
}

TEST(VectorsCommand, SaysWhereTwoTargetsDifferOrThatTheyDoNot) {
  const auto asked = [](const std::string& a, const std::string& b) { return assay("vectors --op requantize --format csv --target '" + a + "' --against '" + b + "'"); };
  const ProcessResult differ = asked("tflite_int8", kExamples + "tflite_single.toml");
  EXPECT_EQ(differ.exit_code, 0);
  EXPECT_NE(differ.output.find("double rounding"), std::string::npos);
  EXPECT_NE(differ.output.find("20 discriminating vectors"), std::string::npos);
  const ProcessResult same = asked("tflite_int8", "cmsis_nn");
  EXPECT_EQ(same.exit_code, 0);
  EXPECT_NE(same.output.find("proven by staircases"), std::string::npos);
  EXPECT_NE(same.output.find("no difference was found"), std::string::npos);
  EXPECT_NE(asked("nxp_int8", "ops.conv.steps[2]=shift_right scale half_even").output.find("tie: the two round it"), std::string::npos);
  EXPECT_NE(assay("vectors --target nxp_int8 --against dsp_int8").output.find("discriminating vectors"), std::string::npos);
}

TEST(VectorsCommand, RefusesBadInput) {
  const auto refused = [](const std::string& arguments, int code, const std::string& words) {
    const ProcessResult result = assay("vectors " + arguments);
    EXPECT_EQ(result.exit_code, code) << arguments << "\n" << result.output;
    EXPECT_NE(result.output.find(words), std::string::npos) << result.output;
  };
  refused("--target nxp_int9", 2, "nxp_int8");
  refused("--target nxp_int8 --op conv", 2, "is no operation");
  refused("--target nxp_int8 --format yaml", 2, "expected json, csv, hex or bin");
  refused("--target nxp_int8 --level 3", 2, "level");
  refused("--target nxp_int8 --against ops.conv.step[2]=x", 2, "did you mean 'ops.conv.steps[2]'");
  refused("--target nxp_int8 --against multiplier.bits=77", 2, "multiplier.bits");
  refused("--target nxp_int8 --op rounding -o no/such/folder/x.json", 2, "cannot write");
  refused("--target onnxruntime_cpu --op add", 3, "computes in binary32");
}

TEST(VectorsCommand, ExampleTargetsAreComplete) {
  for (const auto& entry : std::filesystem::directory_iterator(kExamples)) {
    if (entry.path().extension() != ".toml") continue;
    EXPECT_EQ(assay("targets check '" + entry.path().string() + "'").exit_code, 0) << entry.path();
  }
}

}  // namespace
}  // namespace assay::testing
