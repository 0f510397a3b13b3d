// Baking: constants replaced by their fake-quantized values, so that a float executor computes what the quantized parameters mean.
#pragma once

#include "quant/quantized.h"

namespace assay::quant {

// Every constant that has a quantization, and the value of Pads whose output has one.
Graph bake(const Quantized& quantized);

}  // namespace assay::quant
