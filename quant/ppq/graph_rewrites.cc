#include "quant/ppq/graph_rewrites.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/ppq/load.h"

namespace assay::ppq {
namespace {

// Reads the graph around operations; kNone goes in and comes out.
class GraphView {
 public:
  explicit GraphView(const Network& network) : network_(network) {}

  const Operation& operator[](OperationId id) const { return network_.operation(id); }
  bool is(OperationId id, const char* type) const { return id != kNone && network_.operation(id).type == type; }

  VariableId input(OperationId id, size_t slot) const { return id == kNone || slot >= network_.operation(id).inputs.size() ? kNone : network_.operation(id).inputs[slot]; }
  VariableId output(OperationId id) const { return network_.operation(id).outputs.empty() ? kNone : network_.operation(id).outputs[0]; }
  OperationId producer(VariableId variable) const { return variable == kNone ? kNone : network_.variable(variable).producer; }
  // The only reader of its only result, which is no output of the graph.
  OperationId only_reader(OperationId id) const {
    if (id == kNone || network_.operation(id).outputs.size() != 1) return kNone;
    const VariableId result = network_.operation(id).outputs[0];
    if (result == kNone || network_.variable(result).readers.size() != 1) return kNone;
    if (std::find(network_.outputs.begin(), network_.outputs.end(), result) != network_.outputs.end()) return kNone;
    return network_.variable(result).readers[0].operation;
  }
  const quant::Constant* constant(VariableId variable) const {
    if (variable == kNone || !network_.variable(variable).is_parameter || network_.variable(variable).value->kind != quant::Kind::real) return nullptr;
    return network_.variable(variable).value.get();
  }
  // The input of a binary operation that is a constant, and the other one.
  const quant::Constant* operand(OperationId id, VariableId other) const {
    if (id == kNone || network_.operation(id).inputs.size() != 2) return nullptr;
    const std::vector<VariableId>& inputs = network_.operation(id).inputs;
    return inputs[0] == other ? constant(inputs[1]) : inputs[1] == other ? constant(inputs[0]) : nullptr;
  }
  bool operand_is(OperationId id, VariableId other, float wanted) const {
    const quant::Constant* found = operand(id, other);
    return found != nullptr && found->reals.size() == 1 && std::abs(found->reals[0] - wanted) <= 1e-6F * wanted;
  }

