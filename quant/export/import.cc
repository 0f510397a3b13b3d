#include "quant/export/import.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "emu/base/error.h"
#include "quant/export/json_reader.h"
#include "quant/export/readers.h"

namespace assay::ppq {
namespace {

using nlohmann::json;
using JsonRead = void (*)(Applier&, const json&);
using TextRead = void (*)(Applier&, const std::string&);

struct JsonFormat {
  const char* name;
  JsonRead read;
  std::function<bool(const json&)> is;
};

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

const std::vector<JsonFormat>& json_formats() {
  static const std::vector<JsonFormat> all = {
      {"native json", read_native, [](const json& file) { return file.contains("configs") || file.contains("values"); }},
      {"quant_info json", read_quant_info, [](const json& file) { return file.contains("quant_info"); }},
      {"encodings json", read_encodings, [](const json& file) { return file.contains("activation_encodings") || file.contains("param_encodings"); }},
      {"ranges of activations", read_activations, [](const json& file) { return file.contains("act_quant_info"); }},
      {"scales of operations", read_tensor_scales,
       [](const json& file) { return std::any_of(file.items().begin(), file.items().end(), [](const auto& entry) { return ends_with(entry.key(), "_tensor_0"); }); }},
      {"ranges of tensors", read_ranges,
       [](const json& file) { return std::any_of(file.begin(), file.end(), [](const json& entry) { return entry.is_object() && entry.contains("tensor_min"); }); }},
  };
  return all;
}

// Three words a line, the last a whole number: variables with scale and zero point. Else a table of operations.
bool is_scale_file(const std::string& path, const std::string& bytes) {
  if (std::filesystem::path(path).extension() == ".scale") return true;
  const std::string line = bytes.substr(0, bytes.find('\n'));
  const auto blanks = std::count(line.begin(), line.end(), ' ');
  const size_t last = line.find_last_of(' ');
  return blanks == 2 && last + 1 < line.size() && line.find('.', last) == std::string::npos;
}

bool is_text(const std::string& bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\r' && c != '\t'; });
}

ImportReport import_text(Network& network, const std::string& path, const std::string& bytes, const char* format, TextRead read) {
  Applier applier(network, path, format);
  read(applier, bytes);
  return applier.finish(network);
}

}  // namespace

ImportReport import_quantization(Network& network, const std::string& path) {
  if (std::filesystem::path(path).extension() == ".onnx") {
    Applier applier(network, path, "ONNX");
    read_onnx(applier);
    return applier.finish(network);
  }
  const std::string bytes = read_whole(path);
  const size_t begin = bytes.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) throw InputError(path + ": is empty");
  if (bytes[begin] == '{' || bytes[begin] == '[') {
    const json file = parse_json(bytes, path);
    for (const JsonFormat& format : json_formats()) {
      if (!file.is_object() || !format.is(file)) continue;
      Applier applier(network, path, format.name);
      format.read(applier, file);
      return applier.finish(network);
    }
    throw InputError(
        path + ": is JSON, but of no known format: it must hold configs, quant_info, activation_encodings, act_quant_info, '... output_tensor_0' or tensor_min and tensor_max");
  }
  if (!is_text(bytes)) throw InputError(path + ": is neither JSON nor text; a model must be named .onnx");
  if (bytes.compare(begin, 6, "record") == 0 && bytes.find('{') != std::string::npos) return import_text(network, path, bytes, "calibration records", read_calibration_records);
  if (is_scale_file(path, bytes)) return import_text(network, path, bytes, "scale file", read_scale_lines);
  return import_text(network, path, bytes, "calibration table", read_calibration_table);
}

}  // namespace assay::ppq
