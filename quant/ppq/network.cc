#include "quant/ppq/network.h"

#include <algorithm>
#include <deque>

#include "emu/base/error.h"

namespace assay::ppq {
namespace {

template <class T>
void push_once(std::vector<T>& list, T entry) {
  if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
}

}  // namespace

std::optional<OperationId> Network::find_operation(const std::string& wanted) const {
  const auto found = std::find_if(order.begin(), order.end(), [&](OperationId id) { return operations[id].name == wanted; });
  return found == order.end() ? std::nullopt : std::optional<OperationId>(*found);
}

std::optional<VariableId> Network::find_variable(const std::string& wanted) const {
  const auto found = std::find_if(variables.begin(), variables.end(), [&](const Variable& variable) { return variable.name == wanted; });
  return found == variables.end() ? std::nullopt : std::optional<VariableId>(static_cast<VariableId>(found - variables.begin()));
}

std::vector<OperationId> Network::upstream(OperationId id) const {
  std::vector<OperationId> found;
  for (const VariableId input : operation(id).inputs) {
    if (input != kNone && variable(input).producer != kNone) push_once(found, variable(input).producer);
  }
  return found;
}

std::vector<OperationId> Network::downstream(OperationId id) const {
  std::vector<OperationId> found;
  for (const VariableId output : operation(id).outputs) {
    if (output == kNone) continue;
    for (const Reader& reader : variable(output).readers) push_once(found, reader.operation);
  }
  return found;
}

VariableId Network::add_variable(std::string wanted) {
  variables.push_back({});
  variables.back().name = std::move(wanted);
  return static_cast<VariableId>(variables.size() - 1);
}

OperationId Network::add_operation(Operation added) {
  const auto id = static_cast<OperationId>(operations.size());
  for (size_t i = 0; i < added.inputs.size(); ++i) {
    if (added.inputs[i] != kNone) variable(added.inputs[i]).readers.push_back({id, i});
  }
  for (const VariableId output : added.outputs) {
    if (output != kNone) variable(output).producer = id;
  }
  operations.push_back(std::move(added));
  order.push_back(id);
  return id;
}

void Network::remove_operation(OperationId id) {
  const Operation& gone = operation(id);
  for (size_t i = 0; i < gone.inputs.size(); ++i) {
    if (gone.inputs[i] != kNone) std::erase(variable(gone.inputs[i]).readers, Reader{id, i});
  }
  for (const VariableId output : gone.outputs) {
    if (output != kNone && variable(output).producer == id) variable(output).producer = kNone;
  }
  std::erase(order, id);
}

void Network::set_input(OperationId id, size_t input, VariableId wanted) {
  Operation& changed = operation(id);
  if (input >= changed.inputs.size()) changed.inputs.resize(input + 1, kNone);
  if (changed.inputs[input] != kNone) std::erase(variable(changed.inputs[input]).readers, Reader{id, input});
  changed.inputs[input] = wanted;
  if (wanted != kNone) variable(wanted).readers.push_back({id, input});
}

std::vector<OperationId> execution_order(const Network& network) {
  std::vector<size_t> waits(network.operations.size());
  std::deque<OperationId> ready;
  for (const OperationId id : network.order) {
    waits[id] = network.upstream(id).size();
    if (waits[id] == 0) ready.push_back(id);
  }
  std::vector<OperationId> sorted;
  while (!ready.empty()) {
    const OperationId id = ready.front();
    ready.pop_front();
    sorted.push_back(id);
    for (const OperationId next : network.downstream(id)) {
      if (--waits[next] == 0) ready.push_back(next);
    }
  }
  ASSAY_ASSERT(sorted.size() == network.order.size());
  return sorted;
}

size_t input_slot(const Operation& operation, VariableId variable) {
  const auto found = std::find(operation.inputs.begin(), operation.inputs.end(), variable);
  ASSAY_ASSERT(found != operation.inputs.end());
  return static_cast<size_t>(found - operation.inputs.begin());
}

bool is_computing(const std::string& type) {
  return type == "Conv" || type == "Gemm" || type == "ConvTranspose" || type == "MatMul" || type == "Attention" || type == "PPQBiasFusedMatMul";
}

}  // namespace assay::ppq
