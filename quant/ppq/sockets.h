// What flows through an operation's slots: values, which may be quantized, or shapes and indices, which may not; and which inputs' values reach which outputs. PPQ's table by
// operation type (ppq/IR/base/opdef.py at e39eecb; ppq.md 4.1, 6.1). Types that are not in it: values everywhere, every input linked to every output.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "quant/ppq/network.h"

namespace assay::ppq {

enum class Flow : uint8_t { value, shape_or_index, fp32 };

struct Socket {
  std::vector<Flow> inputs, outputs;             // one per slot of the operation
  std::vector<std::pair<size_t, size_t>> links;  // input -> output, of slots that there are
};
Socket socket_of(const Operation& operation);

}  // namespace assay::ppq
