// Which cases are worth asking of one operation of one target: corners, each with its reason in words; whole domains where they are small; and seeded random ones.
//
//   rounding      all values of a few bits under all small shifts and modes; ties and their neighbours, type limits and powers of two under every shift
//   quantize      every half step of the grid and its binary32 neighbours, for corner and random scales; zeros, infinities, NaN, subnormal numbers
//   requantize    for corner and random scales: the first and last accumulator of every result (by staircases), ties at every rounding step found by walking back through the
//                 steps, type limits, 2^k and 2^k +- 1, the crossing of 2^24, sums with the bias that need 33 bits, zero points at the type's ends, narrow clamps
//   add, mul      every pair of 8-bit words for corner scales; pairs of corner words for more
//   average_pool  every sum of small windows; ties of large ones
//   table         every word (8 bits) of constructed and random tables; with interpolation the words beside every entry
//   dot           extreme products in runs of 1 to 1000, alternating signs, saturating pairs; random lists
//
// Level 1 gives tens of thousands of cases, level 2 millions. The same target, operation, level and seed give the same cases in the same order on every machine: random numbers
// are the words of std::mt19937_64, shaped here. Cases are handed over one by one; nothing is kept.
#pragma once

#include <cstdint>
#include <functional>

#include "vectors/arithmetic/cases.h"

namespace assay::vectors {

struct Level {
  int level = 1;  // 1 or 2
  uint64_t seed = 1;
};

// Takes a case; false: no more are wanted. The case is reused after the call.
using TakeCase = std::function<bool(const Case&)>;

// Makes the cases of one operation, each legal and with what the target gives; how many were taken. lacks() must have found nothing.
uint64_t make_cases(const emu::Target& target, ArithOp op, const Level& level, const TakeCase& take);

}  // namespace assay::vectors
