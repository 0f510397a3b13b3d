// Runs a graph in float32: oneDNN for Conv, ConvTranspose and MatMul, plain loops elsewhere, one thread per call (the caller runs several inputs side by side). The PPQ
// simulator is the same executor with a hook that fake-quantizes each value as it is made, on a graph whose parameters are fake-quantized (simulate.h).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "quant/graph/graph.h"

namespace assay::quant {

class Executor {
 public:
  // Prepares primitives and repacks weights once. The graph must outlive the executor.
  explicit Executor(const Graph& graph);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Called with every graph input and every node's output as it is made (fused activations included), in order; may change it in place.
  using OnValue = std::function<void(ValueId, FloatTensor&)>;

  // inputs[i] belongs to graph.inputs[i]; a wrong shape is an InputError. Values are freed after their last reader. Safe to call from several threads at once.
  std::vector<FloatTensor> run(const std::vector<FloatTensor>& inputs, const OnValue& on_value = nullptr) const;

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

}  // namespace assay::quant
