// Both analyses against those that PPQ wrote, and the formulas by hand.
#include "quant/ppq/analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "tests/ppq/recorded.h"
#include "vectors/npy.h"

namespace assay::ppq {
namespace {

using nlohmann::json;
using test::RecordedRun;

struct AnalysisGiven {
  Platform platform;
  Settings settings;
  InputSet inputs;
  Context context{platform, settings, inputs, 2, nullptr, nullptr};
};

class Analysis : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!run.exists()) GTEST_SKIP() << run.missing();
    network = run.after("ParameterBakingPass");
    network.variable(network.inputs.at(0)).shape = {1, 3, 32, 32};
    recorded = json::parse(vectors::read_file(run.folder() + "analysis.json"));
    const std::vector<std::string> paths = test::npy_files(run.model_folder() + "calibration");
    given.inputs = {paths.size(), [paths](size_t i) { return std::vector<FloatTensor>{test::read_tensor(paths.at(i))}; }};
  }

  // An error's root, which has the unit of the outputs, is PPQ's within a millionth, or within the error of PPQ's sums in float32.
  void compare(const std::vector<OperationErrors>& rows, const std::string& kind) {
    ASSERT_EQ(rows.size(), recorded.at(kind + "_snr").size());
    double most = 0, most_root = 0;
    const auto near = [&](double ours, double theirs, const std::string& name) {
      const double apart = std::fabs(std::sqrt(ours) - std::sqrt(theirs));
      EXPECT_LT(apart, std::max(1e-6 * std::sqrt(theirs), 1e-9)) << name;
      most = std::max(most, std::fabs(ours / theirs - 1)), most_root = std::max(most_root, apart);
    };
    for (const OperationErrors& row : rows) {
      near(row.errors.snr, recorded.at(kind + "_snr").at(row.name), row.name);
      near(row.errors.mse, recorded.at(kind + "_mse").at(row.name), row.name);
      EXPECT_NEAR(row.errors.cosine, recorded.at(kind + "_cosine").at(row.name).get<double>(), 1e-6) << row.name;
    }
    std::cout << GetParam() << " " << kind << ": " << rows.size() << " operations, SNR and MSE at most " << most << " apart (relative), their roots " << most_root << "\n";
  }

  RecordedRun run{"cnn_core", GetParam()};
  Network network;
  json recorded;
  AnalysisGiven given;
};

TEST_P(Analysis, GraphwiseErrorsArePpqs) {
  compare(graphwise_analysis(network, given.context), "graphwise");
}

TEST_P(Analysis, LayerwiseErrorsArePpqs) {
  compare(layerwise_analysis(network, given.context), "layerwise");
}

INSTANTIATE_TEST_SUITE_P(CnnCore, Analysis, testing::Values("NXP_INT8", "TRT_INT8"), [](const auto& platform) { return std::string(platform.param); });

TEST(Errors, AreThoseOfTheirFormulas) {
  const Errors errors = errors_of({{2, 2}, {1, 2, 3, 5}}, {{2, 2}, {1, 1, 3, 4}});
  EXPECT_NEAR(errors.snr, (1.0 / 2 + 1.0 / 25) / 2, 1e-7);
  EXPECT_NEAR(errors.mse, 0.5, 1e-12);
  EXPECT_NEAR(errors.cosine, (3 / std::sqrt(10.0) + 29 / (5 * std::sqrt(34.0))) / 2, 1e-12);
  EXPECT_EQ(errors_of({{2}, {1, 2}}, {{2}, {1, 1}}).mse, 0.5);  // one row
  EXPECT_THROW(errors_of(FloatTensor(Shape{2}), FloatTensor(Shape{3})), InputError);
}

TEST(Errors, ElementsAreDrawnByPpqsSequence) {
  const std::vector<size_t> indices = sampled_indices(1000, 3);
  const uint64_t second = (0x343FDULL * 10086 + 0x269EC3) % (1ULL << 32), third = (0x343FDULL * second + 0x269EC3) % (1ULL << 32);
  EXPECT_EQ(indices, (std::vector<size_t>{86, second % 1000, third % 1000}));
}

TEST(Errors, TablesBeginWithTheWorst) {
  const std::vector<OperationErrors> rows = {{0, "conv", {0.01, 1, 0.999}}, {1, "gemm10", {0.05, 2, 0.9}}, {2, "last", {0.03, 4, 0.99}}};
  EXPECT_EQ(table_of(rows, Measure::snr),
            "Layer   | NOISE:SIGNAL POWER RATIO\n"
            "gemm10: | ████████████████████ | 5.0000%\n"
            "last:   | ██████████           | 3.0000%\n"
            "conv:   |                      | 1.0000%\n");
  EXPECT_EQ(table_of(rows, Measure::cosine).find("gemm10"), table_of(rows, Measure::cosine).find('\n') + 1);
}

}  // namespace
}  // namespace assay::ppq
