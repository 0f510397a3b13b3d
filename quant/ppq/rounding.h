// PPQ's rounding: seven policies in two implementations that differ (ppq.md 1; ppq/utils/round.py at e39eecb). The tensor form, in float32, is that of all fake quantization; the
// scalar form, on a double and exact, is that of scales and offsets only.
//
//   policy              tensor, each step in float32              scalar
//   half_even           to nearest, ties to even                  the same
//   half_up             floor(x + 0.5)                            ties to +inf
//   half_down           ceil(x - 0.5)                             ties to -inf
//   half_towards_zero   sign(x) * ceil(|x| - 0.5)                 as half_down (!)
//   half_far_from_zero  sign(x) * floor(|x| + 0.5)                as half_up (!)
//   to_near_int         PPQ has none                              x > 0: floor(x + 0.5), else ceil(x - 0.5), the sum in double
//   up                  ceil(x)                                   the same
//
// Where the sum with 0.5 rounds (0.49999997, odd integers from 2^23 on) the tensor form moves values that nearest rounding would leave; that is kept.
#pragma once

#include "quant/ppq/configuration.h"

namespace assay::ppq {

// NaN and infinities stay. Unsupported for to_near_int, where PPQ raises NotImplementedError.
float round_tensor(float value, Rounding policy);

// A whole number, never -0. InputError where PPQ raises: NaN, infinities and, but for to_near_int and up, results of more than 28 decimal digits.
double round_scalar(double value, Rounding policy);

// sign(v) * 2^round_scalar(log2 |v|); 0 stays 0. InputError where the result has no double.
double round_to_power_of_two(double value, Rounding policy);

// The tensor forms as the loops of linear.cc use them: without calls and branches, so that compilers vectorize them. Equal to the functions of <cmath> bit for bit.
namespace loops {

// |x| >= 2^23 is a whole number already; below, adding and taking away 2^23 with the sign of x leaves the nearest integer, ties to even. NaN stays.
inline float nearest_even(float x) {
  const float magic = __builtin_copysignf(8388608.0F, x);
  const float nearest = __builtin_copysignf((x + magic) - magic, x);
  return __builtin_fabsf(x) < 8388608.0F ? nearest : x;
}
inline float floor(float x) {
  const float nearest = nearest_even(x);
  return nearest > x ? nearest - 1.0F : nearest;
}
inline float ceil(float x) {
  return -loops::floor(-x);
}
// 1, 0 or -1; of NaN 0, as torch has it.
inline float sign(float x) {
  return static_cast<float>(x > 0) - static_cast<float>(x < 0);
}
inline float half_up(float x) {
  return loops::floor(x + 0.5F);
}
inline float half_down(float x) {
  return loops::ceil(x - 0.5F);
}
inline float half_towards_zero(float x) {
  return sign(x) * loops::ceil(__builtin_fabsf(x) - 0.5F);
}
inline float half_far_from_zero(float x) {
  return sign(x) * loops::floor(__builtin_fabsf(x) + 0.5F);
}

}  // namespace loops

[[noreturn]] void refuse_tensor_rounding(Rounding policy);

// Calls use(f) with the tensor form of the policy as a function of a float that can be inlined.
template <class Use>
void with_tensor_rounding(Rounding policy, Use use) {
  switch (policy) {
    case Rounding::half_even: return use([](float x) { return loops::nearest_even(x); });
    case Rounding::half_up: return use([](float x) { return loops::half_up(x); });
    case Rounding::half_down: return use([](float x) { return loops::half_down(x); });
    case Rounding::half_towards_zero: return use([](float x) { return loops::half_towards_zero(x); });
    case Rounding::half_far_from_zero: return use([](float x) { return loops::half_far_from_zero(x); });
    case Rounding::up: return use([](float x) { return loops::ceil(x); });
    case Rounding::to_near_int: break;
  }
  refuse_tensor_rounding(policy);
}

}  // namespace assay::ppq
