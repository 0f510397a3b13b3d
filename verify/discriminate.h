// Inputs on which two targets must answer differently, each with its reason; or the statement of what was asked and found equal.
//
// Both targets are asked the same real question (resolve.h), and answers are compared relative to the zero points. Scales are a list of corners (powers of two, their neighbours,
// 1/3, tiny ones, ones above 1) and seeded random ones. What is asked:
//   requantize    every accumulator, by staircases (vectors/arithmetic/staircase.h): a statement of equality is a proof for the scales, zero points and biases named
//   mul, add      every pair of 8-bit words, for some of the scales; of wider words a grid of them
//   average_pool  every sum of windows of the counts named
//   quantize      by rule: two targets that round and saturate alike are one function of x and scale; others are told apart by halves and quarters of a step
//   table, dot    by rule, and by constructed tables and sums
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vectors/arithmetic/discriminate.h"
#include "verify/resolve.h"

namespace assay::verify {

struct Comparison {
  std::vector<vectors::Pair> pairs;
  std::vector<std::string> statements;  // one or more per operation: what was asked, what was found
};

// At most `limit` pairs per operation.
Comparison discriminate(const emu::Target& a, const emu::Target& b, std::span<const vectors::ArithOp> ops, uint64_t seed, size_t limit);

// The corner scales and `random` seeded ones.
std::vector<Scales> scales_to_ask(uint64_t seed, size_t random);

}  // namespace assay::verify
