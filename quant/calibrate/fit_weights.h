// On chips whose multipliers are few ([multiplier] form = "nearest"), the tools choose the weight's scale so that the ratio of scales is one of them: the weights, not the outputs,
// take up the difference.
#pragma once

#include "quant/quantized.h"

namespace assay::quant {

// Sets the scale of every constant weight to s_y / s_x times the legal ratio nearest to its own, channel by channel. Does nothing on other chips. The scales of activations must
// be known, those of biases follow later.
void fit_weights_to_multiplier(Quantized& quantized);

}  // namespace assay::quant
