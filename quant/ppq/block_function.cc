#include "quant/ppq/block_function.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/execute/products.h"

namespace assay::ppq {
namespace {

FloatTensor real_tensor(const quant::Constant& constant) {
  FloatTensor tensor(constant.shape);
  for (size_t i = 0; i < tensor.size(); ++i) tensor.data[i] = constant.real(i);
  return tensor;
}

void add_to(FloatTensor& sum, FloatTensor more) {
  if (sum.shape.empty() && sum.data.empty()) {
    sum = std::move(more);
  } else {
    for (size_t i = 0; i < sum.size(); ++i) sum.data[i] += more.data[i];
  }
}

}  // namespace

bool is_trainable_scale(const Configurations& configurations, ConfigId id) {
  const Configuration& configuration = configurations[id];
  const Policy& policy = configuration.policy;
  return configuration.state == State::activated && configurations.is_root(id) && !policy.power_of_two && !policy.floating && !policy.dynamic && configuration.quant_max > 0;
}

BlockFunction::BlockFunction(const Network& network, const Block& block, const Facts& facts, Executor::Mode mode) : network_(network) {
  for (const OperationId id : block.operations) add(id, facts, mode);
  outputs_ = network.operation(block.last).outputs;
}

std::vector<BlockFunction::Rule> BlockFunction::rules(const std::vector<ConfigId>& ids, size_t slots, bool quantized) {
  std::vector<Rule> found(slots);
  if (!quantized) return found;
  ASSAY_ASSERT(ids.size() == slots);
  for (size_t i = 0; i < slots; ++i) {
    const Configuration& configuration = network_.configurations[ids[i]];
    if (!quantizes(configuration.state)) continue;
    const ConfigId root = network_.configurations.root(ids[i]);
    const ScaleOffset& scale = network_.configurations.scale(root);
    if (!scale.set()) throw InputError("a configuration in state " + std::string(to_string(configuration.state)) + " has no scale");
    found[i] = {root, &configuration, root == ids[i]};
    scales[root] = scale;
  }
  return found;
}

void BlockFunction::add(OperationId id, const Facts& facts, Executor::Mode mode) {
  const Operation& operation = network_.operation(id);
  const size_t slots = operation.inputs.size();
  const bool quantized = operation.quantized && mode == Executor::Mode::quantized;
  Node node;
  node.id = id;
  node.input_rules = rules(operation.input_configs, slots, quantized);
  node.output_rules = rules(operation.output_configs, operation.outputs.size(), quantized);
  node.constants.resize(slots), node.parameter.assign(slots, -1), node.is_constant.assign(slots, 0), node.inner.assign(slots, 0);
  std::vector<KernelInput> inputs(slots);
  Tensors values(slots);
  for (size_t i = 0; i < slots; ++i) {
    if (operation.inputs[i] == kNone) continue;
    const Variable& variable = network_.variable(operation.inputs[i]);
    auto constant = variable.is_parameter ? (mode == Executor::Mode::fp32 && variable.fp32 ? variable.fp32 : variable.value) : facts.known[operation.inputs[i]];
    inputs[i] = {true, constant ? constant->shape : facts.shapes[operation.inputs[i]], constant};
    if (!constant) continue;
    node.is_constant[i] = 1;
    values[i] = real_tensor(*constant);
    node.constants[i] = values[i];
    if (!node.input_rules[i]) continue;
    fake_quantize(node.constants[i], *node.input_rules[i].configuration, scales.at(node.input_rules[i].root));
    inputs[i].constant = std::make_shared<const quant::Constant>(quant::Constant::of_reals(node.constants[i].shape, node.constants[i].data));
  }
  node.function = make_differentiable(operation, network_.opset, inputs);
  for (size_t i = 0; i < slots; ++i) {
    const VariableId read = operation.inputs[i];
    if (read == kNone) continue;
    if (node.is_constant[i] != 0) {
      if (!node.function->takes_parameter(i) || !network_.variable(read).is_parameter) continue;
      node.parameter[i] = static_cast<int>(parameters.size());
      const ConfigId configuration = node.input_rules[i] ? operation.input_configs[i] : kNone;
      parameters.push_back({id, i, read, configuration, std::move(values[i]), std::move(node.constants[i])});
      continue;
    }
    const bool inner = std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& other) { return other.id == network_.variable(read).producer; });
    node.inner[i] = inner ? 1 : 0;
    if (!inner && std::find(inputs_.begin(), inputs_.end(), read) == inputs_.end()) inputs_.push_back(read);
    if (node.input_rules[i] && node.input_rules[i].own && is_trainable_scale(network_.configurations, node.input_rules[i].root))
      activation_scales_.push_back(node.input_rules[i].root);
  }
  for (const Rule& rule : node.output_rules) {
    if (rule && rule.own && is_trainable_scale(network_.configurations, rule.root)) activation_scales_.push_back(rule.root);
  }
  nodes_.push_back(std::move(node));
}

