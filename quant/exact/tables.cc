#include "quant/exact/tables.h"

#include <boost/math/special_functions/erf.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

// 334 bits of mantissa: sums and products of a few float32 and integers are exact, and quotients are correctly rounded, so that a tie of a rational function is seen as one.
using Real = boost::multiprecision::cpp_bin_float_100;

// f(x) = top / bottom, divided only together with the output's scale: one rounding far below any tie.
struct Quotient {
  Real top;
  Real bottom = 1;
};

Real clamp(const Real& x, const Real& low, const Real& high) {
  const Real raised = x < low ? low : x;
  return raised > high ? high : raised;
}

Real softplus(const Real& x) {
  return x > 0 ? Real(x + log1p(Real(exp(Real(-x))))) : Real(log1p(Real(exp(x))));
}

const Real& infinity() {
  static const Real value = std::numeric_limits<Real>::infinity();
  return value;
}

Quotient sigmoid(const Real& x) {
  return {1, 1 + exp(Real(-x))};
}

Quotient value_of(const Unary& op, const Real& x) {
  switch (op.function) {
    case Function::sigmoid: return sigmoid(x);
    case Function::tanh: return {tanh(x)};
    case Function::hard_sigmoid: return {clamp(op.alpha * x + op.beta, 0, 1)};
    case Function::hard_swish: return {x * clamp(x + 3, 0, 6), 6};
    case Function::silu: return {x, sigmoid(x).bottom};
    case Function::exp: return {exp(x)};
    case Function::log: return {x > 0 ? Real(log(x)) : Real(-infinity())};
    case Function::sqrt: return {x > 0 ? Real(sqrt(x)) : Real(0)};
    case Function::reciprocal: return x == 0 ? Quotient{infinity()} : Quotient{1, x};
    case Function::abs: return {abs(x)};
    case Function::neg: return {-x};
    case Function::erf: return {boost::math::erf(x)};
    case Function::gelu: return {x * (1 + boost::math::erf(Real(x / sqrt(Real(2))))), 2};
    case Function::elu: return {x < 0 ? Real(op.alpha * expm1(x)) : x};
    case Function::selu: return {op.beta * (x < 0 ? Real(op.alpha * expm1(x)) : x)};
    case Function::softplus: return {softplus(x)};
    case Function::mish: return {x * tanh(softplus(x))};
    case Function::square: return {x * x};
  }
  ASSAY_ASSERT(!"a Function outside its enumeration");
}

Quotient value_of(const Operator& op, const Real& x) {
  if (const auto* unary = std::get_if<Unary>(&op)) return value_of(*unary, x);
  if (const auto* clip = std::get_if<Clip>(&op)) return {clamp(x, clip->low, clip->high)};
  if (const auto* leaky = std::get_if<LeakyRelu>(&op)) return {x < 0 ? Real(leaky->alpha * x) : x};
  ASSAY_ASSERT(std::holds_alternative<Relu>(op));
  return {x < 0 ? Real(0) : x};
}

// Rounded and saturated; infinities saturate.
int64_t to_integer(const Real& value, emu::Round mode, int64_t low, int64_t high) {
  ASSAY_ASSERT(!isnan(value) && low <= high);
  if (value <= low) return low;
  if (value >= high) return high;
  const bool negative = value < 0;
  const Real magnitude = abs(value);
  const Real whole = floor(magnitude);
  const Real rest = magnitude - whole;
  auto result = static_cast<int64_t>(whole);
  const Real half = 0.5;
  if (rest != 0 && emu::rounds_away(mode, negative, result % 2 != 0, rest < half ? -1 : (rest > half ? 1 : 0))) ++result;
  return negative ? -result : result;
}

}  // namespace

std::vector<int64_t> function_table(const Operator& op, const TableSpec& spec) {
  std::vector<int64_t> entries(static_cast<size_t>(emu::table_entries(spec.input, spec.form)));
  int64_t word = static_cast<int64_t>(spec.input.min());
  for (int64_t& entry : entries) {
    const Real x = Real(spec.input_scale) * (word - spec.input_zero_point);
    const Quotient f = value_of(op, x);
    const Real steps = f.top / (f.bottom * spec.output_scale);
    entry = to_integer(steps, spec.round, spec.low - spec.output_zero_point, spec.high - spec.output_zero_point) + spec.output_zero_point;
    word += int64_t{1} << spec.form.fraction_bits;
  }
  return entries;
}

std::vector<int64_t> exponential_table(float scale, int64_t count, uint8_t exponent_bits, emu::Round round) {
  ASSAY_ASSERT(exponent_bits >= 1 && exponent_bits <= 32);
  const int64_t one = (int64_t{1} << exponent_bits) - 1;
  std::vector<int64_t> entries(static_cast<size_t>(count));
  // exp(-d s) as a power of exp(-s): 2^16 products of 334 bits leave more than 300 that are right, and a 16-bit word's table is there in moments.
  const Real ratio = exp(Real(-Real(scale)));
  Real power = 1;
  for (int64_t& entry : entries) {
    entry = to_integer(one * power, round, 0, one);
    power *= ratio;
  }
  return entries;
}

std::vector<int64_t> logistic_table_16() {
  const auto steps = [](const Real& i) -> Real { return Real(65536) / sigmoid(Real(i / 24)).bottom; };
  std::vector<int64_t> entries(256, 65535);
  for (int i = 0; i < 255; ++i) {
    const Real at = steps(i), next = steps(i + 1), middle = steps(Real(i) + Real(0.5));
    entries[static_cast<size_t>(i)] = to_integer(Real(at + (middle - (at + next) / 2) / 2), emu::Round::half_away, 0, 65535);
  }
  return entries;
}

}  // namespace assay::quant
