#include "quant/ppq/dispatch_search.h"

#include <algorithm>
#include <deque>

namespace assay::ppq {

OperationSet matching(const Network& network, const Search& search) {
  const auto next = [&](OperationId id) { return search.down ? network.downstream(id) : network.upstream(id); };
  // Whether any way from here reaches an end: worked out from the far side, so that no recursion follows the graph's depth.
  OperationSet reaches(network.operations.size());
  std::vector<OperationId> order = execution_order(network);
  if (search.down) std::reverse(order.begin(), order.end());
  for (const OperationId id : order) {
    const auto following = next(id);
    reaches[id] = std::any_of(following.begin(), following.end(), [&](OperationId to) { return search.end(to) || (reaches[to] && search.relay(id, to)); });
  }
  OperationSet found(network.operations.size()), visited(network.operations.size());
  std::deque<OperationId> open;
  const auto visit = [&](OperationId id) {
    if (visited[id]) return;
    visited[id] = true;
    open.push_back(id);
  };
  for (const OperationId id : network.order) {
    if (reaches[id] && search.start(id)) visit(id);
  }
  while (!open.empty()) {
    const OperationId id = open.front();
    open.pop_front();
    found[id] = true;
    for (const OperationId to : next(id)) {
      if (search.end(to)) {
        found[to] = true;
      } else if (reaches[to] && search.relay(id, to)) {
        visit(to);
      }
    }
  }
  return found;
}

bool is_boundary(const Network& network, OperationId id) {
  return network.upstream(id).empty() || network.downstream(id).empty();
}

}  // namespace assay::ppq
