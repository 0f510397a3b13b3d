#include "quant/ppq/executor.h"

#include <map>
#include <mutex>

#include "emu/base/error.h"
#include "quant/execute/products.h"
#include "quant/ppq/execute_operation.h"

namespace assay::ppq {
namespace {

using Pointers = std::vector<const FloatTensor*>;
using quant::ConstantPtr;

// How a slot is quantized at the moment; nothing where it is not.
struct Rule {
  const Configuration* configuration = nullptr;
  const ScaleOffset* scale = nullptr;
  explicit operator bool() const { return configuration != nullptr; }
};

// What a kernel's parameters were made of: another rule or value makes another kernel.
struct ParameterKey {
  const quant::Constant* value = nullptr;
  Rounding rounding = Rounding::half_even;
  int64_t low = 0, high = 0;
  ScaleOffset scale;  // not set: not quantized
  friend bool operator==(const ParameterKey&, const ParameterKey&) = default;
};

// An operation with its parameters quantized by the rules of one moment.
struct Version {
  std::vector<ParameterKey> key;
  std::vector<std::shared_ptr<const FloatTensor>> parameters;  // one per slot; null for activations
  std::unique_ptr<Kernel> kernel;
};

// All that one run of an operation needs, fixed before it begins.
struct Plan {
  std::shared_ptr<const Version> version;
  std::vector<Rule> inputs, outputs;
};

FloatTensor reals_of(const quant::Constant& constant) {
  FloatTensor tensor(constant.shape);
  for (size_t i = 0; i < tensor.size(); ++i) tensor.data[i] = constant.real(i);
  return tensor;
}

}  // namespace

struct Executor::Prepared {
  explicit Prepared(const Network& of)
      : network(of),
        known(of.variables.size()),
        shapes(of.variables.size()),
        channels_last(of.variables.size(), false),
        readers(of.variables.size(), 0),
        versions(of.operations.size()) {}

  const Network& network;
  std::vector<OperationId> order;   // those that really run: not what is known already
  std::vector<ConstantPtr> known;   // by variable: computed here once, from parameters and shapes
  std::vector<Shape> shapes;        // by variable
  std::vector<bool> channels_last;  // by variable: in PyTorch's memory
  std::vector<size_t> readers;      // by variable: slots of `order` and graph outputs
  mutable std::mutex mutex;         // of everything below, and of the roots that reading shortens
  mutable std::map<const quant::Constant*, std::shared_ptr<const FloatTensor>> tensors;
  mutable std::vector<std::vector<std::shared_ptr<const Version>>> versions;  // by operation, the newest last

  ConstantPtr constant(VariableId id, Mode mode) const {
    const Variable& variable = network.variable(id);
    if (!variable.is_parameter) return known[id];
    ConstantPtr found = mode == Mode::fp32 && variable.fp32 ? variable.fp32 : variable.value;
    if (!found) throw InputError("parameter '" + variable.name + "' has no value");
    return found;
  }

  Rule rule(ConfigId id) const {
    const Configuration& configuration = network.configurations[id];
    if (!quantizes(configuration.state)) return {};
    const ScaleOffset& scale = network.configurations.scale(id);
    if (!scale.set()) throw InputError("a configuration in state " + std::string(to_string(configuration.state)) + " has no scale");
    return {&configuration, &scale};
  }

  std::vector<Rule> rules(const Operation& operation, const std::vector<ConfigId>& ids, size_t slots, Mode mode) const {
    std::vector<Rule> found(slots);
    if (!operation.quantized || mode == Mode::fp32) return found;
    ASSAY_ASSERT(ids.size() == slots);
    for (size_t i = 0; i < slots; ++i) found[i] = rule(ids[i]);
    return found;
  }

  // With the lock held.
  std::shared_ptr<const FloatTensor> tensor(const ConstantPtr& constant) const {
    auto& found = tensors[constant.get()];
    if (!found) found = std::make_shared<const FloatTensor>(reals_of(*constant));
    return found;
  }