 private:
  const Network& network_;
};

// Takes the operations out and puts one in their place at the end of the dictionary, with PPQ's next name.
OperationId replace_by(Network& network, const std::vector<OperationId>& gone, Operation made) {
  made.platform = network.operation(gone.back()).platform;
  for (const OperationId id : gone) network.remove_operation(id);
  made.name = next_operation_name(network);
  return network.add_operation(std::move(made));
}

VariableId fused_parameter(Network& network, const quant::Constant& value) {
  const VariableId id = network.add_variable(next_variable_name(network));
  Variable& made = network.variable(id);
  made.is_parameter = true, made.shape = value.shape, made.value = std::make_shared<const quant::Constant>(value);
  return id;
}

bool fuse_gelu(Network& network, OperationId divide, PassReport& report) {
  const GraphView view(network);
  if (!view.is(divide, "Div")) return false;
  const VariableId x = view.input(divide, 0);
  const OperationId erf = view.only_reader(divide), add = view.only_reader(erf), product = view.only_reader(add), half = view.only_reader(product);
  if (!view.is(erf, "Erf") || !view.is(add, "Add") || !view.is(product, "Mul") || !view.is(half, "Mul") || view.producer(x) == kNone) return false;
  if (!view.operand_is(divide, x, std::sqrt(2.0F)) || !view.operand_is(add, view.output(erf), 1) || !view.operand_is(half, view.output(product), 0.5F)) return false;
  const bool multiplies_x =
      (view.input(product, 0) == x && view.input(product, 1) == view.output(add)) || (view.input(product, 1) == x && view.input(product, 0) == view.output(add));
  if (!multiplies_x || network.operation(product).inputs.size() != 2) return false;
  Operation gelu;
  gelu.type = "Gelu", gelu.inputs = {x}, gelu.outputs = {view.output(half)};
  const std::string name = view[divide].name;
  const OperationId made = replace_by(network, {divide, erf, add, product, half}, std::move(gelu));
  report.changes.push_back(network.operation(made).name + " is the Gelu that begins at " + name);
  return true;
}

// A mean over the last axis that keeps it.
bool is_mean(const Operation& operation) {
  if (operation.type != "ReduceMean" || operation.inputs.size() != 1) return false;
  const auto axes = operation.attributes.find("axes"), keep = operation.attributes.find("keepdims");
  if (axes == operation.attributes.end() || (keep != operation.attributes.end() && std::get_if<int64_t>(&keep->second) != nullptr && std::get<int64_t>(keep->second) == 0))
    return false;
  const auto* list = std::get_if<std::vector<int64_t>>(&axes->second);
  return list != nullptr && list->size() == 1 && (*list)[0] == -1;
}

bool fuse_layernorm(Network& network, OperationId subtract, PassReport& report) {
  const GraphView view(network);
  if (!view.is(subtract, "Sub")) return false;
  const VariableId x = view.input(subtract, 0), centred = view.output(subtract);
  const OperationId mean = view.producer(view.input(subtract, 1));
  if (mean == kNone || !is_mean(view[mean]) || view.input(mean, 0) != x || view.only_reader(mean) != subtract) return false;
  const std::vector<OperationId> next = network.downstream(subtract);
  if (next.size() != 2 || network.variable(centred).readers.size() != 2) return false;
  const OperationId power = view.is(next[0], "Pow") ? next[0] : next[1], divide = view.is(next[0], "Pow") ? next[1] : next[0];
  const OperationId variance = view.only_reader(power), add = view.only_reader(variance), root = view.only_reader(add);
  if (!view.is(power, "Pow") || !view.is(divide, "Div") || variance == kNone || !is_mean(view[variance]) || !view.is(add, "Add") || !view.is(root, "Sqrt")) return false;
  if (!view.operand_is(power, centred, 2) || view.only_reader(root) != divide || view.input(divide, 0) != centred || view.input(divide, 1) != view.output(root)) return false;
  const quant::Constant* epsilon = view.operand(add, view.output(variance));
  const OperationId scale = view.only_reader(divide);
  const quant::Constant* gamma = view.is(scale, "Mul") ? view.operand(scale, view.output(divide)) : nullptr;
  if (epsilon == nullptr || epsilon->reals.size() != 1 || gamma == nullptr || gamma->shape.size() != 1) return false;
  const OperationId shift = view.only_reader(scale);
  const quant::Constant* beta = view.is(shift, "Add") ? view.operand(shift, view.output(scale)) : nullptr;
  if (beta != nullptr && beta->shape != gamma->shape) beta = nullptr;

  Operation norm;
  norm.type = "LayerNormalization";
  norm.attributes = {{"axis", int64_t{-1}}, {"epsilon", epsilon->reals[0]}, {"stash_type", int64_t{0}}};
  norm.outputs = {view.output(beta != nullptr ? shift : scale)};
  const quant::Constant gamma_value = *gamma, beta_value = beta != nullptr ? *beta : quant::Constant{};
  const std::string name = view[subtract].name;
  std::vector<OperationId> gone = {mean, subtract, power, variance, add, root, divide, scale};
  if (beta != nullptr) gone.push_back(shift);
  norm.inputs = {x, fused_parameter(network, gamma_value)};
  if (beta != nullptr) norm.inputs.push_back(fused_parameter(network, beta_value));
  const OperationId made = replace_by(network, gone, std::move(norm));
  report.changes.push_back(network.operation(made).name + " is the LayerNormalization around " + name);
  return true;
}

bool fuse_matmul_add(Network& network, OperationId product, PassReport& report) {
  const GraphView view(network);
  if (!view.is(product, "MatMul")) return false;
  const OperationId add = view.only_reader(product);
  const quant::Constant* bias = view.is(add, "Add") ? view.operand(add, view.output(product)) : nullptr;
  if (bias == nullptr) return false;
  report.changes.push_back(view[product].name + " takes the constant of " + view[add].name + " as its bias");
  const VariableId made = fused_parameter(network, *bias);
  const VariableId result = network.operation(product).outputs[0];
  if (network.operation(add).inputs[0] != result) {
    network.set_input(add, 1, kNone);
    network.set_input(add, 0, result);
  }
  bypass(network, add);
  network.set_input(product, 2, made);
  network.operation(product).type = "PPQBiasFusedMatMul";
  return true;
}

struct GraphRewrite {
  const char* name;
  bool (*at)(Network&, OperationId, PassReport&);
};
constexpr GraphRewrite kGraphRewrites[] = {{"fuse_layernorm", fuse_layernorm}, {"fuse_gelu", fuse_gelu}, {"fuse_matmul_add", fuse_matmul_add}};

}  // namespace

std::vector<std::string> graph_rewrite_names() {
  std::vector<std::string> names;
  for (const GraphRewrite& rewrite : kGraphRewrites) names.emplace_back(rewrite.name);
  return names;
}

PassReport rewrite_graph(Network& network, const std::string& name) {
  const auto* found = std::find_if(std::begin(kGraphRewrites), std::end(kGraphRewrites), [&](const GraphRewrite& rewrite) { return name == rewrite.name; });
  if (found == std::end(kGraphRewrites)) {
    std::string all;
    for (const std::string& known : graph_rewrite_names()) all += (all.empty() ? "" : ", ") + known;
    throw InputError("there is no rewrite of the graph '" + name + "'; there are " + all);
  }
  PassReport report{name, {}, {}};
  const std::vector<OperationId> order = network.order;
  for (const OperationId id : order) {
    const bool still_there = std::find(network.order.begin(), network.order.end(), id) != network.order.end();
    if (still_there) found->at(network, id, report);
  }
  if (report.changes.empty()) report.warnings.push_back(name + ": nothing in the network has this form");
  return report;
}

}  // namespace assay::ppq
