// QuantAlignmentPass (ppq.md 6.6; ppq/quantization/optim/refine.py at e39eecb), over quantized operations in dictionary order:
//   Add, Sub, Sum                    settings.align_elementwise (to large)
//   Concat                           settings.align_concat (to output)
//   AveragePool, GlobalAveragePool   settings.align_average_pool (none)
//   Resize                           settings.align_resize (to output)
// To large: over the inputs that are not FP32, [f32(s * (quant_min - o)), f32(s * (quant_max - o))] and 0 span a range; input 0 becomes a root of its own with the scale and offset
// of that range, and the other inputs follow it. Of [-128, 127] the range is lopsided, so the scale grows by 256/255, or, as a power of two, doubles. To output, to input: the
// other side's configurations that are not FP32 follow output 0, input 0. After "to large" and "to output" the producers' configurations of the aligned variables follow too, their
// inputs as well where the same variable feeds them, FP32 or not; without force_alignment_overlap only where the producer has no other consumer.
#include <algorithm>
#include <optional>

#include "emu/base/error.h"
#include "quant/ppq/linear.h"
#include "quant/ppq/passes/passes.h"
#include "quant/ppq/passes/slots.h"
#include "quant/ppq/passes/stale_scales.h"

namespace assay::ppq {
namespace {

AlignTo alignment_of(const Operation& operation, const Settings& settings) {
  const std::string& type = operation.type;
  if (type == "Add" || type == "Sub" || type == "Sum") return settings.align_elementwise;
  if (type == "Concat") return settings.align_concat;
  if (type == "AveragePool" || type == "GlobalAveragePool") return settings.align_average_pool;
  return type == "Resize" ? settings.align_resize : AlignTo::none;
}

void check_settings(const Settings& settings) {
  std::vector<std::string> problems;
  const auto refuse = [&](AlignTo chosen, AlignTo refused, const char* problem) {
    if (chosen == refused) problems.emplace_back(problem);
  };
  refuse(settings.align_elementwise, AlignTo::input, "align_elementwise cannot be \"Align to Input\": choose Large, Output or None");
  refuse(settings.align_concat, AlignTo::input, "align_concat cannot be \"Align to Input\": choose Large, Output or None");
  refuse(settings.align_average_pool, AlignTo::large, "align_average_pool cannot be \"Align to Large\": choose Output, Input or None");
  refuse(settings.align_resize, AlignTo::large, "align_resize cannot be \"Align to Large\": choose Output, Input or None");
  if (!problems.empty()) throw InputError("QuantAlignmentPass", problems);
}

struct ValueRange {
  double min = 0, max = 0;
};

void widen(ValueRange& range, const Network& network, const Operation& operation, size_t input) {
  const ConfigId id = operation.input_configs[input];
  const Configuration& configuration = network.configurations[id];
  const ScaleOffset& scale = network.configurations.scale(id);
  if (configuration.policy.per_channel || !scale.set() || scale.scale.size() != 1) {
    throw InputError("QuantAlignmentPass: " + input_name(operation, input) + " has " + (scale.set() ? "a scale per channel" : "no scale") + ", and the inputs of " +
                     operation.type + " can be aligned only where each has one scale; calibrate first, or do not align them");
  }
  const float s = scale.scale[0], o = scale.offset[0];
  range.min = std::min(range.min, static_cast<double>(s * (static_cast<float>(configuration.quant_min) - o)));
  range.max = std::max(range.max, static_cast<double>(s * (static_cast<float>(configuration.quant_max) - o)));
}

bool stays_out(const Configuration& configuration) {
  return configuration.state == State::fp32 || configuration.policy.floating;
}

ConfigId align_to_large(Network& network, const Operation& operation, PassReport& report) {
  Configurations& all = network.configurations;
  const std::vector<ConfigId>& inputs = operation.input_configs;
  ValueRange range;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!stays_out(all[inputs[i]])) widen(range, network, operation, i);
  }
  const ConfigId first = inputs.at(0);
  const ScaleOffset made = per_tensor(range_to_scale(range.min, range.max, all[first]));
  const std::string before = text_of(all.scale(first));
  all.master(first, first);
  all.set_scale(first, made);
  all.set_state(first, State::passive);
  report.changes.push_back(input_name(operation, 0) + " has the scale of all inputs, " + text_of(made) + ", instead of " + before);
  // PPQ asks the last input here, not the one at hand.
  if (stays_out(all[inputs.back()])) return first;
  for (size_t i = 1; i < inputs.size(); ++i) master(network, inputs[i], first, report);
  return first;
}

ConfigId align_to_output(Network& network, const Operation& operation, PassReport& report) {
  const ConfigId output = operation.output_configs.at(0);
  for (const ConfigId input : operation.input_configs) {
    if (!stays_out(network.configurations[input])) master(network, input, output, report);
  }
  return output;
}

void align_to_input(Network& network, const Operation& operation, PassReport& report) {
  const ConfigId input = operation.input_configs.at(0);
  for (const ConfigId output : operation.output_configs) {
    if (!stays_out(network.configurations[output])) master(network, output, input, report);
  }
}

// Configurations of the producer whose variables the aligned operation reads.
void align_producer(Network& network, OperationId aligned, OperationId producer, ConfigId leader, PassReport& report) {
  const Operation& operation = network.operation(producer);
  const auto feeds = [&](VariableId variable) {
    if (variable == kNone) return false;
    const std::vector<Reader>& readers = network.variable(variable).readers;
    return std::any_of(readers.begin(), readers.end(), [&](const Reader& reader) { return reader.operation == aligned; });
  };
  for (size_t i = 0; i < operation.inputs.size(); ++i) {
    if (feeds(operation.inputs[i])) master(network, operation.input_configs.at(i), leader, report);
  }
  for (size_t i = 0; i < operation.outputs.size(); ++i) {
    if (feeds(operation.outputs[i])) master(network, operation.output_configs.at(i), leader, report);
  }
}

std::optional<ConfigId> align(Network& network, const Operation& operation, AlignTo to, PassReport& report) {
  switch (to) {
    case AlignTo::none: return std::nullopt;
    case AlignTo::large: return align_to_large(network, operation, report);
    case AlignTo::output: return align_to_output(network, operation, report);
    case AlignTo::input: align_to_input(network, operation, report); return std::nullopt;
  }
  ASSAY_ASSERT(!"an AlignTo outside its enumeration");
}

}  // namespace

PassReport quant_alignment(Network& network, const Context& context) {
  PassReport report{"QuantAlignmentPass", {}, {}};
  check_settings(context.settings);
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (!operation.quantized) continue;
    const std::optional<ConfigId> leader = align(network, operation, alignment_of(operation, context.settings), report);
    if (!leader) continue;
    for (const OperationId producer : network.upstream(id)) {
      if (!network.operation(producer).quantized) continue;
      if (network.downstream(producer).size() != 1 && !context.settings.force_alignment_overlap) continue;
      align_producer(network, id, producer, *leader, report);
    }
  }
  handle_stale_scales(network, context, report);
  return report;
}

}  // namespace assay::ppq
