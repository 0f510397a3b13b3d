// Runs a network over calibration batches and shows chosen tensors to their observers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "quant/ppq/executor.h"
#include "quant/ppq/observers.h"
#include "quant/ppq/pass.h"

namespace assay::ppq {

// A slot of a quantized operation: its values are seen before they are quantized there.
struct Watched {
  OperationId operation = kNone;
  bool is_output = false;
  size_t slot = 0;
  ConfigId configuration = 0;
  std::unique_ptr<Observer> observer;
};

// "conv0:in1", "conv0:out0".
std::string slot_name(const Network& network, const Watched& watched);

// Batch i is inputs.get(i mod count); the observers' statistics are merged in that order whatever context.threads is, and each different input is run once. `what` names it in
// progress. Returns how many of the steps were seen: fewer where it was cancelled. InputError names the tensor and the input where a value is not finite.
size_t observe(const Network& network, const Executor& executor, const Context& context, size_t steps, const std::string& what, const std::vector<Watched*>& watched);

}  // namespace assay::ppq
