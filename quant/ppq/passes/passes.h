// PPQ's optimization passes, one function each; the name of the function's report is that of PPQ's class. They walk operations in the order of PPQ's dictionary (network.order) and
// variables by id. What each does, and its source, stands at the head of its file.
#pragma once

#include "quant/ppq/pass.h"

namespace assay::ppq {

// Configurations of operations that a back end fuses follow one another (ppq.md 6.3).
PassReport quantize_fusion(Network& network, const Context& context);
// A consumer does not quantize what its producer has quantized the same way (6.4).
PassReport quantize_simplify(Network& network, const Context& context);
// Inputs of Add, Concat, Resize ... share one scale (6.6).
PassReport quant_alignment(Network& network, const Context& context);
// Biases, limits of Clip and values of Pad take their scales from others (2.5, 6.7).
PassReport passive_parameter_quantize(Network& network, const Context& context);
// Quantized parameters are replaced by their fake-quantized values (6.7).
PassReport parameter_baking(Network& network, const Context& context);

}  // namespace assay::ppq
