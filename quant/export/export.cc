#include "quant/export/export.h"

#include <algorithm>
#include <functional>

#include "emu/base/error.h"
#include "quant/export/formats.h"
#include "quant/export/view.h"

namespace assay::ppq {
namespace {

using Writer = std::function<void(const Network&, Export&)>;

// Loading gives Clip, Pad, Slice and Resize their limits as inputs, which they have from opset 11 on; PPQ writes the old opset, and the file is not valid. Up to 12 nothing else of
// what is loaded changes.
int64_t written_opset(const Network& network) {
  constexpr int64_t kInputs = 11;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    const bool changed = operation.type == "Clip" || operation.type == "Pad" || operation.type == "Slice" || operation.type == "Resize";
    if (changed && operation.inputs.size() > 1) return std::max(network.opset, kInputs);
  }
  return network.opset;
}

std::string plain_onnx(const Network& network) {
  return onnx_bytes(network, {.opset = written_opset(network)});
}

// The model as it is and one file of quantization beside it.
Writer with_onnx(const char* suffix, std::string (*write)(const Network&)) {
  return [=](const Network& network, Export& made) { made.files = {{".onnx", plain_onnx(network)}, {suffix, write(network)}}; };
}

Writer quantize_nodes(bool axis_always) {
  return [=](const Network& network, Export& made) {
    const Network changed = with_quantize_nodes(network, axis_always, made.warnings);
    made.files = {{".onnx", onnx_bytes(changed, {.opset = 13})}, {".json", native_json(changed)}};
  };
}

Writer refused(const char* format, const char* reason) {
  return [=](const Network&, Export&) { throw Unsupported(format, {reason}); };
}

void write_engine(const Network& network, Export& made) {
  made.files = {{".onnx", plain_onnx(network)}, {".json", activations_json(network)}, {".wts", parameter_lines(network)}};
}

void write_scale_file(const Network& network, Export& made) {
  made.files = {{".onnx", plain_onnx(network)}, {".json", native_json(network)}, {".scale", scale_lines(network)}};
}

const char* const kNoBinary = "the .caffemodel is not written: it is a binary message of a schema that only PPQ's own program holds; weights are in the ONNX file of OnnxExporter";

// Ranges of tensors in a file of their own; the text where the network has one.
void write_ranges(const Network& network, Export& made) {
  made.files = {{".json", ranges_json(network)}};
  made.warnings = {kNoBinary};
  try {
    made.files.push_back({".prototxt", caffe_text(network, CaffeForm::bare)});
  } catch (const Unsupported& refused) {
    made.warnings.push_back(std::string("the .prototxt is not written: ") + refused.what());
  }
}

Writer caffe(CaffeForm form) {
  return [=](const Network& network, Export& made) {
    made.files = {{".prototxt", caffe_text(network, form)}};
    made.warnings = {kNoBinary};
  };
}

const std::map<std::string, Writer>& writers() {
  static const std::map<std::string, Writer> all = {
      {"OnnxExporter", with_onnx(".json", native_json)},
      {"NxpExporter",
       [](const Network& network, Export& made) {
         made.files = {{".onnx", range_onnx_bytes(network)}};
       }},
      {"SNPECaffeExporter", write_ranges},
      {"PPLDSPCaffeExporter", caffe(CaffeForm::ranges)},
      {"PPLDSPTICaffeExporter", caffe(CaffeForm::channels)},
      {"QNNDSPExporter", with_onnx(".json", encodings_json)},
      {"PPLBackendExporter", with_onnx(".json", quant_info_json)},
      {"TensorRTExporter_JSON", write_engine},
      {"ONNXRUNTIMExporter", quantize_nodes(false)},
      {"OpenvinoExporter", quantize_nodes(true)},
      {"NCNNExporter", with_onnx(".table", calibration_table)},
      {"MNNExporter", with_onnx(".json", tensor_scales_json)},
      {"TengineExporter", write_scale_file},
      {"AscendExporter", with_onnx(".txt", calibration_records)},
      {"ExtensionExporter",
       [](const Network&, Export& made) {
         made.files = {{".ext", ""}};
       }},
      {"NativeExporter", refused("NativeExporter", "the file is a pickle of Python objects, which only PPQ itself can read: export with OnnxExporter")},
  };
  return all;
}

}  // namespace

std::vector<std::string> exporter_names() {
  std::vector<std::string> names;
  for (const auto& [name, writer] : writers()) names.push_back(name);
  return names;
}

Export export_network(const Network& network, const std::string& exporter) {
  const auto found = writers().find(exporter);
  if (found == writers().end()) {
    std::string all;
    for (const std::string& name : exporter_names()) all += (all.empty() ? "" : ", ") + name;
    throw InputError("there is no exporter '" + exporter + "'; there are " + all);
  }
  Export made;
  found->second(copied_for_export(network), made);
  return made;
}

}  // namespace assay::ppq
