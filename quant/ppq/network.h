// PPQ's graph: ONNX operations and variables as PPQ holds them after loading (ppq.md 6.0), each quantized operation with a configuration per slot. The order of `order` is the
// order of PPQ's dictionary of operations, which several passes depend on; execution_order() is its queue-based topological order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quant/onnx/constant.h"
#include "quant/onnx/model.h"
#include "quant/ppq/configuration.h"

namespace assay::ppq {

using VariableId = uint32_t;
using OperationId = uint32_t;
inline constexpr uint32_t kNone = UINT32_MAX;  // an optional input that is left out

// A slot of an operation that reads a variable.
struct Reader {
  OperationId operation = kNone;
  size_t input = 0;
  friend bool operator==(const Reader&, const Reader&) = default;
};

struct Variable {
  std::string name;
  bool is_parameter = false;                     // PPQ's sense: it has a value and no producer
  std::shared_ptr<const quant::Constant> value;  // of parameters: as it is now (baked, equalized ...)
  std::shared_ptr<const quant::Constant> fp32;   // of parameters: as loaded, for FP32 runs; null: never changed
  OperationId producer = kNone;
  std::vector<Reader> readers;  // in the order in which they were added
  Shape shape;                  // after tracing; of graph inputs from the start
};

struct Operation {
  std::string name, type, domain;
  std::map<std::string, quant::Attribute> attributes;
  std::vector<VariableId> inputs, outputs;  // kNone where left out
  std::string platform;                     // "FP32", "SOI", "UNSPECIFIED" or the target platform's name
  bool quantized = false;                   // then the two lists below have an entry per slot
  std::vector<ConfigId> input_configs, output_configs;
  // Of the node as quant/onnx reads it, with the names of the variables.
  bool has(const std::string& key) const { return attributes.count(key) != 0; }
};

struct Network {
  std::string name;
  int64_t opset = 0;
  std::vector<Variable> variables;
  std::vector<Operation> operations;  // an arena: ids stay; one that is not in `order` is gone
  std::vector<OperationId> order;     // PPQ's dictionary order
  std::vector<VariableId> inputs, outputs;
  Configurations configurations;

  Operation& operation(OperationId id) { return operations.at(id); }
  const Operation& operation(OperationId id) const { return operations.at(id); }
  Variable& variable(VariableId id) { return variables.at(id); }
  const Variable& variable(VariableId id) const { return variables.at(id); }
  std::optional<OperationId> find_operation(const std::string& name) const;
  std::optional<VariableId> find_variable(const std::string& name) const;

  // The operations right before and after, each once, in slot order.
  std::vector<OperationId> upstream(OperationId id) const;
  std::vector<OperationId> downstream(OperationId id) const;

  VariableId add_variable(std::string name);
  // Appends at the end of `order` and enters the slots into the variables.
  OperationId add_operation(Operation operation);
  // Takes it out of `order` and out of its variables' slots.
  void remove_operation(OperationId id);
  // The slot reads another variable (or none, kNone) from now on.
  void set_input(OperationId id, size_t input, VariableId variable);
};

// Queue-based Kahn order over `order` (ppq.md 7): what the executor runs.
std::vector<OperationId> execution_order(const Network& network);

// The first slot that reads the variable; asserts that there is one.
size_t input_slot(const Operation& operation, VariableId variable);

bool is_computing(const std::string& type);  // Conv, Gemm, ConvTranspose, MatMul, Attention, PPQBiasFusedMatMul

}  // namespace assay::ppq
