#include "quant/export/apply.h"

#include <cmath>
#include <map>

#include "emu/base/error.h"
#include "quant/ppq/linear.h"

namespace assay::ppq {
namespace {

constexpr size_t kMostProblems = 50;

std::string number(float value) {
  return python_float(value);
}

// States of slots that quantize or will.
bool takes_scale(State state) {
  switch (state) {
    case State::initial:
    case State::activated:
    case State::passive:
    case State::passive_init:
    case State::baked:
    case State::passive_baked: return true;
    default: return false;
  }
}

State with_scale(State state) {
  if (state == State::initial) return State::activated;
  if (state == State::passive_init) return State::passive;
  return state;
}

}  // namespace

bool plausible_limits(int64_t bits, int64_t quant_min, int64_t quant_max) {
  return bits >= 2 && bits <= 32 && quant_min < quant_max && quant_min >= -(int64_t{1} << 31) && quant_max <= int64_t{1} << 32;
}

Applier::Applier(const Network& network, std::string path, std::string format) : network_(network), path_(std::move(path)) {
  report_.format = std::move(format);
  // Every pointer straight to its root, so that one that moves takes nobody along.
  for (ConfigId id = 0; id < network_.configurations.size(); ++id) network_.configurations.root(id);
}

void Applier::problem(const std::string& key, const std::string& text) {
  if (problems_.size() < kMostProblems) problems_.push_back(key + ": " + text);
}

std::optional<OperationId> Applier::operation(const std::string& name, const std::string& key) {
  const auto found = network_.find_operation(name);
  if (!found) problem(key, "the network has no operation '" + name + "'; is the file of this model, quantized for this platform?");
  return found;
}

void Applier::give_variable(const std::string& name, const Given& given, const std::string& key) {
  const auto variable = network_.find_variable(name);
  if (!variable) return problem(key, "the network has no variable '" + name + "'; is the file of this model, quantized for this platform?");
  if (!named_.insert(name).second) return problem(key, "variable '" + name + "' is given twice");
  const Variable& of = network_.variable(*variable);
  std::vector<Slot> slots;
  const auto add = [&](OperationId id, bool output, size_t index) {
    for (const Slot& slot : slots_of(network_, id)) {
      if (slot.output == output && slot.index == index && network_.configurations[slot.config].state != State::fp32) slots.push_back(slot);
    }
  };
  if (of.producer != kNone) {
    const auto& outputs = network_.operation(of.producer).outputs;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] == *variable) add(of.producer, true, i);
    }
  }
  for (const Reader& reader : of.readers) add(reader.operation, false, reader.input);
  if (slots.empty()) return problem(key, "variable '" + name + "' is not quantized in this network; quantize it for the file's platform");
  for (const Slot& slot : slots) entries_.push_back({slot, given, key});
}

void Applier::give_slot(const Slot& slot, const Given& given, const std::string& key) {
  if (!named_.insert(name_of(network_, slot)).second) return problem(key, name_of(network_, slot) + " is given twice");
  if (network_.configurations[slot.config].state == State::fp32)
    return problem(key, name_of(network_, slot) + " is not quantized in this network; quantize it for the file's platform");
  entries_.push_back({slot, given, key});
}

bool Applier::check(const Entry& entry) {
  const size_t before = problems_.size();
  Configuration checked = network_.configurations[entry.slot.config];
  const ScaleOffset& scale = entry.given.scale;
  const std::string slot = name_of(network_, entry.slot);
  for (size_t c = 0; c < scale.scale.size() && problems_.size() == before; ++c) {
    if (!std::isfinite(scale.scale[c]) || scale.scale[c] <= 0) problem(entry.key, "a scale must be a positive number, not " + number(scale.scale[c]));
    const float offset = scale.offset[c];
    if (!std::isfinite(offset) || std::fabs(offset) > 4294967296.0F || offset != std::floor(offset)) problem(entry.key, "an offset must be a whole number, not " + number(offset));
  }
  if (scale.per_channel && !(checked.policy.per_channel && checked.channel_axis)) {
    problem(entry.key, "holds a list of scales, but " + slot + " is quantized as one tensor on this platform, and the file does not say which axis the list runs along");
  } else if (!scale.per_channel && checked.policy.per_channel) {
    problem(entry.key, "holds one scale, but " + slot + " is quantized per channel on this platform");
  } else if (const auto& value = network_.variable(entry.slot.variable).value; scale.per_channel && value != nullptr) {
    const int64_t axis = *checked.channel_axis;
    const bool fits = axis >= 0 && axis < static_cast<int64_t>(value->shape.size()) && value->shape[static_cast<size_t>(axis)] == static_cast<int64_t>(scale.scale.size());
    if (!fits)
      problem(entry.key, "holds " + std::to_string(scale.scale.size()) + " scales, which are not as many as the channels of '" + network_.variable(entry.slot.variable).name + "'");
  }
  if (entry.given.asymmetric && *entry.given.asymmetric != checked.policy.asymmetric) {
    problem(entry.key, std::string("is ") + (*entry.given.asymmetric ? "asymmetric" : "symmetric") + ", but " + slot + " is not on this platform");
  }
  if (!checked.policy.asymmetric && problems_.size() == before) {
    for (const float offset : scale.offset) {
      if (offset == 0) continue;
      problem(entry.key, "has offset " + number(offset) + ", but " + slot + " is symmetric on this platform: its offset is 0");
      break;
    }
  }
  if (!plausible_limits(entry.given.bits.value_or(checked.bits), entry.given.quant_min.value_or(checked.quant_min), entry.given.quant_max.value_or(checked.quant_max))) {
    problem(entry.key, "bits and limits do not fit each other");
  }
  return problems_.size() == before;
}

