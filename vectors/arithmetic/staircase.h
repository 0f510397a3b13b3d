// Exact reasoning about a list of steps over a whole interval of accumulators: its value for every one of them, in some thousands of evaluations.
//
// Theorem. Let v_k(a) be the value after k steps of the accumulator a, binary32 values ordered by the numbers with -0 just below +0. Every step but these is monotone, rising or
// falling, and a chain of monotone functions is monotone:
//   wrap                     takes away a multiple of 2^bits: monotone on each set of a with the same floor((v + 2^(bits-1)) / 2^bits)
//   leaky_fp32, clamp_fp32   monotone on each of: v below -0, v = -0, v = +0, v above +0
// Where v_k is monotone on an interval, each of these sets is an interval too, and bisection finds its ends. So the domain is cut, step by step, into pieces on which the whole
// list is monotone, and on each piece bisection finds where the result changes: between two neighbouring accumulators with one result there is no other. Nothing is sampled.
// The premise on binary32 is that no NaN appears: constants must be finite and divisors not zero; then a NaN could only come of an infinity, which a monotone function has at
// the ends of a piece if at all, and there it is looked for.
//
// The evaluations are emu::apply's, so that what is proven is proven of the definition.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emu/arith/requant.h"

namespace assay::vectors {

// The results are `value` from the accumulator `first` on, up to the next stair.
struct Stair {
  int64_t first = 0;
  int64_t value = 0;
  friend bool operator==(const Stair&, const Stair&) = default;
};

struct Staircase {
  int64_t low = 0;  // the domain: low..high, both included
  int64_t high = 0;
  std::vector<Stair> stairs;  // by `first`; the first one begins at low, neighbours differ in value
  int64_t at(int64_t accumulator) const;
  friend bool operator==(const Staircase&, const Staircase&) = default;
};

// No more pieces, and no more stairs, than this: lists whose result is as wide as their accumulator have one stair per accumulator.
inline constexpr size_t kMostStairs = size_t{1} << 17;

// The results of `steps` for every accumulator of low..high. None where the theorem does not speak of the list or there would be too many stairs; `refusal` says why. The list
// must be sound (emu::mixed_up) and must not leave 126 bits anywhere in the domain (the rules of a target file and verify see to that).
std::optional<Staircase> stairs_of(const emu::Steps& steps, const emu::StepOperands& operands, int64_t low, int64_t high, std::string& refusal, size_t most_stairs = kMostStairs);

// Accumulators on which two staircases over the same domain differ.
struct Differing {
  int64_t first = 0;
  int64_t last = 0;
  int64_t value_a = 0;
  int64_t value_b = 0;
  friend bool operator==(const Differing&, const Differing&) = default;
};
// All of them, in order. `offset_a` and `offset_b` are taken from the values before they are compared (zero points); those that are told are the stairs' own.
std::vector<Differing> differences(const Staircase& a, const Staircase& b, int64_t offset_a = 0, int64_t offset_b = 0);
// How many accumulators they hold together.
Wide count(const std::vector<Differing>& differing);

}  // namespace assay::vectors
