#include "emu/arith/fixed_functions.h"

#include <array>

#include "emu/arith/fixed_point.h"
#include "emu/arith/int_type.h"
#include "emu/base/error.h"

namespace assay::emu {
namespace {

// With 31 fraction bits: round(2^31 * value).
constexpr int64_t kExpMinusOneEighth = 1895147668;
constexpr int64_t kOneThird = 715827883;
constexpr std::array<int64_t, 7> kExpMinusPower = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};  // exp(-2^k), k = -2 .. 4
constexpr int64_t kHalfSqrtTwo = 1518500250;
// With 29 fraction bits: round(2^29 * value).
constexpr int64_t k48Over17 = 1515870810;
constexpr int64_t kMinus32Over17 = -1010580540;

// The arithmetic of one word width.
struct Word {
  explicit Word(uint8_t width) : bits(width) { ASSAY_ASSERT(bits == 16 || bits == 32); }

  IntType type() const { return {bits, true}; }
  int64_t max() const { return static_cast<int64_t>(type().max()); }
  int64_t constant(int64_t of_32_bits) const { return bits == 32 ? of_32_bits : rounding_divide_by_power(of_32_bits, RightShift{16}); }
  int64_t multiply(int64_t a, int64_t b) const { return bits == 32 ? saturating_rounding_doubling_high_mul_32(a, b) : saturating_rounding_doubling_high_mul_16(a, b); }
  int64_t shift_left_saturating(int64_t a, int exponent) const { return saturating_shift_left(a, LeftShift{static_cast<uint8_t>(exponent)}, bits); }
  int64_t fits(int64_t a) const {
    ASSAY_ASSERT(type().holds(a));
    return a;
  }

  uint8_t bits;
};

// exp(a), a in [-1/4, 0) as Q0. The powers of x = a + 1/8 are below 2^-3, so that only the last sum comes near 1.
int64_t exp_on_the_last_quarter(int64_t a, Word word) {
  const int64_t x = a + (int64_t{1} << (word.bits - 1 - 3));
  const int64_t x2 = word.multiply(x, x), x3 = word.multiply(x2, x), x4 = word.multiply(x2, x2);
  const int64_t cubes = word.multiply(rounding_divide_by_power(x4, RightShift{2}) + x3, word.constant(kOneThird));
  const int64_t tail = rounding_divide_by_power(cubes + x2, RightShift{1});
  const int64_t middle = word.constant(kExpMinusOneEighth);
  return static_cast<int64_t>(saturate(middle + word.multiply(middle, x + tail), word.type()));
}

// 1 / half_denominator as Q2 for half_denominator in [1/2, 1) as Q0.
int64_t reciprocal_by_newton(int64_t half_denominator, Word word) {
  const int64_t one = int64_t{1} << (word.bits - 3);
  int64_t x = word.fits(word.constant(k48Over17) + word.multiply(half_denominator, word.constant(kMinus32Over17)));
  for (int step = 0; step < 3; ++step) {
    const int64_t error = one - word.multiply(half_denominator, x);
    x = word.fits(x + word.shift_left_saturating(word.multiply(x, error), 2));
  }
  return x;
}

int64_t half_of_one_plus(int64_t a, Word word) {
  ASSAY_ASSERT(a >= 0 && a <= word.max());
  return rounding_half_sum(a, word.max());
}

}  // namespace

int64_t exp_on_negative_values(int64_t a, FixedFormat format) {
  const Word word(format.bits);
  const int fraction = format.fraction_bits();
  ASSAY_ASSERT(a <= 0 && word.type().holds(a) && fraction >= 2);
  if (a == 0) return word.max();
  if (format.integer_bits > 5 && a < -(int64_t{1} << (fraction + 5))) return 0;
  const int64_t quarter = int64_t{1} << (fraction - 2);
  const int64_t last = (a & (quarter - 1)) - quarter;
  const int64_t quarters = last - a;
  int64_t result = exp_on_the_last_quarter(word.shift_left_saturating(last, format.integer_bits), word);
  for (int k = -2; k <= 4 && k < format.integer_bits; ++k) {
    if (((quarters >> (fraction + k)) & 1) != 0) result = word.multiply(result, word.constant(kExpMinusPower[static_cast<size_t>(k + 2)]));
  }
  return result;
}

int64_t one_over_one_plus_x(int64_t a, uint8_t bits) {
  const Word word(bits);
  return word.shift_left_saturating(reciprocal_by_newton(half_of_one_plus(a, word), word), 1);
}

int64_t one_minus_x_over_one_plus_x(int64_t a, uint8_t bits) {
  const Word word(bits);
  const int64_t one = int64_t{1} << (bits - 3);
  return word.shift_left_saturating(reciprocal_by_newton(half_of_one_plus(a, word), word) - one, 2);
}

