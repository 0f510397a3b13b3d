#include "quant/ppq/floating.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/ppq/rounding.h"

namespace assay::ppq {

float round_floating(float value, const Configuration& configuration) {
  const int bias = 1 << (configuration.exponent_bits - 1);
  const int mantissa = configuration.bits - configuration.exponent_bits - 1;
  const float largest = std::ldexp(2.0F - std::ldexp(1.0F, -mantissa), bias);
  const float limit = std::min(static_cast<float>(configuration.quant_max), largest);
  if (std::isnan(value)) return value;
  value = std::clamp(value, -limit, limit);
  if (value == 0) return value;
  const int exponent = std::ilogb(value);
  if (exponent < 2 - bias) {
    const float least = std::ldexp(1.0F, -(bias + mantissa - 2));
    return round_tensor(value / least, configuration.rounding) * least;
  }
  const float scaled = std::ldexp(std::fabs(value), mantissa - exponent);  // 2^mantissa <= scaled < 2^(mantissa + 1)
  const float kept = std::floor(scaled);
  const float up = round_tensor(scaled - kept, configuration.rounding);
  return std::copysign(std::ldexp(kept + up, exponent - mantissa), value);
}

void fake_quantize_floating(quant::FloatTensor& tensor, const Configuration& configuration, const ScaleOffset& scale) {
  ASSAY_ASSERT(scale.set() && configuration.policy.floating);
  const size_t channels = scale.scale.size();
  size_t inner = tensor.size();
  if (channels > 1) {
    const auto axis = static_cast<size_t>(configuration.channel_axis.value_or(0));
    if (axis >= tensor.shape.size() || tensor.shape[axis] != static_cast<int64_t>(channels)) {
      throw InputError("a tensor " + assay::to_string(tensor.shape) + " cannot be quantized by " + std::to_string(channels) + " scales on axis " + std::to_string(axis));
    }
    inner = static_cast<size_t>(strides_of(tensor.shape)[axis]);
  }
  for (size_t i = 0; i < tensor.size(); ++i) {
    const float s = channels > 1 ? scale.scale[i / inner % channels] : scale.scale[0];
    tensor.data[i] = round_floating(tensor.data[i] / s, configuration) * s;
  }
}

}  // namespace assay::ppq
