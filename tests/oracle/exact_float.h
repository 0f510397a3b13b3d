// The oracle for floating point: a format is the set of numbers that its words stand for, with the exponent unbounded above; an operation gives an exact rational; rounding takes
// one of that number's two neighbours in the set, by their distances. It takes from emu/ the names of formats and modes and nothing else. Fields are weights here, never shifts.
//
// Overflow is what IEEE 754-2019 (7.4) says: the number is rounded with the exponent unbounded; what then lies beyond the largest number has overflowed, and
//   floor             gives +largest and -infinity
//   ceil              gives +infinity and -largest
//   toward_zero       gives the largest number of its sign
//   away_from_zero and every half_* mode   give the infinity of their sign (IEEE's ties-to-even and ties-to-away; the other ties are decided by the unbounded rounding alone)
// FloatOverflow::saturate gives the largest number in all modes, and for an infinity too. A format without infinity gives its NaN in the place of one.
// Subnormals::flush: the number is rounded as with `keep`; a result below the smallest normal number then becomes a zero of its sign.
#pragma once

#include <vector>

#include "emu/arith/soft_float.h"
#include "tests/oracle/exact.h"

namespace assay::oracle {

using emu::FloatFormat;
using emu::FloatOverflow;
using emu::FloatRule;
using emu::Subnormals;

// 2^exponent.
inline const Rational& power(int exponent) {
  constexpr int kLimit = 900;
  static const std::vector<Rational> powers = [] {
    std::vector<Rational> table;
    for (int e = -kLimit; e <= kLimit; ++e) table.push_back(e < 0 ? Rational(1, power_of_two(static_cast<unsigned>(-e))) : Rational(power_of_two(static_cast<unsigned>(e))));
    return table;
  }();
  return powers.at(static_cast<size_t>(exponent + kLimit));
}

// Counts of words, as integers.
inline int64_t count(int bits) {
  int64_t words = 1;
  for (int i = 0; i < bits; ++i) words *= 2;
  return words;
}

inline int64_t fractions(FloatFormat f) {  // words in a binade; also the smallest normal number's word
  return count(f.fraction_bits);
}
inline int64_t signless_words(FloatFormat f) {
  return count(f.exponent_bits) * fractions(f);
}
inline int64_t largest_of(FloatFormat f) {
  return f.has_infinity ? signless_words(f) - fractions(f) - 1 : signless_words(f) - 2;
}
inline int64_t nan_of(FloatFormat f) {
  return f.has_infinity ? signless_words(f) - fractions(f) / 2 : signless_words(f) - 1;
}
// The exponent of the smallest normal number.
inline int least_binade(FloatFormat f) {
  return 2 - static_cast<int>(count(f.exponent_bits - 1));
}

// The number that a signless word stands for, also beyond the format's largest, as if it had more exponents.
inline Rational magnitude_of(int64_t word, FloatFormat f) {
  const int64_t binade = word / fractions(f), fraction = word % fractions(f);
  if (binade == 0) return Rational(fraction) * power(least_binade(f) - f.fraction_bits);
  return Rational(fractions(f) + fraction) * power(least_binade(f) - f.fraction_bits + static_cast<int>(binade) - 1);
}

// A number, an infinity or NaN. The sign counts for zeros and infinities too.
struct Real {
  enum class Kind { finite, infinite, nan } kind = Kind::nan;
  bool negative = false;
  Rational value = 0;

