// Why a device differs: it is replayed under every one-word change of the target, and what reproduces all of its results is what it does.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "verify/check/tested.h"

namespace assay::verify {

// One change of the target, or of how the operands are understood.
struct Variation {
  std::string words;  // "half_up instead of half_even at step 2 (shift_right scale half_even)"
  emu::Target target;
  std::function<Operands(const Operands&)> understood;                       // null: as they are
  std::function<std::optional<int64_t>(const Operands&)> instead = nullptr;  // computes the result itself; null: evaluate()
};

// The result under a variation; none where it is outside what the arithmetic is defined for.
std::optional<int64_t> result_under(const Variation& variation, ArithOp op, const Operands& operands);

// Every value on the way under a variation; empty where there is no such list.
std::vector<vectors::TracePoint> trace_under(const Variation& variation, ArithOp op, const Operands& operands);

// All variations of what the target says of this operation. Some are found in the device's own results (which entry of a table is off).
std::vector<Variation> variations(const emu::Target& target, ArithOp op, const std::vector<Tested>& tested);

struct Explanation {
  std::vector<Variation> found;  // each reproduces all results that the device gave
  size_t tried = 0;
};
Explanation explain_device(const emu::Target& target, ArithOp op, const std::vector<Tested>& tested);

}  // namespace assay::verify
