#include "quant/exact/rational.h"

#include "emu/base/error.h"

namespace assay::quant {

Rational power_of_two(int exponent) {
  ASSAY_ASSERT(exponent >= -4096 && exponent <= 4096);
  const BigInt power = BigInt(1) << static_cast<unsigned>(exponent < 0 ? -exponent : exponent);
  return exponent < 0 ? Rational(BigInt(1), power) : Rational(power);
}

BigInt round_to_integer(const Rational& value, emu::Round mode) {
  const bool negative = value < 0;
  const BigInt top = abs(numerator(value));
  const BigInt bottom = denominator(value);
  BigInt quotient, remainder;
  divide_qr(top, bottom, quotient, remainder);
  if (remainder != 0) {
    const int half = BigInt(2 * remainder).compare(bottom);
    if (emu::rounds_away(mode, negative, bit_test(quotient, 0), half < 0 ? -1 : (half > 0 ? 1 : 0))) ++quotient;
  }
  return negative ? BigInt(-quotient) : quotient;
}

int floor_log2(const Rational& value) {
  ASSAY_ASSERT(value != 0);
  const Rational magnitude = abs(value);
  const int e = static_cast<int>(msb(numerator(magnitude))) - static_cast<int>(msb(denominator(magnitude)));
  return power_of_two(e) <= magnitude ? e : e - 1;
}

int64_t round_and_clamp(const Rational& value, emu::Round mode, int64_t low, int64_t high) {
  const BigInt rounded = round_to_integer(value, mode);
  if (rounded < low) return low;
  return rounded > high ? high : static_cast<int64_t>(rounded);
}

}  // namespace assay::quant
