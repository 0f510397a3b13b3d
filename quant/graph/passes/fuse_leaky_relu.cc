#include <algorithm>

#include "emu/arith/step_words.h"
#include "emu/target/target.h"
#include "quant/graph/passes/common.h"
#include "quant/graph/passes/passes.h"

namespace assay::quant {
namespace {

// The way out of the accumulator of a sum with weights; null for other nodes, and where the target has none.
const emu::Steps* steps_with_weights(const Graph& graph, const Node& node, const emu::Target& target) {
  const auto of = [](const std::optional<emu::StepsRule>& rule) { return rule ? &rule->steps : nullptr; };
  if (const auto* conv = std::get_if<Conv>(&node.op)) {
    const bool own_unit = target.depthwise_conv && is_depthwise(*conv, graph.value(node.inputs[1]).shape);
    return of(own_unit ? target.depthwise_conv : target.conv);
  }
  if (std::holds_alternative<ConvTranspose>(node.op)) return of(target.conv_transpose);
  return std::holds_alternative<MatMul>(node.op) ? of(target.matmul) : nullptr;
}

}  // namespace

void fuse_leaky_relu(Graph& graph, const emu::Target& target) {
  const auto consumers = consumers_of(graph);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const emu::Steps* steps = steps_with_weights(graph, graph.nodes[n], target);
    if (steps == nullptr || !emu::holds(*steps, emu::is_slope) || !graph.nodes[n].fused.empty()) continue;
    const auto next = only_consumer(graph, consumers, n);
    if (!next || !std::holds_alternative<LeakyRelu>(graph.nodes[*next].op)) continue;
    graph.nodes[n].fused.push_back(graph.nodes[*next].op);
    graph.nodes[n].output = graph.nodes[*next].output;
    gone[*next] = true;
  }
  if (std::find(gone.begin(), gone.end(), true) == gone.end()) return;
  erase_nodes(graph, gone);
  fuse_activations(graph);
}

}  // namespace assay::quant
