#include "emu/base/error.h"
#include "quant/ppq/passes/platform_steps.h"

namespace assay::ppq {

PassReport refine_input_rounding(const PlatformStep& step, Network& network) {
  PassReport report{step.name, {}, {}};
  ASSAY_ASSERT(step.rounding.has_value());
  for (VariableId id = 0; id < network.variables.size(); ++id) {
    const Variable& variable = network.variable(id);
    if (variable.producer != kNone && network.operation(variable.producer).quantized) continue;
    for (const Reader& reader : variable.readers) {
      const Operation& consumer = network.operation(reader.operation);
      if (!consumer.quantized) continue;
      const size_t slot = input_slot(consumer, id);  // an operation that reads it twice: PPQ finds the first slot both times
      Configuration& changed = network.configurations[consumer.input_configs[slot]];
      if (changed.rounding == *step.rounding) continue;
      changed.rounding = *step.rounding;
      report.changes.push_back(consumer.name + ":in" + std::to_string(slot) + " rounds " + std::string(to_string(*step.rounding)));
    }
  }
  return report;
}

}  // namespace assay::ppq
