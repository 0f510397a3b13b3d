#include "quant/exact/tables.h"

#include <bit>
#include <boost/math/special_functions/erf.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <limits>

#include "emu/arith/soft_float.h"
#include "emu/base/error.h"

namespace assay::quant {
namespace {

// 334 bits of mantissa: sums and products of a few float32 and integers are exact, and quotients are correctly rounded, so that a tie of a rational function is seen as one.
using Real = boost::multiprecision::cpp_bin_float_100;

using std::abs, std::exp, std::expm1, std::log, std::log1p, std::sqrt, std::tanh;  // of doubles

// f(x) = top / bottom, divided only together with the output's scale: one rounding far below any tie.
template <class N>
struct Quotient {
  N top;
  N bottom = 1;
};

template <class N>
N clamp(const N& x, const N& low, const N& high) {
  const N raised = x < low ? low : x;
  return raised > high ? high : raised;
}

template <class N>
N softplus(const N& x) {
  return x > 0 ? N(x + log1p(N(exp(N(-x))))) : N(log1p(N(exp(x))));
}

template <class N>
Quotient<N> sigmoid(const N& x) {
  return {1, N(1 + exp(N(-x)))};
}

template <class N>
Quotient<N> value_of(const Unary& op, const N& x) {
  const N alpha = op.alpha, beta = op.beta, infinity = std::numeric_limits<N>::infinity();
  switch (op.function) {
    case Function::sigmoid: return sigmoid(x);
    case Function::tanh: return {N(tanh(x))};
    case Function::hard_sigmoid: return {clamp(N(alpha * x + beta), N(0), N(1))};
    case Function::hard_swish: return {N(x * clamp(N(x + 3), N(0), N(6))), 6};
    case Function::silu: return {x, sigmoid(x).bottom};
    case Function::exp: return {N(exp(x))};
    case Function::log: return {x > 0 ? N(log(x)) : N(-infinity)};
    case Function::sqrt: return {x > 0 ? N(sqrt(x)) : N(0)};
    case Function::reciprocal: return x == 0 ? Quotient<N>{infinity} : Quotient<N>{1, x};
    case Function::abs: return {N(abs(x))};
    case Function::neg: return {N(-x)};
    case Function::erf: return {N(boost::math::erf(x))};
    case Function::gelu: return {N(x * (1 + boost::math::erf(N(x / sqrt(N(2)))))), 2};
    case Function::elu: return {x < 0 ? N(alpha * expm1(x)) : x};
    case Function::selu: return {N(beta * (x < 0 ? N(alpha * expm1(x)) : x))};
    case Function::softplus: return {softplus(x)};
    case Function::mish: return {N(x * tanh(softplus(x)))};
    case Function::square: return {N(x * x)};
  }
  ASSAY_ASSERT(!"a Function outside its enumeration");
}

template <class N>
Quotient<N> value_of(const Operator& op, const N& x) {
  if (const auto* unary = std::get_if<Unary>(&op)) return value_of(*unary, x);
  if (const auto* clip = std::get_if<Clip>(&op)) return {clamp(x, N(clip->low), N(clip->high))};
  if (const auto* leaky = std::get_if<LeakyRelu>(&op)) return {x < 0 ? N(leaky->alpha * x) : x};
  ASSAY_ASSERT(std::holds_alternative<Relu>(op));
  return {x < 0 ? N(0) : x};
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

// Whole numbers, and infinities saturated where a sum with them would have no value.
Real rounded(const Real& value, emu::Round mode) {
  constexpr int64_t kFar = int64_t{1} << 40;
  return to_integer(value, mode, -kFar, kFar);
}

std::vector<int64_t> corrected_table(const Operator& op, const TableSpec& spec) {
  const auto intervals = static_cast<size_t>(emu::table_entries(spec.input, spec.form)) - 1;
  const auto word = [&](Wide value) -> Real { return Real(spec.input_scale) * static_cast<int64_t>(value - spec.input_zero_point); };
  const Real first = word(spec.input.min()), step = (word(spec.input.max()) - first) / static_cast<int64_t>(intervals);
  const int64_t words = static_cast<int64_t>(spec.output.max() - spec.output.min());
  const auto in_steps = [&](const Real& i) -> Real {
    const Quotient<Real> f = value_of(op, Real(first + i * step));
    return f.top * (words + 1) / (f.bottom * spec.output_scale * words);
  };
  const auto kept = [&](const Real& value) {
    return to_integer(value, spec.round, spec.low - spec.output_zero_point, spec.high - spec.output_zero_point) + spec.output_zero_point;
  };
  std::vector<int64_t> entries;
  for (size_t i = 0; i < intervals; ++i) {
    const Real at = rounded(in_steps(Real(i)), spec.round), next = in_steps(Real(i + 1));
    const Real line = rounded(Real((next + at) / 2), spec.round), middle = rounded(in_steps(Real(i) + Real(0.5)), spec.round);
    entries.push_back(kept(Real(at - rounded(Real((line - middle) / 2), spec.round))));
  }
  entries.push_back(kept(in_steps(Real(intervals))));
  return entries;
}

}  // namespace

double function_at(const Operator& op, double x) {
  const auto f = value_of(op, x);
  return f.top / f.bottom;
}

std::vector<int64_t> function_table(const Operator& op, const TableSpec& spec) {
  if (spec.correction == emu::TableCorrection::midpoint) return corrected_table(op, spec);
  const auto entry_at = [&](int64_t word) {
    const Real x = Real(spec.input_scale) * (word - spec.input_zero_point);
    const Quotient<Real> f = value_of(op, x);
    const Real steps = f.top / (f.bottom * spec.output_scale);
    return to_integer(steps, spec.round, spec.low - spec.output_zero_point, spec.high - spec.output_zero_point) + spec.output_zero_point;
  };
  const int64_t fine = spec.form.fine_entries, coarse = emu::table_entries(spec.input, spec.form) - fine;
  std::vector<int64_t> entries;
  for (int64_t i = 0; i < coarse; ++i) entries.push_back(entry_at(static_cast<int64_t>(spec.input.min()) + (i << spec.form.fraction_bits)));
  for (int64_t i = 0; i < fine; ++i) entries.push_back(entry_at(emu::first_fine_word(spec.input, spec.form) + (i << spec.form.fine_fraction_bits)));
  return entries;
}

namespace {

// A number, exact or cut to 64 significant bits, to a word of the storage: rounded once. N: Real or double.
template <class N>
int64_t to_word(const N& value, const emu::Storage& storage, emu::Round mode) {
  using std::floor, std::frexp, std::isinf, std::ldexp;
  const emu::FloatFormat format = storage.type.format;
  int64_t word = 0;
  if (isinf(value)) {
    word = emu::narrow({value < 0 ? 0xff800000U : 0x7f800000U}, {format, mode});
  } else {
    int exponent = 0;
    const N fraction = frexp(N(abs(value)), &exponent);
    const N scaled = ldexp(fraction, 63);
    const N whole = floor(scaled);
    word = emu::round_to_word(value < 0, static_cast<UnsignedWide>(static_cast<uint64_t>(whole)), exponent - 63, scaled != whole, {format, mode});
  }
  if (emu::is_smaller(word, storage.low, storage.type)) return storage.low;
  return emu::is_smaller(storage.high, word, storage.type) ? storage.high : word;
}

// The word of of(x). Doubles decide where all numbers within their error round to the same word, which is nearly always; otherwise 334 bits do. `cancels`: doubles may lose more.
template <class Of>
int64_t word_of_function(const Of& of, double x, const emu::Storage& storage, emu::Round mode, bool cancels) {
  const double quick = of(x), error = std::fabs(quick) * 0x1p-40;
  if (!cancels && std::fabs(quick) > 0x1p-900 && std::fabs(quick) < 0x1p900) {
    const int64_t low = to_word(quick - error, storage, mode);
    if (low == to_word(quick + error, storage, mode)) return low;
  }
  return to_word(Real(of(Real(x))), storage, mode);
}

// The number of a word; of an infinity the format's largest.
double finite_number(int64_t word, emu::IntType type) {
  const float number = std::bit_cast<float>(emu::number_of(word, type, 0).bits);
  if (!std::isinf(number)) return number;
  const int64_t infinity = emu::narrow({0x7f800000U}, {type.format});
  return std::copysign(std::bit_cast<float>(emu::number_of(infinity - 1, type, 0).bits), number);
}

}  // namespace

std::vector<int64_t> function_of_words(const Operator& op, emu::IntType input, const emu::Storage& output, emu::Round round) {
  std::vector<int64_t> entries(static_cast<size_t>(emu::table_entries(input, {})));
  const auto* unary = std::get_if<Unary>(&op);
  const bool cancels = unary != nullptr && unary->function == Function::gelu;
  const auto of = [&](const auto& x) {
    const auto f = value_of(op, x);
    return std::decay_t<decltype(x)>(f.top / f.bottom);
  };
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto word = static_cast<int64_t>(i);
    const bool is_number = !emu::number_of(word, input, 0).is_nan();
    entries[i] = is_number ? word_of_function(of, finite_number(word, input), output, round, cancels) : emu::narrow(emu::kNan32, {output.type.format});
  }
  return entries;
}

std::vector<int64_t> exponentials_of_words(emu::IntType type) {
  std::vector<int64_t> entries(size_t{1} << (type.bits - 1));
  const emu::Storage all{type, 0, emu::narrow({0x7f800000U}, {type.format})};
  const auto of = [](const auto& d) { return std::decay_t<decltype(d)>(exp(std::decay_t<decltype(d)>(-d))); };
  for (size_t i = 0; i < entries.size(); ++i) {
    const emu::Fp32 d = emu::number_of(static_cast<int64_t>(i), type, 0);
    if (d.is_nan()) entries[i] = emu::kNan32.bits;
    if (d.is_nan() || d.is_infinite()) continue;
    entries[i] = emu::number_of(word_of_function(of, std::bit_cast<float>(d.bits), all, emu::Round::half_even, false), type, 0).bits;
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
