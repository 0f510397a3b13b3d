// Other people's arithmetic examples, computed by ours.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "verify/examples/run_examples.h"

namespace assay::verify {
namespace {

std::string example_file(const std::string& text) {
  const auto path =
      std::filesystem::temp_directory_path() / ("assay_examples_" + std::to_string(::getpid()) + "_" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::ofstream(path) << text;
  return path;
}

ExampleReport run_text(const std::string& text) {
  const std::string path = example_file(text);
  const ExampleReport report = run_examples(path);
  std::filesystem::remove(path);
  return report;
}

TEST(Examples, AWrongExpectationFailsWithThePlaceAndBothValues) {
  const auto report =
      run_text(R"({"examples": [{"id": "x-1", "op": "round_shift", "params": {"mode": "half_even", "shift": 1}, "inputs": {"x": [1, 3, 5]}, "expected": [0, 2, 3]}]})");
  ASSERT_EQ(report.results.size(), 1U);
  EXPECT_EQ(report.results[0].id, "x-1");
  EXPECT_EQ(report.results[0].status, ExampleStatus::failed);
  EXPECT_EQ(report.results[0].message, "[2]: got 2, expected 3");
}

TEST(Examples, AnUnknownOperationIsNotSupportedAndNamed) {
  const auto report = run_text(R"({"examples": [{"id": "x-2", "op": "fourier", "expected": [0]}]})");
  EXPECT_EQ(report.results[0].status, ExampleStatus::not_supported);
  EXPECT_NE(report.results[0].message.find("'fourier'"), std::string::npos);
}

TEST(Examples, AFileThatIsNoneIsBadInput) {
  EXPECT_THROW(run_examples("/nonexistent/examples.json"), InputError);
  for (const char* text : {"", "{\"examples\": [", "[]", "{}", "{\"examples\": {}}", "{\"examples\": []}", "3"}) EXPECT_THROW(run_text(text), InputError) << text;
  EXPECT_THROW(run_text(std::string(100000, '[')), InputError);
}

// All must pass; which do not is in the message.
void expect_all_passed(const ExampleReport& report) {
  for (const ExampleResult& result : report.results) EXPECT_EQ(result.status, ExampleStatus::passed) << result.id << " (" << result.op << "): " << result.message;
}

TEST(Examples, EveryPublishedOnePasses) {
  const std::string path = ASSAY_SHARED_DIR "/specs/arithmetic_examples.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs the published examples, " << path;
  const auto report = run_examples(path);
  EXPECT_GE(report.results.size(), 100U);
  expect_all_passed(report);
}

TEST(Examples, EveryVariantPasses) {
  const auto report = run_examples(ASSAY_SOURCE_DIR "/tests/verify/examples/variants.json");
  EXPECT_GE(report.results.size(), 300U);
  expect_all_passed(report);
}

// A judge that always says yes would pass the two tests above.
TEST(Examples, NoVariantPassesWithAnotherExpectation) {
  std::ifstream file(ASSAY_SOURCE_DIR "/tests/verify/examples/variants.json");
  auto json = nlohmann::ordered_json::parse(file);
  for (auto& entry : json["examples"]) entry["expected"] = nlohmann::ordered_json::array({"7/11", "5/13"});
  for (auto& entry : json["requant_programs"]) entry["out"][3] = 7777;
  const auto report = run_text(json.dump());
  EXPECT_EQ(report.count(ExampleStatus::passed), 0);
}

TEST(Examples, MalformedEntriesFailWithAReasonAndStopNobodyElse) {
  const auto report = run_text(R"({"requant_programs": [{"target": "a", "program": [["shr", 99, "half_up"]], "acc": [1], "out": [1]},
                                                        {"target": "b", "program": [["frobnicate", 1]], "acc": [1], "out": [1]},
                                                        {"target": "c", "program": 3, "acc": [1], "out": [1]}, 7],
                                   "examples": [5, {"id": "no-op", "expected": 1}, {"id": "no-expected", "op": "srdhm"},
                                     {"id": "no-inputs", "op": "srdhm", "expected": [1]},
                                     {"id": "shift", "op": "round_shift_floor", "params": {"shift": 1e300}, "inputs": {"x": [1]}, "expected": [0]},
                                     {"id": "wide", "op": "round_shift_floor", "params": {"shift": -62}, "inputs": {"x": [18446744073709551615]}, "expected": [0]},
                                     {"id": "text", "op": "clamp_int8", "params": {"lo": 0, "hi": 5}, "inputs": {"x": ["1/0"]}, "expected": [0]},
                                     {"id": "mode", "op": "round_shift", "params": {"shift": 1, "mode": "sideways"}, "inputs": {"x": [1]}, "expected": [0]},
                                     {"id": "params", "op": "srdhm", "params": [], "expected": [1]},
                                     {"id": "product", "op": "eltwise_add", "params": {"I": 9223372036854775807, "J": 1, "m": 9223372036854775807, "n": 3}, "inputs": {"x": 9223372036854775807, "y": 1}, "expected": 1},
                                     {"id": "empty", "op": "padding_value", "params": {"zp": 3}, "inputs": {"real": []}, "expected": [3]},
                                     {"id": "good", "op": "round_shift_floor", "params": {"shift": 1}, "inputs": {"x": 5}, "expected": 2}]})");
  for (const ExampleResult& result : report.results) {
    const bool good = result.id == "good";
    const bool unsupported = result.id == "mode" || result.id == "requant_programs[1] b";
    const ExampleStatus expected = good ? ExampleStatus::passed : (unsupported ? ExampleStatus::not_supported : ExampleStatus::failed);
    EXPECT_EQ(result.status, expected) << result.id << ": " << result.message;
    EXPECT_EQ(result.message.empty(), good) << result.id;
  }
}

TEST(Examples, NumbersAreComparedAsTheyAreWritten) {
  const auto status = [](const std::string& got, const std::string& expected) {
    return run_text(R"({"examples": [{"op": "quantize_multiplier", "inputs": {"real": 0}, "expected": [0, 0]},
                                     {"op": "normratio", "params": {"bits": 8}, "inputs": {"saturation": ")" +
                    got + R"("}, "expected": )" + expected + "}]}")
        .results[1]
        .status;
  };
  EXPECT_EQ(status("254", "2"), ExampleStatus::passed);
  EXPECT_EQ(status("254", "\"4/2\""), ExampleStatus::passed);
  EXPECT_EQ(status("254", "[2.0]"), ExampleStatus::passed);
  EXPECT_EQ(status("1", "\"0.00787401575\""), ExampleStatus::passed);  // 1/127 to its printed digits
  EXPECT_EQ(status("1", "\"0.00787401574\""), ExampleStatus::failed);
  EXPECT_EQ(status("1", "\"0.0079\""), ExampleStatus::failed);  // so few digits are meant exactly
  EXPECT_EQ(status("254", "{\"normratio\": 2, \"note\": \"why\"}"), ExampleStatus::passed);
  EXPECT_EQ(status("254", "{\"normratio\": 3}"), ExampleStatus::failed);
}

