#include "quant/ppq/passes/slots.h"

#include <algorithm>
#include <cstdio>

#include "emu/base/error.h"

namespace assay::ppq {

std::string input_name(const Operation& operation, size_t slot) {
  return operation.name + ":in" + std::to_string(slot);
}

std::string output_name(const Operation& operation, size_t slot) {
  return operation.name + ":out" + std::to_string(slot);
}

std::string config_name(const Network& network, ConfigId id) {
  for (const OperationId each : network.order) {
    const Operation& operation = network.operation(each);
    const auto slot_of = [&](const std::vector<ConfigId>& list) { return static_cast<size_t>(std::find(list.begin(), list.end(), id) - list.begin()); };
    if (const size_t slot = slot_of(operation.input_configs); slot < operation.input_configs.size()) return input_name(operation, slot);
    if (const size_t slot = slot_of(operation.output_configs); slot < operation.output_configs.size()) return output_name(operation, slot);
  }
  return "configuration " + std::to_string(id);
}

namespace {

std::string number_text(float value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  return text;
}

}  // namespace

std::string text_of(const ScaleOffset& scale) {
  if (!scale.set()) return "none";
  if (scale.scale.size() == 1) return number_text(scale.scale[0]) + (scale.offset[0] == 0 ? "" : " (offset " + number_text(scale.offset[0]) + ")");
  const auto [least, most] = std::minmax_element(scale.scale.begin(), scale.scale.end());
  return number_text(*least) + " ... " + number_text(*most) + " (" + std::to_string(scale.scale.size()) + " channels)";
}

void dominate(Network& network, ConfigId a, ConfigId b, PassReport& report) {
  Configurations& all = network.configurations;
  if (all.root(b) == a) {
    throw Unsupported(report.name, {config_name(network, a) + " cannot be dominated by " + config_name(network, b) +
                                    ", which it dominates already (PPQ refuses it too); "
                                    "look at the platform's fused activations"});
  }
  if (all.root(a) == all.root(b)) return;
  all.dominate(a, b);
  report.changes.push_back(config_name(network, a) + " is dominated by " + config_name(network, b));
}

void master(Network& network, ConfigId a, ConfigId m, PassReport& report) {
  Configurations& all = network.configurations;
  if (a != m && all.leads_through(m, a)) {
    throw Unsupported(report.name, {config_name(network, a) + " cannot follow " + config_name(network, m) +
                                    ", which follows it (PPQ recurses without end here); "
                                    "choose another alignment for one of the two operations"});
  }
  all.master(a, m);
  if (a != m) report.changes.push_back(config_name(network, a) + " follows " + config_name(network, m) + ", scale " + text_of(all.scale(a)));
}

bool same_scheme(const Configuration& a, const Configuration& b) {
  return a.quant_min == b.quant_min && a.quant_max == b.quant_max && a.policy == b.policy && a.bits == b.bits && a.exponent_bits == b.exponent_bits &&
         a.channel_axis == b.channel_axis && a.rounding == b.rounding;
}

}  // namespace assay::ppq
