#include <cmath>

#include "quant/graph/passes/common.h"
#include "quant/graph/passes/passes.h"

namespace assay::quant {
namespace {

// In float32, as PPQ does it: d = sqrt(variance + epsilon), weight' = weight * (gamma / d), bias' = (gamma * (bias - mean)) / d + beta.
struct Folded {
  std::vector<float> factor;  // of the weight, per channel
  std::vector<float> bias;
};

Folded folded(const Graph& graph, const Node& norm, const std::vector<float>& bias) {
  const auto parameter = [&](size_t i) -> const std::vector<float>& { return graph.value(norm.inputs[i]).constant->data; };
  const auto &gamma = parameter(1), &beta = parameter(2), &mean = parameter(3), &variance = parameter(4);
  const float epsilon = std::get<BatchNorm>(norm.op).epsilon;
  Folded result;
  for (size_t c = 0; c < gamma.size(); ++c) {
    const float d = std::sqrt(variance[c] + epsilon);
    result.factor.push_back(gamma[c] / d);
    result.bias.push_back(gamma[c] * (bias[c] - mean[c]) / d + beta[c]);
  }
  return result;
}

bool all_finite(const std::vector<float>& numbers) {
  for (const float x : numbers) {
    if (!std::isfinite(x)) return false;
  }
  return true;
}

bool fold_norm_into(Graph& graph, Node& node, const Node& norm) {
  if (!std::holds_alternative<BatchNorm>(norm.op) || !node.fused.empty()) return false;
  const auto channels = output_channels(graph, node);
  if (!channels || channels->axis != 1) return false;
  std::vector<float> bias(static_cast<size_t>(channels->count), 0.0F);
  if (node.inputs.size() == 3) {
    if (!graph.is_constant(node.inputs[2])) return false;
    bias = graph.value(node.inputs[2]).constant->data;
  }
  const Folded result = folded(graph, norm, bias);
  FloatTensor weight = *graph.value(node.inputs[1]).constant;
  for (size_t i = 0; i < weight.size(); ++i) weight.data[i] *= result.factor[static_cast<size_t>(channels->of_weight[i])];
  if (!all_finite(weight.data) || !all_finite(result.bias)) return false;
  const ValueId new_weight = graph.add_constant(node.name + "_weight", std::move(weight));
  const ValueId new_bias = graph.add_constant(node.name + "_bias", FloatTensor({channels->count}, result.bias));
  node.inputs = {node.inputs[0], new_weight, new_bias};
  node.fused = norm.fused;
  node.output = norm.output;
  return true;
}

// The depthwise 1x1 Conv that a BatchNorm is; on anything but an image between two Reshapes.
void append_depthwise(Graph& graph, std::vector<Node>& nodes, Node norm) {
  const Shape shape = graph.value(norm.inputs[0]).shape;
  const int64_t channels = shape[1];
  const Folded result = folded(graph, norm, std::vector<float>(static_cast<size_t>(channels), 0.0F));
  const ValueId weight = graph.add_constant(norm.name + "_weight", FloatTensor({channels, 1, 1, 1}, result.factor));
  const ValueId bias = graph.add_constant(norm.name + "_bias", FloatTensor({channels}, result.bias));
  Conv conv;
  conv.groups = channels;
  if (shape.size() == 4) {
    norm.op = conv;
    norm.inputs = {norm.inputs[0], weight, bias};
    nodes.push_back(std::move(norm));
    return;
  }
  const Shape image = {shape[0], channels, 1, element_count(shape) / shape[0] / channels};
  const std::string name = graph.value(norm.output).name;
  const ValueId before = graph.add_value(name + "/reshape", image);
  const ValueId after = graph.add_value(name + "/conv", image);
  nodes.push_back({norm.name + "/reshape", norm.onnx_type, Reshape{}, {}, {norm.inputs[0]}, before});
  nodes.push_back({norm.name + "/conv", norm.onnx_type, conv, {}, {before, weight, bias}, after});
  norm.op = Reshape{};
  norm.inputs = {after};
  nodes.push_back(std::move(norm));
}

}  // namespace

void fold_batch_norm(Graph& graph) {
  const auto consumers = consumers_of(graph);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (gone[n]) continue;
    const auto next = only_consumer(graph, consumers, n);
    if (next && fold_norm_into(graph, graph.nodes[n], graph.nodes[*next])) gone[*next] = true;
  }
  erase_nodes(graph, gone);
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<BatchNorm>(node.op)) {
      append_depthwise(graph, nodes, std::move(node));
    } else {
      nodes.push_back(std::move(node));
    }
  }
  graph.nodes = std::move(nodes);
  remove_dead(graph);
}

}  // namespace assay::quant
