// Fake quantization exactly as PPQ's CPU path does it, every operation in float32 (../docs/ppq.md; ppq.md sections 1 and 2).
#pragma once

#include <cstdint>
#include <vector>

#include "emu/arith/rounding.h"
#include "quant/graph/tensor.h"
#include "quant/quantized.h"

namespace assay::quant {

// PPQ's tensor rounding in float32: half_up is floor(f32(x + 0.5)) and so on, quirks included. Modes that PPQ lacks are rounded exactly.
float round_float(float value, emu::Round mode);

// PPQ's scalar rounding, on a double, exact (used for scale and offset): half_toward_zero behaves as half_down and half_away as half_up, as in PPQ.
int64_t round_scalar(double value, emu::Round mode);

// clamp(round(x / s) + z, low, high) as an integer; NaN is an InputError before this point.
int64_t quantize_value(float value, float scale, int64_t zero_point, int64_t low, int64_t high, emu::Round mode);

// Floating-point words have no scale: a value is rounded to the format and kept between the words low and high; the number of a word.
int64_t float_word(float value, const emu::Storage& storage, emu::Round mode);
float number_of_word(int64_t word, emu::IntType type);

// One value by a quantization of a whole tensor, whichever its words are.
int64_t word_of(float value, const TensorQuantization& quantization);

// A weight times the factors of its input channels, each product rounded to float32.
FloatTensor normalised(const FloatTensor& weight, const InputFactor& input);

// All elements; per channel where the quantization has an axis, normalised first where it has an input_factor.
std::vector<int64_t> quantize(const FloatTensor& tensor, const TensorQuantization& quantization);

// The codes of values that fake_quantize made, rounded to nearest whatever the quantization's mode: dividing by the scale once more may miss the code by an ulp, which floor would
// turn into a whole step.
std::vector<int64_t> codes_of(const FloatTensor& fake_quantized, const TensorQuantization& quantization);

// quantize, then f32(f32(q - z) * s), over the factor where there is one; in place.
void fake_quantize(FloatTensor& tensor, const TensorQuantization& quantization);

// min/max -> scale and offset (ppq.md 2.3), power of two included (2.4, rounding the exponent up). The offset is PPQ's: counted from the lowest code, so the
// zero point is low + offset where the grid is asymmetric, and 0 where it is symmetric.
struct ScaleAndOffset {
  float scale = 1;
  int64_t offset = 0;
};
ScaleAndOffset scale_from_range(double min, double max, int64_t low, int64_t high, emu::Symmetry symmetry, emu::ScaleKind kind);
// sign(v) * 2^round(log2 |v|), the exponent rounded up (minmax, percentile, mse) or half up (kl).
double round_to_power_of_two(double value, emu::Round mode);

}  // namespace assay::quant
