// From one ONNX node to typed operators. Each converter checks what it is given, works out the output's shape and hands the operators to the Builder.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "quant/onnx/call.h"

namespace assay::quant {

// Writes the graph. Values that are outputs of ONNX nodes keep their names; those in between are named after the output and the operator.
class Builder {
 public:
  explicit Builder(Graph& graph) : graph_(graph) {}

  // Names of the ONNX file, which nothing made here may take.
  void reserve(const std::string& name) { value_names_.insert(name); }
  ValueId add_value(const std::string& reserved_name, const Shape& shape);
  const Value& value(ValueId id) const { return graph_.values[id]; }
  // How the model quantizes that value; it must not say so twice.
  void give(ValueId id, GivenQuantization given) { graph_.values[id].given = std::move(given); }
  // What was made for the node's output of that name so far; none where nothing was.
  std::optional<ValueId> made(const std::string& name) const {
    const auto found = made_.find(name);
    return found == made_.end() ? std::nullopt : std::optional<ValueId>(found->second);
  }

  // Input i as a value of the graph. A constant is added once, as float32; NaN or Inf in it: InputError with the index.
  ValueId input(const Call& call, size_t i);
  // A constant made at import, named `name` if that is free.
  ValueId constant(const std::string& name, FloatTensor tensor);
  ValueId constant(const Call& call, const std::string& role, FloatTensor tensor) { return constant(call.node.outputs.at(0) + "/" + role, std::move(tensor)); }

  // An operator on the way to the node's output.
  ValueId step(const Call& call, Operator op, std::vector<ValueId> inputs, Shape shape);
  // The operator that makes output `i`.
  void result(const Call& call, size_t i, Operator op, std::vector<ValueId> inputs, Shape shape);
  // Output i is nothing but that value.
  void alias(const Call& call, size_t i, ValueId value) { made_[call.node.outputs.at(i)] = value; }

  // What the last node made, by name; then forgotten.
  std::map<std::string, ValueId> take_made() { return std::exchange(made_, {}); }

 private:
  void add_node(const Call& call, std::string name, Operator op, std::vector<ValueId> inputs, ValueId output);
  std::string free_value_name(const std::string& wanted);
  std::string free_node_name(const std::string& wanted);

  Graph& graph_;
  std::unordered_set<std::string> value_names_, node_names_;
  std::unordered_map<std::string, ValueId> constants_;
  std::map<std::string, ValueId> made_;
};

// A value's constant as float32; InputError names the first element that is NaN or infinite.
FloatTensor checked_floats(const Constant& constant, const std::string& name);

// Every extent at least 1 and the tensor not too large.
void check_shape(const Shape& shape);

// Is there a converter for this operator? And its use.
bool can_convert(const OnnxNode& node);
void convert(const Call& call, Builder& builder);
// Whether its converter knows tensors of words.
bool is_quantized_operator(const OnnxNode& node);

using Converter = void (*)(const Call&, Builder&);
// By ONNX's name; one table per file of converters.
const std::map<std::string, Converter>& convolution_converters();
const std::map<std::string, Converter>& pool_converters();
const std::map<std::string, Converter>& matrix_converters();
const std::map<std::string, Converter>& elementwise_converters();
const std::map<std::string, Converter>& movement_converters();
const std::map<std::string, Converter>& resize_converters();
// Operators of already quantized models (convert_quantized.cc).
const std::map<std::string, Converter>& quantized_converters();

}  // namespace assay::quant
