// What a step list can make of every value in an interval: whether a step may leave the 126 bits that the arithmetic keeps, and where the result may lie. Exact, not
// estimated: every step but multiply by a negative number (which swaps the ends) and wrap is monotone, so the ends of an interval become the ends of the next.
// Internal to emu/program.
#pragma once

#include <optional>
#include <string>

#include "emu/arith/requant.h"

namespace assay::emu {

struct Interval {
  Wide low = 0;
  Wide high = 0;
  bool within(IntType type) const { return type.holds(low) && type.holds(high); }
};

// What the steps refer to. `bias` holds every channel's.
struct StepBounds {
  Interval bias;
  StepOperands operands;  // its own bias is not used
};

// Takes `value` through the steps; the answer is what is wrong, or none. Where the list ends in binary32, `value` means nothing afterwards; where it begins there, any number may
// come.
std::optional<std::string> follow(const Steps& steps, const StepBounds& bounds, Interval& value, Begins begins);

// The same for the one division value / divisor (divisor >= 1) with its scale, see divide_scaled.
std::optional<std::string> follow_division(const QScale& scale, Interval& value);

// A decimal number, for messages.
std::string to_string(Interval value);

}  // namespace assay::emu
