#include "quant/execute/executor.h"

#include <algorithm>

#include "emu/base/error.h"
#include "quant/execute/products.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

void check_inputs(const Graph& graph, const std::vector<FloatTensor>& inputs) {
  if (inputs.size() != graph.inputs.size()) {
    throw InputError("the model has " + std::to_string(graph.inputs.size()) + " inputs, " + std::to_string(inputs.size()) + " were given");
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value& value = graph.value(graph.inputs[i]);
    if (inputs[i].shape == value.shape && inputs[i].data.size() == static_cast<size_t>(element_count(value.shape))) continue;
    throw InputError("input '" + value.name + "' must have shape " + assay::to_string(value.shape) + ", the tensor given has " + assay::to_string(inputs[i].shape));
  }
}

void apply_in_place(const Operator& activation, FloatTensor& tensor) {
  if (const auto* clip = std::get_if<Clip>(&activation)) {
    for (float& x : tensor.data) x = x < clip->low ? clip->low : (x > clip->high ? clip->high : x);
  } else if (std::holds_alternative<Relu>(activation)) {
    for (float& x : tensor.data) x = x < 0 ? 0 : x;
  } else {
    tensor = std::visit([&](const auto& op) { return evaluate(op, {&tensor}, tensor.shape); }, activation);
  }
}

}  // namespace

struct Executor::Prepared {
  const Graph& graph;
  std::vector<std::unique_ptr<Product>> products;  // by node; null: evaluate()
  std::vector<size_t> readers;                     // by value: how many node inputs and graph outputs read it
};

Executor::Executor(const Graph& graph) : prepared_(new Prepared{graph, {}, std::vector<size_t>(graph.values.size(), 0)}) {
  const SingleThread single;
  for (const Node& node : graph.nodes) {
    prepared_->products.push_back(prepare_product(graph, node));
    for (const ValueId input : node.inputs) ++prepared_->readers[input];
  }
  for (const ValueId output : graph.outputs) ++prepared_->readers[output];
}

Executor::~Executor() = default;

std::vector<FloatTensor> Executor::run(const std::vector<FloatTensor>& inputs, const OnValue& on_value) const {
  const Graph& graph = prepared_->graph;
  check_inputs(graph, inputs);
  const SingleThread single;
  std::vector<FloatTensor> held(graph.values.size());
  std::vector<size_t> readers = prepared_->readers;

  const auto at = [&](ValueId id) -> const FloatTensor& { return graph.is_constant(id) ? *graph.value(id).constant : held[id]; };
  // The value for its last reader, or a copy for an earlier one.
  const auto take = [&](ValueId id) {
    if (--readers[id] > 0 || graph.is_constant(id)) return at(id);
    return std::move(held[id]);
  };
  const auto compute = [&](size_t index) {
    const Node& node = graph.nodes[index];
    const Shape& shape = graph.value(node.output).shape;
    if (std::holds_alternative<Reshape>(node.op)) {
      FloatTensor moved = take(node.inputs[0]);
      moved.shape = shape;
      return moved;
    }
    Inputs operands;
    for (const ValueId input : node.inputs) operands.push_back(&at(input));
    FloatTensor result =
        prepared_->products[index] ? prepared_->products[index]->run(operands) : std::visit([&](const auto& op) { return evaluate(op, operands, shape); }, node.op);
    for (const ValueId input : node.inputs) {
      if (--readers[input] == 0) held[input] = FloatTensor();
    }
    return result;
  };

  for (size_t i = 0; i < inputs.size(); ++i) {
    held[graph.inputs[i]] = inputs[i];
    if (on_value) on_value(graph.inputs[i], held[graph.inputs[i]]);
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    FloatTensor result = compute(i);
    for (const Operator& activation : node.fused) apply_in_place(activation, result);
    ASSAY_ASSERT(result.shape == graph.value(node.output).shape);
    if (on_value) on_value(node.output, result);
    if (readers[node.output] > 0) held[node.output] = std::move(result);
  }
  std::vector<FloatTensor> outputs;
  for (const ValueId output : graph.outputs) outputs.push_back(take(output));
  return outputs;
}

}  // namespace assay::quant