void BlockFunction::quantize(Parameter& parameter) const {
  parameter.used = parameter.value;
  if (parameter.configuration != kNone) fake_quantize(parameter.used, network_.configurations[parameter.configuration], scale_of(parameter));
}

OperationId BlockFunction::without_derivative() const {
  for (const Node& node : nodes_) {
    if (!node.function->has_pull_back()) return node.id;
  }
  return kNone;
}

std::vector<const FloatTensor*> BlockFunction::values_of(const Tensors& inputs) const {
  ASSAY_ASSERT(inputs.size() == inputs_.size());
  std::vector<const FloatTensor*> values(network_.variables.size(), nullptr);
  for (size_t i = 0; i < inputs.size(); ++i) values[inputs_[i]] = &inputs[i];
  return values;
}

TensorPointers BlockFunction::operands(const Node& node, const Step& step, const std::vector<const FloatTensor*>& values) const {
  const Operation& operation = network_.operation(node.id);
  TensorPointers found(operation.inputs.size(), nullptr);
  for (size_t i = 0; i < found.size(); ++i) {
    if (operation.inputs[i] == kNone) continue;
    if (node.parameter[i] >= 0) {
      found[i] = &parameters[static_cast<size_t>(node.parameter[i])].used;
    } else if (node.is_constant[i] != 0) {
      found[i] = &node.constants[i];
    } else {
      found[i] = node.input_rules[i] ? &step.quantized[i] : values[operation.inputs[i]];
    }
  }
  return found;
}

Tensors BlockFunction::run(const Tensors& inputs, Tape* tape) const {
  const quant::SingleThread single;
  Tape own;
  Tape& steps = tape != nullptr ? *tape : own;
  steps.assign(nodes_.size(), {});
  std::vector<const FloatTensor*> values = values_of(inputs);
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const Node& node = nodes_[n];
    const Operation& operation = network_.operation(node.id);
    Step& step = steps[n];
    step.quantized.resize(operation.inputs.size());
    for (size_t i = 0; i < operation.inputs.size(); ++i) {
      if (!node.input_rules[i] || node.is_constant[i] != 0 || operation.inputs[i] == kNone) continue;
      step.quantized[i] = *values[operation.inputs[i]];
      fake_quantize(step.quantized[i], *node.input_rules[i].configuration, scales.at(node.input_rules[i].root));
    }
    step.outputs = node.function->run(operands(node, step, values));
    if (tape != nullptr && std::any_of(node.output_rules.begin(), node.output_rules.end(), [](const Rule& rule) { return static_cast<bool>(rule); })) step.computed = step.outputs;
    for (size_t i = 0; i < operation.outputs.size(); ++i) {
      if (operation.outputs[i] == kNone) continue;
      if (node.output_rules[i]) fake_quantize(step.outputs[i], *node.output_rules[i].configuration, scales.at(node.output_rules[i].root));
      values[operation.outputs[i]] = &step.outputs[i];
    }
  }
  Tensors results;
  for (const VariableId output : outputs_) results.push_back(output == kNone ? FloatTensor() : *values[output]);
  return results;
}

