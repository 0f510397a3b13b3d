#include "quant/onnx/settle_given.h"

#include <cmath>
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

// A limit in words as the real number that it stands for; beyond the type's words it limits nothing.
float real_limit(float word, const GivenQuantization& given) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  if (word <= static_cast<float>(given.type.min())) return -kLargest;
  if (word >= static_cast<float>(given.type.max())) return kLargest;
  return (word - static_cast<float>(given.zero_point)) * given.scale[0];
}

bool can_fuse(const Operator& op) {
  return std::holds_alternative<Conv>(op) || std::holds_alternative<ConvTranspose>(op) || std::holds_alternative<MatMul>(op) || std::holds_alternative<Binary>(op);
}

}  // namespace

void state_saturation(Graph& graph) {
  for (Node& node : graph.nodes) {
    const auto& given = graph.value(node.output).given;
    if (!given || !node.fused.empty() || !can_fuse(node.op) || given->zero_point != static_cast<int64_t>(given->type.min())) continue;
    // The greatest word is 6 up to the rounding of the scale.
    const double greatest = static_cast<double>(given->type.max() - given->type.min()) * static_cast<double>(given->scale[0]);
    if (std::fabs(greatest - 6) <= 6 * 0x1p-20) {
      node.fused.push_back(Clip{0, 6});
    } else {
      node.fused.push_back(Relu{});
    }
  }
}

bool moves_given(const std::string& onnx_type) {
  static const std::set<std::string> types = {"MaxPool", "GlobalMaxPool", "Reshape",      "Flatten",      "Squeeze",  "Unsqueeze", "Transpose", "Slice", "Split",
                                              "Pad",     "Resize",        "DepthToSpace", "SpaceToDepth", "Identity", "Dropout",   "Upsample",  "Clip"};
  return types.count(onnx_type) != 0;
}

void give_moved(Graph& graph, size_t first) {
  for (size_t n = first; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    auto* clip = std::get_if<Clip>(&node.op);
    if (clip == nullptr && !moves_words(node.op)) throw Unsupported("it computes with the integers of a quantized tensor", {});
    const auto& given = graph.value(node.inputs[0]).given;
    ASSAY_ASSERT(given.has_value());
    if (clip != nullptr) *clip = {real_limit(clip->low, *given), real_limit(clip->high, *given)};
    if (auto* pad = std::get_if<Pad>(&node.op)) pad->value = (pad->value - static_cast<float>(given->zero_point)) * given->scale[0];
    graph.values[node.output].given = given;
  }
}

void settle_given(Graph& graph) {
  give_sources(graph);
  constexpr float kLargest = std::numeric_limits<float>::max();
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
    nodes.push_back({name + "/requantize", type, Clip{-kLargest, kLargest}, {}, {moved}, output});
  }
  graph.nodes = std::move(nodes);
}

}  // namespace assay::quant
