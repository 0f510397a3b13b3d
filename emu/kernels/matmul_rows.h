// MatMul of two values, or by a constant with more than two axes: a row of the product at a time.
#pragma once

#include "emu/kernels/kernels.h"

namespace assay::emu {

PreparedKernel matmul_rows(const MatMul& op, const OpContext& context);

}  // namespace assay::emu