  static Real nan() { return {}; }
  static Real infinity(bool negative) { return {Kind::infinite, negative, 0}; }
  static Real zero(bool negative) { return {Kind::finite, negative, 0}; }
  static Real of(const Rational& value) { return {Kind::finite, value < 0, value}; }
  bool is_nan() const { return kind == Kind::nan; }
  bool is_infinite() const { return kind == Kind::infinite; }
  bool is_zero() const { return kind == Kind::finite && value == 0; }
  friend bool operator==(const Real&, const Real&) = default;
};

inline Real value_of(uint32_t word, FloatFormat f) {
  const int64_t rest = int64_t{word} % signless_words(f);
  const bool negative = int64_t{word} / signless_words(f) != 0;
  if (rest <= largest_of(f)) return {Real::Kind::finite, negative, negative ? Rational(-magnitude_of(rest, f)) : magnitude_of(rest, f)};
  return f.has_infinity && rest == largest_of(f) + 1 ? Real::infinity(negative) : Real::nan();
}

// Where a number lies in a format's set: in which binade, and between which two integers when it is measured in the spacing of that binade.
struct Place {
  bool negative;
  int binade;  // above the smallest normal one; subnormal numbers count as 0
  Between spacings;
};

inline Place place(const Rational& q, FloatFormat f) {
  const Rational magnitude = abs(q);
  // The greatest binade that does not begin above the number.
  int low = least_binade(f), beyond = 600;
  while (beyond - low > 1) {
    const int middle = (low + beyond) / 2;
    (power(middle) <= magnitude ? low : beyond) = middle;
  }
  return {q < 0, low - least_binade(f), between(q * power(f.fraction_bits - low))};
}

inline uint32_t with_sign(bool negative, int64_t word, FloatFormat f) {
  return static_cast<uint32_t>(word + (negative ? signless_words(f) : 0));
}

inline uint32_t infinity_of(bool negative, FloatFormat f) {
  return f.has_infinity ? with_sign(negative, largest_of(f) + 1, f) : static_cast<uint32_t>(nan_of(f));
}

inline bool overflow_is_infinity(Round mode, bool negative) {
  switch (mode) {
    case Round::floor: return negative;
    case Round::ceil: return !negative;
    case Round::toward_zero: return false;
    default: return true;
  }
}

// The word that a signless word of the unbounded set becomes in the format.
inline uint32_t bounded(bool negative, int64_t word, const FloatRule& rule) {
  if (word > largest_of(rule.format)) {
    const bool infinite = rule.overflow == FloatOverflow::infinity && overflow_is_infinity(rule.round, negative);
    return infinite ? infinity_of(negative, rule.format) : with_sign(negative, largest_of(rule.format), rule.format);
  }
  const bool flushed = rule.subnormals == Subnormals::flush && word < fractions(rule.format);
  return with_sign(negative, flushed ? 0 : word, rule.format);
}

inline uint32_t word_of(const Place& p, const FloatRule& rule) {
  const Int spacings = abs(rounded(p.spacings, rule.round));
  return bounded(p.negative, p.binade * fractions(rule.format) + static_cast<int64_t>(spacings), rule);
}

inline uint32_t word_of(const Real& x, const FloatRule& rule) {
  if (x.is_nan()) return static_cast<uint32_t>(nan_of(rule.format));
  if (x.is_infinite()) {
    return rule.overflow == FloatOverflow::saturate ? with_sign(x.negative, largest_of(rule.format), rule.format) : infinity_of(x.negative, rule.format);
  }
  if (x.is_zero()) return with_sign(x.negative, 0, rule.format);
  return word_of(place(x.value, rule.format), rule);
}

// The exact results. A sum that is exactly zero is +0 unless both terms are zeros (of a product: exact zeros) with a minus sign; IEEE 754-2019, 6.3.
inline Real sum(const Real& x, const Real& y) {
  if (x.is_nan() || y.is_nan()) return Real::nan();
  if (x.is_infinite() && y.is_infinite()) return x.negative == y.negative ? x : Real::nan();
  if (x.is_infinite()) return x;
  if (y.is_infinite()) return y;
  const Rational exact = x.value + y.value;
  if (exact == 0) return Real::zero(x.is_zero() && y.is_zero() && x.negative && y.negative);
  return Real::of(exact);
}

inline Real product(const Real& x, const Real& y) {
  if (x.is_nan() || y.is_nan()) return Real::nan();
  const bool negative = x.negative != y.negative;
  if (x.is_infinite() || y.is_infinite()) return x.is_zero() || y.is_zero() ? Real::nan() : Real::infinity(negative);
  return {Real::Kind::finite, negative, x.value * y.value};
}

inline Real quotient(const Real& x, const Real& y) {
  if (x.is_nan() || y.is_nan()) return Real::nan();
  const bool negative = x.negative != y.negative;
  if (x.is_infinite()) return y.is_infinite() ? Real::nan() : Real::infinity(negative);
  if (y.is_infinite()) return Real::zero(negative);
  if (y.is_zero()) return x.is_zero() ? Real::nan() : Real::infinity(negative);
  return {Real::Kind::finite, negative, x.value / y.value};
}

inline Int integer_of(const Real& x, Round mode, IntType type) {
  if (x.is_nan()) return 0;
  if (x.is_infinite()) return x.negative ? lowest(type) : highest(type);
  return saturated(rounded(x.value, mode), type);
}

}  // namespace assay::oracle
