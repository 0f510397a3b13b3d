// The passes that find scales from values (ppq.md 6.5).
#pragma once

#include "quant/ppq/pass.h"

namespace assay::ppq {

// Parameters in state INITIAL get scale and offset of their own values and become ACTIVATED. InputError where an observer would need the values twice (kl, mse): PPQ shows them
// once.
PassReport parameter_quantize(Network& network, const Context& context);

// Activations in state INITIAL get scale and offset from settings.calibration_steps batches (8 to 512, over the inputs again and again where there are fewer) and become ACTIVATED.
// Where there are observers of two phases the batches run twice; in the second run what the first one settled is quantized already. Parameters are quantized, biases are not.
// settings.calibration_algorithm replaces the observer of every activation. Cancelled: what was seen until then decides, and a warning says so.
PassReport runtime_calibration(Network& network, const Context& context);

// For an export that wants the range of every channel (the pass has no effect on the simulation): outputs of computing operations, and the inputs of those that quantize theirs,
// get the details "range_min[c]" and "range_max[c]", the least and greatest value on channel c (axis 1) over the same batches. An output that a fused activation dominates gets the
// activation's.
PassReport recalibrate(Network& network, const Context& context);

}  // namespace assay::ppq
