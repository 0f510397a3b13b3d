// Scales as integers. A real scale (a float32) is exactly a Dyadic; the ratio that requantization multiplies by is a QScale. Which QScale stands for a ratio on a
// given chip is decided where real numbers end (quant/lower); here they are only applied.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "emu/arith/shift.h"
#include "emu/arith/soft_float.h"

namespace assay::emu {

// mantissa * 2^exponent, exactly: the annotation that says what one step of a tensor means. Normalised: mantissa odd, or 0 with exponent 0. Never computed with.
struct Dyadic {
  int64_t mantissa = 0;
  int32_t exponent = 0;
  friend bool operator==(const Dyadic&, const Dyadic&) = default;
};

// Text: "5*2^-7".
std::string to_string(Dyadic value);

// What a requantizer that computes in binary32 multiplies by, adds and divides by, for one channel. All zero on chips that compute in integers only.
struct Fp32Constants {
  Fp32 scale;   // input scale * weight scale, or its ratio to the output's scale: the target's steps say which
  Fp32 bias;    // in the units that the steps have where they add it
  Fp32 output;  // the output's scale, or its reciprocal
  Fp32 slope;   // of the negative side of a leaky activation
  friend bool operator==(const Fp32Constants&, const Fp32Constants&) = default;
};

// ratio ~ multiplier * 2^left / 2^(first + right + the immediate right shifts of the steps). `multiplier` < 2^32; 1 on chips that only shift. `first` is the cut that comes
// before the bias and the multiplier, on chips with two cuts; 0 where the steps do not hold it.
struct QScale {
  int64_t multiplier = 1;
  LeftShift left{0};
  RightShift right{0};
  Fp32Constants fp32{};
  RightShift first{0};

  // TFLite's convention: a Q31 multiplier and one shift whose sign is its direction (positive: left). The steps hold "shift_right 31".
  static QScale from_tflite(int32_t multiplier_q31, int shift);
  // TOSA's convention: a multiplier and one right shift of 2..62 that includes the multiplier's fraction bits.
  static QScale from_tosa(int32_t multiplier, int shift);

  friend bool operator==(const QScale&, const QScale&) = default;
};

}  // namespace assay::emu
