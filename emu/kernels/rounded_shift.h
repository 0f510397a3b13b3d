// value / 2^bits in every rounding mode as one addition and an arithmetic shift, for lanes that hold value + 2^bits.
#pragma once

#include "emu/arith/rounding.h"
#include "emu/base/error.h"

namespace assay::emu {

// What is added before the shift. bits = 0 is only for Round::floor.
template <class Lane>
struct ShiftConstants {
  explicit ShiftConstants(int shift_bits)
      : bits(shift_bits), half(bits == 0 ? Lane{0} : static_cast<Lane>(Lane{1} << (bits - 1))), all(bits == 0 ? Lane{0} : static_cast<Lane>(half - 1 + half)) {}
  int bits;
  Lane half;
  Lane all;  // 2^bits - 1
};

template <Round kMode, class Lane>
inline Lane rounded_shift(Lane value, const ShiftConstants<Lane>& shift) {
  const Lane negative = static_cast<Lane>(value < 0);
  const Lane half = shift.half, all = shift.all;
  const int bits = shift.bits;
  switch (kMode) {
    case Round::floor: return static_cast<Lane>(value >> bits);
    case Round::ceil: return static_cast<Lane>((value + all) >> bits);
    case Round::toward_zero: return static_cast<Lane>((value + negative * all) >> bits);
    case Round::away_from_zero: return static_cast<Lane>((value + (1 - negative) * all) >> bits);
    case Round::half_up: return static_cast<Lane>((value + half) >> bits);
    case Round::half_down: return static_cast<Lane>((value + half - 1) >> bits);
    case Round::half_even: return static_cast<Lane>((value + half - 1 + ((value >> bits) & 1)) >> bits);
    case Round::half_odd: return static_cast<Lane>((value + half - ((value >> bits) & 1)) >> bits);
    case Round::half_away: return static_cast<Lane>((value + half - negative) >> bits);
    case Round::half_toward_zero: return static_cast<Lane>((value + half - 1 + negative) >> bits);
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

// Calls visit with the mode as a constant: visit(std::integral_constant<Round, mode>).
template <class Visit>
decltype(auto) with_round(Round mode, const Visit& visit) {
  switch (mode) {
    case Round::floor: return visit(std::integral_constant<Round, Round::floor>());
    case Round::ceil: return visit(std::integral_constant<Round, Round::ceil>());
    case Round::toward_zero: return visit(std::integral_constant<Round, Round::toward_zero>());
    case Round::away_from_zero: return visit(std::integral_constant<Round, Round::away_from_zero>());
    case Round::half_up: return visit(std::integral_constant<Round, Round::half_up>());
    case Round::half_down: return visit(std::integral_constant<Round, Round::half_down>());
    case Round::half_even: return visit(std::integral_constant<Round, Round::half_even>());
    case Round::half_odd: return visit(std::integral_constant<Round, Round::half_odd>());
    case Round::half_away: return visit(std::integral_constant<Round, Round::half_away>());
    case Round::half_toward_zero: return visit(std::integral_constant<Round, Round::half_toward_zero>());
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

}  // namespace assay::emu
