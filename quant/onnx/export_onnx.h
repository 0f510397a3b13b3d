// (Quantized) -> ONNX, for other people's runtimes; with import_onnx the only place that sees protobuf. Opset 14, and com.microsoft where ONNX has no integer operator.
//
//   qdq       every value as QuantizeLinear -> DequantizeLinear around the real operator: a runtime may fuse them to integer kernels, or compute in float32
//   qlinear   QLinearConv, QLinearMatMul and com.microsoft's QGemm, QLinearAdd, QLinearMul, QLinearConcat, QLinear*AveragePool, QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax;
//             operators that move words work on words; the rest stands between DequantizeLinear and QuantizeLinear
//
// ONNX rounds half_even and knows words of 8 bits: other roundings of activations are not written down, other types are Unsupported.
#pragma once

#include <string>
#include <vector>

#include "quant/quantized.h"

namespace assay::quant {

enum class OnnxForm : uint8_t { qdq, qlinear };

struct ExportOptions {
  OnnxForm form = OnnxForm::qdq;
  bool every_value = false;  // the words of every value are outputs too, after the model's own
};

struct ExportedOnnx {
  std::string bytes;               // of the file
  std::vector<std::string> words;  // by ValueId: the name of the tensor that holds the value's words; empty for constants
};

// Throws Unsupported with every tensor that ONNX has no form for.
ExportedOnnx export_onnx(const Quantized& quantized, const ExportOptions& options);

}  // namespace assay::quant
