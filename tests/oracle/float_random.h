// Seeded random binary32 words in the places where arithmetic is hard: any bits, exponents near each other, terms that cancel, and few significant bits (exact results and ties).
#pragma once

#include <cstdint>
#include <random>

#include "emu/arith/soft_float.h"

namespace assay::oracle {

struct FloatTriple {
  uint32_t a, b, c;
};

class RandomFloats {
 public:
  explicit RandomFloats(uint64_t seed) : random_(seed) {}

  uint32_t any() { return static_cast<uint32_t>(random_()); }

  // a and b for any operation of two; c for a * b + c.
  FloatTriple next() {
    const uint64_t bits = random_();
    const uint32_t a = static_cast<uint32_t>(bits), b = static_cast<uint32_t>(bits >> 32);
    switch (turn_++ % 5) {
      case 0: return {a, b, any()};
      case 1: {  // exponents at most 31 apart
        const uint32_t near = with_exponent(b, exponent(a) + static_cast<int>(random_() % 63) - 31);
        return {a, near, with_exponent(any(), exponent(a) + exponent(near) - 127 + static_cast<int>(random_() % 63) - 31)};
      }
      case 2: {  // b cancels a, and c the product, but for some of the last bits
        const uint32_t close = a ^ 0x80000000U ^ low_bits(b);
        const uint32_t moderate = with_exponent(b, 64 + static_cast<int>(random_() % 128));
        const uint32_t c = emu::multiply({turn_ % 2 != 0 ? a : with_exponent(a, 100)}, {moderate}).bits ^ 0x80000000U ^ low_bits(any());
        return turn_ % 2 != 0 ? FloatTriple{a, close, c} : FloatTriple{with_exponent(a, 100), moderate, c};
      }
      case 3: {  // few significant bits, exponents around 1
        const uint32_t x = with_exponent(short_fraction(a), 127 + static_cast<int>(random_() % 49) - 24);
        const uint32_t y = with_exponent(short_fraction(b), 127 + static_cast<int>(random_() % 49) - 24);
        return {x, y, with_exponent(short_fraction(any()), 127 + static_cast<int>(random_() % 97) - 48)};
      }
      default: {  // products and quotients among subnormal numbers or near overflow
        const bool tiny = (random_() & 1) != 0;
        const uint32_t y = with_exponent(b, (tiny ? 127 - exponent(a) : 381 - exponent(a)) + static_cast<int>(random_() % 60) - (tiny ? 25 : 50));
        return {a, y, with_exponent(any(), tiny ? static_cast<int>(random_() % 30) : 254 - static_cast<int>(random_() % 30))};
      }
    }
  }

 private:
  static int exponent(uint32_t word) { return static_cast<int>((word >> 23) & 0xffU); }
  static uint32_t with_exponent(uint32_t word, int field) {
    const int kept = field < 0 ? 0 : (field > 255 ? 255 : field);
    return (word & 0x807fffffU) | (static_cast<uint32_t>(kept) << 23);
  }
  uint32_t low_bits(uint32_t word) { return word & ((1U << (random_() % 25)) - 1); }
  uint32_t short_fraction(uint32_t word) { return word & ~((1U << (random_() % 24)) - 1); }

  std::mt19937_64 random_;
  uint64_t turn_ = 0;
};

}  // namespace assay::oracle
