#include "quant/ppq/blocks.h"

#include <algorithm>
#include <set>

namespace assay::ppq {
namespace {

class BlockBuilder {
 public:
  explicit BlockBuilder(const Network& network) : network_(network), order_(execution_order(network)), depth_(network.operations.size(), 0) {
    for (const OperationId id : order_) {
      for (const OperationId above : network_.upstream(id)) depth_[id] = std::max(depth_[id], depth_[above] + 1);
    }
  }

  Block build(OperationId start, int64_t limit) const {
    OperationId end = start;
    for (;;) {
      const std::vector<OperationId> below = network_.downstream(end);
      const OperationId next = below.size() <= 1 ? only_successor(below) : meeting_point(below);
      if (next == kNone || depth_[next] - depth_[start] > limit) break;
      end = next;
    }
    return between(start, end);
  }

  Block between(OperationId first, OperationId last) const {
    std::vector<char> below(network_.operations.size(), 0), above(below);
    below[first] = above[last] = 1;
    for (const OperationId id : order_) {
      for (const OperationId producer : network_.upstream(id)) below[id] = below[id] | below[producer];
    }
    for (auto id = order_.rbegin(); id != order_.rend(); ++id) {
      for (const OperationId reader : network_.downstream(*id)) above[*id] = above[*id] | above[reader];
    }
    Block block{first, last, {}};
    for (const OperationId id : order_) {
      if (below[id] != 0 && above[id] != 0) block.operations.push_back(id);
    }
    return block;
  }

 private:
  OperationId only_successor(const std::vector<OperationId>& below) const { return below.size() == 1 && network_.upstream(below[0]).size() == 1 ? below[0] : kNone; }

  // Breadth first, the shallowest first: the first operation of several producers before which nothing else is waiting.
  OperationId meeting_point(const std::vector<OperationId>& below) const {
    std::vector<OperationId> waiting;
    std::set<OperationId> seen;
    const auto wait_for = [&](OperationId id) {
      if (seen.insert(id).second) waiting.push_back(id);
    };
    for (const OperationId id : below) wait_for(id);
    while (!waiting.empty()) {
      const auto shallowest = std::min_element(waiting.begin(), waiting.end(), [&](OperationId a, OperationId b) { return depth_[a] < depth_[b]; });
      const OperationId id = *shallowest;
      waiting.erase(shallowest);
      if (waiting.empty() && network_.upstream(id).size() > 1) return id;
      for (const OperationId next : network_.downstream(id)) wait_for(next);
    }
    return kNone;
  }

  const Network& network_;
  std::vector<OperationId> order_;
  std::vector<int64_t> depth_;
};

}  // namespace

Block build_block(const Network& network, OperationId start, int64_t limit) {
  return BlockBuilder(network).build(start, limit);
}

std::vector<Block> build_blocks(const Network& network, int64_t limit, const std::vector<std::string>& interested) {
  const BlockBuilder builder(network);
  std::set<OperationId> visited;
  std::vector<Block> blocks;
  for (const OperationId start : network.order) {
    const Operation& operation = network.operation(start);
    if (visited.count(start) != 0 || !operation.quantized || !is_computing(operation.type)) continue;
    Block block = builder.build(start, limit);
    visited.insert(block.operations.begin(), block.operations.end());
    const bool wanted = std::any_of(block.operations.begin(), block.operations.end(),
                                    [&](OperationId id) { return std::find(interested.begin(), interested.end(), network.operation(id).name) != interested.end(); });
    if (interested.empty() || wanted) blocks.push_back(std::move(block));
  }
  return blocks;
}

Block cut_block(const Network& network, const Block& block, OperationId last) {
  return BlockBuilder(network).between(block.first, last);
}

std::string to_string(const Network& network, const Block& block) {
  const std::string& first = network.operation(block.first).name;
  return block.first == block.last ? first : first + " -> " + network.operation(block.last).name;
}

}  // namespace assay::ppq
