// RapidCheck's draws, at full size from the first test on (inRange and arbitrary begin small otherwise).
#pragma once

#include <rapidcheck.h>

#include <random>
#include <vector>

#include "emu/base/shape.h"
#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {

inline int64_t pick(int64_t low, int64_t high) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<int64_t>(low, high + 1));
}
inline std::vector<int64_t> pick_many(size_t count, int64_t low, int64_t high) {
  std::vector<int64_t> values;
  for (size_t i = 0; i < count; ++i) values.push_back(pick(low, high));
  return values;
}
inline std::mt19937_64 pick_random() {
  return std::mt19937_64(static_cast<uint64_t>(pick(0, int64_t{1} << 60)));
}
inline Values pick_values(size_t count, IntType type) {
  std::mt19937_64 random = pick_random();
  return random_values(random, count, type);
}
template <class Value>
Value pick_of(const std::vector<Value>& choices) {
  return choices[static_cast<size_t>(pick(0, static_cast<int64_t>(choices.size()) - 1))];
}
inline size_t size_of(const Shape& shape) {
  return static_cast<size_t>(element_count(shape));
}

// Registers that the sums of small tests leave often, sometimes and never.
inline Accumulator pick_accumulator() {
  const std::vector<std::pair<IntType, Overflow>> kinds{{{8, true}, Overflow::wrap},      {{10, true}, Overflow::saturate}, {{12, true}, Overflow::saturate},
                                                        {{14, true}, Overflow::wrap},     {{16, true}, Overflow::saturate}, {{16, false}, Overflow::wrap},
                                                        {{18, true}, Overflow::saturate}, {{24, true}, Overflow::saturate}, {{32, true}, Overflow::wrap},
                                                        {{63, true}, Overflow::wrap},     {{64, true}, Overflow::saturate}};
  const auto [type, overflow] = pick_of(kinds);
  return {type, overflow};
}

inline Round pick_round() {
  return pick_of(std::vector<Round>(kAllRounds.begin(), kAllRounds.end()));
}

}  // namespace assay::emu::one_op
