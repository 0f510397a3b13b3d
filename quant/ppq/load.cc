#include "quant/ppq/load.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "emu/base/error.h"
#include "quant/onnx/input_shapes.h"
#include "quant/ppq/load_steps.h"

namespace assay::ppq {
namespace {

using quant::OnnxModel;
using quant::OnnxNode;

// What the steps rewrite. ONNX's own are checked against its schema; PPQ looks at no domain, so also others' operators of these names come here.
const std::set<std::string> kRewritten = {"Add", "BatchNormalization", "Clip", "Constant", "Conv", "ConvTranspose", "Gemm", "Identity", "Pad", "Resize", "Slice"};

// One past the largest number that a name of the form <prefix><number> has.
template <class Names>
int64_t next_number(const Names& names, std::string_view prefix) {
  int64_t next = 0;
  for (const std::string& name : names) {
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size() && number >= 0 && number < INT32_MAX) next = std::max(next, number + 1);
  }
  return next;
}

// The file's nodes, inputs and outputs, one operation for each node, in the file's order.
class Builder {
 public:
  Builder(const OnnxModel& model, Loading& loading) : model_(model), loading_(loading) {}

  void build(const std::map<std::string, Shape>& shapes) {
    std::vector<const OnnxNode*> nodes;
    for (const OnnxNode& node : model_.nodes) nodes.push_back(&node);
    std::sort(nodes.begin(), nodes.end(), [](const OnnxNode* a, const OnnxNode* b) { return a->position < b->position; });
    for (const OnnxNode* node : nodes) add(*node);
    add_inputs(shapes);
    for (const std::string& name : model_.outputs) loading_.network.outputs.push_back(variable(name));
    if (!unsupported_.empty()) throw Unsupported(model_.path + ": what PPQ's loader does not take", unsupported_);
    if (!problems_.empty()) throw InputError(model_.path + ": the model cannot be loaded", problems_);
  }

 private:
  VariableId variable(const std::string& name) {
    if (name.empty()) return kNone;
    const auto [found, added] = ids_.emplace(name, 0);
    if (!added) return found->second;
    found->second = loading_.network.add_variable(name);
    loading_.names.insert(name);
    const auto value = model_.initializers.find(name);
    if (value == model_.initializers.end()) return found->second;
    Variable& made = loading_.network.variable(found->second);
    made.is_parameter = true, made.value = value->second, made.shape = value->second->shape;
    return found->second;
  }

  void add(const OnnxNode& node) {
    Operation made;
    made.name = node.name.empty() ? "generated_name_" + std::to_string(unnamed_++) : node.name;
    if (!operations_.insert(made.name).second) problems_.push_back("two operations are named '" + made.name + "'; PPQ needs names that differ");
    if (kRewritten.count(node.type) != 0 && (node.outputs.empty() || node.outputs[0].empty() || (node.type != "Constant" && (node.inputs.empty() || node.inputs[0].empty())))) {
      problems_.push_back("operation '" + made.name + "' (" + node.full_type() + ") lacks its first input or output");
    }
    made.type = node.type, made.domain = node.domain, made.attributes = node.attributes, made.platform = "UNSPECIFIED";
    for (const std::string& name : node.inputs) made.inputs.push_back(variable(name));
    for (const std::string& name : node.outputs) made.outputs.push_back(variable(name));
    loading_.network.add_operation(std::move(made));
  }

  // Also those that nothing reads stay: a caller gives one tensor for each.
  void add_inputs(const std::map<std::string, Shape>& shapes) {
    quant::check_asked_shapes(model_, shapes, problems_);
    for (const quant::OnnxInput& input : model_.inputs) {
      if (!input.real) {
        unsupported_.push_back("graph input '" + input.name + "' is " + input.type + "; only tensors of floating point are supported");
        continue;
      }
      const auto shape = quant::shape_of_input(model_, input, shapes, problems_);
      if (!shape) continue;
      loading_.network.inputs.push_back(variable(input.name));
      loading_.network.variable(loading_.network.inputs.back()).shape = *shape;
    }
  }