  // The kernel with all parameters as the rules have them.
  std::shared_ptr<const Version> make_version(const Operation& operation, const std::vector<Rule>& rules, std::vector<ParameterKey> key, Mode mode) const {
    auto version = std::make_shared<Version>();
    std::vector<KernelInput> inputs(operation.inputs.size());
    version->parameters.resize(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const VariableId id = operation.inputs[i];
      if (id == kNone) continue;
      inputs[i] = {true, shapes[id], constant(id, mode), channels_last[id]};
      if (!inputs[i].constant) continue;
      inputs[i].shape = inputs[i].constant->shape;
      version->parameters[i] = tensor(inputs[i].constant);
      if (!rules[i]) continue;
      FloatTensor quantized = *version->parameters[i];
      fake_quantize(quantized, *rules[i].configuration, *rules[i].scale);
      inputs[i].constant = std::make_shared<const quant::Constant>(quant::Constant::of_reals(quantized.shape, quantized.data));
      version->parameters[i] = std::make_shared<const FloatTensor>(std::move(quantized));
    }
    version->key = std::move(key);
    version->kernel = make_kernel(operation, network.opset, inputs);
    return version;
  }

  std::shared_ptr<const Version> version(OperationId id, const std::vector<Rule>& rules, Mode mode) const {
    constexpr size_t kKept = 3;
    const Operation& operation = network.operation(id);
    std::vector<ParameterKey> key(operation.inputs.size());
    for (size_t i = 0; i < key.size(); ++i) {
      if (operation.inputs[i] == kNone) continue;
      key[i].value = constant(operation.inputs[i], mode).get();
      if (key[i].value == nullptr || !rules[i]) continue;
      const Configuration& by = *rules[i].configuration;
      key[i] = {key[i].value, by.rounding, by.quant_min, by.quant_max, *rules[i].scale};
    }
    auto& kept = versions[id];
    for (const auto& one : kept) {
      if (one->key == key) return one;
    }
    if (kept.size() == kKept) kept.erase(kept.begin());
    kept.push_back(make_version(operation, rules, std::move(key), mode));
    return kept.back();
  }

  Plan plan(OperationId id, Mode mode) const {
    const std::lock_guard lock(mutex);
    const Operation& operation = network.operation(id);
    Plan made;
    made.inputs = rules(operation, operation.input_configs, operation.inputs.size(), mode);
    made.version = version(id, made.inputs, mode);
    made.outputs = rules(operation, operation.output_configs, operation.outputs.size(), mode);
    return made;
  }

  // Whether all outputs are known without running it; then they are stored.
  bool fold(OperationId id) {
    const Operation& operation = network.operation(id);
    if (operation.quantized) return false;
    std::vector<KernelInput> inputs;
    for (const VariableId input : operation.inputs) {
      if (input == kNone) {
        inputs.emplace_back();
      } else {
        const ConstantPtr found = constant(input, Mode::quantized);
        inputs.push_back({true, found ? found->shape : shapes[input], found, false});
      }
    }
    std::vector<quant::Constant> results = evaluate_known(operation, network.opset, inputs);
    if (results.size() < operation.outputs.size()) return false;
    for (size_t i = 0; i < operation.outputs.size(); ++i) {
      if (operation.outputs[i] == kNone) continue;
      shapes[operation.outputs[i]] = results[i].shape;
      known[operation.outputs[i]] = std::make_shared<const quant::Constant>(std::move(results[i]));
    }
    return true;
  }

  void trace() {
    for (const VariableId input : network.inputs) {
      const Variable& variable = network.variable(input);
      if (element_count(variable.shape) == 0) throw InputError("input '" + variable.name + "' has the shape " + assay::to_string(variable.shape) + "; it must be given");
      shapes[input] = variable.shape;
    }
    for (const OperationId id : execution_order(network)) {
      if (fold(id)) continue;
      order.push_back(id);
      const Operation& operation = network.operation(id);
      const Plan first = plan(id, Mode::quantized);
      std::vector<KernelInput> inputs;
      for (const VariableId input : operation.inputs) {
        if (input != kNone) inputs.push_back({true, shapes[input], constant(input, Mode::quantized), channels_last[input]});
      }
      for (size_t i = 0; i < operation.outputs.size(); ++i) {
        if (operation.outputs[i] == kNone) continue;
        shapes[operation.outputs[i]] = first.version->kernel->shapes().at(i);
        channels_last[operation.outputs[i]] = makes_channels_last(operation, inputs);
      }
      for (const VariableId input : operation.inputs) {
        if (input != kNone) ++readers[input];
      }
    }
    for (const VariableId output : network.outputs) ++readers[output];
  }

