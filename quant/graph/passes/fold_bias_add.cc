#include <algorithm>

#include "quant/graph/passes/common.h"
#include "quant/graph/passes/passes.h"

namespace assay::quant {
namespace {

// The constant as one number per channel of an output of shape `out`, if it is that: one element, or as many as channels on the channel axis and 1 elsewhere.
std::optional<FloatTensor> per_channel(const FloatTensor& constant, const Shape& out, const Channels& channels) {
  if (constant.shape.size() > out.size()) return std::nullopt;
  const size_t lead = out.size() - constant.shape.size();
  for (size_t i = 0; i < constant.shape.size(); ++i) {
    if (constant.shape[i] != 1 && lead + i != channels.axis) return std::nullopt;
  }
  FloatTensor bias(Shape{channels.count});
  for (size_t i = 0; i < bias.size(); ++i) bias.data[i] = constant.data[constant.size() == 1 ? 0 : i];
  return bias;
}

bool fold_bias_into(Graph& graph, Node& node, const Node& add) {
  const auto* binary = std::get_if<Binary>(&add.op);
  if (binary == nullptr || binary->kind != Arithmetic::add || !node.fused.empty()) return false;
  const ValueId other = add.inputs[0] == node.output ? add.inputs[1] : add.inputs[0];
  const Shape& out = graph.value(node.output).shape;
  if (!graph.is_constant(other) || graph.value(add.output).shape != out) return false;
  const auto channels = output_channels(graph, node);
  if (!channels) return false;
  auto bias = per_channel(*graph.value(other).constant, out, *channels);
  if (!bias) return false;
  if (node.inputs.size() == 3) {
    if (!graph.is_constant(node.inputs[2])) return false;
    const FloatTensor& old = *graph.value(node.inputs[2]).constant;
    for (size_t i = 0; i < bias->size(); ++i) bias->data[i] = old.data[i] + bias->data[i];
    node.inputs.pop_back();
  }
  node.inputs.push_back(graph.add_constant(node.name + "_bias", std::move(*bias)));
  node.fused = add.fused;
  node.output = add.output;
  return true;
}

}  // namespace

void fold_bias_add(Graph& graph) {
  const auto consumers = consumers_of(graph);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (gone[n]) continue;
    const auto next = only_consumer(graph, consumers, n);
    if (next && fold_bias_into(graph, graph.nodes[n], graph.nodes[*next])) gone[*next] = true;
  }
  erase_nodes(graph, gone);
  remove_dead(graph);
}

}  // namespace assay::quant
