// SSD equalization: what it keeps is better, and the network's function stays.
#include <gtest/gtest.h>

#include <cmath>

#include "emu/base/error.h"
#include "quant/ppq/executor.h"
#include "quant/ppq/passes/optional.h"
#include "tests/ppq/recorded.h"
#include "tests/ppq/small_network.h"

namespace assay::ppq {
namespace {

using test::RecordedRun;

// cnn_core before fusion, with one channel of conv2 sixteen times as large and of conv3 as much smaller, and 8 inputs.
struct Ssd : testing::Test {
  const RecordedRun run{"cnn_core", "PPL_DSP_INT8"};
  Network network;
  test::SmallContext small{{}};
  FloatTensor input;

  void SetUp() override {
    if (!run.exists()) GTEST_SKIP() << run.missing();
    network = run.after("INIT");
    input = test::read_tensor(run.model_folder() + "input.npy");
    network.variable(network.inputs[0]).shape = input.shape;
    std::vector<std::string> files = test::npy_files(run.model_folder() + "calibration");
    files.resize(8);
    small.inputs = {files.size(), [files](size_t i) { return Tensors{test::read_tensor(files.at(i))}; }};
    small.settings.calibration_steps = 8;
    small.settings.ssd_equalization.iterations = 1;
    scale("conv2", 1, 0, 16.0F), scale("conv2", 2, 0, 16.0F), scale("conv3", 1, 1, 1.0F / 16);
    for (Variable& variable : network.variables) variable.fp32 = nullptr;
  }
  // Channel 0 along the axis.
  void scale(const std::string& operation, size_t slot, size_t axis, float factor) {
    Variable& variable = network.variable(network.operation(network.find_operation(operation).value()).inputs[slot]);
    quant::Constant made = *variable.value;
    size_t inner = 1;
    for (size_t i = axis + 1; i < made.shape.size(); ++i) inner *= static_cast<size_t>(made.shape[i]);
    for (size_t i = 0; i < made.reals.size(); ++i) made.reals[i] *= i / inner % static_cast<size_t>(made.shape[axis]) == 0 ? factor : 1.0F;
    variable.value = std::make_shared<const quant::Constant>(made);
  }
  Tensors outputs() const { return Executor(network).run({input}, Executor::Mode::fp32); }
};

double largest_gap(const Tensors& a, const Tensors& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t k = 0; k < a[i].size(); ++k) largest = std::max(largest, std::fabs(static_cast<double>(a[i].data[k]) - static_cast<double>(b[i].data[k])));
  }
  return largest;
}

TEST_F(Ssd, EqualizesWhatIsUnevenAndKeepsTheFunction) {
  const Tensors before = outputs();
  const PassReport report = ssd_equalization(network, small.context);
  ASSERT_FALSE(report.changes.empty());
  bool told = false;
  for (const std::string& line : report.changes) told = told || line.find("conv2 -> conv3 are equalized by algorithm") == 0;
  EXPECT_TRUE(told) << report.changes[0];
  EXPECT_LT(largest_gap(outputs(), before), 1e-5);
  for (const OperationId id : network.order) {
    for (const ConfigId config : network.operation(id).input_configs) EXPECT_NE(network.configurations[config].state, State::activated);
  }
}

TEST_F(Ssd, ChangesNothingWhereNothingIsBetterOrItIsCancelled) {
  const Tensors before = outputs();
  small.settings.ssd_equalization.loss_threshold = 0;
  EXPECT_TRUE(ssd_equalization(network, small.context).changes.empty());
  EXPECT_EQ(outputs(), before);
  small.context.cancelled = [] { return true; };
  const PassReport report = ssd_equalization(network, small.context);
  EXPECT_TRUE(report.changes.empty());
  EXPECT_EQ(report.warnings.size(), 1U);
}

TEST_F(Ssd, RefusesToRunWithoutInputs) {
  small.inputs = {};
  EXPECT_THROW(ssd_equalization(network, small.context), InputError);
}

}  // namespace
}  // namespace assay::ppq
