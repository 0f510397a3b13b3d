#include "tests/ppq/recorded.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "vectors/npy.h"

namespace assay::ppq::test {
namespace {

using nlohmann::json;

const std::string kRuns = std::string(ASSAY_SHARED_DIR) + "/ppq/runs/";

json read_json(const std::string& path) {
  return json::parse(vectors::read_file(path));
}

quant::Attribute attribute_of(const json& value) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<float>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array() && !value.empty() && value[0].is_number_float()) return value.get<std::vector<float>>();
  if (value.is_array() && (value.empty() || value[0].is_number_integer())) return value.get<std::vector<int64_t>>();
  return std::monostate{};
}

Configuration configuration_of(const json& entry) {
  Configuration made;
  const uint32_t bits = entry.at("policy").at("value");
  made.policy = {(bits & 2U) != 0, (bits & 8U) != 0, (bits & 32U) != 0, (bits & 64U) != 0, (bits & 128U) != 0};
  made.bits = entry.at("bits");
  made.exponent_bits = entry.at("exponent_bits");
  made.quant_min = entry.at("qmin").get<int64_t>();
  made.quant_max = entry.at("qmax").get<int64_t>();
  made.observer = entry.at("observer");
  if (!entry.at("channel_axis").is_null()) made.channel_axis = entry.at("channel_axis").get<int64_t>();
  made.visibility = entry.at("visibility") == "INTERNAL" ? Visibility::internal : Visibility::export_when_active;
  return made;
}

// A list of numbers or null; per channel where the configuration is.
ScaleOffset scale_of(const json& traced, bool per_channel) {
  if (traced.at("scale").is_null()) return {};
  return {traced.at("scale").get<std::vector<float>>(), traced.at("offset").get<std::vector<float>>(), per_channel};
}

class Builder {
 public:
  Builder(const std::string& folder, bool baked) : folder_(folder), baked_(baked) {}

  Network build(const json& operations, const json& traced) {
    for (const json& operation : operations) add(operation);
    for (const auto& [slot, id] : slots) restore(slot, id, traced.at(slot));
    const json dispatch = read_json(folder_ + "dispatch.json");
    for (const json& name : dispatch.at("graph_inputs")) network_.inputs.push_back(variable(name));
    for (const json& name : dispatch.at("graph_outputs")) network_.outputs.push_back(variable(name));
    return std::move(network_);
  }

  std::map<std::string, ConfigId> slots;

 private:
  VariableId variable(const std::string& name) {
    if (const auto found = network_.find_variable(name)) return *found;
    return network_.add_variable(name);
  }

  void add(const json& recorded) {
    Operation made;
    made.name = recorded.at("name"), made.type = recorded.at("type"), made.platform = recorded.at("platform");
    made.quantized = recorded.at("quantized");
    for (const auto& [key, value] : recorded.at("attributes").items()) made.attributes[key] = attribute_of(value);
    add_slots(recorded, "inputs", made.inputs, made.quantized ? &made.input_configs : nullptr);
    add_slots(recorded, "outputs", made.outputs, made.quantized ? &made.output_configs : nullptr);
    for (size_t i = 0; i < made.inputs.size(); ++i) load_parameter(made, i, recorded.at("inputs")[i]);
    network_.add_operation(std::move(made));
  }

  void add_slots(const json& recorded, const char* side, std::vector<VariableId>& variables, std::vector<ConfigId>* configurations) {
    for (const json& entry : recorded.at(side)) {
      variables.push_back(entry.is_null() || entry.at("var").get<std::string>().empty() ? kNone : variable(entry.at("var")));
      if (configurations == nullptr) continue;
      configurations->push_back(network_.configurations.add(configuration_of(entry)));
      slots[entry.at("id")] = configurations->back();
      if (!entry.at("scale").is_null())
        last_scales_[entry.at("id")] = {entry.at("scale").at("value").get<std::vector<float>>(), entry.at("offset").at("value").get<std::vector<float>>(), true};
    }
  }

  void load_parameter(const Operation& operation, size_t input, const json& entry) {
    if (entry.is_null() || !entry.value("is_parameter", false)) return;
    Variable& parameter = network_.variable(operation.inputs[input]);
    parameter.is_parameter = true;
    std::string file = operation.name;
    std::replace_if(
        file.begin(), file.end(), [](unsigned char c) { return std::isalnum(c) == 0 && std::string("._-").find(static_cast<char>(c)) == std::string::npos; }, '_');
    file = folder_ + "params/" + file + "_in" + std::to_string(input);
    const auto load = [&](const std::string& path) -> std::shared_ptr<const quant::Constant> {
      if (!std::filesystem::exists(path)) return nullptr;
      quant::FloatTensor tensor = read_tensor(path);
      return std::make_shared<const quant::Constant>(quant::Constant::of_reals(std::move(tensor.shape), std::move(tensor.data)));
    };
    parameter.fp32 = load(file + ".fp32.npy");
    parameter.value = baked_ ? load(file + ".baked.npy") : parameter.fp32;
  }

