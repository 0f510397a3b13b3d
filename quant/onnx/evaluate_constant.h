// Arithmetic on values known at import: what exporters write around shapes, and preparation of weights. ONNX's semantics, float32 and int64.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quant/onnx/call.h"

namespace assay::quant {

// Can this operator be evaluated at all? (Shape and Size need only their input's shape.)
bool can_evaluate(const OnnxNode& node);
bool needs_only_shapes(const OnnxNode& node);

// One Constant per output. All inputs must be constant (or the node needs only shapes). InputError, Unsupported as in call.h.
std::vector<Constant> evaluate_constant(const Call& call);

// For any other operator with constant inputs (a MatMul of weights, a Sigmoid of a parameter): converted as usual, and the typed operators evaluated by their definitions.
std::vector<Constant> evaluate_as_operators(const Call& call);

// The two halves: element by element; and those that move, count or reduce. nullopt where the operator is not of that half.
std::optional<Constant> evaluate_elementwise(const Call& call);
bool is_elementwise(const std::string& type);
// QuantizeLinear and DequantizeLinear of a constant (convert_quantized.cc).
Constant evaluate_quantization(const Call& call);
bool is_quantize_or_dequantize(const std::string& type);
std::optional<std::vector<Constant>> evaluate_movement(const Call& call);
bool is_movement(const std::string& type);

}  // namespace assay::quant
