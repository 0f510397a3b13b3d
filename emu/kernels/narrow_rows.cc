#include "emu/kernels/narrow_rows.h"

#include <algorithm>
#include <array>

#include "emu/base/error.h"
#include "emu/kernels/rounded_shift.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

// What a row needs of its rule. Words of numbers that are not rounded come from the definition itself.
struct NarrowConstants {
  explicit NarrowConstants(const FloatRule& rule) {
    const FloatFormat format = rule.format;
    ASSAY_ASSERT(format.fraction_bits < 23 && format.exponent_bits <= 8);
    dropped = 23U - format.fraction_bits;
    least_field = 129U - (1U << (format.exponent_bits - 1));
    const uint32_t sign = 1U << (format.exponent_bits + format.fraction_bits);
    sign_shift = 31U - format.exponent_bits - format.fraction_bits;
    smallest_kept = rule.subnormals == Subnormals::flush ? 1U << format.fraction_bits : 0;
    largest = format.has_infinity ? sign - (1U << format.fraction_bits) - 1 : sign - 2;
    nan = narrow(kNan32, rule);
    for (const uint32_t negative : {0U, 1U}) {
      infinity[negative] = narrow({0x7f800000U | negative << 31}, rule);
      // Twice the largest number; beyond binary32's own largest in formats of its range, so there round_to_word is asked.
      overflow[negative] = round_to_word(negative != 0, 1, 300, false, rule);
    }
  }
  uint32_t dropped;        // fraction bits
  uint32_t least_field;    // binary32's exponent field of the format's smallest normal number
  uint32_t sign_shift;     // from binary32's sign to the format's
  uint32_t smallest_kept;  // what is below becomes zero
  uint32_t largest;
  uint32_t nan;
  std::array<uint32_t, 2> infinity{}, overflow{};
};

// magnitude / 2^bits, rounded as the mode rounds numbers of this sign. 1 <= bits <= 31; magnitude + 2^bits is below 2^32.
template <Round kMode>
inline uint32_t rounded_magnitude(uint32_t magnitude, uint32_t bits, uint32_t negative) {
  const uint32_t half = 1U << (bits - 1), all = half - 1 + half, odd = (magnitude >> bits) & 1U;
  switch (kMode) {
    case Round::floor: return (magnitude + negative * all) >> bits;
    case Round::ceil: return (magnitude + (1 - negative) * all) >> bits;
    case Round::toward_zero: return magnitude >> bits;
    case Round::away_from_zero: return (magnitude + all) >> bits;
    case Round::half_up: return (magnitude + half - negative) >> bits;
    case Round::half_down: return (magnitude + half - 1 + negative) >> bits;
    case Round::half_even: return (magnitude + half - 1 + odd) >> bits;
    case Round::half_odd: return (magnitude + half - odd) >> bits;
    case Round::half_away: return (magnitude + half) >> bits;
    case Round::half_toward_zero: return (magnitude + half - 1) >> bits;
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

template <Round kMode>
ASSAY_VECTORIZE void narrow_all(const uint32_t* numbers, size_t size, const NarrowConstants& constants, uint32_t* words) {
  // Locals, which the compiler knows that no element overwrites; words with a sign are those of positive numbers and what the sign changes.
  const NarrowConstants c = constants;
  const uint32_t bias = (c.least_field - 1) << 23, nan = c.nan;
  const uint32_t infinity = c.infinity[0], infinity_sign = c.infinity[0] ^ c.infinity[1];
  const uint32_t overflow = c.overflow[0], overflow_sign = c.overflow[0] ^ c.overflow[1];
  for (size_t i = 0; i < size; ++i) {
    const uint32_t number = numbers[i];
    const uint32_t negative = number >> 31, magnitude = number & 0x7fffffffU, field = magnitude >> 23;
    const uint32_t significand = (magnitude & 0x7fffffU) | (field != 0 ? 0x800000U : 0U);
    // A significand has 24 bits: from 26 on, how many more are dropped makes no difference.
    const uint32_t further = c.least_field - (field != 0 ? field : 1U);
    const bool normal = field >= c.least_field;
    const uint32_t deep = c.dropped + further < 26U ? c.dropped + further : 26U;
    const uint32_t result = rounded_magnitude<kMode>(normal ? magnitude - bias : significand, normal ? c.dropped : deep, negative);
    const uint32_t kept = (result < c.smallest_kept ? 0U : result) | (negative << 31 >> c.sign_shift);
    const uint32_t finite = result > c.largest ? overflow ^ (overflow_sign & (0U - negative)) : kept;
    const uint32_t not_nan = magnitude == 0x7f800000U ? infinity ^ (infinity_sign & (0U - negative)) : finite;
    words[i] = magnitude > 0x7f800000U ? nan : not_nan;
  }
}

}  // namespace

void narrow_row(const uint32_t* numbers, size_t size, const FloatRule& rule, uint32_t* words) {
  const NarrowConstants constants(rule);
  with_round(rule.round, [&](auto constant) { narrow_all<constant.value>(numbers, size, constants, words); });
}

}  // namespace assay::emu
