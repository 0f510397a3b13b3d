// ONNX -> PPQ's graph, by the steps of its load_onnx_graph (ppq.md 6.0): the order of operations, the names of variables and the float32 values are PPQ's.
//
// What differs, because PPQ's own is not ONNX's meaning or depends on the run: clones of shared parameters are numbered in the file's order (PPQ's numbers follow a hash); a Pad
// that brings its amounts as attributes keeps its mode and its value (PPQ forgets both); a bias or a BatchNormalization is not folded into an operation whose own result is an
// output of the graph; Resize is taken in every opset.
#pragma once

#include <map>
#include <string>

#include "quant/ppq/network.h"

namespace assay::ppq {

// `shapes`: of inputs that the file leaves dynamic, or other than the file's; "" is a model's only input. InputError and Unsupported as import_onnx.h says, both with all problems
// at once: no ONNX file, a damaged or cyclic one, two operations of one name, open shapes, weights that are NaN or infinite, a normalization whose sizes do not fit.
Network load(const std::string& onnx_path, const std::map<std::string, Shape>& shapes = {});

// The name that PPQ would give next: "PPQ_Variable_<n>", "PPQ_Operation_<n>", where n is above every number in use.
std::string next_variable_name(const Network& network);
std::string next_operation_name(const Network& network);

// Takes the operation out; whoever read its first output reads its first input instead, also an output of the graph. Its parameters go with it.
void bypass(Network& network, OperationId id);

}  // namespace assay::ppq
