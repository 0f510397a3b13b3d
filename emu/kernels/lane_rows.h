// The integer steps of a requantization on rows of lanes: int32_t, int64_t or Wide, whichever holds every value (step_bound.h).
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "emu/arith/int_type.h"
#include "emu/kernels/rounded_shift.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu::lanes {

template <Round kMode, class Lane>
ASSAY_VECTORIZE void shift_all(Lane* values, size_t size, int bits) {
  const ShiftConstants<Lane> shift(bits);
  for (size_t i = 0; i < size; ++i) values[i] = rounded_shift<kMode>(values[i], shift);
}

template <class Lane>
void shift_all(Lane* values, size_t size, int bits, Round mode) {
  if (bits == 0) return;
  with_round(mode, [&](auto constant) { shift_all<constant.value>(values, size, bits); });
}

template <class Lane>
ASSAY_VECTORIZE void add_all(Lane* values, size_t size, Lane term) {
  for (size_t i = 0; i < size; ++i) values[i] += term;
}

template <class Lane>
ASSAY_VECTORIZE void multiply_all(Lane* values, size_t size, Lane factor) {
  for (size_t i = 0; i < size; ++i) values[i] *= factor;
}

template <class Lane>
ASSAY_VECTORIZE uint64_t count_outside(const Lane* values, size_t size, Lane low, Lane high) {
  Lane count = 0;
  for (size_t i = 0; i < size; ++i) count += static_cast<Lane>(values[i] < low) + static_cast<Lane>(values[i] > high);
  return static_cast<uint64_t>(count);
}

template <class Lane>
ASSAY_VECTORIZE void clamp_all(Lane* values, size_t size, Lane low, Lane high) {
  for (size_t i = 0; i < size; ++i) values[i] = std::min(std::max(values[i], low), high);
}

template <class From, class To>
ASSAY_VECTORIZE void convert_all(const From* from, size_t size, To* to) {
  for (size_t i = 0; i < size; ++i) to[i] = static_cast<To>(from[i]);
}

// A bound as a lane holds it: what lies beyond the lane's own is never met.
template <class Lane>
Lane bound_of(Wide value) {
  if constexpr (sizeof(Lane) == sizeof(Wide)) {
    return value;
  } else {
    constexpr Wide low = std::numeric_limits<Lane>::min(), high = std::numeric_limits<Lane>::max();
    return static_cast<Lane>(std::clamp(value, low, high));
  }
}

// Which elements a saturate or wrap before the last one has changed so far; allocated by the first that does.
class Changed {
 public:
  template <class Lane>
  void mark_outside(const Lane* values, size_t size, Lane low, Lane high) {
    if (flags_.empty()) flags_.resize(size);
    for (size_t i = 0; i < size; ++i) flags_[i] = static_cast<uint8_t>(flags_[i] | static_cast<uint8_t>(values[i] < low || values[i] > high));
  }
  uint64_t count() const { return static_cast<uint64_t>(std::count(flags_.begin(), flags_.end(), 1)); }

 private:
  std::vector<uint8_t> flags_;
};

// Saturate and wrap: into `type`. Returns how many elements it did not hold, and marks them where `changed` is given.
template <class Lane>
uint64_t keep_all(Lane* values, size_t size, IntType type, Overflow rule, Changed* changed) {
  const Lane low = bound_of<Lane>(type.min()), high = bound_of<Lane>(type.max());
  const uint64_t outside = count_outside(values, size, low, high);
  if (outside == 0) return 0;
  if (changed != nullptr) changed->mark_outside(values, size, low, high);
  if (rule == Overflow::saturate) {
    clamp_all(values, size, low, high);
  } else {
    for (size_t i = 0; i < size; ++i) values[i] = static_cast<Lane>(wrap(values[i], type));
  }
  return outside;
}

}  // namespace assay::emu::lanes
