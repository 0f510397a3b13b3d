// Left and right shifts as types: an amount is never negative, and one cannot be passed for the other (tests/compile_fail proves it).
#pragma once

#include <cstdint>

#include "emu/arith/rounding.h"
#include "emu/base/error.h"
#include "emu/base/wide.h"

namespace assay::emu {

struct LeftShift {
  uint8_t bits;  // 0..62
  friend bool operator==(const LeftShift&, const LeftShift&) = default;
};

struct RightShift {
  uint8_t bits;  // 0..62
  friend bool operator==(const RightShift&, const RightShift&) = default;
};

inline constexpr uint8_t kMaxShiftBits = 62;

// value * 2^bits, exact: |value| * 2^bits < 2^126 is asserted.
inline Wide shift_left(Wide value, LeftShift amount) {
  ASSAY_ASSERT(amount.bits <= kMaxShiftBits);
  const Wide limit = Wide{1} << (126 - amount.bits);
  ASSAY_ASSERT(value > -limit && value < limit);
  return value * (Wide{1} << amount.bits);
}

// value / 2^bits, rounded: what divide() would give, from the bits that an arithmetic shift discards instead of a 128-bit division.
inline Wide shift_right(Wide value, RightShift amount, Round mode) {
  ASSAY_ASSERT(amount.bits <= kMaxShiftBits);
  const Wide floor = value >> amount.bits;
  const auto discarded = static_cast<uint64_t>(value) & ((uint64_t{1} << amount.bits) - 1);
  if (discarded == 0) return floor;
  const uint64_t half_lsb = uint64_t{1} << (amount.bits - 1);
  const int from_floor = discarded < half_lsb ? -1 : (discarded > half_lsb ? 1 : 0);
  // A negative value truncates to floor + 1, and its remainder is measured from there.
  if (value < 0) return rounds_away(mode, true, (floor & 1) == 0, -from_floor) ? floor : floor + 1;
  return rounds_away(mode, false, (floor & 1) != 0, from_floor) ? floor + 1 : floor;
}

}  // namespace assay::emu
