// A function of one value as straight lines: the segment that x lies in, then one fused product and sum.
//
//   i = how many breakpoints are not above x           0 .. segments - 1
//   y = slopes[i] * x + intercepts[i]                  in binary32, rounded half_even once (soft_float.h)
//
// Source: Icraft's code generator table 3.1.3 (activations by piecewise-linear fit); number formats and segments are the target's to claim.
#pragma once

#include <vector>

#include "emu/arith/soft_float.h"

namespace assay::emu {

struct PiecewiseLinear {
  std::vector<Fp32> breakpoints;         // ascending; one fewer than segments
  std::vector<Fp32> slopes, intercepts;  // one for each segment
};

// NaN gives NaN.
Fp32 evaluate(const PiecewiseLinear& lines, Fp32 x);

}  // namespace assay::emu
