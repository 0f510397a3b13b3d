// Every one-word change of a list of steps: what a device that was built from nearly the same list computes.
#pragma once

#include <string>
#include <vector>

#include "emu/arith/requant.h"

namespace assay::verify {

struct StepChange {
  std::string words;  // "half_up instead of half_even at step 2 (shift_right scale half_even)"
  emu::Steps steps;
};

// Other rounding modes, wrap for saturate and back, other widths, a step removed, a step at another place, a wrap or saturate put between two steps, another immediate shift. Every
// list is sound as far as mixed_up() knows; a value may still leave the range that the arithmetic is defined for. `where` is put before "step": "" or "operand ". `output`: the
// results' type.
std::vector<StepChange> step_changes(const emu::Steps& steps, emu::IntType output, const std::string& where);

}  // namespace assay::verify
