// The accumulator as the reference bodies' inner loops use it: Accumulator::add without 128-bit arithmetic where the register's width makes it superfluous.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "emu/arith/accumulator.h"
#include "emu/base/error.h"
#include "emu/program/tensor.h"

namespace assay::emu {

class Register {
 public:
  explicit Register(const Accumulator& accumulator)
      : accumulator_(accumulator),
        narrow_(accumulator.type.bits <= 62),
        low_(static_cast<int64_t>(accumulator.type.min())),
        high_(narrow_ ? static_cast<int64_t>(accumulator.type.max()) : 0) {}

  // sum + term as the register keeps it; |term| < 2^62 (operators check their operands' widths for it). `overflowed` becomes true where the exact sum left the register.
  int64_t add(int64_t sum, int64_t term, bool& overflowed) const {
    if (!narrow_) return accumulator_.add(sum, term, overflowed);
    const int64_t exact = sum + term;  // |sum| < 2^62, so this fits
    if (exact >= low_ && exact <= high_) return exact;
    overflowed = true;
    return static_cast<int64_t>(store(exact, accumulator_.type, accumulator_.overflow));
  }

  // Other accumulators than one register sum by their own class, Sum, every term in its place.
  bool is_plain() const { return accumulator_.is_plain(); }

  // The sum of `count` terms, term(0) first; terms of 0 may not be left out of it.
  template <class Term>
  int64_t sum(int64_t count, const Term& term, bool& overflowed) const {
    if (is_plain()) {
      int64_t kept = 0;
      for (int64_t i = 0; i < count; ++i) kept = add(kept, term(i), overflowed);
      return kept;
    }
    Sum kept(accumulator_);
    for (int64_t i = 0; i < count; ++i) kept.add(term(i));
    overflowed = kept.overflowed();
    return kept.value();
  }

  // No partial sum of terms whose magnitudes add up to `worst` can leave the register, in any order: a plain sum is what it holds.
  bool never_overflows(Wide worst) const { return fits(accumulator_, worst); }

 private:
  Accumulator accumulator_;
  bool narrow_;
  int64_t low_;
  int64_t high_;
};

// One accumulator per output element, and where it overflowed: what requantize_all takes.
struct Sums {
  std::vector<int64_t> values;
  std::vector<uint8_t> overflowed;
  friend bool operator==(const Sums&, const Sums&) = default;
};

// What arithmetic and steps begin with: every element minus the zero point; of floating-point words the 32-bit word of the same number in binary32.
inline std::vector<int64_t> operand_values(const Tensor& tensor, int64_t zero_point) {
  std::vector<int64_t> values = tensor.values();
  for (int64_t& value : values) value = tensor.type().is_float() ? int64_t{number_of(value, tensor.type(), 0).bits} : value - zero_point;
  return values;
}

inline Fp32 number(int64_t word) {
  return {static_cast<uint32_t>(word)};
}
// Where a sum of binary32 numbers is infinite or no number it has left its register.
inline uint8_t overflowed_fp32(Fp32 sum) {
  return sum.is_nan() || sum.is_infinite() ? 1 : 0;
}

inline int64_t largest_magnitude(const std::vector<int64_t>& values) {
  int64_t largest = 0;
  for (const int64_t value : values) largest = std::max(largest, value < 0 ? -value : value);
  return largest;
}

}  // namespace assay::emu
