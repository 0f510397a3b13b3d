// What a quantized model states of a tensor holds for all tensors that its words are only moved to or from.
#pragma once

#include "quant/graph/graph.h"

namespace assay::quant {

// ONNX operators that may read words as if they were reals: each becomes moving operators only.
bool moves_given(const std::string& onnx_type);

// The nodes from `first` on moved words: their outputs get their inputs' statement, and a Pad's value becomes a real number.
void give_moved(Graph& graph, size_t first);

// Both ends of every moving node state the same: the one that states nothing takes it from the other; where they differ, a change of quantization comes in between.
void settle_given(Graph& graph);

}  // namespace assay::quant
