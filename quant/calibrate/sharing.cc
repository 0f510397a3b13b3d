#include "quant/calibrate/sharing.h"

#include <algorithm>
#include <numeric>

#include "quant/channels.h"
#include "quant/exact/fp32_constants.h"

namespace assay::quant {
namespace {

// Union-find whose root is the least member.
class Groups {
 public:
  explicit Groups(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), ValueId{0}); }
  ValueId root(ValueId id) {
    while (parent_[id] != id) id = parent_[id] = parent_[parent_[id]];
    return id;
  }
  void unite(ValueId a, ValueId b) {
    a = root(a);
    b = root(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<ValueId> parent_;
};

bool has_inputs(const Node& node, const emu::Target& target, emu::ConcatScales inputs) {
  return std::holds_alternative<Concat>(node.op) && target.concat && target.concat->inputs == inputs;
}

// The values that a node joins on this target.
std::vector<ValueId> joined_by(const Node& node, const emu::Target& target) {
  const auto* binary = std::get_if<Binary>(&node.op);
  if (binary != nullptr && binary->kind != Arithmetic::mul && target.add && target.add->inputs == emu::InputScales::joint) return node.inputs;
  if (has_inputs(node, target, emu::ConcatScales::joint) || has_inputs(node, target, emu::ConcatScales::concatenate)) {
    std::vector<ValueId> all = node.inputs;
    all.push_back(node.output);
    return all;
  }
  return {};
}

// Whether the output has its input's quantization on this target.
bool shares(const Node& node, const emu::Target& target) {
  const bool averages = std::holds_alternative<AveragePool>(node.op);
  return moves_words(node.op) || (averages && target.average_pool && target.average_pool->inputs == emu::InputScales::joint);
}

// Whether the weights of the node can be normalised to the scales of its input's channels: they are constants without words of their own, and meet those channels on one axis.
bool can_normalise(const Node& node, const Graph& graph) {
  const bool is_matmul = std::holds_alternative<MatMul>(node.op);
  if (!is_matmul && !std::holds_alternative<Conv>(node.op) && !std::holds_alternative<ConvTranspose>(node.op)) return false;
  const Value& weight = graph.value(node.inputs[1]);
  return weight.constant && !weight.given && (!is_matmul || (weight.shape.size() == 2 && graph.value(node.inputs[0]).shape.size() == 2));
}

class Finder {
 public:
  Finder(const Graph& graph, const emu::Target& target) : graph_(graph), target_(target), groups_(graph.values.size()) {
    found_.sources.resize(graph.values.size());
    for (ValueId id = 0; id < graph.values.size(); ++id) found_.sources[id] = {id};
    found_.by.resize(graph.values.size());
    found_.shares.resize(graph.values.size());
    found_.beside.resize(graph.values.size());
  }

  Sharing find() {
    for (const Node& node : graph_.nodes) follow(node);
    for (const Node& node : graph_.nodes) join(node);
    for (ValueId id = 0; id < graph_.values.size(); ++id) found_.group.push_back(groups_.root(found_.sources[id][0]));
    return std::move(found_);
  }

 private:
  bool concatenates(const Node& node) const { return has_inputs(node, target_, emu::ConcatScales::concatenate) && joins_channels(node, graph_); }

  // Gives the output its sources.
  void follow(const Node& node) {
    if (concatenates(node)) return concatenate(node);
    const std::vector<ValueId>& from = found_.sources[node.inputs[0]];
    const bool relu = std::holds_alternative<Relu>(node.op) && from.size() > 1;
    if (relu || shares(node, target_)) {
      found_.shares[node.output] = true;
      found_.sources[node.output] = handed_on(node, from);
      found_.by[node.output] = operator_name(node.op);
    } else {
      // Whoever reads words of several scales as if they had one.
      for (size_t i = can_normalise(node, graph_) ? 1 : 0; i < node.inputs.size(); ++i) unite(found_.sources[node.inputs[i]]);
    }
  }

  void concatenate(const Node& node) {
    std::vector<ValueId> all;
    for (const ValueId id : node.inputs) {
      const std::vector<ValueId>& own = found_.sources[id];
      for (int64_t c = 0; c < graph_.value(id).shape[1]; ++c) all.push_back(own[own.size() == 1 ? 0 : static_cast<size_t>(c)]);
    }
    if (all.empty()) all = found_.sources[node.inputs[0]];
    for (const ValueId source : all) found_.beside[source] = true;
    found_.shares[node.output] = true;
    found_.sources[node.output] = std::move(all);
    found_.by[node.output] = operator_name(node.op);
  }

  std::vector<ValueId> handed_on(const Node& node, const std::vector<ValueId>& from) {
    if (from.size() == 1) return from;
    auto kept = kept_channels(node, graph_);
    const bool real = std::holds_alternative<AveragePool>(node.op) && computes_in_fp32(target_.average_pool->steps);
    if (!kept || kept->empty() || real) {
      unite(from);
      return {from[0]};
    }
    std::vector<ValueId> sources;
    for (const int64_t channel : *kept) sources.push_back(from[static_cast<size_t>(channel)]);
    return sources;
  }

  void join(const Node& node) {
    if (concatenates(node)) return;
    const std::vector<ValueId> joined = joined_by(node, target_);
    for (const ValueId id : joined) {
      for (const ValueId source : found_.sources[id]) {
        groups_.unite(found_.sources[joined[0]][0], source);
        if (found_.by[source].empty()) found_.by[source] = operator_name(node.op);
      }
    }
  }

  void unite(const std::vector<ValueId>& sources) {
    for (const ValueId source : sources) groups_.unite(sources[0], source);
    if (sources.size() == 1) return;
    for (const ValueId source : sources) {
      if (found_.by[source].empty()) found_.by[source] = "concat";
    }
  }

  const Graph& graph_;
  const emu::Target& target_;
  Groups groups_;
  Sharing found_;
};

}  // namespace

bool moves_words(const Operator& op) {
  return std::holds_alternative<MaxPool>(op) || std::holds_alternative<Reshape>(op) || std::holds_alternative<Transpose>(op) || std::holds_alternative<Slice>(op) ||
         std::holds_alternative<Pad>(op) || std::holds_alternative<ResizeNearest>(op);
}

Sharing find_sharing(const Graph& graph, const emu::Target& target) {
  return Finder(graph, target).find();
}

}  // namespace assay::quant
