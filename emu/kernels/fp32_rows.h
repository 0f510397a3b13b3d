// The steps in binary32 (arith/requant.h) on rows of numbers, by the FPU (fpu.h): equal to the definition bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/arith/requant.h"

namespace assay::emu {

// Applies one step that takes and leaves binary32 numbers. The caller has asked fpu::is_ieee().
void apply_fp32(const Step& step, float* values, size_t size, const StepOperands& operands);

// The words of a narrower format, rounded, subnormals kept, overflow to infinity; the answer is how many finite numbers became infinite.
size_t store_fp32(const float* values, size_t size, FloatFormat format, Round round, uint32_t* words);
// The binary32 numbers of words: widen() of soft_float.h.
void widen_row(const uint32_t* words, size_t size, FloatFormat format, float* values);

// The binary32 numbers of rounded words: widen(narrow(v, rule), format) where the rule keeps subnormals.
void round_fp32(float* values, size_t size, FloatFormat format, Round round);

}  // namespace assay::emu
