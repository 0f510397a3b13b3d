// The range of a tensor's values becomes its scale and zero point, by the rule of the grid (quantize.*.encoding). The range always holds 0.
//
//   range            symmetric: scale = 2 max|x| / (high - low); else (max - min) / (high - low), and zero point low + half_even(-min / scale). PPQ's (fake_quantize.h
//                    scale_from_range), powers of two too
//   range_half_away  the zero point rounded half_away (AIMET: derivations.h asymmetric_encoding)
//   nudged_range     min or max first moved outwards in binary32 (derivations.h nudge_range), then scale = (max - min) / 255 in binary32
//   magnitude        max|x| / high
//   position         p = floor(log2 max|x|) - (bits - 2), factor f = 2^p * high / max|x| in binary32: real = q * 2^p / f, so that the scale is 2^p / f in binary32
//
// No scale is below 1e-8, as in PPQ.
#pragma once

#include "quant/calibrate/observer.h"

namespace assay::quant {

ScaleAndOffset encode(double min, double max, const Grid& grid);

}  // namespace assay::quant
