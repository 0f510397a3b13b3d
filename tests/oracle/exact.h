// The oracle: what the arithmetic must give, from the definitions, in exact rationals of any size. It takes from emu/ the names of the modes and steps and nothing else: no
// function, no formula. Rounding is "the integer below, the integer above, and how far each is"; a wrap is a congruence; nothing here shifts or takes a remainder of
// magnitudes, which is how emu/ does it.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "emu/arith/requant.h"

namespace assay::oracle {

using emu::AddBias;
using emu::AddZeroPoint;
using emu::Clamp;
using emu::IntType;
using emu::Multiply;
using emu::Round;
using emu::Saturate;
using emu::ShiftLeft;
using emu::ShiftRight;
using emu::Step;
using emu::StepOperands;
using emu::Steps;
using emu::Wrap;
using Int = boost::multiprecision::cpp_int;
using Rational = boost::multiprecision::cpp_rational;

inline Int power_of_two(unsigned exponent) {
  Int power = 1;
  for (unsigned i = 0; i < exponent; ++i) power *= 2;
  return power;
}

inline Int to_int(Wide value) {
  const bool negative = value < 0;
  UnsignedWide rest = negative ? -static_cast<UnsignedWide>(value) : static_cast<UnsignedWide>(value);
  Int result = 0;
  Int weight = 1;
  for (; rest != 0; rest /= 1000000000, weight *= 1000000000) result += weight * static_cast<uint64_t>(rest % 1000000000);
  return negative ? Int(-result) : result;
}

// The greatest integer that is not above q.
inline Int below(const Rational& q) {
  const Int n = boost::multiprecision::numerator(q), d = boost::multiprecision::denominator(q);
  Int candidate = n / d;
  while (candidate * d > n) --candidate;
  while ((candidate + 1) * d <= n) ++candidate;
  return candidate;
}

// A number between two neighbouring integers, and on which side of the middle.
struct Between {
  Int low;        // the integer below (or the number itself)
  int middle;     // -2: is `low`; -1: nearer to low; 0: in the middle; 1: nearer to low + 1
  bool positive;  // the number is above 0
};

inline Between between(const Rational& q) {
  const Int low = below(q);
  const Rational above_low = q - Rational(low);
  const Rational half(1, 2);
  return {low, above_low == 0 ? -2 : (above_low < half ? -1 : (above_low == half ? 0 : 1)), q > 0};
}

inline Int rounded(const Between& b, Round mode) {
  const Int high = b.low + 1;
  if (b.middle == -2) return b.low;
  const bool low_is_even = b.low % 2 == 0;
  switch (mode) {
    case Round::floor: return b.low;
    case Round::ceil: return high;
    case Round::toward_zero: return b.positive ? b.low : high;
    case Round::away_from_zero: return b.positive ? high : b.low;
    default: break;
  }
  if (b.middle != 0) return b.middle < 0 ? b.low : high;
  switch (mode) {
    case Round::half_up: return high;
    case Round::half_down: return b.low;
    case Round::half_even: return low_is_even ? b.low : high;
    case Round::half_odd: return low_is_even ? high : b.low;
    case Round::half_away: return b.positive ? high : b.low;
    default: return b.positive ? b.low : high;  // half_toward_zero
  }
}

inline Int rounded(const Rational& q, Round mode) {
  return rounded(between(q), mode);
}

inline Int lowest(IntType type) {
  return type.is_signed ? Int(-power_of_two(type.bits - 1u)) : Int(0);
}
inline Int highest(IntType type) {
  return type.is_signed ? Int(power_of_two(type.bits - 1u) - 1) : Int(power_of_two(type.bits) - 1);
}

inline Int saturated(const Int& value, IntType type) {
  if (value < lowest(type)) return lowest(type);
  if (value > highest(type)) return highest(type);
  return value;
}

// The one number of the type that is congruent to the value modulo 2^bits.
inline Int wrapped(const Int& value, IntType type) {
  const Int modulus = power_of_two(type.bits);
  return value - modulus * below(Rational(value - lowest(type), modulus));
}

}  // namespace assay::oracle
