// Operations on one element at a time whose operands are too wide for a map of every value (maps.h), or lie in a way that maps are not made for: the steps on rows.
#pragma once

#include "emu/kernels/kernels.h"

namespace assay::emu {

PreparedKernel requantize_rows(const Requantize& op, const OpContext& context);
PreparedKernel leaky_relu_rows(const LeakyRelu& op, const OpContext& context);
// x of at most 16 bits.
PreparedKernel table_rows(const TableLookup& op, const OpContext& context);
// Inputs that are requantized.
PreparedKernel concat_rows(const Concat& op, const OpContext& context);

}  // namespace assay::emu
