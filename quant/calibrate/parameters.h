// How constants are quantized: weights by the target's rule for weights, the constants of Binary and PRelu (and any other) like activations but rounded like weights, biases
// with the scales of their product.
#pragma once

#include <string>

#include "quant/calibrate/observer.h"
#include "quant/quantized.h"

namespace assay::quant {

// Every constant that several inputs read becomes a constant for each: their quantizations may differ.
void unshare_constants(Graph& graph);

// A new quantization by a rule, without a scale.
TensorQuantization by_rule(const emu::Storage& storage, const emu::QuantizeRule& rule);
Grid grid_of(const TensorQuantization& quantization);
// What an already quantized model states.
TensorQuantization by_model(const GivenQuantization& given);
// Scale and zero point of a tensor that is quantized as a whole.
void set_scale(TensorQuantization& quantization, const ScaleAndOffset& found);

// Quantizes every constant except biases; those stay without.
void quantize_parameters(Quantized& quantized);

// Once the scales of activations are known: the weights whose input's channels have scales of their own, quantized anew with an input_factor.
void normalise_weights(Quantized& quantized);

// The biases, once the scales of activations are known, but those that the target adds in binary32, which stay real. A bias that leaves its storage saturates, and its provenance
// says so.
void quantize_biases(Quantized& quantized);

}  // namespace assay::quant
