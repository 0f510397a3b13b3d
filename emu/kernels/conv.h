// The kernel of Conv, and of MatMul by a constant as a 1x1 Conv.
#pragma once

#include "emu/kernels/kernels.h"

namespace assay::emu {

PreparedKernel prepare(const Conv& op, const OpContext& context);
PreparedKernel prepare(const MatMul& op, const OpContext& context);

}  // namespace assay::emu
