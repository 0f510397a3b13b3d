// PPQ's search for sets of operations (SearchableGraph.opset_matching, ppq/IR/search.py at e39eecb): from each start along edges to relay points until an end point; the result are
// all operations on ways that reach an end, starts and ends included.
#pragma once

#include <functional>
#include <vector>

#include "quant/ppq/network.h"

namespace assay::ppq {

// By OperationId.
using OperationSet = std::vector<bool>;

struct Search {
  std::function<bool(OperationId)> start, end;
  std::function<bool(OperationId from, OperationId to)> relay;  // asked where `to` is no end
  bool down = true;
};
OperationSet matching(const Network& network, const Search& search);

// An operation on the graph's edge: none of its inputs has a producer, or nobody reads its outputs.
bool is_boundary(const Network& network, OperationId id);

}  // namespace assay::ppq
