// The kernels of operations that look at one or two elements at a time: an 8-bit operand has 256 values, so whatever happens to it alone is worked out once, by the
// definitions themselves, and looked up (elementwise.cc); wider operands go through their steps in rows (element_rows.h). Two operands are joined in pairs.cc.
#pragma once

#include "emu/kernels/kernels.h"

namespace assay::emu {

PreparedKernel prepare(const Requantize& op, const OpContext& context);
PreparedKernel prepare(const LeakyRelu& op, const OpContext& context);
PreparedKernel prepare(const TableLookup& op, const OpContext& context);
PreparedKernel prepare(const Concat& op, const OpContext& context);
PreparedKernel prepare(const Add& op, const OpContext& context);
PreparedKernel prepare(const Sub& op, const OpContext& context);
PreparedKernel prepare(const Mul& op, const OpContext& context);

}  // namespace assay::emu
