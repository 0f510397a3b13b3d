// Recorded runs of the real PPQ, as networks: operations, configurations and parameters as they were after any of its passes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quant/graph/tensor.h"
#include "quant/ppq/network.h"

namespace assay::ppq::test {

// ASSAY_SHARED_DIR/ppq/runs/<model>/<platform>. Tests skip where it is missing: `if (!run.exists()) GTEST_SKIP() << run.missing();`
class RecordedRun {
 public:
  RecordedRun(std::string model, std::string platform);
  bool exists() const;
  std::string missing() const;
  std::string folder() const;               // ends in '/'
  std::string model_folder() const;         // of the model's model.onnx, calibration/ and input.npy; ends in '/'
  std::vector<std::string> passes() const;  // "INIT", "QuantizeFusionPass" ...

  // The network after that pass. Parameters hold what they were as loaded (before equalization where there was one), after the baking pass what was baked. Operations lie in
  // `order` as in PPQ's dictionary; shapes are not set. Scales of dominated configurations are their roots'; own scales are known only for the last pass.
  Network after(const std::string& pass) const;
  // "conv0:in1" -> configuration, the same for after() of every pass.
  std::map<std::string, ConfigId> slots() const;

 private:
  std::string model_, platform_;
};

// Every difference in state, root, rounding, scale and offset (bit patterns) of `ours` from `wanted`, both over slots(): "conv0:in1: state ACTIVATED, not BAKED". Empty: all equal.
std::vector<std::string> differences(const Network& ours, const Network& wanted, const std::map<std::string, ConfigId>& slots, bool scales);

// "000.npy" ... of a folder, sorted.
std::vector<std::string> npy_files(const std::string& folder);
quant::FloatTensor read_tensor(const std::string& path);

// All platforms recorded on the model.
std::vector<std::string> recorded_platforms(const std::string& model);

}  // namespace assay::ppq::test
