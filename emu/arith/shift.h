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
  const Wide result = value * (Wide{1} << amount.bits);
  ASSAY_ASSERT(result / (Wide{1} << amount.bits) == value);
  return result;
}

// value / 2^bits, rounded.
inline Wide shift_right(Wide value, RightShift amount, Round mode) {
  ASSAY_ASSERT(amount.bits <= kMaxShiftBits);
  return divide(value, Wide{1} << amount.bits, mode);
}

}  // namespace assay::emu
