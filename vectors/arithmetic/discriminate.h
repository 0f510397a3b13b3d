// Two targets, one question: operands for each (the same real question, put into each target's own integers) and what they answer. This file decides why an answer differs, in
// words; which questions are worth asking, and how a real scale becomes operands, is verify/discriminate.h's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vectors/arithmetic/cases.h"
#include "vectors/arithmetic/staircase.h"

namespace assay::vectors {

// Results are compared relative to the zero points: a word of 130 at zero point 128 is the word 2 at zero point 0.
struct Pair {
  ArithOp op = ArithOp::requantize;
  Operands a, b;
  Outcome of_a, of_b;
  std::string reason;  // of the difference
  std::string asked;   // the real question: "accumulator 12 times 0x3eaaaaab / 0x3f800000 (0.333333)"
};

// Why the two answers differ: a tie, a rounding after a rounding, a number beyond 24 or 32 bits, saturation, or unequal multipliers.
std::string why(const emu::Target& a, const emu::Target& b, const Pair& pair);

// The accumulator nearest to 0 among those that differ.
int64_t nearest_to_zero(const std::vector<Differing>& differing);

}  // namespace assay::vectors
