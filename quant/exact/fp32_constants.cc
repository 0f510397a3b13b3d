#include "quant/exact/fp32_constants.h"

#include <bit>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

using emu::Fp32;
using emu::Fp32Name;
using emu::Fp32Scale;

// The product of the inputs' scales, left to right.
float product(const std::vector<double>& factors) {
  float value = static_cast<float>(factors.at(0));
  for (size_t i = 1; i < factors.size(); ++i) value *= static_cast<float>(factors[i]);
  return value;
}

float divided_by_counts(float value, const std::vector<double>& denominator) {
  for (size_t i = 1; i < denominator.size(); ++i) value /= static_cast<float>(denominator[i]);
  return value;
}

float formed(const Ratio& ratio, Fp32Scale form) {
  ASSAY_ASSERT(ratio.exponent == 0);
  switch (form) {
    case Fp32Scale::product: return divided_by_counts(product(ratio.numerator), ratio.denominator);
    case Fp32Scale::ratio: return ratio.denominator.empty() ? product(ratio.numerator) : product(ratio.numerator) / product(ratio.denominator);
    case Fp32Scale::exact_ratio: return nearest_float(ratio);
    case Fp32Scale::reciprocal_product: {
      std::vector<double> reciprocals;
      for (const double factor : ratio.numerator) reciprocals.push_back(1.0F / static_cast<float>(factor));
      return divided_by_counts(1.0F / product(reciprocals), ratio.denominator);
    }
  }
  ASSAY_ASSERT(!"an Fp32Scale outside its enumeration");
}

Fp32 rounded(float value, emu::FloatFormat format) {
  const Fp32 word{std::bit_cast<uint32_t>(value)};
  if (format == emu::kFp32) return word;
  return emu::widen(emu::narrow(word, {format, emu::Round::half_even, emu::Subnormals::keep, emu::FloatOverflow::infinity}), format);
}

}  // namespace

Fp32 fp32_scale(const Ratio& ratio, const emu::Fp32Rule& rule) {
  return rounded(formed(ratio, rule.scale), rule.scale_format);
}

Fp32 fp32_output(float scale_y, const emu::Fp32Rule& rule) {
  return {std::bit_cast<uint32_t>(rule.output == emu::Fp32Output::scale ? scale_y : 1.0F / scale_y)};
}

Fp32 fp32_bias(float bias, const Ratio& ratio, const emu::Steps& steps, const emu::Fp32Rule& rule) {
  bool scaled = false, in_output = false;
  for (const emu::Step& step : steps) {
    scaled = scaled || scales_by(step, Fp32Name::scale);
    in_output = in_output || scales_by(step, Fp32Name::output);
    if (is_fp32_bias(step)) break;
  }
  in_output = in_output || (scaled && (rule.scale == Fp32Scale::ratio || rule.scale == Fp32Scale::exact_ratio));
  float value = bias;
  if (in_output) {
    value = bias / static_cast<float>(ratio.denominator.at(0));
  } else if (!scaled) {
    value = bias / product(ratio.numerator);
  }
  return rounded(value, rule.bias_format);
}

}  // namespace assay::quant
