// JSON: keys in PPQ's order, numbers as float32 widened to double, four blanks of indentation. Where PPQ writes a hash of the process we write the configuration's number.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "emu/base/error.h"
#include "quant/export/formats.h"
#include "quant/export/view.h"

namespace assay::ppq {
namespace {

using nlohmann::ordered_json;

// As Python's json.dump(indent=4) writes it, floats included (nlohmann's shortest text is not always the nearest one).
void write_json(std::string& text, const ordered_json& tree, size_t depth) {
  if (tree.is_number_float()) {
    text += python_float(tree.get<double>());
  } else if (!tree.is_structured() || tree.empty()) {
    text += tree.dump(-1, ' ', true);
  } else {
    const std::string indent = "\n" + std::string(4 * (depth + 1), ' ');
    text += tree.is_array() ? '[' : '{';
    bool first = true;
    for (const auto& [key, value] : tree.items()) {
      text += (first ? "" : ",") + indent;
      if (tree.is_object()) text += ordered_json(key).dump(-1, ' ', true) + ": ";
      write_json(text, value, depth + 1);
      first = false;
    }
    text += "\n" + std::string(4 * depth, ' ') + (tree.is_array() ? ']' : '}');
  }
}

std::string indented(const ordered_json& tree) {
  std::string text;
  write_json(text, tree, 0);
  return text;
}

ordered_json policy_json(const Policy& policy) {
  return {{"PER_TENSOR", !policy.per_channel}, {"PER_CHANNEL", policy.per_channel}, {"LINEAR", !policy.floating},        {"FLOATING", policy.floating},
          {"SYMMETRICAL", !policy.asymmetric}, {"ASYMMETRICAL", policy.asymmetric}, {"POWER_OF_2", policy.power_of_two}, {"DYNAMIC", policy.dynamic}};
}

// A list where the scale is per channel, one number else, null where it is not set.
template <class T>
ordered_json values(const ScaleOffset& scale, const std::vector<T>& list) {
  if (!scale.set()) return nullptr;
  if (scale.per_channel || list.size() > 1) return list;
  return list[0];
}

std::vector<int64_t> integers(const std::vector<float>& offsets) {
  std::vector<int64_t> whole;
  for (const float offset : offsets) whole.push_back(static_cast<int64_t>(offset));
  return whole;
}

bool at_rest(State state) {
  return state == State::fp32 || state == State::soi || state == State::deactivated || state == State::dequantized;
}

// SNPE's, QNN's and others' rule: all but biases, and nothing may still wait for its scale.
void demand_scales(const Network& network, const char* format) {
  std::vector<std::string> waiting;
  for (const Slot& slot : slots_of(network)) {
    const State state = network.configurations[slot.config].state;
    if (state == State::initial || state == State::passive_init) waiting.push_back(name_of(network, slot) + " is " + std::string(to_string(state)) + ": calibrate first");
  }
  if (!waiting.empty()) throw Unsupported(format, waiting);
}

}  // namespace

std::string native_json(const Network& network) {
  const Configurations& all = network.configurations;
  ordered_json configs = ordered_json::object(), dispatchings = ordered_json::object(), scales = ordered_json::object();
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (!operation.quantized) continue;
    ordered_json entries = ordered_json::object();
    for (const Slot& slot : slots_of(network, id)) {
      const Configuration& of = all[slot.config];
      // By the variable's name: of a variable that the operation reads twice, the last stays.
      entries[network.variable(slot.variable).name] = {
          {"bit_width", of.bits}, {"policy", policy_json(of.policy)},  {"state", to_string(of.state)}, {"quant_min", of.quant_min}, {"quant_max", of.quant_max},
          {"hash", slot.config},  {"dominator", all.root(slot.config)}};
      if (all.root(slot.config) != slot.config || at_rest(of.state)) continue;
      const ScaleOffset& scale = all.scale(slot.config);
      scales[std::to_string(slot.config)] = {{"scale", values(scale, scale.scale)}, {"zero_point", values(scale, scale.offset)}};
    }
    configs[operation.name] = std::move(entries);
    dispatchings[operation.name] = operation.platform;
  }
  return indented({{"configs", configs}, {"dispatchings", dispatchings}, {"values", scales}});
}

std::string quant_info_json(const Network& network) {
  const Configurations& all = network.configurations;
  std::vector<std::pair<std::string, ConfigId>> chosen;
  for (const Slot& slot : slots_of(network)) {
    if (!exportable(network, slot.config) || all[slot.config].bits > 8) continue;
    const std::string& name = network.variable(slot.variable).name;
    const auto found = std::find_if(chosen.begin(), chosen.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == chosen.end()) {
      chosen.emplace_back(name, slot.config);
    } else if (all[slot.config].state != State::passive) {
      found->second = slot.config;
    }
  }
  ordered_json info = ordered_json::object(), operations = ordered_json::object();
  for (const auto& [name, config] : chosen) {
    const Configuration& of = all[config];
    const ScaleOffset& scale = all.scale(config);
    const Range range = range_of(network, config);
    info[name] = {{"bit_width", of.bits},
                  {"per_channel", of.policy.per_channel},
                  {"quant_flag", true},
                  {"sym", !of.policy.asymmetric},
                  {"scale", values(scale, scale.scale)},
                  {"zero_point", values(scale, integers(scale.offset))},
                  {"tensor_min", values(scale, range.min)},
                  {"tensor_max", values(scale, range.max)},
                  {"q_min", of.quant_min},
                  {"q_max", of.quant_max},
                  {"hash", config},
                  {"dominator", all.root(config)}};
  }
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (operation.quantized) operations[operation.name] = {{"data_type", "INT8"}};
  }
  return indented({{"quant_info", info}, {"op_info", operations}});
}

