// Runs a Network in float32 as PPQ's executor does (ppq.md 7): per operation, inputs fake-quantized by their configurations, the float function, outputs fake-quantized. Values are
// PPQ's up to the order of sums and the last ulp of transcendental functions.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "quant/graph/tensor.h"
#include "quant/ppq/linear.h"
#include "quant/ppq/network.h"

namespace assay::ppq {

using quant::FloatTensor;
using Tensors = std::vector<FloatTensor>;

class Executor {
 public:
  // Prepares primitives and repacks parameters as they are now. Traces shapes of dynamic inputs from `network`. The network must outlive the executor; when its parameters or
  // attributes change, make a new executor (states and scales may change freely).
  explicit Executor(const Network& network);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  struct Hooks {
    // Real tensors before the input quantization and, of the same operation, outputs before their quantization. Parameters are among the inputs.
    std::function<void(OperationId, const std::vector<const FloatTensor*>& inputs)> before;
    std::function<void(OperationId, const Tensors& outputs)> computed;
    // Outputs after quantization.
    std::function<void(OperationId, const Tensors& outputs)> after;
  };
  enum class Mode : uint8_t {
    quantized,  // as the configurations say
    fp32        // nothing is quantized and parameters are as loaded
  };
  // inputs[i] belongs to network.inputs[i]. Safe to call from several threads at once.
  Tensors run(const Tensors& inputs, Mode mode, const Hooks& hooks = {}) const;
  // Each operation in a mode of its own.
  Tensors run(const Tensors& inputs, const std::function<Mode(OperationId)>& mode_of, const Hooks& hooks = {}) const;

  // One operation on given inputs, one per slot, null for parameters (the network's are taken) and what follows from shapes alone; quantized as the configurations say.
  Tensors run_operation(OperationId id, const std::vector<const FloatTensor*>& inputs, const Hooks& hooks = {}) const;

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

}  // namespace assay::ppq
