// QuantizeSimplifyPass (ppq.md 6.4; ppq/quantization/optim/refine.py at e39eecb): for each variable with a quantized producer whose output is not FP32, each quantized consumer on
// the same platform whose configuration is INITIAL and of the same scheme follows the producer. A consumer that reads the variable twice is looked at in its first slot only: the
// second stays independent, as in PPQ (9.10).
#include <algorithm>

#include "quant/ppq/passes/passes.h"
#include "quant/ppq/passes/slots.h"

namespace assay::ppq {
namespace {

void simplify(Network& network, VariableId id, PassReport& report) {
  const Variable& variable = network.variable(id);
  if (variable.producer == kNone) return;
  const Operation& producer = network.operation(variable.producer);
  if (!producer.quantized) return;
  const auto output = static_cast<size_t>(std::find(producer.outputs.begin(), producer.outputs.end(), id) - producer.outputs.begin());
  const ConfigId source = producer.output_configs.at(output);
  if (network.configurations[source].state == State::fp32) return;
  for (const Reader& reader : variable.readers) {
    const Operation& consumer = network.operation(reader.operation);
    if (!consumer.quantized || consumer.platform != producer.platform) continue;
    const ConfigId input = consumer.input_configs.at(input_slot(consumer, id));
    const Configuration& configuration = network.configurations[input];
    if (configuration.state == State::initial && same_scheme(configuration, network.configurations[source])) dominate(network, input, source, report);
  }
}

}  // namespace

PassReport quantize_simplify(Network& network, const Context&) {
  PassReport report{"QuantizeSimplifyPass", {}, {}};
  for (VariableId id = 0; id < network.variables.size(); ++id) simplify(network, id, report);
  return report;
}

}  // namespace assay::ppq
