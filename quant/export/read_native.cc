// PPQ's native json. It says all of a configuration but rounding, observer, channel axis and visibility, which stay as they are.
#include <cmath>
#include <map>

#include "quant/export/json_reader.h"
#include "quant/export/readers.h"

namespace assay::ppq {
namespace {

using nlohmann::json;

struct Read {
  std::vector<Slot> slots;  // of one operation that read or make the variable
  std::string key;
  Configuration configuration;  // policy, bits, limits and state are the file's
  uint64_t hash = 0, dominator = 0;
};

// States of older versions have names of their own (ppq.md 5.1).
State now_called(State state) {
  if (state == State::slave) return State::passive;
  if (state == State::deactivated || state == State::dequantized || state == State::soi) return State::fp32;
  return state;
}

class NativeReader {
 public:
  explicit NativeReader(Applier& applier) : applier_(applier), json_(applier) {}

  void run(const json& file) {
    if (!json_.object(file, "the file", {"configs", "dispatchings", "values"})) return;
    if (!json_.is_object(file["configs"], "configs") || !json_.is_object(file["dispatchings"], "dispatchings") || !json_.is_object(file["values"], "values")) return;
    for (const auto& [name, entries] : file["configs"].items()) read_operation(name, entries);
    for (const OperationId id : applier_.network().order) {
      const Operation& operation = applier_.network().operation(id);
      if (operation.quantized && !file["configs"].contains(operation.name)) applier_.problem("configs", "operation '" + operation.name + "' is missing, but it is quantized here");
    }
    read_platforms(file["dispatchings"]);
    read_values(file["values"]);
    if (!applier_.failed()) check_groups();
    if (!applier_.failed()) apply();
  }

 private:
  void read_operation(const std::string& name, const json& entries) {
    const std::string key = "configs." + name;
    const auto id = applier_.operation(name, key);
    if (!id || !json_.is_object(entries, key)) return;
    const Network& network = applier_.network();
    if (!network.operation(*id).quantized) return applier_.problem(key, "the operation is not quantized in this network; quantize it for the file's platform");
    std::map<std::string, std::vector<Slot>> slots;
    for (const Slot& slot : slots_of(network, *id)) slots[network.variable(slot.variable).name].push_back(slot);
    for (const auto& [variable, of] : slots) {
      if (!entries.contains(variable)) applier_.problem(key, "variable '" + variable + "' is missing");
    }
    for (const auto& [variable, entry] : entries.items()) {
      if (slots.count(variable) == 0) {
        applier_.problem(key, "the operation has no variable '" + variable + "'");
      } else {
        read_entry(slots[variable], entry, key + "." + variable);
      }
    }
  }

  void read_entry(const std::vector<Slot>& slots, const json& entry, const std::string& key) {
    if (!json_.object(entry, key, {"bit_width", "policy", "state", "quant_min", "quant_max", "hash", "dominator"})) return;
    Read read{slots, key, applier_.network().configurations[slots[0].config], 0, 0};
    const auto bits = json_.integer(entry["bit_width"], key + ".bit_width", 2, 32);
    constexpr int64_t kFar = int64_t{1} << 40;
    const auto low = json_.integer(entry["quant_min"], key + ".quant_min", -kFar, kFar), high = json_.integer(entry["quant_max"], key + ".quant_max", -kFar, kFar);
    const auto hash = json_.integer(entry["hash"], key + ".hash", 0, INT64_MAX), dominator = json_.integer(entry["dominator"], key + ".dominator", 0, INT64_MAX);
    const auto state = json_.text(entry["state"], key + ".state");
    if (!read_policy(entry["policy"], key + ".policy", read.configuration.policy) || !bits || !low || !high || !hash || !dominator || !state) return;
    const auto parsed = parse_state(*state);
    if (!parsed) return applier_.problem(key + ".state", "'" + *state + "' is no state of PPQ");
    if (!plausible_limits(*bits, *low, *high)) return applier_.problem(key, "quant_min and quant_max do not fit each other");
    read.configuration.bits = static_cast<uint8_t>(*bits);
    read.configuration.quant_min = *low, read.configuration.quant_max = *high;
    read.configuration.state = now_called(*parsed);
    read.hash = static_cast<uint64_t>(*hash), read.dominator = static_cast<uint64_t>(*dominator);
    if (!by_hash_.emplace(read.hash, reads_.size()).second) return applier_.problem(key + ".hash", "another configuration has the same hash");
    reads_.push_back(std::move(read));
  }

  bool read_policy(const json& policy, const std::string& key, Policy& into) {
    if (!json_.object(policy, key, {"PER_TENSOR", "PER_CHANNEL", "LINEAR", "FLOATING", "SYMMETRICAL", "ASYMMETRICAL", "POWER_OF_2", "DYNAMIC"})) return false;
    std::map<std::string, bool> flags;
    for (const auto& [name, value] : policy.items()) {
      const auto flag = json_.boolean(value, key + "." + name);
      if (!flag) return false;
      flags[name] = *flag;
    }
    if (flags["PER_TENSOR"] == flags["PER_CHANNEL"] || flags["LINEAR"] == flags["FLOATING"] || flags["SYMMETRICAL"] == flags["ASYMMETRICAL"]) {
      applier_.problem(key, "must hold exactly one of PER_TENSOR and PER_CHANNEL, of LINEAR and FLOATING, of SYMMETRICAL and ASYMMETRICAL");
      return false;
    }
    into = {flags["PER_CHANNEL"], flags["FLOATING"], flags["ASYMMETRICAL"], flags["POWER_OF_2"], flags["DYNAMIC"]};
    return true;
  }

