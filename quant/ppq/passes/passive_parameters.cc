// PassiveParameterQuantizePass (ppq.md 2.5, 6.7; ppq/quantization/optim/parameters.py at e39eecb), in dictionary order:
//   bias of Conv, ConvTranspose, Gemm with three inputs, where it is PASSIVE_INIT or PASSIVE: scale = f32(scale of the weight * scale of the input), one per channel where the
//   weight
//     has; offset 0; the bias is squeezed to one axis;
//   limits of Clip (inputs 1 and 2), value of Pad (input 2): they follow input 0 and are no longer exported.
// The weight and the input must have been quantized before.
#include <algorithm>

#include "emu/base/error.h"
#include "quant/ppq/passes/passes.h"
#include "quant/ppq/passes/slots.h"
#include "quant/ppq/passes/stale_scales.h"

namespace assay::ppq {
namespace {

void check_quantized(const Network& network, const Operation& operation, size_t leader, const std::string& what) {
  const ConfigId id = operation.input_configs.at(leader);
  const State state = network.configurations[id].state;
  const bool good = state == State::passive || state == State::activated || state == State::baked || state == State::overlapped;
  if (good && network.configurations.scale(id).set()) return;
  throw InputError("PassiveParameterQuantizePass: " + what + " of " + operation.type + " " + operation.name + " takes its scale from " + input_name(operation, leader) +
                   ", which is " + std::string(to_string(state)) + (good ? " and has no scale" : "") + "; calibrate it first, or send the operation to FP32");
}

ScaleOffset product(const Operation& operation, const ScaleOffset& weight, const ScaleOffset& input) {
  ScaleOffset made{{}, {}, weight.per_channel || input.per_channel};
  const size_t count = std::max(weight.scale.size(), input.scale.size());
  if ((weight.scale.size() != count && weight.scale.size() != 1) || (input.scale.size() != count && input.scale.size() != 1)) {
    throw InputError("PassiveParameterQuantizePass: " + operation.name + " has " + std::to_string(weight.scale.size()) + " scales of its weight and " +
                     std::to_string(input.scale.size()) + " of its input, which give no scale for its bias");
  }
  for (size_t i = 0; i < count; ++i) made.scale.push_back(weight.scale[weight.scale.size() == 1 ? 0 : i] * input.scale[input.scale.size() == 1 ? 0 : i]);
  made.offset.assign(count, 0.0F);
  return made;
}

// One axis, as many elements.
void squeeze(Network& network, const Operation& operation, VariableId id) {
  Variable& bias = network.variable(id);
  if (!bias.value)
    throw InputError("PassiveParameterQuantizePass: the bias of " + operation.name + " is not a constant: PPQ quantizes constant biases only; send the operation to FP32");
  const auto count = static_cast<int64_t>(bias.value->size());
  const int64_t last = bias.value->shape.empty() ? 1 : bias.value->shape.back();
  if (count != last) {
    throw InputError("PassiveParameterQuantizePass: the bias of " + operation.name + " has " + std::to_string(count) + " elements, but " + std::to_string(last) +
                     " on its last axis");
  }
  if (bias.value->shape.size() == 1) return;
  bias.value = std::make_shared<const quant::Constant>(quant::reshaped(*bias.value, {count}));
  if (bias.fp32) bias.fp32 = std::make_shared<const quant::Constant>(quant::reshaped(*bias.fp32, {count}));
}

void quantize_bias(Network& network, const Operation& operation, PassReport& report) {
  if (operation.inputs.size() != 3 || operation.inputs[2] == kNone) return;
  Configurations& all = network.configurations;
  const ConfigId bias = operation.input_configs.at(2);
  if (all[bias].state != State::passive_init && all[bias].state != State::passive) return;
  squeeze(network, operation, operation.inputs[2]);
  check_quantized(network, operation, 1, "the bias");
  check_quantized(network, operation, 0, "the bias");
  if (all[bias].policy.asymmetric) throw InputError("PassiveParameterQuantizePass: the bias of " + operation.name + " is ASYMMETRICAL; a bias must be symmetric");
  all.set_scale(bias, product(operation, all.scale(operation.input_configs[1]), all.scale(operation.input_configs[0])));
  all.set_state(bias, State::passive);
  report.changes.push_back(input_name(operation, 2) + " has scale " + text_of(all.scale(bias)));
}

void follow_input(Network& network, const Operation& operation, size_t slot, PassReport& report) {
  const ConfigId follower = operation.input_configs.at(slot);
  master(network, follower, operation.input_configs[0], report);
  network.configurations[follower].visibility = Visibility::internal;
}

}  // namespace

PassReport passive_parameter_quantize(Network& network, const Context& context) {
  PassReport report{"PassiveParameterQuantizePass", {}, {}};
  handle_stale_scales(network, context, report);
  for (const OperationId id : network.order) {
    const Operation operation = network.operation(id);
    if (!operation.quantized) continue;
    const std::string& type = operation.type;
    if (type == "Conv" || type == "ConvTranspose" || type == "Gemm" || type == "PPQBiasFusedMatMul") quantize_bias(network, operation, report);
    if (type == "Clip") {
      check_quantized(network, operation, 0, "a limit");
      for (size_t slot = 1; slot < operation.input_configs.size(); ++slot) follow_input(network, operation, slot, report);
    }
    if (type == "Pad" && operation.input_configs.size() == 3) {
      check_quantized(network, operation, 0, "the value");
      follow_input(network, operation, 2, report);
    }
  }
  return report;
}

}  // namespace assay::ppq
