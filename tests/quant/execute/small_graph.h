// Graphs built by hand, and tensors with values that any order of sums treats well.
#pragma once

#include <random>
#include <string>
#include <utility>

#include "quant/graph/graph.h"

namespace assay::quant::test {

// Multiples of 1/64 in [-1, 1].
inline FloatTensor random_tensor(const Shape& shape, uint32_t seed) {
  std::mt19937_64 random(seed);
  FloatTensor tensor(shape);
  for (float& value : tensor.data) value = (static_cast<float>(random() % 129) - 64.0F) / 64.0F;
  return tensor;
}

struct SmallGraph {
  Graph graph;

  ValueId input(const std::string& name, const Shape& shape) {
    graph.inputs.push_back(value(name, shape));
    return graph.inputs.back();
  }
  ValueId constant(const std::string& name, FloatTensor tensor) {
    const ValueId id = value(name, tensor.shape);
    graph.values[id].constant = std::move(tensor);
    return id;
  }
  ValueId node(const std::string& name, Operator op, std::vector<ValueId> inputs, const Shape& shape, std::vector<Operator> fused = {}) {
    const ValueId id = value(name, shape);
    graph.nodes.push_back(Node{name + "_node", std::string(name), std::move(op), std::move(fused), std::move(inputs), id});
    return id;
  }
  void output(ValueId id) { graph.outputs.push_back(id); }

 private:
  ValueId value(const std::string& name, const Shape& shape) {
    graph.values.push_back(Value{name, shape, std::nullopt});
    return static_cast<ValueId>(graph.values.size() - 1);
  }
};

}  // namespace assay::quant::test
