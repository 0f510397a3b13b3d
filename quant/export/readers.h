// One reader per format; import.cc chooses. Each gathers its problems in the applier.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "quant/export/apply.h"

namespace assay::ppq {

void read_native(Applier& applier, const nlohmann::json& file);
void read_quant_info(Applier& applier, const nlohmann::json& file);     // PPL CUDA
void read_encodings(Applier& applier, const nlohmann::json& file);      // QNN, AIMET
void read_ranges(Applier& applier, const nlohmann::json& file);         // SNPE
void read_activations(Applier& applier, const nlohmann::json& file);    // TensorRT
void read_tensor_scales(Applier& applier, const nlohmann::json& file);  // MNN

void read_calibration_table(Applier& applier, const std::string& text);    // ncnn
void read_scale_lines(Applier& applier, const std::string& text);          // Tengine
void read_calibration_records(Applier& applier, const std::string& text);  // Ascend

void read_onnx(Applier& applier);  // QDQ, or NXP's ranges

}  // namespace assay::ppq