  // The raw parameters of the operation where `given` has none.
  Pointers raw_inputs(const Operation& operation, Pointers given, Mode mode) const {
    for (size_t i = 0; i < given.size(); ++i) {
      if (given[i] != nullptr || operation.inputs[i] == kNone) continue;
      const ConstantPtr found = constant(operation.inputs[i], mode);
      ASSAY_ASSERT(found);
      const std::lock_guard lock(mutex);
      given[i] = tensor(found).get();  // kept for as long as the executor lives
    }
    return given;
  }

  Tensors compute(OperationId id, const Pointers& given, Mode mode, const Hooks& hooks) const {
    const Operation& operation = network.operation(id);
    const Plan now = plan(id, mode);
    if (hooks.before) hooks.before(id, raw_inputs(operation, given, mode));
    Pointers operands = given;
    Tensors quantized(given.size());
    for (size_t i = 0; i < given.size(); ++i) {
      if (given[i] == nullptr) {
        operands[i] = now.version->parameters[i].get();
      } else if (now.inputs[i]) {
        quantized[i] = *given[i];
        fake_quantize(quantized[i], *now.inputs[i].configuration, *now.inputs[i].scale);
        operands[i] = &quantized[i];
      }
    }
    Tensors outputs = now.version->kernel->run(operands);
    if (hooks.computed) hooks.computed(id, outputs);
    for (size_t i = 0; i < operation.outputs.size(); ++i) {
      if (now.outputs[i]) fake_quantize(outputs[i], *now.outputs[i].configuration, *now.outputs[i].scale);
    }
    if (hooks.after) hooks.after(id, outputs);
    return outputs;
  }
};

Executor::Executor(const Network& network) : prepared_(new Prepared(network)) {
  const quant::SingleThread single;
  prepared_->trace();
}

Executor::~Executor() = default;

Tensors Executor::run(const Tensors& inputs, Mode mode, const Hooks& hooks) const {
  return run(
      inputs, [mode](OperationId) { return mode; }, hooks);
}

Tensors Executor::run(const Tensors& inputs, const std::function<Mode(OperationId)>& mode_of, const Hooks& hooks) const {
  const Prepared& all = *prepared_;
  const Network& network = all.network;
  if (inputs.size() != network.inputs.size()) {
    throw InputError("the model has " + std::to_string(network.inputs.size()) + " inputs, " + std::to_string(inputs.size()) + " were given");
  }
  const quant::SingleThread single;
  Tensors held(network.variables.size());
  Pointers values(network.variables.size(), nullptr);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const VariableId id = network.inputs[i];
    if (inputs[i].shape != all.shapes[id] || inputs[i].size() != static_cast<size_t>(element_count(all.shapes[id]))) {
      throw InputError("input '" + network.variable(id).name + "' must have shape " + assay::to_string(all.shapes[id]) + ", the tensor given has " +
                       assay::to_string(inputs[i].shape));
    }
    values[id] = &inputs[i];
  }
  std::vector<size_t> readers = all.readers;
  for (const OperationId id : all.order) {
    const Operation& operation = network.operation(id);
    Pointers given;
    for (const VariableId input : operation.inputs) given.push_back(input == kNone ? nullptr : values[input]);
    Tensors outputs = all.compute(id, given, mode_of(id), hooks);
    for (const VariableId input : operation.inputs) {
      if (input != kNone && --readers[input] == 0) held[input] = FloatTensor();
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      const VariableId output = operation.outputs[i];
      if (output == kNone || readers[output] == 0) continue;
      held[output] = std::move(outputs[i]);
      values[output] = &held[output];
    }
  }
  Tensors results;
  for (const VariableId output : network.outputs) results.push_back(values[output] != nullptr ? *values[output] : reals_of(*all.constant(output, Mode::quantized)));
  return results;
}

Tensors Executor::run_operation(OperationId id, const std::vector<const FloatTensor*>& inputs, const Hooks& hooks) const {
  const quant::SingleThread single;
  const Operation& operation = prepared_->network.operation(id);
  ASSAY_ASSERT(inputs.size() == operation.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (operation.inputs[i] == kNone) continue;
    const bool known = prepared_->constant(operation.inputs[i], Mode::quantized) != nullptr;
    ASSAY_ASSERT(known == (inputs[i] == nullptr));
  }
  return prepared_->compute(id, inputs, Mode::quantized, hooks);
}

}  // namespace assay::ppq
