#include "emu/arith/step_words.h"

namespace assay::emu {
namespace {

template <class T>
const T* as(const Step& step) {
  return std::get_if<T>(&step);
}

}  // namespace

bool is_scale_left(const Step& step) {
  const auto* shift = as<ShiftLeft>(step);
  return shift != nullptr && !shift->amount;
}

bool is_scale_right(const Step& step) {
  const auto* shift = as<ShiftRight>(step);
  return shift != nullptr && !shift->amount && !shift->is_first;
}

bool is_first_cut(const Step& step) {
  const auto* shift = as<ShiftRight>(step);
  return shift != nullptr && shift->is_first;
}

bool is_scale_multiply(const Step& step) {
  const auto* multiply = as<Multiply>(step);
  return multiply != nullptr && !multiply->factor;
}

bool scales_by(const Step& step, Fp32Name name) {
  const Fp32Operand operand = name;
  const auto* product = as<MulFp32>(step);
  const auto* quotient = as<DivFp32>(step);
  const auto* fused = as<FmaFp32>(step);
  return (product != nullptr && product->factor == operand) || (quotient != nullptr && quotient->divisor == operand) || (fused != nullptr && fused->factor == operand);
}

bool is_fp32_bias(const Step& step) {
  const Fp32Operand bias = Fp32Name::bias;
  const auto* sum = as<AddFp32>(step);
  const auto* fused = as<FmaFp32>(step);
  return (sum != nullptr && sum->term == bias) || (fused != nullptr && fused->term == bias);
}

bool is_slope(const Step& step) {
  const auto* leaky = std::get_if<LeakyFp32>(&step);
  return leaky != nullptr && leaky->slope == Fp32Operand(Fp32Name::slope);
}

bool adds_zero_point(const Step& step) {
  const auto* sum = as<AddFp32>(step);
  return as<AddZeroPoint>(step) != nullptr || (sum != nullptr && sum->term == Fp32Operand{Fp32Name::zero_point});
}

bool clamps_activation(const Step& step) {
  const auto* clamp = as<Clamp>(step);
  const auto* in_fp32 = as<ClampFp32>(step);
  return (clamp != nullptr && !clamp->bounds) || (in_fp32 != nullptr && in_fp32->bounds == decltype(in_fp32->bounds){Fp32Bounds::clamp});
}

bool computes_in_fp32(const Steps& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) { return as<ToFp32>(step) != nullptr || takes_fp32(step); });
}

}  // namespace assay::emu
