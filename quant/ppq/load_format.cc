#include <algorithm>
#include <deque>
#include <numeric>

#include "emu/base/error.h"
#include "quant/ppq/load.h"
#include "quant/ppq/load_steps.h"

namespace assay::ppq {
namespace {

using quant::Attribute;
using quant::Constant;
using quant::ConstantPtr;

template <class T>
std::optional<T> attribute(const Loading& loading, OperationId id, const std::string& key, const char* wanted) {
  const auto& attributes = loading.network.operation(id).attributes;
  const auto found = attributes.find(key);
  if (found == attributes.end()) return std::nullopt;
  if (const T* value = std::get_if<T>(&found->second)) return *value;
  loading.fail(id, "attribute '" + key + "' must be " + wanted);
}

std::vector<OperationId> operations_of_type(const Network& network, const std::string& type) {
  std::vector<OperationId> found;
  for (const OperationId id : network.order) {
    if (network.operation(id).type == type) found.push_back(id);
  }
  return found;
}

Constant integers(std::vector<int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Constant::of_integers({count}, std::move(values));
}

Constant reals(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Constant::of_reals({count}, std::move(values));
}

// The value of a Constant node in any of the forms of its attributes.
ConstantPtr value_of(const Loading& loading, OperationId id) {
  if (auto value = attribute<ConstantPtr>(loading, id, "value", "a tensor"); value && *value) return *value;
  const auto shared = [](Constant made) { return std::make_shared<const Constant>(std::move(made)); };
  if (const auto value = real_attribute(loading, id, "value_float")) return shared(Constant::of_reals({}, {*value}));
  if (const auto value = integer_attribute(loading, id, "value_int")) return shared(Constant::of_integers({}, {*value}));
  if (const auto values = attribute<std::vector<float>>(loading, id, "value_floats", "a list of floats")) return shared(reals(*values));
  if (const auto values = integers_attribute(loading, id, "value_ints")) return shared(integers(*values));
  loading.fail(id, "holds no numbers");
}

void append_input(Loading& loading, OperationId id, Constant value, const std::string& name = {}) {
  const VariableId made = loading.parameter(std::move(value), name);
  loading.network.set_input(id, loading.network.operation(id).inputs.size(), made);
}

}  // namespace

std::optional<int64_t> integer_attribute(const Loading& loading, OperationId id, const std::string& key) {
  return attribute<int64_t>(loading, id, key, "an integer");
}
std::optional<float> real_attribute(const Loading& loading, OperationId id, const std::string& key) {
  return attribute<float>(loading, id, key, "a float");
}
std::optional<std::vector<int64_t>> integers_attribute(const Loading& loading, OperationId id, const std::string& key) {
  return attribute<std::vector<int64_t>>(loading, id, key, "a list of integers");
}

void constants_to_parameters(Loading& loading) {
  for (const OperationId id : operations_of_type(loading.network, "Constant")) {
    ConstantPtr value = value_of(loading, id);
    const VariableId result = loading.network.operation(id).outputs.at(0);
    loading.network.remove_operation(id);
    if (result == kNone) continue;
    Variable& parameter = loading.network.variable(result);
    parameter.is_parameter = true, parameter.shape = value->shape, parameter.value = std::move(value);
  }
}

void clone_shared_parameters(Loading& loading) {
  Network& network = loading.network;
  const size_t count = network.variables.size();
  for (VariableId id = 0; id < count; ++id) {
    if (!network.variable(id).is_parameter || network.variable(id).readers.size() < 2) continue;
    const std::vector<Reader> readers = network.variable(id).readers;
    for (const Reader& reader : readers) {
      const VariableId clone = loading.parameter({});
      network.variable(clone).value = network.variable(id).value;
      network.variable(clone).shape = network.variable(id).shape;
      network.set_input(reader.operation, reader.input, clone);
    }
  }
}

// Before opset 10 Slice has its bounds as attributes.
void format_slices(Loading& loading) {
  for (const OperationId id : operations_of_type(loading.network, "Slice")) {
    auto starts = integers_attribute(loading, id, "starts"), ends = integers_attribute(loading, id, "ends"), axes = integers_attribute(loading, id, "axes");
    if (!starts) continue;
    if (!ends || ends->size() != starts->size() || (axes && axes->size() != starts->size())) loading.fail(id, "starts, ends and axes must have one entry per axis each");
    if (!axes) {
      axes.emplace(starts->size());
      std::iota(axes->begin(), axes->end(), 0);
    }
    const std::string name = loading.network.operation(id).name + "_";
    for (const char* key : {"starts", "ends", "axes"}) loading.network.operation(id).attributes.erase(key);
    for (std::vector<int64_t>* values : {&*starts, &*ends, &*axes}) {
      append_input(loading, id, integers(std::move(*values)), name + std::to_string(loading.network.operation(id).inputs.size() + 1));
    }
  }
}

// Before opset 11 Clip has its limits as attributes; one that is missing is -2^31 or 2^31.
void format_clips(Loading& loading) {
  for (const OperationId id : operations_of_type(loading.network, "Clip")) {
    const auto low = real_attribute(loading, id, "min"), high = real_attribute(loading, id, "max");
    if (!low && !high) continue;
    const std::string name = loading.network.operation(id).name;
    append_input(loading, id, Constant::of_reals({}, {low.value_or(-0x1p31F)}), name + "_min");
    append_input(loading, id, Constant::of_reals({}, {high.value_or(0x1p31F)}), name + "_max");
    loading.network.operation(id).attributes.erase("min"), loading.network.operation(id).attributes.erase("max");
  }
}

void format_pads(Loading& loading) {
  for (const OperationId id : operations_of_type(loading.network, "Pad")) {
    auto amounts = integers_attribute(loading, id, "pads");
    if (!amounts) continue;
    const auto value = real_attribute(loading, id, "value");
    append_input(loading, id, integers(std::move(*amounts)));
    if (value && *value != 0) append_input(loading, id, Constant::of_reals({}, {*value}));
    loading.network.operation(id).attributes.erase("pads"), loading.network.operation(id).attributes.erase("value");
  }
}

// Opset 10: (X, scales). From 11: (X, roi, scales).
void format_resizes(Loading& loading) {
  for (const OperationId id : operations_of_type(loading.network, "Resize")) {
    if (loading.network.operation(id).inputs.size() != 2) continue;
    const VariableId scales = loading.network.operation(id).inputs[1];
    loading.network.set_input(id, 2, scales);
    loading.network.set_input(id, 1, kNone);
  }
}

void remove_identities(Loading& loading) {
  for (const OperationId id : operations_of_type(loading.network, "Identity")) {
    const Operation& identity = loading.network.operation(id);
    if (identity.inputs.empty() || identity.inputs[0] == kNone || identity.outputs.empty() || identity.outputs[0] == kNone) loading.fail(id, "has no input or no output");
    bypass(loading.network, id);
  }
}

// Operations that no output of the graph depends on.
void remove_isolated(Loading& loading) {
  Network& network = loading.network;
  std::vector<bool> needed(network.operations.size());
  std::deque<OperationId> open;
  const auto need = [&](VariableId id) {
    const OperationId producer = id == kNone ? kNone : network.variable(id).producer;
    if (producer == kNone || needed[producer]) return;
    needed[producer] = true;
    open.push_back(producer);
  };
  for (const VariableId output : network.outputs) need(output);
  while (!open.empty()) {
    for (const VariableId input : network.operation(open.front()).inputs) need(input);
    open.pop_front();
  }
  std::vector<OperationId> kept;
  for (const OperationId id : network.order) {
    if (needed[id]) kept.push_back(id);
  }
  for (Variable& variable : network.variables) std::erase_if(variable.readers, [&](const Reader& reader) { return !needed[reader.operation]; });
  network.order = std::move(kept);
}

}  // namespace assay::ppq
