// The kernels of the poolings: windows row by row, in the elements' own type.
#pragma once

#include "emu/kernels/kernels.h"

namespace assay::emu {

PreparedKernel prepare(const MaxPool& op, const OpContext& context);
PreparedKernel prepare(const AveragePool& op, const OpContext& context);

}  // namespace assay::emu
