// divide_scaled() of arith/requant.h in 64 bits, where numerator and divisor fit.
#pragma once

#include "emu/arith/requant.h"

namespace assay::emu {

class ScaledDivision {
 public:
  // No |value| is larger than `worst`, no divisor than `most`.
  ScaledDivision(Wide worst, Wide most, const QScale& scale, Round round) : scale_(scale), round_(round) {
    const Wide limit = Wide{1} << 62;
    const Wide factor = Wide{scale.multiplier} << scale.left.bits;
    const Wide magnitude = factor < 0 ? -factor : factor;
    narrow_ = magnitude < limit && most < limit >> scale.right.bits && worst <= limit / (magnitude == 0 ? Wide{1} : magnitude);
    if (narrow_) factor_ = static_cast<int64_t>(factor);
    largest_ = worst > (Wide{1} << 125) / (magnitude == 0 ? Wide{1} : magnitude) ? Wide{1} << 125 : ((worst * magnitude) >> scale.right.bits) + 1;
  }

  // No |quotient| is larger.
  Wide largest() const { return largest_; }

  int64_t operator()(int64_t value, int64_t divisor) const {
    if (!narrow_) return static_cast<int64_t>(divide_scaled(value, divisor, scale_, round_));
    const int64_t numerator = value * factor_, denominator = divisor << scale_.right.bits;
    const int64_t quotient = numerator / denominator, remainder = numerator % denominator;
    if (remainder == 0) return quotient;
    const bool negative = numerator < 0;
    const int64_t magnitude = negative ? -remainder : remainder, rest = denominator - magnitude;
    const int half = magnitude < rest ? -1 : (magnitude > rest ? 1 : 0);
    if (!rounds_away(round_, negative, (quotient & 1) != 0, half)) return quotient;
    return negative ? quotient - 1 : quotient + 1;
  }

 private:
  QScale scale_;
  Round round_;
  bool narrow_ = false;
  int64_t factor_ = 0;
  Wide largest_ = 0;
};

}  // namespace assay::emu
