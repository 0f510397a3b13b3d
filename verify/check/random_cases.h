// Seeded random cases for property testing: legal for the target, most of them with a result inside the limits, many of them ties. Several cases in a row share their parameters,
// so that a device can answer them in one call. stimuli.h's lists are systematic; these go where nobody looked.
#pragma once

#include "verify/device/device.h"

namespace assay::verify {

// Whether the target's steps of this operation use the words that end in _fp32.
bool uses_fp32(const emu::Target& target, ArithOp op);

std::vector<Operands> random_cases(const emu::Target& target, ArithOp op, uint64_t seed, size_t count);

}  // namespace assay::verify
