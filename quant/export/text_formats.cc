// The formats that are lines of text.
#include <bit>
#include <cmath>
#include <cstdio>

#include "emu/base/error.h"
#include "quant/export/formats.h"
#include "quant/export/view.h"

namespace assay::ppq {
namespace {

constexpr float kEpsilon = 1.1920929e-7F;  // scales of records stay between it and its inverse

std::string six_decimals(float value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%f ", static_cast<double>(value));
  return buffer;
}

// Of grouped convolutions one scale per group, the largest of its channels.
std::vector<float> weight_scales(const Operation& operation, const std::vector<float>& scales) {
  const auto found = operation.attributes.find("group");
  const int64_t* group = found == operation.attributes.end() ? nullptr : std::get_if<int64_t>(&found->second);
  if (operation.type != "Conv" || group == nullptr || *group <= 1) return scales;
  const auto groups = static_cast<size_t>(*group);
  if (scales.size() % groups != 0)
    throw Unsupported("calibration table", {operation.name + " has " + std::to_string(scales.size()) + " scales in " + std::to_string(groups) + " groups"});
  std::vector<float> largest(groups, 0.0F);
  for (size_t c = 0; c < scales.size(); ++c) largest[c / (scales.size() / groups)] = std::fmax(largest[c / (scales.size() / groups)], scales[c]);
  return largest;
}

void demand(bool holds, const char* format, const Operation& operation, const std::string& what) {
  if (!holds) throw Unsupported(format, {operation.name + " (" + operation.type + "): " + what});
}

std::string record_scale(float scale) {
  return python_float(scale < kEpsilon ? kEpsilon : scale > 1.0F / kEpsilon ? 1.0F / kEpsilon : static_cast<double>(scale));
}

}  // namespace

std::string calibration_table(const Network& network) {
  const char* const format = "calibration table";
  std::string weights, inputs;
  for (const OperationId id : execution_order(network)) {
    const Operation& operation = network.operation(id);
    if (!operation.quantized || !is_computing(operation.type)) continue;
    const std::vector<Slot> slots = slots_of(network, id);
    demand(slots.size() >= 2 && !slots[1].output && network.variable(slots[1].variable).is_parameter, format, operation, "its second input must be a weight");
    const Configuration &weight = network.configurations[slots[1].config], &input = network.configurations[slots[0].config];
    demand(weight.policy.per_channel && (weight.state == State::baked || weight.state == State::activated), format, operation, "its weight must have a scale per channel");
    demand(!input.policy.per_channel && input.state == State::activated, format, operation,
           "its input must be quantized by itself (ACTIVATED), not " + std::string(to_string(input.state)));
    weights += operation.name + "_param_0 ";
    for (const float scale : weight_scales(operation, network.configurations.scale(slots[1].config).scale)) weights += six_decimals(1.0F / scale);
    weights += "\n";
    inputs += operation.name + " " + six_decimals(1.0F / tensor_scale(network, slots[0], format)) + "\n";
  }
  return weights + inputs;
}

std::string scale_lines(const Network& network) {
  const char* const format = "scale file";
  std::vector<std::string> order;
  std::map<std::string, std::string> lines;
  for (const Slot& slot : slots_of(network)) {
    const Configuration& of = network.configurations[slot.config];
    if (of.policy.per_channel) throw Unsupported(format, {name_of(network, slot) + " has a scale per channel, the format holds one"});
    if (!quantizes(of.state) && of.state != State::overlapped) continue;
    const std::string& name = network.variable(slot.variable).name;
    const auto zero_point = static_cast<int64_t>(std::nearbyint(tensor_offset(network, slot, format)));
    const std::string line = name + " " + python_float(tensor_scale(network, slot, format)) + " " + std::to_string(zero_point) + "\n";
    if (lines.insert_or_assign(name, line).second) order.push_back(name);
  }
  std::string text;
  for (const std::string& name : order) text += lines.at(name);
  return text;
}

std::string calibration_records(const Network& network) {
  const char* const format = "calibration records";
  std::string text;
  for (const OperationId id : execution_order(network)) {
    const Operation& operation = network.operation(id);
    const bool weighted = operation.type == "Conv" || operation.type == "ConvTranspose" || operation.type == "Gemm";
    if (!operation.quantized || (!weighted && operation.type != "AveragePool")) continue;
    const std::vector<Slot> slots = slots_of(network, id);
    demand(slots.size() >= (weighted ? 2U : 1U), format, operation, "it has too few inputs");
    const Configuration& input = network.configurations[slots[0].config];
    demand(input.state == State::activated && !input.policy.per_channel, format, operation,
           "its input must be quantized by itself (ACTIVATED), not " + std::string(to_string(input.state)) + ": quantize with a setting without fusion");
    const auto offset = static_cast<int64_t>(tensor_offset(network, slots[0], format)) - 128;
    demand(offset >= -128 && offset <= 127, format, operation, "the offset of its input less 128 is " + std::to_string(offset) + ", outside -128 to 127");
    text += "record {\n  key: \"" + operation.name + "\"\n  value {\n    scale_d: " + record_scale(tensor_scale(network, slots[0], format)) +
            "\n    offset_d: " + std::to_string(offset) + "\n";
    if (weighted) {
      const ScaleOffset& weight = network.configurations.scale(slots[1].config);
      demand(weight.set(), format, operation, "its weight has no scale");
      demand(operation.type != "Gemm" || weight.scale.size() == 1, format, operation, "its weight must have one scale");
      for (const float scale : weight.scale) text += "    scale_w: " + record_scale(scale) + "\n";
      for (size_t c = 0; c < weight.scale.size(); ++c) text += "    offset_w: 0\n";
    }
    const Shape& shape = network.variable(slots[0].variable).shape;
    demand(shape.size() == 4 || (weighted && shape.size() == 2), format, operation, "the shape of its input must be known, of four extents (or two)");
    const bool image = shape.size() == 4;
    text += "    channels: " + std::to_string(shape[1]) + "\n    height: " + std::to_string(image ? shape[2] : 1) + "\n    width: " + std::to_string(image ? shape[3] : 1) +
            "\n  }\n}\n";
  }
  return text;
}

std::string parameter_lines(const Network& network) {
  std::string lines;
  size_t count = 0;
  for (const OperationId id : execution_order(network)) {
    const Operation& operation = network.operation(id);
    if (operation.type != "Conv" && operation.type != "Gemm") continue;
    for (const VariableId input : operation.inputs) {
      if (input == kNone || !network.variable(input).is_parameter) continue;
      const quant::Constant& value = *network.variable(input).value;
      lines += network.variable(input).name + " " + std::to_string(value.size());
      char buffer[16];
      for (size_t i = 0; i < value.size(); ++i) {
        std::snprintf(buffer, sizeof buffer, " %08x", std::bit_cast<uint32_t>(value.real(i)));
        lines += buffer;
      }
      lines += "\n";
      ++count;
    }
  }
  return std::to_string(count) + "\n" + lines;
}

}  // namespace assay::ppq
