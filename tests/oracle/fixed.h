// The oracle of the fixed-point functions and operators: every word is the real number that it stands for, an exact rational, and a product is the real product brought to a grid.
// The constants are calculated from their real functions with 100 digits. Nothing is shared with emu/ but the names of types.
#pragma once

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <vector>

#include "emu/arith/fixed_functions.h"
#include "tests/oracle/exact.h"

namespace assay::oracle {

using Digits100 = boost::multiprecision::cpp_bin_float_100;

inline Rational two_to(int exponent) {
  return exponent >= 0 ? Rational(power_of_two(static_cast<unsigned>(exponent))) : Rational(1, power_of_two(static_cast<unsigned>(-exponent)));
}

// The nearest multiple of 2^-fraction_bits, within a signed word of `bits` bits.
inline Rational on_grid(const Rational& x, int fraction_bits, unsigned bits, Round mode) {
  return Rational(saturated(rounded(x * two_to(fraction_bits), mode), IntType{static_cast<uint8_t>(bits), true})) * two_to(-fraction_bits);
}

// A real constant with 31 fraction bits less its integer bits, then, for words of 16 bits, brought to 16 fewer.
inline Rational constant(const Digits100& value, int integer_bits, unsigned bits) {
  const Digits100 steps = round(Digits100(value * pow(Digits100(2), 31 - integer_bits)));
  const Rational of_32_bits = Rational(steps.convert_to<Int>()) * two_to(integer_bits - 31);
  return bits == 32 ? of_32_bits : on_grid(of_32_bits, 15 - integer_bits, 16, Round::half_away);
}

// The product of a word with ia and one with ib integer bits has ia + ib.
inline Rational product(const Rational& a, const Rational& b, int integer_bits, unsigned bits) {
  return on_grid(a * b, static_cast<int>(bits) - 1 - integer_bits, bits, Round::half_up);
}

inline Rational greatest_below_one(unsigned bits) {
  return 1 - two_to(1 - static_cast<int>(bits));
}

inline Rational exponential(const Rational& a, int integer_bits, unsigned bits) {
  const int fraction = static_cast<int>(bits) - 1;
  if (a == 0) return greatest_below_one(bits);
  if (integer_bits > 5 && a < -32) return 0;
  const Rational last = a - Rational(below(a * 4), 4) - Rational(1, 4);
  const Rational x = last + Rational(1, 8);
  const Rational x2 = product(x, x, 0, bits), x3 = product(x2, x, 0, bits), x4 = product(x2, x2, 0, bits);
  const Rational cubes = product(on_grid(x4 / 4, fraction, bits, Round::half_away) + x3, constant(Digits100(1) / 3, 0, bits), 0, bits);
  const Rational tail = on_grid((cubes + x2) / 2, fraction, bits, Round::half_away);
  const Rational middle = constant(exp(Digits100(-1) / 8), 0, bits);
  Rational result = on_grid(middle + product(middle, x + tail, 0, bits), fraction, bits, Round::floor);
  const Rational rest = last - a;
  for (int k = -2; k <= 4 && k < integer_bits; ++k) {
    if (below(rest / two_to(k)) % 2 != 0) result = product(result, constant(exp(-pow(Digits100(2), k)), 0, bits), 0, bits);
  }
  return result;
}

// Of half the denominator, by Newton: about 1 / h.
inline Rational newton_reciprocal(const Rational& a, unsigned bits) {
  const int fraction = static_cast<int>(bits) - 1;
  const Rational h = on_grid((a + greatest_below_one(bits)) / 2, fraction, bits, Round::half_away);
  Rational x = constant(Digits100(48) / 17, 2, bits) + product(h, constant(Digits100(-32) / 17, 2, bits), 2, bits);
  for (int i = 0; i < 3; ++i) {
    const Rational step = product(x, 1 - product(h, x, 2, bits), 4, bits);
    x += on_grid(step, fraction - 2, bits, Round::floor);
  }
  return x;
}
inline Rational reciprocal_of_one_plus(const Rational& a, unsigned bits) {
  return on_grid(newton_reciprocal(a, bits) / 2, static_cast<int>(bits) - 1, bits, Round::floor);
}
inline Rational one_minus_by_one_plus(const Rational& a, unsigned bits) {
  return on_grid(newton_reciprocal(a, bits) - 1, static_cast<int>(bits) - 1, bits, Round::floor);
}

inline Rational logistic_of(const Rational& a, int integer_bits, unsigned bits) {
  if (a == 0) return Rational(1, 2);
  const Rational of_magnitude = reciprocal_of_one_plus(exponential(-abs(a), integer_bits, bits), bits);
  return a > 0 ? of_magnitude : Rational(greatest_below_one(bits) - of_magnitude);
}
inline Rational tanh_of(const Rational& a, int integer_bits, unsigned bits) {
  if (a == 0) return 0;
  const Rational of_magnitude = one_minus_by_one_plus(exponential(-2 * abs(a), integer_bits + 1, bits), bits);
  return a > 0 ? of_magnitude : Rational(-of_magnitude);
}

// multiplier and right shift (not yet negated) of 1 / sqrt(input), as Q0.31 * 2^-right.
struct InverseRoot {
  Int multiplier;
  int right;
};
inline InverseRoot inverse_root(Int input) {
  if (input <= 1) return {power_of_two(31) - 1, 0};
  int right = 11;
  for (; input >= power_of_two(29); ++right) input /= 4;
  for (; input < power_of_two(27); --right) input *= 4;
  const Rational value = Rational(below(Rational(input, 2))) * two_to(-28);
  const Rational half = on_grid(value / 2, 28, 32, Round::half_away);
  Rational x = 1;
  for (int i = 0; i < 5; ++i) {
    const Rational cube = on_grid(product(product(x, x, 6, 32), x, 9, 32), 28, 32, Round::floor);
    x = on_grid(product(Rational(3, 2), x, 6, 32) - product(half, cube, 6, 32), 28, 32, Round::floor);
  }
  x = product(x, constant(sqrt(Digits100(2)) / 2, 0, 32), 3, 32);
  for (; right < 0; ++right) x *= 2;
  return {below(x * two_to(28)), right};
}

// --- products with quantized multipliers
// ---------------------------------------------------------------------------------------------------------------------------------------------

inline Int scaled_twice(const Int& x, const emu::QScale& s) {
  const Rational real = Rational(x) * two_to(s.left.bits) * Rational(s.multiplier) * two_to(-31);
  return rounded(Rational(saturated(rounded(real, Round::half_up), emu::kS32)) * two_to(-s.right.bits), Round::half_away);
}

// --- operators
// -------------------------------------------------------------------------------------------------------------------------------------------------------------------------

inline Int softmax_term(const Int& difference, const emu::QScale& s) {
  return rounded(exponential(Rational(scaled_twice(difference, s)) * two_to(-26), 5, 32) * two_to(31), Round::floor);
}

inline std::vector<Int> softmax(const std::vector<int64_t>& row, const emu::QScale& scale, int64_t least, unsigned bits) {
  int64_t greatest = row.front();
  for (const int64_t x : row) greatest = x > greatest ? x : greatest;
  Rational sum = 0;
  for (const int64_t x : row) {
    if (x - greatest >= least) sum += Rational(rounded(Rational(softmax_term(x - greatest, scale)) * two_to(-12), Round::half_away)) * two_to(-19);
  }
  int over = 0;
  for (; sum >= 2; ++over) sum /= 2;
  const Rational inverse = reciprocal_of_one_plus(sum - 1, 32);
  std::vector<Int> result;
  for (const int64_t x : row) {
    Rational y = 0;
    if (x - greatest >= least) y = product(Rational(softmax_term(x - greatest, scale)) * two_to(-31), inverse, 0, 32) * two_to(-over);
    const IntType type{static_cast<uint8_t>(bits), true};
    result.push_back(saturated(rounded(y * two_to(static_cast<int>(bits)), Round::half_away) + oracle::lowest(type), type));
  }
  return result;
}

}  // namespace assay::oracle
