// On chips whose multipliers are few ([multiplier] form = "nearest"), the tools choose the weight's scale so that the ratio of scales is one of them: the weights, not the outputs,
// take up the difference.
#pragma once

#include "emu/arith/requant.h"
#include "quant/quantized.h"

namespace assay::quant {

// Sets the scale of every constant weight to s_y / s_x times the legal ratio nearest to its own, channel by channel. Does nothing on other chips. The scales of activations must
// be known, those of biases follow later.
void fit_weights_to_multiplier(Quantized& quantized);

// The list of steps that the sums of a convolution or matrix product go through on the target, depthwise convolutions their own; null for other operators and those that it lacks.
const emu::Steps* weighted_steps(const Quantized& quantized, const Node& node);

// The scales of a weighted node's output channels where its steps cut twice (quant/exact/two_cuts.h), with the bias that it has now. Empty where they do not, or where a ratio has
// no legal pair, which lowering refuses.
std::vector<emu::QScale> two_cuts_of(const Quantized& quantized, const Node& node);

}  // namespace assay::quant
