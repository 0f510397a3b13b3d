// Other people's arithmetic examples, computed by ours.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

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

}  // namespace
}  // namespace assay::verify