  void read_platforms(const json& dispatchings) {
    for (const auto& [name, platform] : dispatchings.items()) {
      const std::string key = "dispatchings." + name;
      const auto id = applier_.operation(name, key);
      const auto text = json_.text(platform, key);
      if (!id || !text) continue;
      const std::string& ours = applier_.network().operation(*id).platform;
      if (ours != *text) applier_.problem(key, "the file has it on " + *text + ", the network on " + ours + "; quantize the network for the file's platform");
    }
    for (const Read& read : reads_) {
      const std::string& name = applier_.network().operation(read.slots[0].operation).name;
      if (!dispatchings.contains(name)) applier_.problem("dispatchings", "operation '" + name + "' is missing");
    }
  }

  void read_values(const json& values) {
    for (const auto& [hash, value] : values.items()) {
      const std::string key = "values." + hash;
      if (hash.empty() || hash.size() > 19 || hash.find_first_not_of("0123456789") != std::string::npos) {
        applier_.problem(key, "the key must be a hash, a whole number");
        continue;
      }
      if (!json_.object(value, key, {"scale", "zero_point"})) continue;
      if (value["scale"].is_null() && value["zero_point"].is_null()) {
        values_[std::stoull(hash)] = {};
      } else if (const auto scale = json_.scale(value["scale"], value["zero_point"], key)) {
        check_numbers(*scale, key);
        values_[std::stoull(hash)] = *scale;
      }
    }
  }

  void check_numbers(const ScaleOffset& scale, const std::string& key) {
    for (const float entry : scale.scale) {
      if (!std::isfinite(entry) || entry <= 0) return applier_.problem(key + ".scale", "a scale must be a positive number, not " + python_float(entry));
    }
    for (const float entry : scale.offset) {
      if (!std::isfinite(entry) || std::floor(entry) != entry) return applier_.problem(key + ".zero_point", "an offset must be a whole number, not " + python_float(entry));
    }
  }

  // The configuration whose scale it has; itself where its dominator's entry was lost (an operation that reads a variable twice).
  const Read* root_of(const Read& read) const {
    const auto found = by_hash_.find(read.dominator);
    return found == by_hash_.end() ? &read : &reads_[found->second];
  }
  const ScaleOffset* value_of(const Read& read) const {
    const auto found = values_.find(read.dominator);
    return found == values_.end() ? nullptr : &found->second;
  }

  void check_groups() {
    for (const Read& read : reads_) {
      const State state = read.configuration.state;
      const ScaleOffset* value = value_of(read);
      if (root_of(read)->dominator != root_of(read)->hash) applier_.problem(read.key + ".dominator", "its dominator has a dominator itself");
      if (by_hash_.count(read.dominator) == 0 && value == nullptr)
        applier_.problem(read.key + ".dominator", "no configuration and no value has the hash " + std::to_string(read.dominator));
      if (state == State::fp32 || state == State::initial || state == State::passive_init) continue;
      if (value == nullptr || !value->set()) {
        applier_.problem("values." + std::to_string(read.dominator), "is missing, but " + read.key + " is " + std::string(to_string(state)));
      } else {
        check_channels(read, *value);
      }
    }
  }

  void check_channels(const Read& read, const ScaleOffset& value) {
    if (!value.per_channel && !read.configuration.policy.per_channel) return;
    const Configuration& of = read.configuration;
    const std::string key = "values." + std::to_string(read.dominator);
    if (value.per_channel != of.policy.per_channel)
      return applier_.problem(key, "is " + std::string(value.per_channel ? "a list" : "one number") + ", which the policy of " + read.key + " is not");
    if (!of.channel_axis) return applier_.problem(read.key, "is per channel, but the network quantizes it as one tensor, and the file does not say which axis");
    const auto& parameter = applier_.network().variable(read.slots[0].variable).value;
    if (parameter == nullptr) return;
    const auto axis = static_cast<size_t>(*of.channel_axis);
    if (axis < parameter->shape.size() && parameter->shape[axis] == static_cast<int64_t>(value.scale.size())) return;
    applier_.problem(key, "holds " + std::to_string(value.scale.size()) + " scales, which are not as many as the channels of " + read.key);
  }

  void apply() {
    Configurations& all = applier_.network().configurations;
    for (const Read& read : reads_) {
      const Read& root = *root_of(read);
      for (const Slot& slot : read.slots) {
        Configuration changed = read.configuration;
        const Configuration& old = all[slot.config];  // each slot's own, where the entry stands for two
        changed.rounding = old.rounding, changed.observer = old.observer, changed.channel_axis = old.channel_axis, changed.visibility = old.visibility, changed.detail = old.detail;
        all[slot.config] = changed;
        const bool own = &root == &read;
        applier_.count();
        const ScaleOffset* value = value_of(read);
        all.restore(slot.config, changed.state, own ? slot.config : root.slots.back().config, own && value != nullptr ? *value : ScaleOffset{});
      }
      if (read.slots.size() > 1) applier_.note(read.key + " is of two slots of the operation, and the file keeps one entry: both have it");
    }
    for (const Read& read : reads_) {
      const State state = read.configuration.state;
      if ((state == State::baked || state == State::passive_baked) && applier_.network().variable(read.slots[0].variable).is_parameter) applier_.bake(read.slots[0]);
    }
  }

  Applier& applier_;
  JsonReader json_;
  std::vector<Read> reads_;
  std::map<uint64_t, size_t> by_hash_;
  std::map<uint64_t, ScaleOffset> values_;
};

}  // namespace

void read_native(Applier& applier, const json& file) {
  NativeReader(applier).run(file);
}

}  // namespace assay::ppq
