// How makers turn a range of real numbers into scales: rules that are fixed by formulas alone, one function each, in exact rationals (or binary32 where the source computes
// so). The observers of this folder find the range; which rule a chip follows is for its target to say.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "emu/arith/scale.h"
#include "emu/arith/soft_float.h"
#include "emu/target/target.h"
#include "quant/exact/rational.h"

namespace assay::quant {

// 2 * max(|low|, |high|) / (qmax - qmin). qmin < qmax. Source: openppl-public/ppq ppq/quantization/observer/range.py.
Rational symmetric_scale(const Rational& low, const Rational& high, int64_t qmin, int64_t qmax);

// 2^ceil(log2 s) and 2^half_up(log2 s); s > 0. Source: as above, for scales that are powers of two (minmax; histogram and kl).
Rational power_of_two_above(const Rational& scale);
Rational power_of_two_near(const Rational& scale);

// real = (q + offset) * delta, offset <= 0, q in 0 .. 2^bits - 1. The range is widened to hold 0, and upwards to `least_range`.
//   asymmetric: delta = (high - low) / (2^bits - 1), offset = -half_away(-low / delta), min = delta * offset, max = min + high - low
//   symmetric:  delta = max(|low|, |high|) / floor(steps / 2), offset = -ceil(steps / 2), steps = 2^bits - 1, or one fewer where it is strict
// Source: quic/aimet DlQuantization/src/quantization_utils.cpp. bits 2 .. 32.
struct Encoding {
  Rational delta;
  int64_t offset;
  Rational min;
  Rational max;
};
Encoding asymmetric_encoding(const Rational& low, const Rational& high, int bits, const Rational& least_range);
Encoding symmetric_encoding(const Rational& low, const Rational& high, int bits, bool strict, const Rational& least_range);

// Moves one end of a range outwards so that the word for 0 is whole: z = -steps * low / (high - low) in binary32, steps 255 (tolerance 2^-14) or 65536 (2^-6).
//   moved -1: high - low is below 1e-6, or NaN;  0: z is whole within the tolerance;  1: low moved to high * (zi + 1) / (zi - (steps - 1));
//   2: high moved to low - steps * low / zi, where 0 < zi and (zi > steps - 2 or (zf - 1) * low >= zf * high), zi = floor(z), zf = z - zi
// Source: the quantize.c of an open DSP library (docs/arithmetic.md).
struct NudgedRange {
  int moved;
  emu::Fp32 low;
  emu::Fp32 high;
};
NudgedRange nudge_range(emu::Fp32 low, emu::Fp32 high, int steps);

// real = q * 2^position / scale: position = floor(log2 greatest) - (bits - 2), scale = 2^position * (2^(bits-1) - 1) / greatest. greatest > 0 (0: position 0, scale 1).
// Source: the core/tool.cpp of an open operator library (docs/arithmetic.md).
struct PositionScale {
  int position;
  Rational scale;
};
PositionScale position_scale(const Rational& greatest, int bits);

// saturation / (2^(bits-1) - 1), or 1 below 1e-20. Source: the published quantizer headers of Icraft (fmql), normalize_common.
Rational normalisation_ratio(const Rational& saturation, int bits);

// The multiplier * 2^-right nearest to `scale` with multiplier in 0 .. 2^bits - 1 and right in low .. high; of equals the smaller right shift. Source: as above, quantize_common.
emu::QScale nearest_scale(const Rational& scale, int bits, int low, int high);

// Exponents (of weight, of bias) of all output channels such that the first shift, their difference, is the same for all: the largest one. A bias exponent falls by what its
// channel lacks; below `least` it becomes `least` and its weight exponent rises by the rest. Source: as above.
std::vector<std::pair<int64_t, int64_t>> equal_first_shift(std::vector<std::pair<int64_t, int64_t>> exponents, int64_t least);

// 1 / count as multiplier * 2^-right: floor((2^(31+k) + 2^k) / count), right = 31 + k, 2^(k-1) <= count - 1 < 2^k (k = 0 for 1). Source: ethos-u-vela ethosu/vela/scaling.py.
emu::QScale pool_reciprocal_31(int64_t count);

// 1 / (height * width) as factor * 2^-right for a power-of-two machine: 3x3 7/64, 5x5 10/256, 6x6 7/256, 7x7 21/1024, 14x14 21/4096; else the nearest factor with a right shift
// below ceil(log2(128 * height * width)), of equals the smaller shift. Source: Xilinx/Vitis-AI src/vai_library/cpu_task/ops/avgpool.
emu::QScale average_factor_of_kernel(int height, int width);

// 1 / count as a first cut of c = ceil(log2(count)) + 1 bits and a multiplier of 15: round(2^(13 + c) / count), half_away, in 2^14 .. 2^15 - 1; right = 13. count >= 1, at most
// 2^16. Source: integral_buffer.c of an open library for a DSP (docs/arithmetic.md), which divides 2^(14 + c) by the count toward zero and halves that, ties up: the same.
emu::QScale average_with_first_cut(int64_t count);

// 1 / count by itself as `form` says (any but `ratio`), less the right shifts that stand in `steps` and more by the left
// ones; none where that is no right shift any more. height and width are the kernel's, for a factor of its size.
std::optional<emu::QScale> count_reciprocal(emu::CountScale form, int64_t count, int height, int width, const emu::Steps& steps);

}  // namespace assay::quant
