// The kernels of instructions whose operands are floating-point words: words are widened to binary32 numbers, exactly, and the FPU computes with those (fpu.h), each operation
// rounded half_even once and in the accumulator's own order. Only sums in the order fp32.sequential have one.
#pragma once

#include <optional>

#include "emu/kernels/fast_steps.h"
#include "emu/kernels/kernels.h"

namespace assay::emu {

// None where no operand is a floating-point word, or words only move.
std::optional<PreparedKernel> prepare_of_numbers(const Operation& operation, const OpContext& context);

// A tensor's numbers.
std::vector<float> numbers_of(const Tensor& tensor);

// The list of an instruction on such operands.
std::optional<FastSteps> steps_on_numbers(const Requant& requant, ScaleRef scale, size_t channels, const OpContext& context);

// Whether a sum or product left binary32.
inline bool is_finite(float value) {
  return value - value == 0;
}

// numbers_sums.cc
PreparedKernel prepare_numbers(const Conv& op, const OpContext& context);
PreparedKernel prepare_numbers(const MatMul& op, const OpContext& context);

// sums[p] = the sum over k ascending of w[k] * x[k * kNumbersBlock + p], products and sums rounded one by one.
inline constexpr size_t kNumbersBlock = 64;
void sums_in_order(const float* w, const float* x, size_t terms, float* sums);

}  // namespace assay::emu
