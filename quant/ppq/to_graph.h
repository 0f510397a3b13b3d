// How PPQ's numbers reach the chips: the Network as the quantizer's typed graph, with the scales that PPQ found stated for its values. Weights are the baked ones, which lie on
// their grids already, so that a chip's own rounding finds PPQ's codes again.
#pragma once

#include "quant/calibrate/calibrate.h"
#include "quant/graph/graph.h"
#include "quant/ppq/network.h"

namespace assay::ppq {

// Names of values are the variables', names of nodes the operations' (of the first, where several become one). Not simplified. As import_onnx: InputError, Unsupported.
quant::Graph to_graph(const Network& network);

// For calibrate(): by value of `graph` (simplified or not), the scale with which PPQ quantizes the tensor: its producer's, else its first quantizing reader's. Values that PPQ
// leaves in FP32 are not among them; the target's own observer measures those, and weights whose scales lie along
// the input channels, nor divisors that have become factors. `lowest` words of asymmetric configurations become offsets.
std::map<std::string, quant::StatedScale> stated_scales(const Network& network, const quant::Graph& graph);
// The names of those weights: of a Gemm without transB or of a MatMul, on platforms with a scale per channel.
std::vector<std::string> weights_along_inputs(const Network& network);

}  // namespace assay::ppq
