#include "quant/ppq/to_graph.h"

#include <algorithm>

#include "emu/base/error.h"
#include "quant/onnx/import_onnx.h"
#include "quant/ppq/execute_operation.h"

namespace assay::ppq {
namespace {

std::vector<std::string> names_of(const Network& network, const std::vector<VariableId>& ids) {
  std::vector<std::string> names;
  for (const VariableId id : ids) names.push_back(id == kNone ? "" : network.variable(id).name);
  return names;
}

quant::OnnxInput input_of(const Variable& variable) {
  return {variable.name, true, "tensor(float)", variable.shape, std::vector<std::string>(variable.shape.size())};
}

// nullopt where the configuration has no scale that is used.
std::optional<quant::StatedScale> stated(const Network& network, ConfigId id) {
  const Configuration& own = network.configurations[id];
  const ScaleOffset& found = network.configurations.scale(id);
  if (own.state == State::fp32 || !found.set() || own.policy.floating) return std::nullopt;
  // Offsets are counted from the word 0 of PPQ's, targets count from the lowest word. A symmetric slot's 0 is the middle word of a target that has offsets.
  const int64_t middle = int64_t{1} << (own.bits - 1);
  const int64_t offset = own.policy.asymmetric ? static_cast<int64_t>(found.offset[0]) - own.quant_min : middle;
  return quant::StatedScale{found.scale, offset, "PPQ: " + own.observer + ", " + std::string(to_string(own.state))};
}

std::optional<quant::StatedScale> of_activation(const Network& network, const Variable& variable) {
  if (variable.producer != kNone && network.operation(variable.producer).quantized) {
    const Operation& producer = network.operation(variable.producer);
    for (size_t i = 0; i < producer.outputs.size(); ++i) {
      if (producer.outputs[i] == kNone || network.variable(producer.outputs[i]).name != variable.name) continue;
      if (auto scale = stated(network, producer.output_configs[i])) return scale;
    }
  }
  for (const Reader& reader : variable.readers) {
    const Operation& operation = network.operation(reader.operation);
    if (!operation.quantized) continue;
    if (auto scale = stated(network, operation.input_configs[reader.input])) return scale;
  }
  return std::nullopt;
}

bool is_weighted(const quant::Operator& op) {
  return std::holds_alternative<quant::Conv>(op) || std::holds_alternative<quant::ConvTranspose>(op) || std::holds_alternative<quant::MatMul>(op);
}

bool transposed(const Operation& operation) {
  const auto found = operation.attributes.find("transB");
  return found != operation.attributes.end() && std::get_if<int64_t>(&found->second) != nullptr && std::get<int64_t>(found->second) != 0;
}

// PPQ's one scale per row of a Gemm's or MatMul's weight [K, N] is one per input channel, and no chip has multipliers there.
bool along_inputs(const Network& network, const Operation& operation, ConfigId id) {
  const Configuration& own = network.configurations[id];
  return own.policy.per_channel && own.channel_axis == 0 && (operation.type == "MatMul" || (operation.type == "Gemm" && !transposed(operation)));
}

}  // namespace

quant::Graph to_graph(const Network& network) {
  quant::OnnxModel model;
  model.path = model.name = network.name;
  model.opset = network.opset;
  for (const VariableId id : network.inputs) model.inputs.push_back(input_of(network.variable(id)));
  for (const VariableId id : network.outputs) model.outputs.push_back(network.variable(id).name);
  for (const OperationId id : execution_order(network)) {
    const Operation& operation = network.operation(id);
    model.nodes.push_back(node_as_read(operation, network.opset, names_of(network, operation.inputs), names_of(network, operation.outputs)));
    for (const VariableId input : operation.inputs) {
      if (input != kNone && network.variable(input).value) model.initializers[network.variable(input).name] = network.variable(input).value;
    }
  }
  return quant::import_model(std::move(model));
}

std::map<std::string, quant::StatedScale> stated_scales(const Network& network, const quant::Graph& graph) {
  std::map<std::string, quant::StatedScale> all;
  for (const Variable& variable : network.variables) {
    if (variable.is_parameter) continue;
    if (auto scale = of_activation(network, variable)) all[variable.name] = std::move(*scale);
  }
  for (const quant::Node& node : graph.nodes) {
    const auto id = network.find_operation(node.name);
    if (!id || !network.operation(*id).quantized) continue;
    const Operation& operation = network.operation(*id);
    if (operation.type == "Div" && std::holds_alternative<quant::Binary>(node.op)) continue;  // its constant is now the reciprocal, which the scale of the divisor does not fit
    for (size_t i = 1; i < node.inputs.size() && i < operation.input_configs.size(); ++i) {
      const bool is_bias = i == 2 && is_weighted(node.op);
      if (!graph.is_constant(node.inputs[i]) || is_bias || (i == 1 && along_inputs(network, operation, operation.input_configs[i]))) continue;
      if (auto scale = stated(network, operation.input_configs[i])) all[graph.value(node.inputs[i]).name] = std::move(*scale);
    }
  }
  return all;
}

std::vector<std::string> weights_along_inputs(const Network& network) {
  std::vector<std::string> names;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (operation.quantized && operation.input_configs.size() > 1 && operation.inputs[1] != kNone && network.variable(operation.inputs[1]).is_parameter &&
        stated(network, operation.input_configs[1]) && along_inputs(network, operation, operation.input_configs[1]))
      names.push_back(network.variable(operation.inputs[1]).name);
  }
  return names;
}

}  // namespace assay::ppq
