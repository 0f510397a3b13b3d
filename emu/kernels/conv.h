// The kernel of Conv; of MatMul by a constant as a 1x1 Conv; and of ConvTranspose as a Conv over an image whose pixels stand apart.
#pragma once

#include "emu/kernels/kernels.h"

namespace assay::emu {

PreparedKernel prepare(const Conv& op, const OpContext& context);
PreparedKernel prepare(const ConvTranspose& op, const OpContext& context);
PreparedKernel prepare(const MatMul& op, const OpContext& context);

}  // namespace assay::emu
