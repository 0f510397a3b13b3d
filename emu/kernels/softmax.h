// The kernel of Softmax: a table of exponentials, one division for each element, the steps on all quotients.
#pragma once

#include "emu/kernels/kernels.h"

namespace assay::emu {

PreparedKernel prepare(const Softmax& op, const OpContext& context);

}  // namespace assay::emu
