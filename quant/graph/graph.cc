#include "quant/graph/graph.h"

#include <algorithm>
#include <unordered_set>

#include "emu/base/error.h"

namespace assay::quant {

ValueId Graph::add_value(std::string wanted, Shape shape) {
  const auto taken = [this](const std::string& text) { return std::any_of(values.begin(), values.end(), [&](const Value& v) { return v.name == text; }); };
  if (wanted.empty()) wanted = "value";
  std::string unique = wanted;
  for (int64_t i = 1; taken(unique); ++i) unique = wanted + "_" + std::to_string(i);
  values.push_back({std::move(unique), std::move(shape), std::nullopt});
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::add_constant(std::string wanted, FloatTensor tensor) {
  const ValueId id = add_value(std::move(wanted), tensor.shape);
  values[id].constant = std::move(tensor);
  return id;
}

std::vector<std::vector<size_t>> consumers_of(const Graph& graph) {
  std::vector<std::vector<size_t>> consumers(graph.values.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const ValueId input : graph.nodes[n].inputs) consumers.at(input).push_back(n);
  }
  return consumers;
}

namespace {

struct Arity {
  size_t least, most;
};

Arity arity_of(const Operator& op) {
  if (std::holds_alternative<Conv>(op) || std::holds_alternative<ConvTranspose>(op) || std::holds_alternative<MatMul>(op)) return {2, 3};
  if (std::holds_alternative<Binary>(op) || std::holds_alternative<PRelu>(op)) return {2, 2};
  if (std::holds_alternative<Concat>(op)) return {1, SIZE_MAX};
  if (std::holds_alternative<BatchNorm>(op)) return {5, 5};
  return {1, 1};
}

}  // namespace

void check(const Graph& graph) {
  std::unordered_set<std::string> names;
  for (const Value& value : graph.values) {
    ASSAY_ASSERT(!value.name.empty());
    ASSAY_ASSERT(names.insert(value.name).second);
    const int64_t count = element_count(value.shape);
    if (value.constant) {
      ASSAY_ASSERT(value.constant->shape == value.shape);
      ASSAY_ASSERT(value.constant->size() == static_cast<size_t>(count));
    }
  }
  std::vector<bool> known(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i) known[i] = graph.is_constant(static_cast<ValueId>(i));
  const auto define = [&](ValueId id) {
    ASSAY_ASSERT(id < graph.values.size());
    ASSAY_ASSERT(!known[id]);
    known[id] = true;
  };
  for (const ValueId id : graph.inputs) define(id);
  for (const Node& node : graph.nodes) {
    ASSAY_ASSERT(!node.name.empty());
    const Arity arity = arity_of(node.op);
    ASSAY_ASSERT(node.inputs.size() >= arity.least && node.inputs.size() <= arity.most);
    for (const ValueId id : node.inputs) {
      ASSAY_ASSERT(id < graph.values.size());
      ASSAY_ASSERT(known[id]);
    }
    for (const Operator& op : node.fused) {
      ASSAY_ASSERT(std::holds_alternative<Relu>(op) || std::holds_alternative<Clip>(op) || (std::holds_alternative<LeakyRelu>(op) && &op == &node.fused[0]));
    }
    define(node.output);
  }
  for (const ValueId id : graph.outputs) {
    ASSAY_ASSERT(id < graph.values.size());
    ASSAY_ASSERT(known[id] && !graph.is_constant(id));
  }
}

}  // namespace assay::quant
