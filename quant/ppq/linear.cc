#include "quant/ppq/linear.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/ppq/floating.h"
#include "quant/ppq/rounding.h"

namespace assay::ppq {
namespace {

using quant::FloatTensor;

constexpr double kLeastScale = 1e-8;  // OBSERVER_MIN_SCALE

struct LinearGrid {
  float scale, offset, low, high;
};

// Steps 1 to 4.
template <class Round>
float linear_code(float value, const LinearGrid& grid, Round round) {
  const float moved = round(value / grid.scale) + grid.offset;
  return moved < grid.low ? grid.low : (moved > grid.high ? grid.high : moved);
}

// The axis whose index chooses the scale. A list of scales under a per-tensor policy lies along the last axis, as torch broadcasts it.
size_t scale_axis(const FloatTensor& tensor, const Configuration& configuration, size_t scales) {
  const size_t last = tensor.shape.empty() ? 0 : tensor.shape.size() - 1;
  const size_t axis = configuration.policy.per_channel && configuration.channel_axis ? static_cast<size_t>(*configuration.channel_axis) : last;
  const int64_t extent = axis < tensor.shape.size() ? tensor.shape[axis] : 1;
  if (extent == static_cast<int64_t>(scales)) return axis;
  throw InputError("a tensor with " + std::to_string(extent) + " channels on axis " + std::to_string(axis) + " cannot be quantized by " + std::to_string(scales) +
                   " scales, one per channel; where it is the bias of a Gemm, its weight needs transB = 1");
}

// Calls apply(first, count, scale, offset) for each run of elements that share a scale.
template <class Apply>
void for_each_scale(const FloatTensor& tensor, const Configuration& configuration, const ScaleOffset& scale, Apply apply) {
  ASSAY_ASSERT(scale.set() && scale.offset.size() == scale.scale.size());
  const size_t channels = scale.scale.size();
  if (channels == 1) return apply(size_t{0}, tensor.size(), scale.scale[0], scale.offset[0]);
  size_t inner = 1;
  for (size_t axis = scale_axis(tensor, configuration, channels) + 1; axis < tensor.shape.size(); ++axis) inner *= static_cast<size_t>(tensor.shape[axis]);
  size_t channel = 0;
  for (size_t first = 0; first < tensor.size(); first += inner) {
    apply(first, inner, scale.scale[channel], scale.offset[channel]);
    channel = channel + 1 == channels ? 0 : channel + 1;
  }
}

void check_linear(const Configuration& configuration) {
  if (!configuration.policy.floating) return;
  throw Unsupported("integers of a tensor", {"a FLOATING policy (FP8) has no integers"});
}

// Of a dynamic policy: from the tensor's own range, per channel where the policy is.
ScaleOffset dynamic_scale(const FloatTensor& tensor, const Configuration& configuration) {
  size_t channels = 1, inner = tensor.size();
  if (configuration.policy.per_channel) {
    const auto axis = static_cast<size_t>(configuration.channel_axis.value_or(0));
    ASSAY_ASSERT(axis < tensor.shape.size());
    channels = static_cast<size_t>(tensor.shape[axis]), inner = 1;
    for (size_t i = axis + 1; i < tensor.shape.size(); ++i) inner *= static_cast<size_t>(tensor.shape[i]);
  }
  std::vector<float> low(channels, 0.0F), high(channels, 0.0F);
  for (size_t i = 0; i < tensor.size(); ++i) {
    const size_t channel = i / inner % channels;
    low[channel] = std::min(low[channel], tensor.data[i]), high[channel] = std::max(high[channel], tensor.data[i]);
  }
  if (!configuration.policy.per_channel) return per_tensor(range_to_scale(static_cast<double>(low[0]), static_cast<double>(high[0]), configuration));
  std::vector<ScaleAndOffset> made;
  for (size_t channel = 0; channel < channels; ++channel) made.push_back(channel_range_to_scale(low[channel], high[channel], configuration));
  return per_channel(made);
}

// `range` is max - min, 0 included in both.
ScaleAndOffset scale_of_range(double min, double max, double range, const Configuration& configuration) {
  const auto steps = static_cast<double>(configuration.quant_max - configuration.quant_min);
  const auto least = configuration.detail.find("OBSERVER_MIN_SCALE_MANUL_OVERRIDE");
  const Policy& policy = configuration.policy;
  ScaleAndOffset made;
  made.scale =
      std::max(policy.asymmetric ? range / steps : 2 * std::max(std::fabs(min), std::fabs(max)) / steps, least == configuration.detail.end() ? kLeastScale : least->second);
  if (policy.asymmetric) made.offset = round_scalar(-min / made.scale, Rounding::half_even);
  if (policy.power_of_two) made.scale = round_to_power_of_two(made.scale, Rounding::up);
  return made;
}

}  // namespace

void fake_quantize(FloatTensor& tensor, const Configuration& configuration, const ScaleOffset& scale) {
  if (configuration.policy.floating) return fake_quantize_floating(tensor, configuration, scale);
  const auto low = static_cast<float>(configuration.quant_min), high = static_cast<float>(configuration.quant_max);
  const ScaleOffset own = configuration.policy.dynamic ? dynamic_scale(tensor, configuration) : ScaleOffset{};
  with_tensor_rounding(configuration.rounding, [&](auto round) {
    for_each_scale(tensor, configuration, own.set() ? own : scale, [&](size_t first, size_t count, float s, float o) {
      const LinearGrid grid{s, o, low, high};
      float* const values = tensor.data.data() + first;
      for (size_t i = 0; i < count; ++i) values[i] = (linear_code(values[i], grid, round) - grid.offset) * grid.scale;
    });
  });
}

std::vector<int64_t> quantize_to_int(const FloatTensor& tensor, const Configuration& configuration, const ScaleOffset& scale) {
  check_linear(configuration);
  if (configuration.bits < 8) {
    throw Unsupported("integers of a tensor", {std::to_string(configuration.bits) + " bits: PPQ writes integers of 8 bits or more only; export the real values"});
  }
  const auto low = static_cast<float>(configuration.quant_min), high = static_cast<float>(configuration.quant_max);
  const ScaleOffset own = configuration.policy.dynamic ? dynamic_scale(tensor, configuration) : ScaleOffset{};
  std::vector<int64_t> codes(tensor.size());
  with_tensor_rounding(configuration.rounding, [&](auto round) {
    for_each_scale(tensor, configuration, own.set() ? own : scale, [&](size_t first, size_t count, float s, float o) {
      for (size_t i = first; i < first + count; ++i) {
        const float made = linear_code(tensor.data[i], LinearGrid{s, o, low, high}, round);
        if (std::isnan(made)) throw InputError("element " + std::to_string(i) + " of a tensor is not a number: no integer stands for it");
        codes[i] = static_cast<int64_t>(made);
      }
    });
  });
  return codes;
}

ScaleAndOffset range_to_scale(double min, double max, const Configuration& configuration) {
  min = std::min(min, 0.0), max = std::max(max, 0.0);
  return scale_of_range(min, max, max - min, configuration);
}

ScaleAndOffset channel_range_to_scale(float min, float max, const Configuration& configuration) {
  min = std::min(min, 0.0F), max = std::max(max, 0.0F);
  return scale_of_range(static_cast<double>(min), static_cast<double>(max), static_cast<double>(max - min), configuration);
}

ScaleOffset per_tensor(const ScaleAndOffset& made) {
  return {{static_cast<float>(made.scale)}, {static_cast<float>(made.offset)}, false};
}

ScaleOffset per_channel(const std::vector<ScaleAndOffset>& made) {
  ScaleOffset all{{}, {}, true};
  for (const ScaleAndOffset& one : made) all.scale.push_back(static_cast<float>(one.scale)), all.offset.push_back(static_cast<float>(one.offset));
  return all;
}

}  // namespace assay::ppq
