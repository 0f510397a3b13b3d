// The formats, one function each; export.cc calls them on a copy made by copied_for_export().
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/network.h"

namespace assay::ppq {

// An ONNX file. Initializers and value types are the variables' constants as they are now; attributes are the operations'.
struct OnnxForm {
  int64_t ir_version = 7;
  int64_t opset = 0;
  const char* producer = "PPL Quantization Tool";
  bool sorted = true;  // in execution order; else as in PPQ's dictionary
  // Scalars that are initializers and graph inputs as well (<variable>_min, <variable>_max).
  std::vector<std::pair<std::string, float>> scalars{};
};
std::string onnx_bytes(const Network& network, const OnnxForm& form);
std::string range_onnx_bytes(const Network& network);  // NXP's

// Puts QuantizeLinear and DequantizeLinear around the quantized slots (ppq.md 4.3, "ORT QDQ"); parameters become integers. `axis_always`: per-tensor pairs get axis 0 (OpenVINO).
Network with_quantize_nodes(Network network, bool axis_always, std::vector<std::string>& warnings);

std::string native_json(const Network& network);
std::string quant_info_json(const Network& network);      // PPL CUDA
std::string encodings_json(const Network& network);       // QNN, AIMET
std::string ranges_json(const Network& network);          // SNPE
std::string activations_json(const Network& network);     // TensorRT
std::string tensor_scales_json(const Network& network);   // MNN
std::string scale_lines(const Network& network);          // Tengine
std::string calibration_table(const Network& network);    // ncnn
std::string calibration_records(const Network& network);  // Ascend
std::string parameter_lines(const Network& network);      // TensorRT's weights

// Caffe's text: without ranges, dilations and rounding of pools' extents (SNPE); with the ranges of weights and activations (PPL DSP); with those of activations and of the
// channels of products' outputs (PPL DSP on TI).
enum class CaffeForm : uint8_t { bare, ranges, channels };
std::string caffe_text(const Network& network, CaffeForm form);

}  // namespace assay::ppq
