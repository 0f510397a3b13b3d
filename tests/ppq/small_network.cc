#include "tests/ppq/small_network.h"

namespace assay::ppq::test {

VariableId SmallNetwork::variable(const std::string& name) {
  if (const auto found = network.find_variable(name)) return *found;
  return network.add_variable(name);
}

OperationId SmallNetwork::add(const std::string& name, const std::string& type, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  Operation made;
  made.name = name, made.type = type, made.platform = "SMALL_INT8", made.quantized = true;
  for (const std::string& input : inputs) {
    made.inputs.push_back(variable(input));
    made.input_configs.push_back(network.configurations.add({}));
  }
  for (const std::string& output : outputs) {
    made.outputs.push_back(variable(output));
    made.output_configs.push_back(network.configurations.add({}));
  }
  return network.add_operation(std::move(made));
}

VariableId SmallNetwork::parameter(const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
  const VariableId id = variable(name);
  network.variable(id).is_parameter = true;
  network.variable(id).value = std::make_shared<const quant::Constant>(quant::Constant::of_reals(std::move(shape), std::move(values)));
  return id;
}

ConfigId SmallNetwork::in(const std::string& operation, size_t slot) const {
  return network.operation(network.find_operation(operation).value()).input_configs.at(slot);
}

ConfigId SmallNetwork::out(const std::string& operation, size_t slot) const {
  return network.operation(network.find_operation(operation).value()).output_configs.at(slot);
}

void SmallNetwork::calibrate(ConfigId id, float scale, float offset) {
  network.configurations.set_scale(id, {{scale}, {offset}, false});
  network.configurations.set_state(id, State::activated);
}

}  // namespace assay::ppq::test
