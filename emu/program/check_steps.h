// What the step lists of one operation can make of every value that may come to it: no step leaves the exact range, and the last one leaves a value that the result's type
// holds. Asked by verify() after the operation's own check() found nothing. Internal to emu/program.
#pragma once

#include "emu/ops/op.h"

namespace assay::emu {

void check_step_lists(const Operation& operation, const OpContext& context, Problems& problems);

}  // namespace assay::emu
