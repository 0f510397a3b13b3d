// Rational numbers of any size, for what happens once, before the first integer: rules that derive scales, and the judgement of others' examples. Heavy to compile:
// include it where it is needed, never from a header that many read.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>

#include "emu/arith/rounding.h"

namespace assay::quant {

using BigInt = boost::multiprecision::cpp_int;
using Rational = boost::multiprecision::cpp_rational;

// 2^exponent; |exponent| <= 4096 is asserted.
Rational power_of_two(int exponent);

// The integer that `mode` makes of a rational number; the modes are emu/arith/rounding.h's.
BigInt round_to_integer(const Rational& value, emu::Round mode);

// e with 2^e <= |value| < 2^(e+1). The value is not 0.
int floor_log2(const Rational& value);

// Rounded to an integer and saturated to [low, high].
int64_t round_and_clamp(const Rational& value, emu::Round mode, int64_t low, int64_t high);

}  // namespace assay::quant
