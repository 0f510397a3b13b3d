#include "quant/calibrate/sharing.h"

#include <algorithm>
#include <numeric>

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

// The values that a node joins on this target.
std::vector<ValueId> joined_by(const Node& node, const emu::Target& target) {
  const auto* binary = std::get_if<Binary>(&node.op);
  if (binary != nullptr && binary->kind != Arithmetic::mul && target.add && target.add->inputs == emu::InputScales::joint) return node.inputs;
  if (std::holds_alternative<Concat>(node.op) && target.concat && target.concat->inputs == emu::InputScales::joint) {
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

}  // namespace

bool moves_words(const Operator& op) {
  return std::holds_alternative<MaxPool>(op) || std::holds_alternative<Reshape>(op) || std::holds_alternative<Transpose>(op) || std::holds_alternative<Slice>(op) ||
         std::holds_alternative<Pad>(op) || std::holds_alternative<ResizeNearest>(op);
}

Sharing find_sharing(const Graph& graph, const emu::Target& target) {
  Sharing sharing;
  sharing.source.resize(graph.values.size());
  std::iota(sharing.source.begin(), sharing.source.end(), ValueId{0});
  sharing.by.resize(graph.values.size());
  sharing.shares.resize(graph.values.size());
  for (const Node& node : graph.nodes) {
    if (!shares(node, target)) continue;
    sharing.shares[node.output] = true;
    sharing.source[node.output] = sharing.source[node.inputs[0]];
    sharing.by[node.output] = operator_name(node.op);
  }
  Groups groups(graph.values.size());
  for (const Node& node : graph.nodes) {
    const std::vector<ValueId> joined = joined_by(node, target);
    for (const ValueId id : joined) {
      groups.unite(sharing.source[joined[0]], sharing.source[id]);
      if (sharing.by[sharing.source[id]].empty()) sharing.by[sharing.source[id]] = operator_name(node.op);
    }
  }
  for (ValueId id = 0; id < graph.values.size(); ++id) sharing.group.push_back(groups.root(sharing.source[id]));
  return sharing;
}

}  // namespace assay::quant
