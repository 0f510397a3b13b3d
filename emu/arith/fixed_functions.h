// Exponential, logistic, hyperbolic tangent, reciprocals and inverse square roots of fixed-point words, by the published polynomials and Newton steps: every bit of their results
// is fixed by the products of fixed_point.h and a handful of constants. Real functions appear in comments only.
//
// A word Q(i).(f) holds i integer and f fraction bits and a sign: real = raw / 2^f, i + f + 1 = 16 or 32. Constants are given with 31 fraction bits; the 16-bit forms use
// half_away(constant / 2^16). Every intermediate fits its word (asserted); products are saturating_rounding_doubling_high_mul of the word's width, written a * b below.
// Sources: google/gemmlowp fixedpoint/fixedpoint.h (exp to one_minus_x_over_one_plus_x); tensorflow/tflite-micro tensorflow/lite/kernels/internal/{common.h,
// reference/integer_ops/logistic.h, tanh.h} (the others); the TOSA specification, TABLE.
#pragma once

#include <cstdint>
#include <vector>

#include "emu/arith/scale.h"

namespace assay::emu {

// Q(integer_bits).(bits - 1 - integer_bits); bits 16 or 32, at least two fraction bits.
struct FixedFormat {
  uint8_t bits;
  uint8_t integer_bits;
  int fraction_bits() const { return bits - 1 - integer_bits; }
  friend bool operator==(const FixedFormat&, const FixedFormat&) = default;
};

// exp(a) as Q0.(bits-1), a <= 0. With a = d - r, d in [-1/4, 0), r a multiple of 1/4:
//   x = d + 1/8;  p = c + c * (x + half_away(((half_away(x^4 / 4) + x^3) * (1/3) + x^2) / 2)),  c = exp(-1/8)
//   result = p * product of exp(-2^k) over the set bits 2^k of r, k = -2 .. 4, lowest first
// a = 0 gives 2^(bits-1) - 1; with more than 5 integer bits, a < -32 gives 0.
int64_t exp_on_negative_values(int64_t a, FixedFormat format);

// 1 / (1 + a) as Q0.(bits-1); a is Q0.(bits-1), 0 <= a. With h = half_away((a + 1) / 2), three Newton steps on Q2: x = 48/17 - h * 32/17; x += (x * (1 - h * x)) * 4; result x / 2.
int64_t one_over_one_plus_x(int64_t a, uint8_t bits);

// (1 - a) / (1 + a) as Q0.(bits-1): the same x, result saturated x - 1.
int64_t one_minus_x_over_one_plus_x(int64_t a, uint8_t bits);

// 1 / (1 + exp(-a)) as Q0.(bits-1): one_over_one_plus_x(exp(-|a|)), for a < 0 subtracted from 2^(bits-1) - 1; 1/2 for a = 0.
int64_t logistic(int64_t a, FixedFormat format);

// tanh(a) as Q0.(bits-1): one_minus_x_over_one_plus_x(exp(-2|a|)) with a's sign; needs three fraction bits of the format, as 2a has one fewer.
int64_t tanh(int64_t a, FixedFormat format);

// 1 / x for a sum in Q(integer_bits).(31 - integer_bits), x > 0: with x = (1 + m) * 2^e, m in [0, 1), e = over_unit: 1/x ~ mantissa / 2^31 * 2^-e, mantissa =
// one_over_one_plus_x(m).
struct Reciprocal {
  int64_t mantissa;    // Q0.31, 1/(1+m)
  int over_unit_bits;  // e; negative where x < 1
  friend bool operator==(const Reciprocal&, const Reciprocal&) = default;
};
Reciprocal reciprocal(int64_t x, uint8_t integer_bits);

// 1 / sqrt(input) = multiplier / 2^31 / 2^right; input s32 >= 0. 0 and 1 give 2^31 - 1 and no shift. Else input is scaled by a power of 4 into 2^27 .. 2^29 - 1, and five Newton
// steps in Q3.28 follow from x = 1: x = saturated((3/2 * x - half_away(input / 4) * x^3) * 2^3), where x^3 is saturated(. * 2^6); at last * sqrt(2)/2.
struct InverseSquareRoot {
  int64_t multiplier;
  RightShift right;
  friend bool operator==(const InverseSquareRoot&, const InverseSquareRoot&) = default;
};
InverseSquareRoot inverse_square_root(int64_t input);

// The argument of the two interpolated functions below: half_up(x * multiplier / 2^right), below 2^31. Where the input's scale is 2^-12 / 2^k (k the source's "left shift"), the
// multiplier is 3 * 2^k and right is 0; the factor 3 widens [-8, 8] to the table's [0, 10.7].
struct TableArgument {
  int64_t multiplier;
  RightShift right;
};

// logistic of a 16-bit word as Q0.15 from 256 words t of 16 bits without sign, t[i] ~ 2^16 * logistic(i / 24) (quant/exact/tables.h makes them). With v the argument,
// i = |v| >> 9, f = |v| mod 2^9:   r = t[i] * 2^9 + (t[i+1] - t[i]) * f,  or (2^15 - 1) * 2^10 where i >= 255;   r < 2^25
//   result = half_up(r / 2^10) where v >= 0, else 2^15 - half_up(r / 2^10)
int64_t logistic_16_from_table(const std::vector<int64_t>& table, int64_t x, TableArgument argument);

// tanh of a 16-bit word as Q0.15 from the same table: tanh(x) = 2 logistic(2x) - 1. i = |v| >> 8, f = |v| mod 2^8:   r = t[i] * 2^8 + (t[i+1] - t[i]) * f, or (2^16 - 1) * 2^8
// where i >= 255;   result = half_up((r - 2^23) / 2^8), with v's sign.
int64_t tanh_16_from_table(const std::vector<int64_t>& table, int64_t x, TableArgument argument);

// 513 entries, a 16-bit word x: t[i] * 2^7 + (t[i+1] - t[i]) * f, i = 256 + (x >> 7), f = x mod 2^7: a word of 23 bits whose 7 fraction bits are kept. (The form that rounds them
// away at once is table.h's look_up.)
int64_t interpolate_keeping_fraction(const std::vector<int64_t>& entries, int64_t x);

}  // namespace assay::emu
