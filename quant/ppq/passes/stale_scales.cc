#include "quant/ppq/passes/stale_scales.h"

#include <set>

#include "quant/ppq/passes/slots.h"

namespace assay::ppq {
namespace {

// Values go through unchanged, so they stay on the grid that they are on.
bool keeps_values(const std::string& type) {
  static const std::set<std::string> kKeeping = {"MaxPool", "GlobalMaxPool", "Reshape", "Flatten", "Identity", "Split", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Dropout"};
  return kKeeping.count(type) != 0;
}

}  // namespace

std::optional<ConfigId> quantized_by(const Network& network, OperationId id, size_t input) {
  // Each step goes one operation up, so an acyclic network ends it.
  for (;;) {
    const Operation& operation = network.operation(id);
    if (operation.quantized && quantizes(network.configurations[operation.input_configs.at(input)].state)) return operation.input_configs[input];
    const VariableId read = operation.inputs.at(input);
    if (read == kNone || network.variable(read).producer == kNone) return std::nullopt;
    id = network.variable(read).producer;
    const Operation& producer = network.operation(id);
    size_t output = 0;
    while (producer.outputs.at(output) != read) ++output;
    if (producer.quantized && quantizes(network.configurations[producer.output_configs.at(output)].state)) return producer.output_configs[output];
    if (!keeps_values(producer.type) || producer.inputs.empty()) return std::nullopt;
    input = 0;
  }
}

std::vector<StaleScale> stale_scales(const Network& network) {
  std::vector<StaleScale> found;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    for (size_t input = 0; input < operation.input_configs.size(); ++input) {
      const ConfigId recorded = operation.input_configs[input];
      if (network.configurations[recorded].state != State::overlapped) continue;
      const std::optional<ConfigId> truth = quantized_by(network, id, input);
      if (truth && network.configurations.scale(*truth) != network.configurations.scale(recorded)) found.push_back({id, input, *truth});
    }
  }
  return found;
}

void handle_stale_scales(Network& network, const Context& context, PassReport& report) {
  for (const StaleScale& stale : stale_scales(network)) {
    const Operation& operation = network.operation(stale.operation);
    const ConfigId recorded = operation.input_configs[stale.input];
    const std::string tensor = network.variable(operation.inputs[stale.input]).name;
    report.warnings.push_back("tensor " + tensor + " is quantized with scale " + text_of(network.configurations.scale(stale.truth)) + " (" + config_name(network, stale.truth) +
                              "), but " + input_name(operation, stale.input) + " records " + text_of(network.configurations.scale(recorded)) +
                              (context.settings.exact ? "; PPQ computes and exports with the recorded one" : "; the true one is used"));
    if (!context.settings.exact) network.configurations.restore(recorded, State::overlapped, stale.truth, {});
  }
}

}  // namespace assay::ppq
