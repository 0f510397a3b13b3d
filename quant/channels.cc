#include "quant/channels.h"

#include <algorithm>
#include <numeric>

namespace assay::quant {
namespace {

std::vector<int64_t> all_of(int64_t channels) {
  std::vector<int64_t> all(static_cast<size_t>(channels));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

// Channel `first + c` of the output has the words of the input's channel from[c].
struct Part {
  int64_t first = 0;
  std::vector<int64_t> from;
};

bool is_whole(const TensorQuantization& own) {
  return own.scale.size() == 1;
}

float scale_at(const TensorQuantization& own, int64_t channel) {
  return own.scale[is_whole(own) ? 0 : static_cast<size_t>(channel)];
}

bool agree(const TensorQuantization& from, const TensorQuantization& to, const Part& part) {
  for (size_t c = 0; c < part.from.size(); ++c) {
    if (scale_at(from, part.from[c]) != scale_at(to, part.first + static_cast<int64_t>(c))) return false;
  }
  return true;
}

}  // namespace

bool joins_channels(const Node& node, const Graph& graph) {
  const auto* concat = std::get_if<Concat>(&node.op);
  return concat != nullptr && concat->axis == 1 && graph.value(node.output).shape.size() != 3;
}

std::optional<std::vector<int64_t>> kept_channels(const Node& node, const Graph& graph) {
  const Shape& x = graph.value(node.inputs[0]).shape;
  const Shape& y = graph.value(node.output).shape;
  if (x.size() < 2 || y.size() < 2) return std::nullopt;
  bool keeps = std::holds_alternative<MaxPool>(node.op) || std::holds_alternative<AveragePool>(node.op) || std::holds_alternative<Relu>(node.op);
  if (std::holds_alternative<ResizeNearest>(node.op)) keeps = x.size() > 3;
  if (std::holds_alternative<Reshape>(node.op)) keeps = x[0] == y[0] && x[1] == y[1];
  if (const auto* pad = std::get_if<Pad>(&node.op)) keeps = pad->begins[1] == 0 && pad->ends[1] == 0 && pad->value == 0;
  if (const auto* transpose = std::get_if<Transpose>(&node.op)) keeps = transpose->permutation[1] == 1;
  std::vector<int64_t> channels = all_of(y[1]);
  if (const auto* slice = std::get_if<Slice>(&node.op)) {
    keeps = true;
    for (int64_t& channel : channels) channel = slice->starts[1] + channel * slice->steps[1];
  }
  return keeps ? std::optional(channels) : std::nullopt;
}

bool same_meaning(const Node& node, const Quantized& quantized) {
  const auto& to = quantized.tensors[node.output];
  const bool is_concat = std::holds_alternative<Concat>(node.op);
  Part part;
  for (size_t i = 0; i < (is_concat ? node.inputs.size() : 1); ++i) {
    const auto& from = quantized.tensors[node.inputs[i]];
    if (!from || !to || from->zero_point != to->zero_point) return false;
    const Shape& shape = quantized.graph.value(node.inputs[i]).shape;
    const bool on_channels = is_concat && std::get<Concat>(node.op).axis == 1;
    if (is_whole(*from) && is_whole(*to)) {
      if (from->scale != to->scale) return false;
    } else if (const auto kept = is_concat ? std::optional(all_of(shape.size() < 2 ? 0 : shape[1])) : kept_channels(node, quantized.graph)) {
      part.from = *kept;
      if (!agree(*from, *to, part)) return false;
    } else {
      return false;
    }
    if (on_channels) part.first += shape[1];
  }
  return true;
}

}  // namespace assay::quant