  const OnnxModel& model_;
  Loading& loading_;
  std::unordered_map<std::string, VariableId> ids_;
  std::set<std::string> operations_;
  int64_t unnamed_ = 0;
  std::vector<std::string> problems_, unsupported_ = model_.unsupported;
};

// Weights that no quantizer can measure.
void check_weights(const Loading& loading) {
  std::vector<std::string> problems;
  for (const OperationId id : loading.network.order) {
    const Operation& operation = loading.network.operation(id);
    if (!is_computing(operation.type) && operation.type != "BatchNormalization" && operation.type != "PRelu") continue;
    for (const VariableId input : operation.inputs) {
      if (input == kNone || !loading.network.variable(input).is_parameter) continue;
      const std::vector<float>& values = loading.network.variable(input).value->reals;
      const auto wrong = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
      if (wrong == values.end()) continue;
      problems.push_back("'" + operation.name + "' (" + operation.type + "): element " + std::to_string(wrong - values.begin()) + " of its parameter '" +
                         loading.network.variable(input).name + "' is " + (std::isnan(*wrong) ? "NaN" : "infinite in float32"));
    }
  }
  if (!problems.empty()) throw InputError(loading.path + ": the model cannot be quantized", problems);
}

// The same network without the variables and operations that the steps left behind.
Network compacted(Network from) {
  std::vector<bool> used(from.variables.size());
  const auto use = [&](const std::vector<VariableId>& ids) {
    for (const VariableId id : ids) {
      if (id != kNone) used[id] = true;
    }
  };
  use(from.inputs), use(from.outputs);
  std::vector<OperationId> operation_of(from.operations.size(), kNone);
  for (size_t i = 0; i < from.order.size(); ++i) {
    operation_of[from.order[i]] = static_cast<OperationId>(i);
    use(from.operation(from.order[i]).inputs), use(from.operation(from.order[i]).outputs);
  }
  Network to;
  to.name = from.name, to.opset = from.opset;
  std::vector<VariableId> variable_of(from.variables.size(), kNone);
  for (size_t v = 0; v < used.size(); ++v) {
    if (!used[v]) continue;
    variable_of[v] = static_cast<VariableId>(to.variables.size());
    Variable& moved = to.variables.emplace_back(std::move(from.variables[v]));
    if (moved.producer != kNone) moved.producer = operation_of[moved.producer];
    for (Reader& reader : moved.readers) reader.operation = operation_of[reader.operation];
  }
  const auto renumber = [&](std::vector<VariableId>& ids) {
    for (VariableId& id : ids) {
      if (id != kNone) id = variable_of[id];
    }
  };
  for (const OperationId id : from.order) {
    Operation& moved = to.operations.emplace_back(std::move(from.operation(id)));
    renumber(moved.inputs), renumber(moved.outputs);
    to.order.push_back(static_cast<OperationId>(to.order.size()));
  }
  to.inputs = std::move(from.inputs), to.outputs = std::move(from.outputs);
  renumber(to.inputs), renumber(to.outputs);
  return to;
}

}  // namespace

VariableId Loading::parameter(quant::Constant value, std::string name) {
  if (name.empty() || names.count(name) != 0) {
    do {
      name = "PPQ_Variable_" + std::to_string(created++);
    } while (names.count(name) != 0);
  }
  names.insert(name);
  const VariableId id = network.add_variable(std::move(name));
  Variable& made = network.variable(id);
  made.is_parameter = true, made.shape = value.shape, made.value = std::make_shared<const quant::Constant>(std::move(value));
  return id;
}

void Loading::fail(OperationId id, const std::string& what) const {
  throw InputError(path + ": operation '" + network.operation(id).name + "' (" + network.operation(id).type + "): " + what);
}

bool Loading::is_output(VariableId id) const {
  return std::find(network.outputs.begin(), network.outputs.end(), id) != network.outputs.end();
}

std::string next_variable_name(const Network& network) {
  std::vector<std::string> names;
  for (const Variable& variable : network.variables) names.push_back(variable.name);
  return "PPQ_Variable_" + std::to_string(next_number(names, "PPQ_Variable_"));
}

std::string next_operation_name(const Network& network) {
  std::vector<std::string> names;
  for (const Operation& operation : network.operations) names.push_back(operation.name);
  return "PPQ_Operation_" + std::to_string(next_number(names, "PPQ_Operation_"));
}

void bypass(Network& network, OperationId id) {
  const VariableId source = network.operation(id).inputs.at(0), result = network.operation(id).outputs.at(0);
  network.remove_operation(id);
  const std::vector<Reader> readers = network.variable(result).readers;
  for (const Reader& reader : readers) network.set_input(reader.operation, reader.input, source);
  std::vector<VariableId>& outputs = network.outputs;
  const auto output = std::find(outputs.begin(), outputs.end(), result);
  if (output == outputs.end()) return;
  if (std::find(outputs.begin(), outputs.end(), source) != outputs.end()) {
    outputs.erase(output);
  } else {
    *output = source;
  }
}

Network load(const std::string& onnx_path, const std::map<std::string, Shape>& shapes) {
  const OnnxModel model = quant::load_model(onnx_path);
  Loading loading;
  loading.path = onnx_path;
  loading.network.name = model.name, loading.network.opset = model.opset;
  Builder(model, loading).build(shapes);
  constants_to_parameters(loading);
  check_weights(loading);
  clone_shared_parameters(loading);
  fuse_bias_adds(loading);
  fold_normalizations(loading);
  normalizations_to_convolutions(loading);
  format_slices(loading);
  format_clips(loading);
  format_pads(loading);
  format_resizes(loading);
  remove_identities(loading);
  remove_isolated(loading);
  if (loading.network.order.empty()) throw InputError(onnx_path + ": holds no operation that an output depends on");
  return compacted(std::move(loading.network));
}

}  // namespace assay::ppq
