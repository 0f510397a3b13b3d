// Stimuli for the witness tests: a generator of our own, so that a seed means the same cases everywhere, and the corners that every width has.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/oracle/tally.h"

namespace assay::witness {

using oracle::kStride;
using oracle::Tally;

inline constexpr uint64_t kSeed = 20260221;

// splitmix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  int64_t between(int64_t low, int64_t high) { return low + static_cast<int64_t>(next() % (static_cast<uint64_t>(high - low) + 1)); }

  // A signed word of `bits` bits whose magnitude has each number of bits equally often.
  int64_t word(int bits) {
    const int unused = static_cast<int>(next() % static_cast<uint64_t>(bits));
    return static_cast<int64_t>(next()) >> (64 - bits + unused);
  }

  // What fits `bits` bits and lies within 3 of a multiple of half of 2^shift: ties and their neighbours.
  int64_t near_a_tie(int bits, int shift) {
    const int64_t half = shift > 0 ? int64_t{1} << (shift - 1) : 1;
    const int64_t limit = (int64_t{1} << (bits - 1)) - 4;
    const int64_t value = word(bits) / half * half + between(-3, 3);
    return value > limit ? limit : (value < -limit ? -limit : value);
  }

 private:
  uint64_t state_;
};

// 0, +-2^k and their neighbours, both ends.
inline std::vector<int64_t> corners(int bits) {
  std::vector<int64_t> values = {0};
  const int64_t low = -(int64_t{1} << (bits - 1)), high = -(low + 1);
  for (int k = 0; k < bits; ++k) {
    for (const int64_t off : {-2, -1, 0, 1, 2}) {
      for (const int64_t sign : {1, -1}) {
        const int64_t value = sign * (int64_t{1} << k) + off;
        if (value >= low && value <= high) values.push_back(value);
      }
    }
  }
  return values;
}

}  // namespace assay::witness
