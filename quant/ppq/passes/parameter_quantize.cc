// ParameterQuantizePass (ppq.md 6.5): every parameter in state INITIAL is shown to its observer once, as it is.
#include "emu/base/error.h"
#include "quant/ppq/observers.h"
#include "quant/ppq/passes/calibration.h"

namespace assay::ppq {
namespace {

ScaleOffset observed(const Configuration& configuration, const Variable& parameter, const std::string& name) {
  const auto observer = make_observer(configuration);
  if (observer->phases() > 1)
    throw InputError("observer '" + configuration.observer + "' of " + name + " needs its values twice, a parameter shows them once; use minmax or percentile");
  if (!parameter.value) throw InputError("parameter '" + parameter.name + "' has no value");
  quant::FloatTensor tensor(parameter.value->shape);
  for (size_t i = 0; i < tensor.size(); ++i) tensor.data[i] = parameter.value->real(i);
  observer->merge(observer->look(tensor));
  return observer->result();
}

}  // namespace

PassReport parameter_quantize(Network& network, const Context& context) {
  PassReport report{"ParameterQuantizePass", {}, {}};
  Configurations& all = network.configurations;
  size_t done = 0;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    for (size_t i = 0; operation.quantized && i < operation.inputs.size(); ++i) {
      const VariableId input = operation.inputs[i];
      const ConfigId config = operation.input_configs.at(i);
      if (input == kNone || !network.variable(input).is_parameter || all[config].state != State::initial) continue;
      const std::string name = operation.name + ":in" + std::to_string(i);
      all.set_scale(config, observed(all[config], network.variable(input), name));
      all.set_state(config, State::activated);
      report.changes.push_back(name + " ('" + network.variable(input).name + "') has " + std::to_string(all.scale(config).scale.size()) + " scale(s) by " + all[config].observer);
    }
    if (context.progress) context.progress("Parameters", ++done, network.order.size());
  }
  return report;
}

}  // namespace assay::ppq
