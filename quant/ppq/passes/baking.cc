// ParameterBakingPass (ppq.md 6.7; ppq/quantization/optim/baking.py at e39eecb): each parameter whose configuration is ACTIVATED or PASSIVE is replaced by its fake-quantized value
// and its configuration becomes BAKED or PASSIVE_BAKED. A bias then carries the float32 rounding of an integer times its scale: beyond 2^24 steps its low bits are lost.
#include "emu/base/error.h"
#include "quant/ppq/linear.h"
#include "quant/ppq/passes/passes.h"
#include "quant/ppq/passes/slots.h"

namespace assay::ppq {
namespace {

void bake(Network& network, const Operation& operation, size_t slot, PassReport& report) {
  if (operation.inputs[slot] == kNone) return;
  Variable& parameter = network.variable(operation.inputs[slot]);
  const ConfigId id = operation.input_configs.at(slot);
  const State state = network.configurations[id].state;
  if (!parameter.is_parameter || !quantizes(state)) return;
  if (!parameter.value || parameter.value->kind != quant::Kind::real) {
    throw InputError("ParameterBakingPass: parameter " + parameter.name + " of " + operation.name +
                     " holds no real numbers and cannot be quantized; its configuration must be FP32");
  }
  quant::FloatTensor tensor(parameter.value->shape, parameter.value->reals);
  try {
    fake_quantize(tensor, network.configurations[id], network.configurations.scale(id));
  } catch (const InputError& error) {
    throw InputError("ParameterBakingPass: parameter " + parameter.name + " of " + operation.type + " " + operation.name + ": " + error.what());
  }
  if (!parameter.fp32) parameter.fp32 = parameter.value;
  parameter.value = std::make_shared<const quant::Constant>(quant::Constant::of_reals(std::move(tensor.shape), std::move(tensor.data)));
  network.configurations.set_state(id, state == State::activated ? State::baked : State::passive_baked);
  report.changes.push_back(input_name(operation, slot) + " is baked with scale " + text_of(network.configurations.scale(id)));
}

}  // namespace

PassReport parameter_baking(Network& network, const Context&) {
  PassReport report{"ParameterBakingPass", {}, {}};
  for (const OperationId id : network.order) {
    const Operation operation = network.operation(id);
    if (!operation.quantized) continue;
    for (size_t slot = 0; slot < operation.inputs.size(); ++slot) bake(network, operation, slot, report);
  }
  return report;
}

}  // namespace assay::ppq
