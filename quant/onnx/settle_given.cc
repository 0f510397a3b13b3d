#include "quant/onnx/settle_given.h"

#include <limits>
#include <set>

#include "emu/base/error.h"
#include "quant/calibrate/sharing.h"

namespace assay::quant {
namespace {

// Towards the producer: what moved here must have been quantized there.
void give_sources(Graph& graph) {
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (!moves_words(node.op)) continue;
    Value& from = graph.values[node.inputs[0]];
    const Value& to = graph.value(node.output);
    if (to.given && !from.given && !from.constant) from.given = to.given;
  }
}

}  // namespace

bool moves_given(const std::string& onnx_type) {
  static const std::set<std::string> types = {"MaxPool", "GlobalMaxPool", "Reshape", "Flatten",      "Squeeze",      "Unsqueeze", "Transpose", "Slice",
                                              "Split",   "Pad",           "Resize",  "DepthToSpace", "SpaceToDepth", "Identity",  "Dropout",   "Upsample"};
  return types.count(onnx_type) != 0;
}

void give_moved(Graph& graph, size_t first) {
  for (size_t n = first; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    if (!moves_words(node.op)) throw Unsupported("it computes with the integers of a quantized tensor", {});
    const auto& given = graph.value(node.inputs[0]).given;
    ASSAY_ASSERT(given.has_value());
    if (auto* pad = std::get_if<Pad>(&node.op)) pad->value = (pad->value - static_cast<float>(given->zero_point)) * given->scale[0];
    graph.values[node.output].given = given;
  }
}

void settle_given(Graph& graph) {
  give_sources(graph);
  constexpr float kHighest = std::numeric_limits<float>::max();
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    const std::optional<GivenQuantization> from = graph.value(node.inputs[0]).given;
    std::optional<GivenQuantization>& to = graph.values[node.output].given;
    const bool moves = moves_words(node.op) && from.has_value();
    if (moves && !to) to = from;
    if (!moves || to == from) {
      nodes.push_back(std::move(node));
      continue;
    }
    const ValueId moved = graph.add_value(graph.value(node.output).name + "/moved", graph.value(node.output).shape);
    graph.values[moved].given = from;
    const ValueId output = node.output;
    const std::string name = node.name, type = node.onnx_type;
    node.output = moved;
    nodes.push_back(std::move(node));
    nodes.push_back({name + "/requantize", type, Clip{-kHighest, kHighest}, {}, {moved}, output});
  }
  graph.nodes = std::move(nodes);
}

}  // namespace assay::quant
