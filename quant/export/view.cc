#include "quant/export/view.h"

#include <charconv>
#include <cmath>

#include "emu/base/error.h"

namespace assay::ppq {

std::string name_of(const Network& network, const Slot& slot) {
  return network.operation(slot.operation).name + (slot.output ? ":out" : ":in") + std::to_string(slot.index);
}

std::vector<Slot> slots_of(const Network& network, OperationId id) {
  std::vector<Slot> slots;
  const Operation& operation = network.operation(id);
  if (!operation.quantized) return slots;
  ASSAY_ASSERT(operation.input_configs.size() == operation.inputs.size() && operation.output_configs.size() == operation.outputs.size());
  for (size_t i = 0; i < operation.inputs.size(); ++i) {
    if (operation.inputs[i] != kNone) slots.push_back({id, false, i, operation.inputs[i], operation.input_configs[i]});
  }
  for (size_t i = 0; i < operation.outputs.size(); ++i) {
    if (operation.outputs[i] != kNone) slots.push_back({id, true, i, operation.outputs[i], operation.output_configs[i]});
  }
  return slots;
}

std::vector<Slot> slots_of(const Network& network) {
  std::vector<Slot> all;
  for (const OperationId id : network.order) {
    for (const Slot& slot : slots_of(network, id)) all.push_back(slot);
  }
  return all;
}

Network copied_for_export(const Network& network) {
  Network copy = network;
  const auto count = static_cast<ConfigId>(network.configurations.size());
  std::vector<ConfigId> roots(count);
  for (ConfigId id = 0; id < count; ++id) roots[id] = network.configurations.root(id);
  for (ConfigId id = 0; id < count; ++id) {
    const State state = network.configurations[id].state;
    const bool own = roots[id] == id || state == State::passive || state == State::passive_baked;
    copy.configurations.restore(id, state, own ? id : roots[id], own ? network.configurations.own_scale(roots[id]) : ScaleOffset{});
  }
  return copy;
}

bool exportable(const Network& network, ConfigId config, bool overlapped) {
  const Configuration& checked = network.configurations[config];
  if (checked.visibility == Visibility::internal || !network.configurations.scale(config).set()) return false;
  if (checked.visibility == Visibility::force_export) return true;
  switch (checked.state) {
    case State::activated:
    case State::passive:
    case State::baked:
    case State::passive_baked: return true;
    case State::overlapped: return overlapped;
    default: return false;
  }
}

Range range_of(const Network& network, ConfigId config) {
  const Configuration& of = network.configurations[config];
  const ScaleOffset& scale = network.configurations.scale(config);
  Range range;
  for (size_t c = 0; c < scale.scale.size(); ++c) {
    range.min.push_back(scale.scale[c] * (static_cast<float>(of.quant_min) - scale.offset[c]));
    range.max.push_back(scale.scale[c] * (static_cast<float>(of.quant_max) - scale.offset[c]));
  }
  return range;
}

namespace {

const ScaleOffset& of_tensor(const Network& network, const Slot& slot, const char* format) {
  const ScaleOffset& scale = network.configurations.scale(slot.config);
  if (scale.scale.size() == 1) return scale;
  const std::string why = scale.set() ? " has " + std::to_string(scale.scale.size()) + " scales, the format holds one" : " has no scale yet: calibrate first";
  throw Unsupported(std::string(format), {name_of(network, slot) + " ('" + network.variable(slot.variable).name + "')" + why});
}

}  // namespace

float tensor_scale(const Network& network, const Slot& slot, const char* format) {
  return of_tensor(network, slot, format).scale[0];
}
float tensor_offset(const Network& network, const Slot& slot, const char* format) {
  return of_tensor(network, slot, format).offset[0];
}

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const double size = std::fabs(value);
  const bool plain = value == 0 || (size >= 1e-4 && size < 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

}  // namespace assay::ppq
