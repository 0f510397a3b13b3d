// What the makers of stimuli share: handing over cases, and random numbers in shapes. Internal to stimuli*.cc.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "vectors/arithmetic/stimuli.h"

namespace assay::vectors {

// Shapes of random integers over the words of std::mt19937_64.
class Random {
 public:
  explicit Random(uint64_t seed) : words_(seed) {}
  uint64_t word() { return words_(); }
  // Uniform in [low, high]; the modulo's bias is below 2^-32 for domains below 2^32, and no golden value depends on it.
  int64_t in(Wide low, Wide high) {
    const auto span = static_cast<UnsignedWide>(high - low + 1);
    return static_cast<int64_t>(low + static_cast<Wide>(((UnsignedWide{words_()} << 64) | words_()) % span));
  }
  // Either sign, every number of bits up to `bits` equally often.
  int64_t log_uniform(int bits) {
    const int64_t size = in(0, bits);
    const int64_t magnitude = in(0, (Wide{1} << size) - 1);
    return (word() & 1) != 0 ? -magnitude : magnitude;
  }
  // Around a power of two, either sign.
  int64_t near_power(int bits) {
    const int64_t value = (int64_t{1} << in(0, bits - 1)) + in(-3, 3);
    return (word() & 1) != 0 ? -value : value;
  }

 private:
  std::mt19937_64 words_;
};

class Maker {
 public:
  Maker(const emu::Target& target, ArithOp op, const Level& level, const TakeCase& take)
      : t(target), multiplier(multiplier_of(target, op)), is_long(level.level >= 2), random(level.seed * 0x9e3779b97f4a7c15U + static_cast<uint64_t>(op)), take_(take) {
    case_.op = op;
  }

  // Hands over the case if it is legal; nothing after somebody said that it is enough.
  void ask(const Operands& operands, std::string_view reason);
  bool enough() const { return enough_; }
  uint64_t made() const { return made_; }

  emu::IntType word() const { return t.storage.activation.type; }
  int64_t low() const { return t.storage.activation.low; }
  int64_t high() const { return t.storage.activation.high; }
  // 0, or both ends, the middle and an odd one.
  std::vector<int64_t> zero_points() const;
  int64_t any_zero_point();
  // Words at the ends, around the zero point and at powers of two.
  std::vector<int64_t> corner_words(emu::IntType type) const;

  const emu::Target& t;
  const emu::MultiplierRule& multiplier;  // of this operation
  bool is_long;
  Random random;

 private:
  const TakeCase& take_;
  Case case_;
  uint64_t made_ = 0;
  bool enough_ = false;
};

// stimuli_scaled.cc
void make_requantize(Maker& make);
void make_add(Maker& make);
void make_mul(Maker& make);
void make_average_pool(Maker& make);

}  // namespace assay::vectors