int64_t logistic(int64_t a, FixedFormat format) {
  const Word word(format.bits);
  if (a == 0) return int64_t{1} << (format.bits - 2);
  const int64_t of_magnitude = one_over_one_plus_x(exp_on_negative_values(a > 0 ? -a : a, format), format.bits);
  return a > 0 ? of_magnitude : word.max() - of_magnitude;
}

int64_t tanh(int64_t a, FixedFormat format) {
  if (a == 0) return 0;
  const FixedFormat doubled{format.bits, static_cast<uint8_t>(format.integer_bits + 1)};
  const int64_t of_magnitude = one_minus_x_over_one_plus_x(exp_on_negative_values(a > 0 ? -a : a, doubled), format.bits);
  return a > 0 ? of_magnitude : -of_magnitude;
}

Reciprocal reciprocal(int64_t x, uint8_t integer_bits) {
  ASSAY_ASSERT(x > 0 && kS32.holds(x));
  int leading_zeros = 0;  // of the 32-bit word, so at least 1
  while (x << leading_zeros < int64_t{1} << 31) ++leading_zeros;
  return {one_over_one_plus_x((x << leading_zeros) - (int64_t{1} << 31), 32), integer_bits - leading_zeros};
}

InverseSquareRoot inverse_square_root(int64_t input) {
  ASSAY_ASSERT(input >= 0 && kS32.holds(input));
  const Word word(32);
  if (input <= 1) return {word.max(), RightShift{0}};
  int right = 11;
  for (; input >= int64_t{1} << 29; ++right) input /= 4;
  for (; input < int64_t{1} << 27; --right) input *= 4;
  const int64_t half_input = rounding_divide_by_power(input >> 1, RightShift{1});
  const int64_t three_halves = (int64_t{1} << 28) + (int64_t{1} << 27);
  int64_t x = int64_t{1} << 28;
  for (int step = 0; step < 5; ++step) {
    const int64_t x3 = word.shift_left_saturating(word.multiply(word.multiply(x, x), x), 6);
    x = word.shift_left_saturating(word.fits(word.multiply(three_halves, x) - word.multiply(half_input, x3)), 3);
  }
  x = word.multiply(x, kHalfSqrtTwo);
  for (; right < 0; ++right) x *= 2;
  return {word.fits(x), RightShift{static_cast<uint8_t>(right)}};
}

namespace {

int64_t argument_of(int64_t x, TableArgument argument) {
  ASSAY_ASSERT(kS16.holds(x) && kS32.holds(argument.multiplier));
  const Wide v = shift_right(Wide{x} * argument.multiplier, argument.right, Round::half_up);
  ASSAY_ASSERT(v >= -kS32.max() && v <= kS32.max());
  return static_cast<int64_t>(v);
}

// t[i] * 2^bits + (t[i+1] - t[i]) * f for the magnitude m, i = m >> bits, f = m mod 2^bits; `beyond` from entry 255 on.
int64_t interpolate(const std::vector<int64_t>& table, int64_t magnitude, int bits, int64_t beyond) {
  ASSAY_ASSERT(table.size() == 256);
  const auto i = static_cast<size_t>(magnitude >> bits);
  if (i >= 255) return beyond;
  const int64_t f = magnitude & ((int64_t{1} << bits) - 1);
  return (table[i] << bits) + (table[i + 1] - table[i]) * f;
}

}  // namespace

int64_t logistic_16_from_table(const std::vector<int64_t>& table, int64_t x, TableArgument argument) {
  const int64_t v = argument_of(x, argument);
  const int64_t r = interpolate(table, v < 0 ? -v : v, 9, ((int64_t{1} << 15) - 1) << 10);
  const auto of_magnitude = static_cast<int64_t>(shift_right(r, RightShift{10}, Round::half_up));
  return v < 0 ? (int64_t{1} << 15) - of_magnitude : of_magnitude;
}

int64_t tanh_16_from_table(const std::vector<int64_t>& table, int64_t x, TableArgument argument) {
  const int64_t v = argument_of(x, argument);
  const int64_t r = interpolate(table, v < 0 ? -v : v, 8, ((int64_t{1} << 16) - 1) << 8);
  const auto of_magnitude = static_cast<int64_t>(shift_right(r - (int64_t{1} << 23), RightShift{8}, Round::half_up));
  return v < 0 ? -of_magnitude : of_magnitude;
}

int64_t interpolate_keeping_fraction(const std::vector<int64_t>& entries, int64_t x) {
  ASSAY_ASSERT(entries.size() == 513 && kS16.holds(x));
  const auto i = static_cast<size_t>(256 + (x >> 7));
  return entries[i] * 128 + (entries[i + 1] - entries[i]) * (x & 127);
}

}  // namespace assay::emu
