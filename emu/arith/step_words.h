// What a step says, for those who must know it without applying it: which names it refers to, and which steps a list holds.
#pragma once

#include <algorithm>

#include "emu/arith/requant.h"

namespace assay::emu {

template <class T>
bool holds(const Steps& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) { return std::holds_alternative<T>(step); });
}
inline bool holds(const Steps& steps, bool (*is_it)(const Step&)) {
  return std::any_of(steps.begin(), steps.end(), is_it);
}

// Steps that take an amount from the integer scale: shift_left scale, shift_right scale, shift_right first, multiply.
bool is_scale_left(const Step& step);
bool is_scale_right(const Step& step);
bool is_first_cut(const Step& step);
bool is_scale_multiply(const Step& step);

// Whether the step multiplies or divides by the constant of that name in binary32.
bool scales_by(const Step& step, Fp32Name name);
// Whether it adds the bias in binary32.
bool is_fp32_bias(const Step& step);
// Whether it multiplies what is below 0 by the scale's slope.
bool is_slope(const Step& step);
// Whether it adds the output's zero point, as an integer or in binary32.
bool adds_zero_point(const Step& step);
// Whether it limits to the instruction's own bounds: those of a fused activation.
bool clamps_activation(const Step& step);

// Whether some step computes in binary32.
bool computes_in_fp32(const Steps& steps);

}  // namespace assay::emu
