// The graph: values and nodes in topological order, every operator known, every shape known, constants folded. A value is written by one node, or is an input, or a
// constant. Names are ONNX's, unique, never empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quant/graph/given.h"
#include "quant/graph/operators.h"
#include "quant/graph/tensor.h"

namespace assay::quant {

using ValueId = uint32_t;

struct Value {
  std::string name;
  Shape shape;
  std::optional<FloatTensor> constant;
  std::optional<GivenQuantization> given{};  // of an already quantized model: words were made here, so nothing may be fused across it
};

struct Node {
  std::string name;       // the ONNX node's name (or its first output's where it has none)
  std::string onnx_type;  // "Conv", "HardSwish" ...: for errors and tables
  Operator op;
  // Activations computed in the same instruction, before the only quantization, in order: Relu and Clip (as clamps; fuse_activations puts them here), before them at most one
  // LeakyRelu (as a step; fuse_leaky_relu).
  std::vector<Operator> fused;
  std::vector<ValueId> inputs;
  ValueId output = 0;
};

struct Graph {
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;

  const Value& value(ValueId id) const { return values.at(id); }
  bool is_constant(ValueId id) const { return values.at(id).constant.has_value(); }
  ValueId add_value(std::string wanted, Shape shape);  // makes the name unique
  ValueId add_constant(std::string wanted, FloatTensor tensor);
};

// For each value, the nodes that read it (a node twice where it reads it twice).
std::vector<std::vector<size_t>> consumers_of(const Graph& graph);

// Asserts what the comment above says. Every pass ends with it.
void check(const Graph& graph);

// A line per node, for people and tests: names, operator, attributes, shapes.
std::string print(const Graph& graph);

}  // namespace assay::quant
