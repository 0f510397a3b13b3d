// ONNX -> Graph: the only place that sees protobuf. Opset 7 to 18, default domain. Node by node in topological order: a node whose inputs are all constants (or a Shape of
// a known shape) is evaluated; any other is checked against ONNX's own schema, its output shapes are worked out by our rules (the tests compare them with onnx's inference) and
// it becomes typed operators: auto_pad resolved, Gemm -> MatMul, Global*Pool -> *Pool, Split -> Slices, Div by a constant -> Mul, Flatten/Squeeze/Unsqueeze -> Reshape,
// Identity/Dropout gone, 1-D Conv -> 2-D.
#pragma once

#include <map>
#include <string>

#include "quant/graph/graph.h"

namespace assay::quant {

struct ImportOptions {
  // --shape name=1x3x224x224: shapes of inputs that the file leaves dynamic (or overrides of static ones). A model's only input may be named "".
  std::map<std::string, Shape> shapes;
};

// Throws InputError (unreadable, truncated or too large file, no ONNX, cyclic or dangling graph, missing external data, dynamic shape without an option, NaN or Inf weights, opset
// out of range) and Unsupported (all unsupported operators at once, by node). Limits: file 2 GB, 10^6 nodes, tensors kMaxElements.
Graph import_onnx(const std::string& path, const ImportOptions& options = {});

// The same from a model that was read before (and perhaps changed since): nodes in topological order.
struct OnnxModel;
Graph import_model(OnnxModel model, const ImportOptions& options = {});

}  // namespace assay::quant
