#include "tests/ppq/export/files.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "quant/export/export.h"
#include "quant/onnx/model.h"
#include "vectors/npy.h"

namespace assay::ppq::test {

std::string read_bytes(const std::string& path) {
  return vectors::read_file(path);
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "assay-ppq-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}
Folder::~Folder() {
  std::filesystem::remove_all(path_);
}
std::string Folder::write(const std::string& name, const std::string& bytes) const {
  std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
  return path_ + "/" + name;
}

namespace {

std::map<std::string, ScaleOffset> last_scales(const RecordedRun& run) {
  std::map<std::string, ScaleOffset> scales;
  for (const auto& operation : nlohmann::json::parse(read_bytes(run.folder() + "tqc.json"))) {
    for (const char* side : {"inputs", "outputs"}) {
      for (const auto& slot : operation.at(side)) {
        if (!slot.contains("scale") || slot.at("scale").is_null()) continue;
        const bool per_channel = !slot.at("scale").at("shape").empty();
        scales[slot.at("id")] = {slot.at("scale").at("value").get<std::vector<float>>(), slot.at("offset").at("value").get<std::vector<float>>(), per_channel};
      }
    }
  }
  return scales;
}

}  // namespace

Network as_exported(const RecordedRun& run) {
  static std::map<std::string, Network> read;
  const auto known = read.find(run.folder());
  if (known != read.end()) return known->second;
  Network network = run.after("ParameterBakingPass");
  network.name = "cnn_core", network.opset = 11;
  const std::map<std::string, ConfigId> slots = run.slots();
  // The trace keeps four entries of long lists, the last configurations keep all.
  for (const auto& [slot, scale] : last_scales(run)) {
    const ConfigId id = slots.at(slot);
    if (network.configurations.root(id) == id) network.configurations.restore(id, network.configurations[id].state, id, scale);
  }
  for (const VariableId input : network.inputs) network.variable(input).shape = {1, 3, 32, 32};
  for (const VariableId output : network.outputs) network.variable(output).shape = {1, 10};
  read[run.folder()] = network;
  return network;
}

std::string exported(const RecordedRun& run, const std::string& exporter, const std::string& suffix) {
  for (const ExportedFile& file : export_network(as_exported(run), exporter).files) {
    if (file.suffix == suffix) return file.bytes;
  }
  throw std::runtime_error(exporter + " writes no " + suffix);
}

std::string without_hashes(const std::string& text) {
  static const std::regex kHash("(\"hash\": |\"dominator\": |^        \")(\\d+)(\": \\{)?");
  std::map<std::string, size_t> numbers;
  std::istringstream lines(text);
  std::string changed, line;
  while (std::getline(lines, line)) {
    std::smatch found;
    if (std::regex_search(line, found, kHash)) {
      const size_t number = numbers.emplace(found[2], numbers.size()).first->second;
      line = found.prefix().str() + found[1].str() + "#" + std::to_string(number) + found[3].str() + found.suffix().str();
    }
    changed += line + "\n";
  }
  return changed;
}

namespace {

std::string described(const quant::Constant& value) {
  std::string text = std::to_string(static_cast<int>(value.kind)) + (value.type ? (value.type->is_signed ? " s" : " u") + std::to_string(value.type->bits) : "") + " [";
  for (const int64_t extent : value.shape) text += std::to_string(extent) + " ";
  text += "]";
  for (const float real : value.reals) text += " " + std::to_string(std::bit_cast<uint32_t>(real));
  for (const int64_t integer : value.integers) text += " " + std::to_string(integer);
  return text;
}

std::string described(const quant::Attribute& value) {
  std::string text = std::to_string(value.index()) + " ";
  if (const auto* integer = std::get_if<int64_t>(&value)) text += std::to_string(*integer);
  if (const auto* real = std::get_if<float>(&value)) text += std::to_string(std::bit_cast<uint32_t>(*real));
  if (const auto* string = std::get_if<std::string>(&value)) text += *string;
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    for (const int64_t entry : *list) text += std::to_string(entry) + " ";
  }
  if (const auto* list = std::get_if<std::vector<float>>(&value)) {
    for (const float entry : *list) text += std::to_string(std::bit_cast<uint32_t>(entry)) + " ";
  }
  if (const auto* tensor = std::get_if<quant::ConstantPtr>(&value)) text += described(**tensor);
  return text;
}

std::string described(const quant::OnnxNode& node) {
  std::string text = node.name + " " + node.full_type() + " (";
  for (const std::string& input : node.inputs) text += input + " ";
  text += ") -> ";
  for (const std::string& output : node.outputs) text += output + " ";
  for (const auto& [key, value] : node.attributes) text += key + "=" + described(value) + " ";
  return text;
}

std::vector<std::string> lines_of(const quant::OnnxModel& model, bool ordered) {
  std::vector<std::string> lines;
  for (const quant::OnnxNode& node : model.nodes) lines.push_back(described(node));
  if (!ordered) std::sort(lines.begin(), lines.end());
  for (const auto& [name, value] : model.initializers) lines.push_back("initializer " + name + " " + described(*value));
  for (const quant::OnnxInput& input : model.inputs) {
    lines.push_back("input " + input.name + " " + input.type);
    for (const int64_t extent : input.extents.value_or(std::vector<int64_t>{})) lines.back() += " " + std::to_string(extent);
  }
  for (const std::string& output : model.outputs) lines.push_back("output " + output);
  lines.push_back("opset " + std::to_string(model.opset) + ", name " + model.name);
  return lines;
}

}  // namespace

std::vector<std::string> differences_of_models(const std::string& ours, const std::string& theirs, bool ordered) {
  const auto a = lines_of(quant::load_model(ours), ordered), b = lines_of(quant::load_model(theirs), ordered);
  std::vector<std::string> found;
  for (size_t i = 0; i < std::max(a.size(), b.size()) && found.size() < 8; ++i) {
    const std::string left = i < a.size() ? a[i] : "nothing", right = i < b.size() ? b[i] : "nothing";
    if (left != right) found.push_back("ours: " + left.substr(0, 300) + "\ntheirs: " + right.substr(0, 300));
  }
  return found;
}

}  // namespace assay::ppq::test
