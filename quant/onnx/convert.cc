#include "quant/onnx/convert.h"

#include <cmath>

#include "emu/base/error.h"

namespace assay::quant {

FloatTensor checked_floats(const Constant& constant, const std::string& name) {
  FloatTensor tensor(constant.shape);
  for (size_t i = 0; i < tensor.data.size(); ++i) {
    tensor.data[i] = constant.real(i);
    if (!std::isfinite(tensor.data[i])) {
      const std::string what = std::isnan(tensor.data[i]) ? "NaN" : "infinite in float32";
      throw InputError("constant '" + name + "' " + to_string(constant.shape) + ": element " + std::to_string(i) + " is " + what);
    }
  }
  return tensor;
}

void check_shape(const Shape& shape) {
  if (element_count(shape) == 0) throw InputError("its output has the shape " + to_string(shape) + ", which holds no elements");
}

std::string Builder::free_value_name(const std::string& wanted) {
  std::string name = wanted;
  for (int64_t i = 1; !value_names_.insert(name).second; ++i) name = wanted + "_" + std::to_string(i);
  return name;
}

std::string Builder::free_node_name(const std::string& wanted) {
  std::string name = wanted;
  for (int64_t i = 1; !node_names_.insert(name).second; ++i) name = wanted + "_" + std::to_string(i);
  return name;
}

ValueId Builder::add_value(const std::string& reserved_name, const Shape& shape) {
  graph_.values.push_back({reserved_name, shape, std::nullopt});
  return static_cast<ValueId>(graph_.values.size() - 1);
}

ValueId Builder::input(const Call& call, size_t i) {
  const Argument& argument = call.argument(i);
  if (!argument.constant) return argument.id;
  const std::string& name = call.node.inputs[i];
  const auto found = constants_.find(name);
  const bool known = found != constants_.end();
  if (known && graph_.value(found->second).given == argument.constant->given) return found->second;
  FloatTensor tensor = checked_floats(*argument.constant, name);
  const ValueId id = add_value(known ? free_value_name(name) : name, tensor.shape);  // the same words may stand for several sets of real numbers
  graph_.values[id].constant = std::move(tensor);
  graph_.values[id].given = argument.constant->given;
  constants_.emplace(name, id);
  return id;
}

ValueId Builder::constant(const std::string& name, FloatTensor tensor) {
  const ValueId id = add_value(free_value_name(name), tensor.shape);
  for (size_t i = 0; i < tensor.data.size(); ++i) {
    if (!std::isfinite(tensor.data[i])) throw InputError("the constant '" + graph_.values[id].name + "' that it needs has no finite element " + std::to_string(i) + " in float32");
  }
  graph_.values[id].constant = std::move(tensor);
  return id;
}

void Builder::add_node(const Call& call, std::string name, Operator op, std::vector<ValueId> inputs, ValueId output) {
  graph_.nodes.push_back({free_node_name(name), call.node.full_type(), std::move(op), {}, std::move(inputs), output});
}

ValueId Builder::step(const Call& call, Operator op, std::vector<ValueId> inputs, Shape shape) {
  check_shape(shape);
  const std::string kind(operator_name(op));
  const ValueId output = add_value(free_value_name(call.node.outputs.at(0) + "/" + kind), shape);
  add_node(call, call.node.label() + "/" + kind, std::move(op), std::move(inputs), output);
  return output;
}

void Builder::result(const Call& call, size_t i, Operator op, std::vector<ValueId> inputs, Shape shape) {
  check_shape(shape);
  const std::string& name = call.node.outputs.at(i);
  const ValueId output = add_value(name, shape);
  add_node(call, call.node.label(), std::move(op), std::move(inputs), output);
  made_[name] = output;
}

namespace {

Converter find_converter(const OnnxNode& node) {
  const std::string type = node.full_type() == "com.microsoft:Gelu" ? "Gelu" : node.full_type();
  for (const auto* table :
       {&convolution_converters(), &pool_converters(), &matrix_converters(), &elementwise_converters(), &movement_converters(), &resize_converters(), &quantized_converters()}) {
    const auto found = table->find(type);
    if (found != table->end()) return found->second;
  }
  return nullptr;
}

}  // namespace

bool can_convert(const OnnxNode& node) {
  return find_converter(node) != nullptr;
}

bool is_quantized_operator(const OnnxNode& node) {
  return quantized_converters().count(node.full_type()) != 0;
}

void convert(const Call& call, Builder& builder) {
  const Converter converter = find_converter(call.node);
  ASSAY_ASSERT(converter != nullptr);
  if (!call.has_output(0)) throw InputError("its first output has no name");
  converter(call, builder);
}

}  // namespace assay::quant
