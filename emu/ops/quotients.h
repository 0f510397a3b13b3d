// What average_pool and softmax share: one rounded division whose quotient the steps take on.
#pragma once

#include "emu/ops/check.h"
#include "emu/ops/register.h"

namespace assay::emu {

// requantize_all on quotients: what is shown as their first stage is named "quotient", the name "accumulator" belongs to the sums before the division.
Tensor requantize_quotients(const std::vector<int64_t>& quotients, const std::vector<uint8_t>& overflowed, const Requant& requant, int64_t channel_axis, const OpContext& context,
                            OpRun& run, const std::function<size_t(size_t)>& entry = nullptr);

}  // namespace assay::emu