TEST(Examples, FloatsAreComparedByTheirBitsOrTheNearestText) {
  const auto status = [](const std::string& expected) {
    return run_text(R"({"examples": [{"op": "cvt_bf16", "inputs": {"x": [{"value": "0", "f32_bits": "0x3eaaaaab"}, -0.0]}, "expected": )" + expected + "}]}").results[0].status;
  };
  EXPECT_EQ(status("[{\"value\": \"only for readers\", \"f32_bits\": \"0x3eab0000\"}, 0]"), ExampleStatus::passed);
  EXPECT_EQ(status("[{\"value\": \"0.333984375\", \"f32_bits\": \"0x3eab0001\"}, 0]"), ExampleStatus::failed);
  EXPECT_EQ(status("[\"0.333984375\", \"0.0\"]"), ExampleStatus::passed);
  EXPECT_EQ(status("[0.333984375, 0]"), ExampleStatus::passed);
  EXPECT_EQ(status("[\"0.333984376\", \"0.0\"]"), ExampleStatus::failed);
  EXPECT_EQ(status("[\"171/512\", 0]"), ExampleStatus::passed);
  EXPECT_EQ(status("[\"nan\", 0]"), ExampleStatus::failed);
}

int run_assay(const std::string& text, std::string& output) {
  const std::string path = example_file(text);
  FILE* pipe = popen(("'" ASSAY_BINARY "' verify --examples '" + path + "' 2>&1").c_str(), "r");
  char buffer[4096];
  output.clear();
  while (const size_t count = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
  const int status = pclose(pipe);
  std::filesystem::remove(path);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Examples, TheExitCodeSaysWhatHappened) {
  const std::string good = R"({"id": "g", "op": "clamp_u8", "params": {"lo": 0, "hi": 255}, "inputs": {"x": [300]}, "expected": [255]})";
  const std::string wrong = R"({"id": "wrong-one", "op": "clamp_u8", "params": {"lo": 0, "hi": 255}, "inputs": {"x": [300]}, "expected": [254]})";
  const std::string unknown = R"({"id": "u", "op": "zzzz", "expected": [254]})";
  std::string output;
  EXPECT_EQ(run_assay("{\"examples\": [" + good + "]}", output), 0) << output;
  EXPECT_EQ(run_assay("{\"examples\": [" + good + "," + wrong + "," + unknown + "]}", output), 1);
  EXPECT_NE(output.find("wrong-one"), std::string::npos) << output;
  EXPECT_NE(output.find("3 examples: 1 passed, 1 failed, 1 not supported"), std::string::npos) << output;
  EXPECT_EQ(run_assay("{\"examples\": [" + good + "," + unknown + "]}", output), 3) << output;
  EXPECT_EQ(run_assay("{\"examples\": [" + good, output), 2) << output;
}

}  // namespace
}  // namespace assay::verify
