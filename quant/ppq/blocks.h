// The blocks that PPQ's learning passes train one after the other (ppq.md 6.8): a computing operation and what follows it, as far as all paths from it meet again, within a limit
// of depth. The depth of an operation is the number of edges on the longest path to it from an operation without producers.
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/network.h"

namespace assay::ppq {

struct Block {
  OperationId first = kNone, last = kNone;
  std::vector<OperationId> operations;  // on all paths from first to last, both included, in execution order
};

// From `start`: while the end has at most one successor, that one is added if it has no other producer; where the end has several, everything up to the operation in which all
// branches meet. A step that would make depth(last) - depth(first) larger than `limit` is not taken.
Block build_block(const Network& network, OperationId start, int64_t limit);

// One for each quantized computing operation that no earlier block holds, in the order of PPQ's dictionary. interested: only blocks that hold one of these names; empty: all.
std::vector<Block> build_blocks(const Network& network, int64_t limit, const std::vector<std::string>& interested);

// The block without what follows `last`, which becomes its end: what lies on paths from first to last.
Block cut_block(const Network& network, const Block& block, OperationId last);

// "pw1 -> pw2", or only "pw1".
std::string to_string(const Network& network, const Block& block);

}  // namespace assay::ppq
