#include "quant/graph/passes/common.h"
#include "quant/graph/passes/passes.h"

namespace assay::quant {

void remove_dead(Graph& graph) {
  std::vector<bool> needed(graph.values.size(), false);
  for (const ValueId id : graph.outputs) needed[id] = true;
  std::vector<bool> gone(graph.nodes.size(), false);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    gone[n] = !needed[node.output];
    if (gone[n]) continue;
    for (const ValueId id : node.inputs) needed[id] = true;
  }
  erase_nodes(graph, gone);

  for (const ValueId id : graph.inputs) needed[id] = true;  // the model's face does not change
  std::vector<ValueId> moved(graph.values.size(), 0);
  std::vector<Value> values;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!needed[i]) continue;
    moved[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph.values[i]));
  }
  graph.values = std::move(values);
  for (ValueId& id : graph.inputs) id = moved[id];
  for (ValueId& id : graph.outputs) id = moved[id];
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) id = moved[id];
    node.output = moved[node.output];
  }
  check(graph);
}

}  // namespace assay::quant
