// What a quantized model states of a tensor holds for all tensors that its words are only moved to or from.
#pragma once

#include "quant/graph/graph.h"

namespace assay::quant {

// ONNX operators that may read words as if they were reals: each becomes moving operators only, or a Clip.
bool moves_given(const std::string& onnx_type);

// The nodes from `first` on moved words: their outputs get their inputs' statement, and a Pad's value and a Clip's limits become real numbers.
void give_moved(Graph& graph, size_t first);

// Both ends of every moving node state the same: the one that states nothing takes it from the other; where they differ, a change of quantization comes in between.
void settle_given(Graph& graph);

// Tools that quantize drop an activation that saturation does already: where the word for 0 is the type's least, the real network had a Relu, and a Clip to 0..6 where the
// greatest word stands for 6. It is fused again into the operator that makes the words (Conv, ConvTranspose, MatMul, Binary), so that the FP32 network means the same; the integer
// program does not change, for its words have these limits already.
void state_saturation(Graph& graph);

}  // namespace assay::quant
