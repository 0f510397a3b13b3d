// Passes that learn from calibration data: they change biases, weights and scales so that blocks of the quantized network come closer to FP32 (ppq.md 6.8).
#pragma once

#include "quant/ppq/pass.h"

namespace assay::ppq {

// Mean differences between FP32 and quantized outputs go into the biases, block by block.
PassReport bias_correction(Network& network, const Context& context);
// Weights and scales by gradient steps (LSQ, AdaQuant).
PassReport learned_step_size(Network& network, const Context& context);
// Which way each weight is rounded, by gradient steps (AdaRound, "blockwise reconstruction").
PassReport adaround(Network& network, const Context& context);

}  // namespace assay::ppq
