// Conv, ConvTranspose and MatMul in float32 by oneDNN: primitives and repacked weights made once, run with memory of the call's own. What the results must be is the evaluate() of
// quant/ops up to the order of sums.
#pragma once

#include <memory>
#include <vector>

#include "quant/graph/graph.h"

namespace assay::quant {

// oneDNN takes its number of threads from OpenMP's setting of the calling thread. While this lives, that is 1.
class SingleThread {
 public:
  SingleThread();
  ~SingleThread();
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

// One node, prepared. `run` may be called from several threads at once.
class Product {
 public:
  virtual ~Product() = default;
  // inputs: the node's, constants included.
  virtual FloatTensor run(const std::vector<const FloatTensor*>& inputs) const = 0;
};

// Null where the node is none of the three, or of a form that oneDNN does not take (negative pads, vectors): its evaluate() is used then.
std::unique_ptr<Product> prepare_product(const Graph& graph, const Node& node);

}  // namespace assay::quant
