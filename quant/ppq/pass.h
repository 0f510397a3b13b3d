// A pass changes a Network and tells what it changed. Each is one file in quant/ppq/passes; pipeline.h says which run, and in which order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "quant/graph/tensor.h"
#include "quant/ppq/network.h"
#include "quant/ppq/platform.h"
#include "quant/ppq/settings.h"

namespace assay::ppq {

// Calibration inputs by index; get() may be called from several threads at once. As quant::InputSet.
struct InputSet {
  size_t count = 0;
  std::function<std::vector<quant::FloatTensor>(size_t)> get;
};

struct Context {
  const Platform& platform;
  const Settings& settings;
  const InputSet& inputs;
  int threads = 1;
  std::function<void(const std::string& what, size_t done, size_t total)> progress;  // may be empty; called from any thread
  std::function<bool()> cancelled;                                                   // may be empty; true: stop soon, with the best so far
};

// What a pass did: lines for people, and warnings that name tensors.
struct PassReport {
  std::string name;                  // PPQ's class name: "QuantizeFusionPass"
  std::vector<std::string> changes;  // "conv0:out0 is dominated by relu0:out0"
  std::vector<std::string> warnings;
};

struct Pass {
  std::string name;
  std::function<PassReport(Network&, const Context&)> run;
};

}  // namespace assay::ppq
