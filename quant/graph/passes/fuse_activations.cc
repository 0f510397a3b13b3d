#include "quant/graph/passes/common.h"
#include "quant/graph/passes/passes.h"

namespace assay::quant {
namespace {

bool computes(const Operator& op) {
  return std::holds_alternative<Conv>(op) || std::holds_alternative<ConvTranspose>(op) || std::holds_alternative<MatMul>(op) || std::holds_alternative<Binary>(op) ||
         std::holds_alternative<AveragePool>(op);
}

}  // namespace

void fuse_activations(Graph& graph) {
  const auto consumers = consumers_of(graph);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (gone[n] || !computes(graph.nodes[n].op)) continue;
    for (auto next = only_consumer(graph, consumers, n); next; next = only_consumer(graph, consumers, n)) {
      Node& activation = graph.nodes[*next];
      if (!std::holds_alternative<Relu>(activation.op) && !std::holds_alternative<Clip>(activation.op)) break;
      graph.nodes[n].fused.push_back(activation.op);
      graph.nodes[n].output = activation.output;
      gone[*next] = true;
    }
  }
  erase_nodes(graph, gone);
  remove_dead(graph);
}

}  // namespace assay::quant
