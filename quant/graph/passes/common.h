// What several passes need.
#pragma once

#include <optional>

#include "quant/graph/graph.h"

namespace assay::quant {

// The node that alone reads the output of node n, where that output is no graph output and no model says how it is quantized.
std::optional<size_t> only_consumer(const Graph& graph, const std::vector<std::vector<size_t>>& consumers, size_t n);

// Removes the marked nodes, keeping the order of the others.
void erase_nodes(Graph& graph, const std::vector<bool>& gone);

// Conv, ConvTranspose and MatMul with a constant weight: the number of output channels and which of them weight element i belongs to. nullopt for any other node.
struct Channels {
  int64_t count = 0;
  std::vector<int64_t> of_weight;  // per element
  size_t axis = 0;                 // of the output
};
std::optional<Channels> output_channels(const Graph& graph, const Node& node);

}  // namespace assay::quant
