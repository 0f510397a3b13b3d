#include "quant/fake_quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "emu/arith/soft_float.h"
#include "emu/base/error.h"

namespace assay::quant {
namespace {

// The least scale that PPQ gives to a tensor, however small its values (OBSERVER_MIN_SCALE).
constexpr double kLeastScale = 1e-8;

// 1, 0 or -1; NaN has sign 0, as in torch (0 * NaN is NaN, so NaN stays NaN).
float sign(float value) {
  return static_cast<float>(value > 0) - static_cast<float>(value < 0);
}

// The rounded value, without a rounding of its own: the magnitude's whole part and the rest are both exact. NaN and infinities stay.
double round_exactly(double value, emu::Round mode) {
  const double magnitude = std::fabs(value);
  const double whole = std::floor(magnitude);
  const double rest = magnitude - whole;
  if (!(rest > 0)) return value;
  const bool odd = std::fmod(whole, 2) != 0;
  const int half = rest < 0.5 ? -1 : (rest > 0.5 ? 1 : 0);
  return std::copysign(emu::rounds_away(mode, value < 0, odd, half) ? whole + 1 : whole, value);
}

// The steps that quantize and fake_quantize have in common; the limits are float32, so 2^31 - 1 becomes 2^31. NaN stays NaN.
float to_code(float value, float scale, float zero_point, float low, float high, emu::Round mode) {
  const float code = round_float(value / scale, mode) + zero_point;
  return code < low ? low : (code > high ? high : code);
}

void check_rule(const FloatTensor& tensor, const TensorQuantization& quantization) {
  const size_t channels = quantization.axis ? static_cast<size_t>(tensor.shape.at(static_cast<size_t>(*quantization.axis))) : 1;
  ASSAY_ASSERT(quantization.scale.size() == channels);
}

// The factor of one element's input channel. Weights have 2 axes or more.
float factor_of(size_t element, const Shape& weight, const InputFactor& input) {
  const size_t a = element / static_cast<size_t>(strides_of(weight)[0]), b = element / static_cast<size_t>(strides_of(weight)[1]) % static_cast<size_t>(weight[1]);
  if (input.axis == 0) return input.factor[a];
  const auto outputs = static_cast<size_t>(weight[0] / input.groups);
  return input.factor[a / outputs * static_cast<size_t>(weight[1]) + b];
}

// Calls apply(first element, count, scale) for each run of elements that share a scale.
template <class Apply>
void for_each_channel(const FloatTensor& tensor, const TensorQuantization& quantization, Apply apply) {
  check_rule(tensor, quantization);
  const size_t channels = quantization.scale.size();
  if (channels == 1) return apply(size_t{0}, tensor.size(), quantization.scale[0]);
  size_t inner = 1;
  for (size_t axis = static_cast<size_t>(*quantization.axis) + 1; axis < tensor.shape.size(); ++axis) inner *= static_cast<size_t>(tensor.shape[axis]);
  size_t channel = 0;
  for (size_t first = 0; first < tensor.size(); first += inner) {
    apply(first, inner, quantization.scale[channel]);
    channel = channel + 1 == channels ? 0 : channel + 1;
  }
}

}  // namespace

float round_float(float value, emu::Round mode) {
  switch (mode) {
    case emu::Round::floor: return std::floor(value);
    case emu::Round::ceil: return std::ceil(value);
    case emu::Round::toward_zero: return std::trunc(value);
    case emu::Round::away_from_zero: return sign(value) * std::ceil(std::fabs(value));
    case emu::Round::half_up: return std::floor(value + 0.5F);
    case emu::Round::half_down: return std::ceil(value - 0.5F);
    case emu::Round::half_even: return std::nearbyint(value);
    case emu::Round::half_odd: return static_cast<float>(round_exactly(static_cast<double>(value), mode));
    case emu::Round::half_away: return sign(value) * std::floor(std::fabs(value) + 0.5F);
    case emu::Round::half_toward_zero: return sign(value) * std::ceil(std::fabs(value) - 0.5F);
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

int64_t round_scalar(double value, emu::Round mode) {
  ASSAY_ASSERT(std::fabs(value) < 0x1p62);  // NaN fails too
  if (mode == emu::Round::half_toward_zero) mode = emu::Round::half_down;
  if (mode == emu::Round::half_away) mode = emu::Round::half_up;
  return static_cast<int64_t>(round_exactly(value, mode));
}

int64_t quantize_value(float value, float scale, int64_t zero_point, int64_t low, int64_t high, emu::Round mode) {
  const float code = to_code(value, scale, static_cast<float>(zero_point), static_cast<float>(low), static_cast<float>(high), mode);
  ASSAY_ASSERT(!std::isnan(code));
  // Back inside where float32 has moved a limit outward; dequantized, both are the same float.
  return std::clamp(static_cast<int64_t>(code), low, high);
}

int64_t float_word(float value, const emu::Storage& storage, emu::Round mode) {
  ASSAY_ASSERT(!std::isnan(value));
  const int64_t word = emu::narrow({std::bit_cast<uint32_t>(value)}, {storage.type.format, mode});
  if (emu::is_smaller(word, storage.low, storage.type)) return storage.low;
  return emu::is_smaller(storage.high, word, storage.type) ? storage.high : word;
}

float number_of_word(int64_t word, emu::IntType type) {
  return std::bit_cast<float>(emu::number_of(word, type, 0).bits);
}

int64_t word_of(float value, const TensorQuantization& quantization) {
  const emu::Storage& storage = quantization.storage;
  if (storage.type.is_float()) return float_word(value, storage, quantization.round);
  return quantize_value(value, quantization.scale.at(0), quantization.zero_point, storage.low, storage.high, quantization.round);
}

FloatTensor normalised(const FloatTensor& weight, const InputFactor& input) {
  FloatTensor result = weight;
  for (size_t i = 0; i < result.size(); ++i) result.data[i] *= factor_of(i, weight.shape, input);
  return result;
}

std::vector<int64_t> quantize(const FloatTensor& tensor, const TensorQuantization& quantization) {
  if (quantization.input_factor) {
    TensorQuantization own = quantization;
    own.input_factor.reset();
    return quantize(normalised(tensor, *quantization.input_factor), own);
  }
  std::vector<int64_t> codes(tensor.size());
  if (quantization.storage.type.is_float()) {
    std::transform(tensor.data.begin(), tensor.data.end(), codes.begin(), [&](float value) { return float_word(value, quantization.storage, quantization.round); });
    return codes;
  }
  for_each_channel(tensor, quantization, [&](size_t first, size_t count, float scale) {
    for (size_t i = first; i < first + count; ++i) {
      codes[i] = quantize_value(tensor.data[i], scale, quantization.zero_point, quantization.storage.low, quantization.storage.high, quantization.round);
    }
  });
  return codes;
}

std::vector<int64_t> codes_of(const FloatTensor& fake_quantized, const TensorQuantization& quantization) {
  TensorQuantization nearest = quantization;
  nearest.round = emu::Round::half_even;
  return quantize(fake_quantized, nearest);
}

void fake_quantize(FloatTensor& tensor, const TensorQuantization& quantization) {
  if (quantization.input_factor) {
    TensorQuantization own = quantization;
    own.input_factor.reset();
    tensor = normalised(tensor, *quantization.input_factor);
    fake_quantize(tensor, own);
    for (size_t i = 0; i < tensor.size(); ++i) tensor.data[i] /= factor_of(i, tensor.shape, *quantization.input_factor);
    return;
  }
  if (quantization.storage.type.is_float()) {
    for (float& value : tensor.data) value = number_of_word(float_word(value, quantization.storage, quantization.round), quantization.storage.type);
    return;
  }
  const auto zero_point = static_cast<float>(quantization.zero_point);
  const auto low = static_cast<float>(quantization.storage.low);
  const auto high = static_cast<float>(quantization.storage.high);
  for_each_channel(tensor, quantization, [&](size_t first, size_t count, float scale) {
    for (size_t i = first; i < first + count; ++i) tensor.data[i] = (to_code(tensor.data[i], scale, zero_point, low, high, quantization.round) - zero_point) * scale;
  });
}

ScaleAndOffset scale_from_range(double min, double max, int64_t low, int64_t high, emu::Symmetry symmetry, emu::ScaleKind kind) {
  min = std::min(min, 0.0);
  max = std::max(max, 0.0);
  const auto steps = static_cast<double>(high - low);
  const bool symmetric = symmetry == emu::Symmetry::symmetric;
  double scale = std::max(symmetric ? 2 * std::max(-min, max) / steps : (max - min) / steps, kLeastScale);
  ScaleAndOffset result;
  if (!symmetric) result.offset = round_scalar(-min / scale, emu::Round::half_even);
  // After the offset, which PPQ does not compute again.
  if (kind == emu::ScaleKind::power_of_two) scale = round_to_power_of_two(scale, emu::Round::ceil);
  result.scale = static_cast<float>(scale);
  return result;
}

double round_to_power_of_two(double value, emu::Round mode) {
  if (value == 0) return 0;
  const auto exponent = static_cast<int>(round_scalar(std::log2(std::fabs(value)), mode));
  return std::copysign(std::ldexp(1.0, exponent), value);
}

}  // namespace assay::quant
