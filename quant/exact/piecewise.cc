#include "quant/exact/piecewise.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "emu/base/error.h"
#include "quant/fake_quantize.h"

namespace assay::quant {
namespace {

using emu::Fp32;

Fp32 rounded(Fp32 value, emu::FloatFormat format) {
  return emu::widen(emu::narrow(value, {format}), format);
}
Fp32 rounded(double value, emu::FloatFormat format) {
  return rounded(Fp32{std::bit_cast<uint32_t>(static_cast<float>(value))}, format);
}
double real(Fp32 value) {
  return static_cast<double>(std::bit_cast<float>(value.bits));
}

}  // namespace

bool has_straight_ends(const Operator& op) {
  const auto* unary = std::get_if<Unary>(&op);
  if (unary == nullptr) return true;
  switch (unary->function) {
    case Function::exp:
    case Function::log:
    case Function::sqrt:
    case Function::reciprocal:
    case Function::square: return false;
    default: return true;
  }
}

emu::PiecewiseLinear fitted(const Operator& op, double low, double high, int64_t segments, emu::FloatFormat format) {
  ASSAY_ASSERT(segments >= 3 && low < high);
  const auto inner = static_cast<double>(segments - 2), range = high - low;
  emu::PiecewiseLinear lines;
  const auto through = [&](double left, double right) {
    const double at_left = function_at(op, left), at_right = function_at(op, right);
    lines.slopes.push_back(rounded(right > left ? (at_right - at_left) / (right - left) : 0, format));
    // Through the end that lies nearer to 0, where the rounded slope matters least.
    const double slope = real(lines.slopes.back());
    lines.intercepts.push_back(rounded(std::fabs(left) < std::fabs(right) ? at_left - slope * left : at_right - slope * right, format));
  };
  constexpr double kFar = 0x1p20;
  through(-2 * kFar, -kFar);
  for (int64_t i = 0; i <= segments - 2; ++i) {
    lines.breakpoints.push_back(rounded(low + range * static_cast<double>(i) / inner, format));
    if (i > 0) through(real(lines.breakpoints[static_cast<size_t>(i - 1)]), real(lines.breakpoints.back()));
  }
  through(kFar, 2 * kFar);
  return lines;
}

std::vector<int64_t> fitted_table(const Operator& op, const TableSpec& spec, int64_t segments, emu::FloatFormat format) {
  const auto number = [&](int64_t word) { return static_cast<double>(spec.input_scale) * static_cast<double>(word - spec.input_zero_point); };
  const auto first = static_cast<int64_t>(spec.input.min()), last = static_cast<int64_t>(spec.input.max());
  const emu::PiecewiseLinear lines = fitted(op, number(first), number(last), segments, format);
  std::vector<int64_t> entries;
  for (int64_t word = first; word <= last; ++word) {
    const Fp32 y = rounded(emu::evaluate(lines, rounded(number(word), format)), format);
    entries.push_back(quantize_value(std::bit_cast<float>(y.bits), spec.output_scale, spec.output_zero_point, spec.low, spec.high, spec.round));
  }
  return entries;
}

std::vector<int64_t> fitted_table_of_words(const Operator& op, emu::IntType input, const emu::Storage& output, int64_t segments, emu::FloatFormat format, emu::Round round) {
  const emu::PiecewiseLinear lines = fitted(op, -8, 8, segments, format);
  std::vector<int64_t> entries(static_cast<size_t>(emu::table_entries(input, {})));
  for (size_t word = 0; word < entries.size(); ++word) {
    Fp32 x = emu::number_of(static_cast<int64_t>(word), input, 0);
    if (x.is_infinite()) x.bits -= uint32_t{1} << (23 - input.format.fraction_bits);  // the largest number
    const Fp32 y = emu::evaluate(lines, x);
    entries[word] = y.is_nan() ? int64_t{emu::narrow(y, {output.type.format})} : float_word(std::bit_cast<float>(y.bits), output, round);
  }
  return entries;
}

}  // namespace assay::quant
