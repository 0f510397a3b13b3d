// A node of the graph as operators of ONNX's default domain: on real tensors, or, for operators that only move elements, on words just as well.
#pragma once

#include "quant/graph/graph.h"
#include "quant/onnx/onnx_writer.h"

namespace assay::quant {

// Writes `op` from the named inputs to the named output. `pad`: the name of the constant that a Pad surrounds with. Conv and the like take their weights as inputs.
// BatchNorm is no operator of a simplified graph (asserted).
void write_operator(const Operator& op, const Graph& graph, const Node& node, const OnnxWriter::Names& inputs, const std::string& pad, const std::string& output,
                    OnnxWriter& writer);

// Whether the average is over the whole image: ONNX's GlobalAveragePool.
bool is_global(const AveragePool& pool, const Shape& x, const Shape& y);

void set_windows(onnx::NodeProto& node, const AveragePool& pool);
void set_windows(onnx::NodeProto& node, const Conv& conv, const Shape& weight);

}  // namespace assay::quant
