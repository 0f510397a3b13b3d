// The host's FPU as a stand-in for arith/soft_float.h: rows of binary32 numbers, in place, equal to the definition bit for bit (tests/emu/kernels/fpu_test.cc).
//
// That holds because each operation is one IEEE operation, correctly rounded, so vectors and instruction sets cannot change it; because no multiplication and addition stand in one
// expression that a compiler could contract (-ffp-contract=off forbids it besides; the fused operation is std::fma); and because every NaN is replaced by kNan32, since the
// sign and the bits of a NaN are the processor's own choice. It assumes the floating-point environment that a program starts with: round to nearest even, subnormal numbers
// neither flushed nor read as zero. Whoever begins a row asks for it once: ASSAY_ASSERT(fpu::is_ieee()).
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/arith/rounding.h"

namespace assay::emu::fpu {

// Whether this thread's environment is the assumed one (found by calculating, so for every processor).
bool is_ieee();

// The second operand is one number for the whole row, or a row.
void add_fp32(float* values, size_t size, float term);
void add_fp32(float* values, size_t size, const float* terms);
void mul_fp32(float* values, size_t size, float factor);
void mul_fp32(float* values, size_t size, const float* factors);
void div_fp32(float* values, size_t size, float divisor);
void div_fp32(float* values, size_t size, const float* divisors);

// value * factor + term, rounded once.
void fma_fp32(float* values, size_t size, float factor, float term);
void fma_fp32(float* values, size_t size, const float* factors, const float* terms);

// value < 0 ? value * slope : value. (-0 stays.)
void leaky_fp32(float* values, size_t size, float slope);

// value < low ? low : (high < value ? high : value). NaN stays NaN, and a zero keeps its sign.
void clamp_fp32(float* values, size_t size, float low, float high);

// Rounded half_even.
void fp32_of_int32(const int32_t* integers, size_t size, float* values);

// to_int(value, mode, s32): the rounded number, saturated; NaN gives 0.
void int32_of_fp32(const float* values, size_t size, Round mode, int32_t* integers);

}  // namespace assay::emu::fpu
