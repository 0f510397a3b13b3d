// Linear quantization as PPQ's CPU path does it (ppq.md 2; ppq/quantization/qfunction/linear.py and observer/range.py at e39eecb): the one function that every simulated tensor
// goes through, the integers of the exporters, and how a range becomes a scale and an offset.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/graph/tensor.h"
#include "quant/ppq/configuration.h"

namespace assay::ppq {

// t = round(f32(x / s)); t = f32(t + o); t clamped to [f32(quant_min), f32(quant_max)]; x = f32(f32(t - o) * s), whatever the state; in place. NaN stays NaN.
// Per channel: s and o of the element's index on channel_axis. A dynamic policy takes scale and offset from the tensor itself.
// Floating policies: floating.h. InputError where the scales do not fit the tensor's shape; Unsupported for to_near_int.
void fake_quantize(quant::FloatTensor& tensor, const Configuration& configuration, const ScaleOffset& scale);

// Stops before the last step: the integers of PPQLinearQuant_toInt, offset included. The limits are float32, so a limit of 2^29 - 1 lets 2^29 out. InputError for NaN; Unsupported
// below 8 bits, where PPQ has no type for them.
std::vector<int64_t> quantize_to_int(const quant::FloatTensor& tensor, const Configuration& configuration, const ScaleOffset& scale);

// In double; 0 is always inside. Symmetric: 2 * max(|min|, |max|) / (quant_max - quant_min), offset 0. Asymmetric: (max - min) / (quant_max - quant_min), offset
// round(-min / scale), ties to even, whatever quant_min is. Not below 1e-8 (or the detail OBSERVER_MIN_SCALE_MANUL_OVERRIDE). Power of two: the scale is rounded up to one after
// the offset was computed.
struct ScaleAndOffset {
  double scale = 1, offset = 0;
};
ScaleAndOffset range_to_scale(double min, double max, const Configuration& configuration);
// Of one channel's minimum and maximum: the same, but max - min is a float32 difference.
ScaleAndOffset channel_range_to_scale(float min, float max, const Configuration& configuration);

// As PPQ stores them: float32.
ScaleOffset per_tensor(const ScaleAndOffset& made);
ScaleOffset per_channel(const std::vector<ScaleAndOffset>& made);

}  // namespace assay::ppq
