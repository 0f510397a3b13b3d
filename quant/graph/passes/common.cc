#include "quant/graph/passes/common.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::quant {

std::optional<size_t> only_consumer(const Graph& graph, const std::vector<std::vector<size_t>>& consumers, size_t n) {
  const ValueId output = graph.nodes[n].output;
  if (graph.value(output).given) return std::nullopt;
  if (consumers[output].size() != 1 || std::find(graph.outputs.begin(), graph.outputs.end(), output) != graph.outputs.end()) return std::nullopt;
  return consumers[output][0];
}

void erase_nodes(Graph& graph, const std::vector<bool>& gone) {
  ASSAY_ASSERT(gone.size() == graph.nodes.size());
  std::vector<Node> kept;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!gone[n]) kept.push_back(std::move(graph.nodes[n]));
  }
  graph.nodes = std::move(kept);
}

std::optional<Channels> output_channels(const Graph& graph, const Node& node) {
  const bool conv = std::holds_alternative<Conv>(node.op);
  const auto* transposed = std::get_if<ConvTranspose>(&node.op);
  if ((!conv && transposed == nullptr && !std::holds_alternative<MatMul>(node.op)) || !graph.is_constant(node.inputs[1])) return std::nullopt;
  const Shape& w = graph.value(node.inputs[1]).shape;
  const Shape& out = graph.value(node.output).shape;
  Channels channels;
  channels.axis = conv || transposed != nullptr ? 1 : out.size() - 1;
  channels.count = out[channels.axis];
  const int64_t size = element_count(w);
  channels.of_weight.resize(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) {
    int64_t channel = 0;
    if (conv) {
      channel = i / (size / w[0]);
    } else if (transposed != nullptr) {
      const int64_t per_input = size / w[0];
      const int64_t group = i / per_input / (w[0] / transposed->groups);
      channel = group * w[1] + i % per_input / (per_input / w[1]);
    } else {
      channel = i % w.back();
    }
    channels.of_weight[static_cast<size_t>(i)] = channel;
  }
  return channels;
}

}  // namespace assay::quant
