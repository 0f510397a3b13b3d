// The fast bodies. A kernel is prepared once per instruction, and only where it can prove that its bytes and counts are the reference's: no sum can leave the accumulator (worst
// case from the actual weights and the input's range) or its additions are made in the accumulator's own order, no step can leave the machine's registers, and the instructions
// that it uses are exact on this CPU.
// oneDNN, vector code and anything that stands in for a definition live only below this folder.
#pragma once

#include <functional>
#include <string>

#include "emu/ops/op.h"

namespace assay::emu {

// What execute() would give, faster. Safe to call from several threads at once.
using Kernel = std::function<Tensor(const OpContext& context, OpRun& run)>;

struct PreparedKernel {
  Kernel kernel;              // null: the reference must run
  std::string why_reference;  // in words, where it must
};

// `context` needs no values: only constants and descriptions are looked at.
PreparedKernel prepare_kernel(const Operation& operation, const OpContext& context);

}  // namespace assay::emu
