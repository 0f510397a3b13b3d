#include "quant/ppq/quantizer.h"

#include <algorithm>

#include "emu/base/error.h"
#include "quant/ppq/sockets.h"

namespace assay::ppq {
namespace {

bool all_are(const Operation& operation, const std::string& key, int64_t wanted) {
  const auto found = operation.attributes.find(key);
  if (found == operation.attributes.end()) return true;
  const auto* values = std::get_if<std::vector<int64_t>>(&found->second);
  return values != nullptr && std::all_of(values->begin(), values->end(), [&](int64_t value) { return value == wanted; });
}

bool has_windows_3x3(const Network& network, const Operation& operation) {
  const auto group = operation.attributes.find("group");
  const int64_t* groups = group == operation.attributes.end() ? nullptr : std::get_if<int64_t>(&group->second);
  if ((groups != nullptr && *groups != 1) || !all_are(operation, "dilations", 1) || !all_are(operation, "strides", 1)) return false;
  if (operation.has("kernel_shape")) return all_are(operation, "kernel_shape", 3);
  const Variable& weight = network.variable(operation.inputs.at(1));
  return weight.value != nullptr && weight.value->shape.size() > 2 &&
         std::all_of(weight.value->shape.begin() + 2, weight.value->shape.end(), [](int64_t extent) { return extent == 3; });
}

bool applies(const Network& network, const Operation& operation, const ParameterRule& rule) {
  if (std::find(rule.types.begin(), rule.types.end(), operation.type) == rule.types.end() || rule.input >= operation.inputs.size()) return false;
  if (rule.exact_inputs && operation.inputs.size() != *rule.exact_inputs) return false;
  if (rule.least_inputs && operation.inputs.size() < *rule.least_inputs) return false;
  const VariableId variable = operation.inputs[rule.input];
  if (rule.constant && (variable == kNone || !network.variable(variable).is_parameter)) return false;
  return !rule.windows_3x3 || (variable != kNone && has_windows_3x3(network, operation));
}

void configure(Network& network, OperationId id, const Platform& platform) {
  Operation& operation = network.operation(id);
  const Socket socket = socket_of(operation);
  std::vector<Configuration> inputs(operation.inputs.size(), platform.activation), outputs(operation.outputs.size(), platform.activation);
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i].state = socket.inputs[i] == Flow::value ? State::initial : State::fp32;
  const bool keeps_outputs = platform.inputs_only && is_computing(operation.type);
  for (size_t o = 0; o < outputs.size(); ++o) outputs[o].state = socket.outputs[o] == Flow::value && !keeps_outputs ? State::initial : State::fp32;
  for (const ParameterRule& rule : platform.parameters) {
    if (!applies(network, operation, rule)) continue;
    const State of_slot = inputs[rule.input].state;
    inputs[rule.input] = rule.configuration;
    if (rule.configuration.state == State::initial) inputs[rule.input].state = of_slot;
  }
  for (Configuration& made : inputs) operation.input_configs.push_back(network.configurations.add(std::move(made)));
  for (Configuration& made : outputs) operation.output_configs.push_back(network.configurations.add(std::move(made)));
  operation.quantized = true;
  for (const VariableId input : operation.inputs) {
    if (input == kNone || !network.variable(input).is_parameter) continue;
    if (network.variable(input).fp32 == nullptr) network.variable(input).fp32 = network.variable(input).value;
  }
}

}  // namespace

void create_configurations(Network& network, const Platform& platform) {
  for (const OperationId id : network.order) {
    Operation& operation = network.operation(id);
    ASSAY_ASSERT(!operation.quantized);
    if (operation.platform == "UNSPECIFIED") operation.platform = platform.quantized_types.count(operation.type) != 0 ? platform.operation_platform : "FP32";
    if (operation.platform != "FP32" && operation.platform != "SOI") configure(network, id, platform);
  }
}

}  // namespace assay::ppq
