// A recorded network with its calibration inputs, for the passes that learn.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "emu/base/error.h"
#include "quant/ppq/pass.h"
#include "tests/ppq/recorded.h"

namespace assay::ppq::test {

struct LearningNetwork {
  RecordedRun run;
  Network network;
  Platform platform;
  Settings settings;
  InputSet inputs;
  int threads = 1;
  std::function<bool()> cancelled;

  LearningNetwork(const std::string& model, const std::string& name, const std::string& pass) : run(model, name) {
    if (!run.exists()) return;
    network = run.after(pass);
    restore_integers();
    settings.exact = false;
    const std::string folder = model == "cnn_core" ? run.model_folder() + "calibration/" : std::string(ASSAY_SHARED_DIR) + "/models/calib/" + model + "/";
    const std::vector<std::string> files = npy_files(folder);
    inputs.count = std::min<size_t>(files.size(), 4);
    inputs.get = [files](size_t i) { return std::vector<quant::FloatTensor>{read_tensor(files.at(i))}; };
    network.variable(network.inputs.at(0)).shape = inputs.get(0).at(0).shape;
  }
  bool exists() const { return run.exists(); }
  std::string missing() const { return run.missing(); }
  Context context() const { return Context{platform, settings, inputs, threads, {}, cancelled}; }

  // Recorded parameters are all reals; the executor wants the shape of a Reshape as integers.
  void restore_integers() {
    for (const OperationId id : network.order) {
      const Operation& operation = network.operation(id);
      if (operation.type != "Reshape" || operation.inputs.size() < 2) continue;
      Variable& shape = network.variable(operation.inputs[1]);
      if (!shape.value || shape.value->kind == quant::Kind::integer) continue;
      const std::vector<int64_t> extents(shape.value->reals.begin(), shape.value->reals.end());
      shape.value = shape.fp32 = std::make_shared<const quant::Constant>(quant::Constant::of_integers(shape.value->shape, extents));
    }
  }

  // Each line of the report has an error before that is the larger; there are as many blocks as it says.
  void expect_errors_fall(const PassReport& report, const Network&) const {
    for (const std::string& line : report.changes) {
      double before = 0, after = 0;
      const size_t at = line.find("mean squared error ");
      ASSERT_NE(at, std::string::npos) << line;
      ASSERT_EQ(std::sscanf(line.c_str() + at, "mean squared error %lf -> %lf", &before, &after), 2) << line;
      EXPECT_LE(after, before) << line;
      EXPECT_GT(before, 0.0) << line;
    }
  }
};

inline bool same_parameters(const Network& a, const Network& b) {
  for (VariableId id = 0; id < a.variables.size(); ++id) {
    const auto &one = a.variable(id).value, &other = b.variable(id).value;
    if ((one == nullptr) != (other == nullptr) || (one && (one->reals != other->reals || one->integers != other->integers))) return false;
  }
  return a.variables.size() == b.variables.size();
}

inline bool same_configurations(const Network& a, const Network& b) {
  for (ConfigId id = 0; id < a.configurations.size(); ++id) {
    if (a.configurations[id].state != b.configurations[id].state || a.configurations.root(id) != b.configurations.root(id)) return false;
    if (!(a.configurations.scale(id) == b.configurations.scale(id))) return false;
  }
  return a.configurations.size() == b.configurations.size();
}

}  // namespace assay::ppq::test