void Applier::set(const Entry& entry) {
  Configuration& changed = network_.configurations[entry.slot.config];
  if (entry.given.bits) changed.bits = *entry.given.bits;
  if (entry.given.quant_min) changed.quant_min = *entry.given.quant_min;
  if (entry.given.quant_max) changed.quant_max = *entry.given.quant_max;
  const State state = with_scale(changed.state);
  const bool moved = !(network_.configurations.scale(entry.slot.config) == entry.given.scale);
  network_.configurations.restore(entry.slot.config, state, entry.slot.config, entry.given.scale);
  ++report_.given;
  if (entry.given.baked || !moved || (state != State::baked && state != State::passive_baked)) return;
  note(name_of(network_, entry.slot) + " was baked with another scale: its values are rounded once more");
  bake(entry.slot);
}

// Roots first. Then PASSIVE ones: their master's scale stays theirs where it is the same, or where the variable has a root of its own that the entry may mean; else they leave it.
// Then OVERLAPPED ones, which do not quantize: they hand their scale to a root that the file does not name.
void Applier::settle() {
  Configurations& all = network_.configurations;
  std::set<VariableId> rooted;
  std::set<ConfigId> touched;
  for (const Entry& entry : entries_) {
    if (!takes_scale(all[entry.slot.config].state) || all.root(entry.slot.config) != entry.slot.config) continue;
    set(entry);
    rooted.insert(entry.slot.variable);
    touched.insert(entry.slot.config);
  }
  for (const Entry& entry : entries_) {
    const ConfigId config = entry.slot.config;
    if (!takes_scale(all[config].state) || all.root(config) == config || touched.count(config) != 0 || all.scale(config) == entry.given.scale) continue;
    if (rooted.count(entry.slot.variable) != 0 && touched.count(all.root(config)) != 0) {
      note(name_of(network_, entry.slot) + " stays with its master's scale; " + entry.key + " gives its variable another");
    } else {
      set(entry);
    }
  }
  for (const Entry& entry : entries_) {
    const ConfigId config = entry.slot.config, root = all.root(config);
    if (all[config].state != State::overlapped || root == config || all.scale(config) == entry.given.scale) continue;
    if (touched.count(root) == 0 && takes_scale(all[root].state)) {
      all.restore(root, with_scale(all[root].state), root, entry.given.scale);
      ++report_.given;
      touched.insert(root);
    } else {
      note(name_of(network_, entry.slot) + " is dominated and keeps its dominator's scale; " + entry.key + " gives its variable another");
    }
  }
}

void Applier::bake(const Slot& slot, quant::FloatTensor value) {
  Variable& parameter = network_.variable(slot.variable);
  if (parameter.fp32 == nullptr) parameter.fp32 = parameter.value;
  parameter.value = std::make_shared<const quant::Constant>(quant::Constant::of_reals(std::move(value.shape), std::move(value.data)));
}

void Applier::bake(const Slot& slot) {
  const Variable& parameter = network_.variable(slot.variable);
  if (parameter.value == nullptr || parameter.value->kind != quant::Kind::real) return;
  quant::FloatTensor value{parameter.value->shape, parameter.value->reals};
  fake_quantize(value, network_.configurations[slot.config], network_.configurations.scale(slot.config));
  bake(slot, std::move(value));
}

void Applier::demand(const std::function<bool(const Slot&)>& wanted) {
  std::set<std::string> missing;
  for (const Slot& slot : slots_of(network_)) {
    const std::string& variable = network_.variable(slot.variable).name;
    if (network_.configurations[slot.config].state == State::fp32 || !wanted(slot) || named_.count(variable) != 0 || named_.count(name_of(network_, slot)) != 0) continue;
    if (missing.insert(variable).second)
      problem("'" + variable + "'", "the file has no entry for it, but " + name_of(network_, slot) + " is quantized; is the file complete, and of this platform?");
  }
}

ImportReport Applier::finish(Network& network) {
  if (problems_.empty()) {
    for (const Entry& entry : entries_) check(entry);
  }
  if (problems_.empty()) settle();
  if (!problems_.empty()) throw InputError(path_ + ": is not the quantization of this network (" + report_.format + ")", problems_);
  network = std::move(network_);
  return std::move(report_);
}

}  // namespace assay::ppq