void BlockFunction::pull_back(const Tensors& inputs, const Tape& tape, const Tensors& output_gradients, Gradients& gradients) const {
  const quant::SingleThread single;
  gradients.parameters.assign(parameters.size(), {});
  for (auto& [root, sums] : gradients.scales) sums.assign(scales.at(root).scale.size(), 0.0);
  std::vector<const FloatTensor*> values = values_of(inputs);
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const Operation& operation = network_.operation(nodes_[n].id);
    for (size_t i = 0; i < operation.outputs.size(); ++i) {
      if (operation.outputs[i] != kNone) values[operation.outputs[i]] = &tape[n].outputs[i];
    }
  }
  Tensors flowing(network_.variables.size());
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i] != kNone) flowing[outputs_[i]] = output_gradients[i];
  }
  // dL/dx of a quantized tensor; its scale's share where that scale is learned.
  const auto through = [&](const Rule& rule, const FloatTensor& x, FloatTensor& gradient) {
    const auto learned = rule.own ? gradients.scales.find(rule.root) : gradients.scales.end();
    std::vector<double> sums(learned == gradients.scales.end() ? 0 : learned->second.size(), 0.0);
    pull_back_fake_quantize(x, *rule.configuration, scales.at(rule.root), gradient, sums.empty() ? nullptr : &sums);
    const double factor = 1.0 / std::sqrt(static_cast<double>(x.size()) * static_cast<double>(rule.configuration->quant_max));
    for (size_t c = 0; c < sums.size(); ++c) learned->second[c] += sums[c] * factor;
  };
  for (size_t n = nodes_.size(); n-- > 0;) {
    const Node& node = nodes_[n];
    const Operation& operation = network_.operation(node.id);
    const Step& step = tape[n];
    const Tensors& computed = step.computed.empty() ? step.outputs : step.computed;
    TensorPointers given(operation.outputs.size(), nullptr);
    for (size_t i = 0; i < given.size(); ++i) {
      if (operation.outputs[i] == kNone || flowing[operation.outputs[i]].data.empty()) continue;
      FloatTensor& gradient = flowing[operation.outputs[i]];
      if (node.output_rules[i]) through(node.output_rules[i], computed[i], gradient);
      given[i] = &gradient;
    }
    if (std::all_of(given.begin(), given.end(), [](const FloatTensor* gradient) { return gradient == nullptr; })) continue;
    std::vector<char> wanted(operation.inputs.size(), 0);
    bool any = false;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const Rule& rule = node.input_rules[i];
      const bool by_scale = rule && rule.own && node.is_constant[i] == 0 && gradients.scales.count(rule.root) != 0;
      wanted[i] = operation.inputs[i] != kNone && (node.parameter[i] >= 0 || node.inner[i] != 0 || by_scale) ? 1 : 0;
      any = any || wanted[i] != 0;
    }
    if (!any) continue;
    Tensors made = node.function->pull_back(operands(node, step, values), computed, given, wanted);
    for (size_t i = 0; i < made.size(); ++i) {
      if (wanted[i] == 0) continue;
      if (node.parameter[i] >= 0) {
        add_to(gradients.parameters[static_cast<size_t>(node.parameter[i])], std::move(made[i]));
        continue;
      }
      if (node.input_rules[i]) through(node.input_rules[i], *values[operation.inputs[i]], made[i]);
      if (node.inner[i] != 0) add_to(flowing[operation.inputs[i]], std::move(made[i]));
    }
    for (const VariableId output : operation.outputs) {
      if (output != kNone) flowing[output] = FloatTensor();
    }
  }
}

}  // namespace assay::ppq
