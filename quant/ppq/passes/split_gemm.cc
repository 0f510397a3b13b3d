#include "emu/base/error.h"
#include "quant/ppq/load.h"
#include "quant/ppq/passes/gemm_parameters.h"
#include "quant/ppq/passes/platform_steps.h"

namespace assay::ppq {
namespace {

VariableId new_parameter(Network& network, quant::Constant value) {
  const VariableId id = network.add_variable(next_variable_name(network));
  Variable& made = network.variable(id);
  made.is_parameter = true, made.shape = value.shape, made.value = std::make_shared<const quant::Constant>(std::move(value));
  return id;
}

// The product gets a variable of its own; the Add makes what the Gemm made.
void split_off_bias(Network& network, OperationId id, float beta) {
  quant::Constant bias = scaled(gemm_parameter(network, network.operation(id), 2), false, beta);
  const VariableId result = network.operation(id).outputs.at(0);
  const VariableId product = network.add_variable(next_variable_name(network));
  network.variable(product).shape = network.variable(result).shape;
  network.set_input(id, 2, kNone);
  network.operation(id).inputs.resize(2);
  network.operation(id).outputs[0] = product;
  network.variable(product).producer = id;
  Operation add;
  add.name = next_operation_name(network), add.type = "Add", add.platform = network.operation(id).platform;
  add.inputs = {product, new_parameter(network, std::move(bias))};
  add.outputs = {result};
  network.add_operation(std::move(add));
}

}  // namespace

PassReport split_gemm(const PlatformStep& step, Network& network) {
  PassReport report{step.name, {}, {}};
  const std::vector<OperationId> order = network.order;
  for (const OperationId id : order) {
    if (network.operation(id).type != "Gemm") continue;
    const GemmAttributes attributes = gemm_attributes(network.operation(id));
    const std::string name = network.operation(id).name;
    if (attributes.transpose_a)
      throw InputError("operation '" + name + "' (Gemm): the platform splits it into MatMul and Add, which transA = 1 does not allow; transpose the input before");
    auto weight = std::make_shared<const quant::Constant>(scaled(gemm_parameter(network, network.operation(id), 1), attributes.transpose_b, attributes.alpha));
    const bool has_bias = network.operation(id).inputs.size() > 2 && network.operation(id).inputs[2] != kNone;
    if (has_bias) split_off_bias(network, id, attributes.beta);
    Operation& product = network.operation(id);
    Variable& parameter = network.variable(product.inputs[1]);
    parameter.shape = weight->shape, parameter.value = std::move(weight);
    product.type = "MatMul";
    product.inputs.resize(2);
    product.attributes.clear();
    report.changes.push_back(name + " is a MatMul" + (has_bias ? " and an Add" : ""));
  }
  return report;
}

}  // namespace assay::ppq