std::string encodings_json(const Network& network) {
  demand_scales(network, "encodings");
  const Configurations& all = network.configurations;
  ordered_json activations = ordered_json::object(), parameters = ordered_json::object();
  for (const OperationId id : execution_order(network)) {
    const std::string& type = network.operation(id).type;
    for (const Slot& slot : slots_of(network, id)) {
      const Configuration& of = all[slot.config];
      const Variable& variable = network.variable(slot.variable);
      if (of.visibility == Visibility::internal || at_rest(of.state) || of.bits > 8) continue;
      if (of.state == State::passive && activations.contains(variable.name)) continue;
      float scale = tensor_scale(network, slot, "encodings");
      const float offset = tensor_offset(network, slot, "encodings");
      // What PPQ does to outputs whose values stay within 0 and 1.
      const bool unit = slot.output && (type == "Softmax" || type == "Sigmoid") && all.root(slot.config) == slot.config;
      if (unit) scale = std::min(scale, 1.0F / static_cast<float>(of.quant_max - of.quant_min));
      const float min = scale * (static_cast<float>(of.quant_min) - offset), max = scale * (static_cast<float>(of.quant_max) - offset);
      ordered_json& encodings = variable.is_parameter ? parameters : activations;
      const ordered_json encoding = {{"bitwidth", of.bits}, {"max", max}, {"min", min}, {"offset", static_cast<int64_t>(offset)}, {"scale", scale}};
      encodings[variable.name] = ordered_json::array({encoding});
    }
  }
  return indented({{"activation_encodings", activations}, {"param_encodings", parameters}});
}

std::string ranges_json(const Network& network) {
  demand_scales(network, "ranges of tensors");
  const Configurations& all = network.configurations;
  ordered_json ranges = ordered_json::object();
  for (const Slot& slot : slots_of(network)) {
    const Configuration& of = all[slot.config];
    const std::string& name = network.variable(slot.variable).name;
    if (at_rest(of.state) || of.bits > 8 || (of.state == State::passive && ranges.contains(name))) continue;
    tensor_scale(network, slot, "ranges of tensors");
    const Range range = range_of(network, slot.config);
    ranges[name] = {{"tensor_min", range.min[0]}, {"tensor_max", range.max[0]}};
  }
  return indented(ranges);
}

std::string activations_json(const Network& network) {
  static const std::set<std::string> kSkipped = {"Gather", "Unsqueeze", "Concat", "Reshape", "Squeeze"};
  ordered_json activations = ordered_json::object();
  for (const OperationId id : execution_order(network)) {
    if (kSkipped.count(network.operation(id).type) != 0) continue;
    for (const Slot& slot : slots_of(network, id)) {
      const Configuration& of = network.configurations[slot.config];
      const bool plain = !of.policy.per_channel && !of.policy.asymmetric && of.bits == 8 && of.quant_min == -128 && of.quant_max == 127;
      if (!plain || network.variable(slot.variable).is_parameter || !exportable(network, slot.config, true)) continue;
      activations[network.variable(slot.variable).name] = static_cast<double>(tensor_scale(network, slot, "ranges of activations")) * 127;
    }
  }
  return indented({{"act_quant_info", activations}});
}

std::string tensor_scales_json(const Network& network) {
  const char* const format = "scales of operations";
  ordered_json made = ordered_json::object();
  ordered_json shape = ordered_json::object();
  for (const VariableId input : network.inputs) {
    const Variable& variable = network.variable(input);
    if (variable.shape.size() != 4) throw Unsupported(format, {"graph input '" + variable.name + "' must have four known extents (batch, channels, height, width)"});
    shape = {{"channels", variable.shape[1]}, {"height", variable.shape[2]}, {"width", variable.shape[3]}};
  }
  made["shape"] = shape;
  for (const OperationId id : execution_order(network)) {
    const Operation& operation = network.operation(id);
    const bool is_conv = operation.type == "Conv", is_add = operation.type == "Add";
    if (!is_conv && !is_add) continue;
    std::vector<Slot> slots;
    for (const Slot& slot : slots_of(network, id)) {
      if (!network.variable(slot.variable).is_parameter && exportable(network, slot.config, true)) slots.push_back(slot);
    }
    const size_t wanted = is_conv ? 2 : 3;
    if (slots.size() < wanted) throw Unsupported(format, {operation.name + " (" + operation.type + ") must have quantized inputs and a quantized output: the format has no other"});
    const std::string base = network.variable(slots[wanted - 1].variable).name;
    if (is_conv) made[base + " input_tensor_0"] = tensor_scale(network, slots[0], format);
    // Of an Add, PPQ writes its second input's scale here (ppq.md 9.16).
    made[base + " output_tensor_0"] = tensor_scale(network, slots[1], format);
  }
  return indented(made);
}

}  // namespace assay::ppq
