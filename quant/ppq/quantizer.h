// The moment at which PPQ's quantizer gives configurations to operations ("INIT" in the order of passes; ppq.md 4.1, 6.2). What each begins with is the platform's file's matter.
#pragma once

#include "quant/ppq/network.h"
#include "quant/ppq/platform.h"

namespace assay::ppq {

// Operations that are dispatched to "UNSPECIFIED" go to the platform where it knows their type, else to FP32; each that is neither FP32 nor SOI then gets a configuration per slot,
// made in this order: operations in network.order, inputs, then outputs. From here on a parameter of theirs keeps what it is now as its FP32 value.
void create_configurations(Network& network, const Platform& platform);

}  // namespace assay::ppq
