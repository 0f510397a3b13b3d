#include "quant/ppq/rounding.h"

#include <cmath>

#include "emu/base/error.h"

namespace assay::ppq {
namespace {

// The decimal context of Python: what is rounded by policies 0 to 4 has at most 28 digits. The double 1e28 lies just below 10^28.
constexpr double kMostDecimal = 1e28;

std::string cannot_round(double value, Rounding policy) {
  return "PPQ cannot round " + std::to_string(value) + " by " + std::string(to_string(policy));
}

// Exact, as PPQ's decimal arithmetic is: the whole part of the magnitude and the rest are doubles.
double by_decimal(double value, Rounding policy) {
  const double magnitude = std::fabs(value), whole = std::floor(magnitude), rest = magnitude - whole;
  const auto to = [&](bool away) { return std::copysign(away ? whole + 1 : whole, value); };
  switch (policy) {
    case Rounding::half_even: return to(rest > 0.5 || (rest == 0.5 && std::fmod(whole, 2) != 0));
    case Rounding::half_up:
    case Rounding::half_far_from_zero: return to(rest > 0.5 || (rest == 0.5 && value > 0));
    case Rounding::half_down:
    case Rounding::half_towards_zero: return to(rest > 0.5 || (rest == 0.5 && value < 0));
    case Rounding::to_near_int: return value > 0 ? std::floor(value + 0.5) : std::ceil(value - 0.5);
    case Rounding::up: return std::ceil(value);
  }
  ASSAY_ASSERT(!"a Rounding outside its enumeration");
}

}  // namespace

void refuse_tensor_rounding(Rounding policy) {
  throw Unsupported("fake quantization", {std::string(to_string(policy)) + " has no form for tensors in PPQ (NotImplementedError); choose another rounding policy"});
}

float round_tensor(float value, Rounding policy) {
  float rounded = 0;
  with_tensor_rounding(policy, [&](auto round) { rounded = round(value); });
  return rounded;
}

double round_scalar(double value, Rounding policy) {
  if (std::isnan(value)) throw InputError(cannot_round(value, policy) + ": it is not a number; look for NaN or an empty range in the calibration data");
  if (std::isinf(value)) throw InputError(cannot_round(value, policy) + ": it is infinite; look for infinities in the calibration data");
  const double rounded = by_decimal(value, policy);
  const bool decimal = policy != Rounding::to_near_int && policy != Rounding::up;
  if (decimal && std::fabs(rounded) > kMostDecimal) throw InputError(cannot_round(value, policy) + ": the result has more than 28 digits");
  return rounded + 0.0;  // -0 becomes 0
}

double round_to_power_of_two(double value, Rounding policy) {
  if (value == 0) return 0;
  const double exponent = round_scalar(std::log2(std::fabs(value)), policy);
  if (exponent > 1023) throw InputError("2^" + std::to_string(static_cast<int64_t>(exponent)) + ", the power of two nearest to " + std::to_string(value) + ", is no double");
  return std::copysign(std::ldexp(1.0, static_cast<int>(exponent)), value);
}

}  // namespace assay::ppq
