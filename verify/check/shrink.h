// From a failing case to the simplest one that fails in the same way. Greedy and deterministic: each operand in turn is tried with simpler values, simplest first, a round of
// candidates in one batch for the device; the first that still fails is taken, until none does. Every candidate is legal for the target.
#pragma once

#include <functional>

#include "verify/check/tested.h"

namespace assay::verify {

struct Shrunk {
  Tested minimal;
  size_t candidates = 0;  // how many were asked
};

// `fails`: whether a tested candidate still shows what `failing` shows.
Shrunk shrink(const emu::Target& target, const Device& device, ArithOp op, const Tested& failing, const std::function<bool(const Tested&)>& fails);

}  // namespace assay::verify
