// Fake quantization to a small floating-point format (FP8), as PPQ's CUDA kernel has it (ppq.md 2.6). PPQ itself raises NotImplementedError on a CPU: no record of it exists here.
//
//   u = x / scale, clamped to +-min(quant_max, (2 - 2^-mantissa) 2^(2^(exponent_bits - 1)))
//   below 2^(2 - 2^(exponent_bits - 1)): round(u / least) * least, with the smallest subnormal least = 2^-(2^(exponent_bits - 1) + mantissa - 2)
//   else the first `mantissa` bits behind the leading one are kept, and 1 is added to them where the rest, as a number in [0, 1), rounds to 1 by the configuration's policy.
//        HALF_EVEN so rounds an exact half down always, whatever the mantissa is.
//   times scale
//
// E4M3 (bits 8, exponent_bits 4): largest 448 by quant_max, least 2^-9.
#pragma once

#include "quant/graph/tensor.h"
#include "quant/ppq/configuration.h"

namespace assay::ppq {

// One value; scale 1.
float round_floating(float value, const Configuration& configuration);

// In place, whatever the state; per channel on channel_axis. NaN stays NaN.
void fake_quantize_floating(quant::FloatTensor& tensor, const Configuration& configuration, const ScaleOffset& scale);

}  // namespace assay::ppq
