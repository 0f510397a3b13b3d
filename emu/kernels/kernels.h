// The fast bodies. A kernel answers only where it can prove that its bytes and counts are the reference's: no sum can leave the accumulator (worst case from the actual
// weights and the input's range), operands fit the instructions used, and the CPU multiplies int8 exactly (VNNI; without it intermediate int16 pairs would saturate).
// Floating-point types may appear below this folder only where proven equal to integers.
#pragma once

#include <optional>

#include "emu/ops/op.h"

namespace assay::emu {

// nullopt: no kernel can prove it; run the reference.
std::optional<Tensor> try_kernel(const Operation& operation, const OpContext& context, OpRun& run);

// Why the reference will run instead of a kernel, or "" where a kernel will: for reports, benchmarks and tests.
std::string why_reference(const Operation& operation, const OpContext& context);

}  // namespace assay::emu
