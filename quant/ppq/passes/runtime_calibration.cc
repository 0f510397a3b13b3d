// RuntimeCalibrationPass (ppq.md 6.5): scales of activations, from what they are on the calibration batches.
#include "emu/base/error.h"
#include "quant/ppq/observers_run.h"
#include "quant/ppq/passes/calibration.h"

namespace assay::ppq {
namespace {

constexpr size_t kLeastSteps = 8, kMostSteps = 512;

std::vector<Watched> initial_activations(Network& network, const Settings& settings) {
  std::vector<Watched> watched;
  const auto add = [&](OperationId id, bool is_output, size_t slot, VariableId variable, ConfigId config) {
    if (variable == kNone || network.variable(variable).is_parameter) return;
    Configuration& configuration = network.configurations[config];
    if (settings.calibration_algorithm) configuration.observer = *settings.calibration_algorithm;
    if (configuration.state == State::initial) watched.push_back({id, is_output, slot, config, make_observer(configuration)});
  };
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (!operation.quantized) continue;
    for (size_t i = 0; i < operation.inputs.size(); ++i) add(id, false, i, operation.inputs[i], operation.input_configs.at(i));
    for (size_t i = 0; i < operation.outputs.size(); ++i) add(id, true, i, operation.outputs[i], operation.output_configs.at(i));
  }
  return watched;
}

// Scale and offset of everything in `settled`, which is ACTIVATED from then on.
void settle(Network& network, const std::vector<Watched*>& settled, PassReport& report) {
  for (const Watched* one : settled) {
    ScaleOffset scale = one->observer->result();
    report.changes.push_back(slot_name(network, *one) + " has scale " + std::to_string(scale.scale.at(0)) + ", offset " + std::to_string(static_cast<int64_t>(scale.offset.at(0))) +
                             " by " + network.configurations[one->configuration].observer);
    network.configurations.set_scale(one->configuration, std::move(scale));
    network.configurations.set_state(one->configuration, State::activated);
  }
}

void run_phase(const Network& network, const Executor& executor, const Context& context, const std::string& phase, const std::vector<Watched*>& watched, PassReport& report) {
  const size_t steps = context.settings.calibration_steps;
  const size_t seen = observe(network, executor, context, steps, "Calibration, " + phase, watched);
  for (const Watched* one : watched) one->observer->finish_phase();
  if (seen < steps) {
    report.warnings.push_back(phase + " stopped after " + std::to_string(seen) + " of " + std::to_string(steps) + " calibration steps: its scales are those of the steps seen");
  }
}

}  // namespace

PassReport runtime_calibration(Network& network, const Context& context) {
  PassReport report{"RuntimeCalibrationPass", {}, {}};
  const size_t steps = context.settings.calibration_steps;
  if (steps < kLeastSteps || steps > kMostSteps) throw InputError("calibration takes 8 to 512 steps, not " + std::to_string(steps));
  std::vector<Watched> watched = initial_activations(network, context.settings);
  if (watched.empty()) return report;
  std::vector<Watched*> all, once, twice;
  for (Watched& one : watched) {
    all.push_back(&one);
    (one.observer->phases() > 1 ? twice : once).push_back(&one);
  }
  const Executor executor(network);
  run_phase(network, executor, context, "phase 1", all, report);
  settle(network, once, report);
  if (twice.empty()) return report;
  run_phase(network, executor, context, "phase 2", twice, report);
  settle(network, twice, report);
  return report;
}

}  // namespace assay::ppq