  void restore(const std::string& slot, ConfigId id, const json& traced) {
    const Policy policy = network_.configurations[id].policy;
    network_.configurations[id].rounding = parse_rounding(traced.at("rounding").get<std::string>()).value();
    const ConfigId dominator = traced.at("dom").is_null() ? id : slots.at(traced.at("dom"));
    ScaleOffset scale = dominator == id ? scale_of(traced, policy.per_channel) : ScaleOffset{};
    // The trace has the first four channels only. Scales per channel do not change after they were made, so the last record has the others.
    if (const auto last = last_scales_.find(slot); policy.per_channel && scale.scale.size() == 4 && last != last_scales_.end()) {
      const ScaleOffset& full = last->second;
      if (full.scale.size() > 4 && std::equal(scale.scale.begin(), scale.scale.end(), full.scale.begin())) scale = full;
    }
    network_.configurations.restore(id, parse_state(traced.at("state").get<std::string>()).value(), dominator, std::move(scale));
  }

  std::string folder_;
  bool baked_;
  std::map<std::string, ScaleOffset> last_scales_;
  Network network_;
};

std::string hex(const std::vector<float>& values) {
  std::string text;
  for (const float value : values) text += (text.empty() ? "" : " ") + std::to_string(value) + "/" + std::to_string(std::bit_cast<uint32_t>(value));
  return text.substr(0, 200);
}

}  // namespace

RecordedRun::RecordedRun(std::string model, std::string platform) : model_(std::move(model)), platform_(std::move(platform)) {}
bool RecordedRun::exists() const {
  return std::filesystem::exists(folder() + "trace.json");
}
std::string RecordedRun::missing() const {
  return "recorded run is not here: " + folder();
}
std::string RecordedRun::folder() const {
  return kRuns + model_ + "/" + platform_ + "/";
}
std::string RecordedRun::model_folder() const {
  return kRuns + model_ + "/";
}

std::vector<std::string> RecordedRun::passes() const {
  std::vector<std::string> names;
  for (const json& pass : read_json(folder() + "trace.json")) names.push_back(pass.at("after"));
  return names;
}

Network RecordedRun::after(const std::string& pass) const {
  bool baked = false;
  for (const json& entry : read_json(folder() + "trace.json")) {
    baked = baked || entry.at("after") == "ParameterBakingPass";
    if (entry.at("after") == pass) return Builder(folder(), baked).build(read_json(folder() + "tqc.json"), entry.at("configs"));
  }
  throw std::runtime_error(folder() + "trace.json has no pass " + pass);
}

std::map<std::string, ConfigId> RecordedRun::slots() const {
  Builder builder(folder(), false);
  builder.build(read_json(folder() + "tqc.json"), read_json(folder() + "trace.json").at(0).at("configs"));
  return builder.slots;
}

std::vector<std::string> differences(const Network& ours, const Network& wanted, const std::map<std::string, ConfigId>& slots, bool scales) {
  std::map<ConfigId, std::string> names;
  for (const auto& [slot, id] : slots) names[id] = slot;
  std::vector<std::string> found;
  for (const auto& [slot, id] : slots) {
    const Configuration &a = ours.configurations[id], &b = wanted.configurations[id];
    const auto differ = [&](const std::string& what, const std::string& is, const std::string& should) {
      if (is != should) found.push_back(slot + ": " + what + " " + is + ", not " + should);
    };
    differ("state", std::string(to_string(a.state)), std::string(to_string(b.state)));
    differ("rounding", std::string(to_string(a.rounding)), std::string(to_string(b.rounding)));
    differ("dominator", names.at(ours.configurations.root(id)), names.at(wanted.configurations.root(id)));
    if (!scales) continue;
    differ("scale", hex(ours.configurations.scale(id).scale), hex(wanted.configurations.scale(id).scale));
    differ("offset", hex(ours.configurations.scale(id).offset), hex(wanted.configurations.scale(id).offset));
  }
  return found;
}

std::vector<std::string> npy_files(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".npy") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

quant::FloatTensor read_tensor(const std::string& path) {
  std::string bytes = vectors::read_file(path);
  const std::string fortran = "'fortran_order': True", shape_key = "'shape': (";
  const size_t order = bytes.find(fortran);
  vectors::FloatTensor read;
  if (order == std::string::npos || order > 128 || bytes.find("<f4") > order) {
    read = vectors::read_npy_float(path);
    return {std::move(read.shape), std::move(read.data)};
  }
  // A few were recorded from transposed views; the product's reader refuses them.
  Shape shape;
  for (size_t at = bytes.find(shape_key) + shape_key.size(); std::isdigit(static_cast<unsigned char>(bytes.at(at))) != 0;
       at = bytes.find_first_not_of(", ", bytes.find_first_of(",)", at))) {
    shape.push_back(std::stoll(bytes.substr(at)));
    if (bytes[bytes.find_first_of(",)", at)] == ')') break;
  }
  quant::FloatTensor tensor(shape);
  const size_t data = bytes.size() - tensor.size() * sizeof(float);
  std::vector<size_t> steps;  // of the file, in elements, per axis
  size_t step = 1;
  for (const int64_t extent : shape) steps.push_back(step), step *= static_cast<size_t>(extent);
  for (size_t i = 0; i < tensor.size(); ++i) {
    size_t rest = i, from = 0;
    for (size_t axis = shape.size(); axis-- > 0; rest /= static_cast<size_t>(shape[axis])) from += rest % static_cast<size_t>(shape[axis]) * steps[axis];
    std::memcpy(&tensor.data[i], &bytes[data + from * sizeof(float)], sizeof(float));
  }
  return tensor;
}

std::vector<std::string> recorded_platforms(const std::string& model) {
  std::vector<std::string> names;
  if (!std::filesystem::exists(kRuns + model)) return names;
  for (const auto& entry : std::filesystem::directory_iterator(kRuns + model)) {
    if (std::filesystem::exists(entry.path() / "trace.json")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace assay::ppq::test
