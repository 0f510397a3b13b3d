#include <algorithm>
#include <numeric>

#include "quant/graph/passes/common.h"
#include "quant/graph/passes/passes.h"

namespace assay::quant {
namespace {

bool changes_nothing(const Graph& graph, const Node& node) {
  if (std::holds_alternative<Reshape>(node.op)) return graph.value(node.inputs[0]).shape == graph.value(node.output).shape;
  const auto* transpose = std::get_if<Transpose>(&node.op);
  return transpose != nullptr && std::is_sorted(transpose->permutation.begin(), transpose->permutation.end());
}

// A Reshape of a Reshape reads what the first one reads; Reshapes and Transposes that change nothing go, unless they make a graph output.
void skip_idle_moves(Graph& graph) {
  std::vector<ValueId> stands_for(graph.values.size());
  std::iota(stands_for.begin(), stands_for.end(), ValueId{0});
  std::vector<ValueId> reshaped_from = stands_for;
  std::vector<bool> gone(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    for (ValueId& id : node.inputs) id = stands_for[id];
    if (std::holds_alternative<Reshape>(node.op)) {
      node.inputs[0] = reshaped_from[node.inputs[0]];
      reshaped_from[node.output] = node.inputs[0];
    }
    const bool is_output = std::find(graph.outputs.begin(), graph.outputs.end(), node.output) != graph.outputs.end();
    if (is_output || !changes_nothing(graph, node)) continue;
    stands_for[node.output] = node.inputs[0];
    gone[n] = true;
  }
  erase_nodes(graph, gone);
  remove_dead(graph);
}

}  // namespace

void simplify(Graph& graph) {
  remove_dead(graph);
  skip_idle_moves(graph);
  fold_bias_add(graph);
  fold_batch_norm(graph);
  fuse_activations(graph);
}

}  // namespace assay::quant
