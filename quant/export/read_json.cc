// The JSON formats that give scales by the names of variables.
#include <cmath>
#include <set>

#include "quant/export/json_reader.h"
#include "quant/export/readers.h"

namespace assay::ppq {
namespace {

using nlohmann::json;

constexpr int64_t kWide = int64_t{1} << 32;

ScaleOffset one(float scale, float offset) {
  return {{scale}, {offset}, false};
}

const Configuration& configuration(const Applier& applier, const Slot& slot) {
  return applier.network().configurations[slot.config];
}

bool is_parameter(const Applier& applier, const Slot& slot) {
  return applier.network().variable(slot.variable).is_parameter;
}

// Not overlapped, visible, of 8 bits at most.
bool speaks_for_itself(const Applier& applier, const Slot& slot) {
  const Configuration& of = configuration(applier, slot);
  return of.state != State::overlapped && of.visibility != Visibility::internal && of.bits <= 8;
}

// The limits that the platform gives to a variable's slots; the first of its quantized ones.
const Configuration* first_configuration(const Applier& applier, const std::string& name) {
  for (const Slot& slot : slots_of(applier.network())) {
    if (applier.network().variable(slot.variable).name == name && configuration(applier, slot).state != State::fp32) return &configuration(applier, slot);
  }
  return nullptr;
}

// s and o whose range f32(s * f32(limit - o)) is the given one. The quotient may be an ulp off, so its neighbours are tried; the nearest one that gives both ends back is taken.
std::optional<ScaleOffset> scale_of_range(float min, float max, const Configuration& of) {
  const double steps = static_cast<double>(of.quant_max) - static_cast<double>(of.quant_min);
  const auto middle = static_cast<float>((static_cast<double>(max) - static_cast<double>(min)) / steps);
  if (!(middle > 0) || !std::isfinite(middle)) return std::nullopt;
  const auto offset = static_cast<float>(std::nearbyint(static_cast<double>(of.quant_min) - static_cast<double>(min) / static_cast<double>(middle)));
  float up = middle, down = middle;
  for (int step = 0; step < 8; ++step) {
    for (const float scale : {up, down}) {
      if (scale * (static_cast<float>(of.quant_min) - offset) == min && scale * (static_cast<float>(of.quant_max) - offset) == max) return one(scale, offset);
    }
    up = std::nextafter(up, INFINITY), down = std::nextafter(down, 0.0F);
  }
  return std::nullopt;
}

}  // namespace

void read_quant_info(Applier& applier, const json& file) {
  JsonReader reader(applier);
  if (!reader.object(file, "the file", {"quant_info", "op_info"}) || !reader.is_object(file["quant_info"], "quant_info") || !reader.is_object(file["op_info"], "op_info")) return;
  for (const auto& [name, entry] : file["quant_info"].items()) {
    const std::string key = "quant_info." + name;
    if (!reader.object(entry, key, {"bit_width", "per_channel", "quant_flag", "sym", "scale", "zero_point", "tensor_min", "tensor_max", "q_min", "q_max"}, {"hash", "dominator"}))
      continue;
    const auto bits = reader.integer(entry["bit_width"], key + ".bit_width", 2, 32);
    const auto low = reader.integer(entry["q_min"], key + ".q_min", -kWide, kWide), high = reader.integer(entry["q_max"], key + ".q_max", -kWide, kWide);
    const auto sym = reader.boolean(entry["sym"], key + ".sym"), per_channel = reader.boolean(entry["per_channel"], key + ".per_channel");
    const auto flag = reader.boolean(entry["quant_flag"], key + ".quant_flag");
    const auto scale = reader.scale(entry["scale"], entry["zero_point"], key);
    if (!bits || !low || !high || !sym || !per_channel || !flag || !scale) continue;
    if (!*flag) {
      applier.problem(key, "quant_flag is false: leave out what is not quantized");
    } else if (scale->per_channel != *per_channel) {
      applier.problem(key, "per_channel does not fit scale");
    } else {
      applier.give_variable(name, {*scale, static_cast<uint8_t>(*bits), *low, *high, !*sym}, key);
    }
  }
  for (const auto& [name, entry] : file["op_info"].items()) {
    const auto id = applier.operation(name, "op_info." + name);
    if (!id || !reader.object(entry, "op_info." + name, {"data_type"})) continue;
    if (entry["data_type"] != "INT8") applier.problem("op_info." + name, "data_type must be INT8, not " + entry["data_type"].dump());
    if (!applier.network().operation(*id).quantized) applier.problem("op_info." + name, "the operation is not quantized in this network; quantize it for the file's platform");
  }
  applier.demand([&](const Slot& slot) { return speaks_for_itself(applier, slot); });
}

void read_encodings(Applier& applier, const json& file) {
  JsonReader reader(applier);
  if (!reader.object(file, "the file", {"activation_encodings", "param_encodings"})) return;
  for (const char* kind : {"activation_encodings", "param_encodings"}) {
    if (!reader.is_object(file[kind], kind)) continue;
    for (const auto& [name, list] : file[kind].items()) {
      const std::string key = std::string(kind) + "." + name;
      if (!list.is_array() || list.size() != 1) {
        applier.problem(key, "must be a list of one encoding: PPQ quantizes per tensor here");
        continue;
      }
      const json& entry = list[0];
      if (!reader.object(entry, key, {"bitwidth", "max", "min", "offset", "scale"})) continue;
      const auto bits = reader.integer(entry["bitwidth"], key + ".bitwidth", 2, 32), offset = reader.integer(entry["offset"], key + ".offset", 0, kWide);
      const auto scale = reader.real(entry["scale"], key + ".scale"), min = reader.real(entry["min"], key + ".min"), max = reader.real(entry["max"], key + ".max");
      const Configuration* of = first_configuration(applier, name);
      if (!bits || !offset || !scale || !min || !max) continue;
      const auto s = static_cast<float>(*scale), o = static_cast<float>(*offset);
      const auto fits = [&](double limit, int64_t code) {
        return std::fabs(limit - static_cast<double>(s) * static_cast<double>(code - *offset)) <= 1e-3 * static_cast<double>(s);
      };
      if (of != nullptr && of->bits != *bits) {
        applier.problem(key, "bitwidth is " + std::to_string(*bits) + ", on this platform it is " + std::to_string(of->bits));
      } else if (of != nullptr && (!fits(*min, of->quant_min) || !fits(*max, of->quant_max))) {
        applier.problem(key, "min and max do not follow from scale and offset (which counts from 0 upwards here, as PPQ has it)");
      } else {
        applier.give_variable(name, {one(s, o)}, key);
      }
    }
  }
  applier.demand([&](const Slot& slot) { return configuration(applier, slot).visibility != Visibility::internal && configuration(applier, slot).bits <= 8; });
}

void read_ranges(Applier& applier, const json& file) {
  JsonReader reader(applier);
  if (!reader.is_object(file, "the file")) return;
  for (const auto& [name, entry] : file.items()) {
    if (!reader.object(entry, name, {"tensor_min", "tensor_max"})) continue;
    const auto min = reader.real(entry["tensor_min"], name + ".tensor_min"), max = reader.real(entry["tensor_max"], name + ".tensor_max");
    const Configuration* of = first_configuration(applier, name);
    if (!min || !max) continue;
    const auto scale = of == nullptr ? one(1, 0) : scale_of_range(static_cast<float>(*min), static_cast<float>(*max), *of);
    if (!scale) {
      applier.problem(name, "tensor_min and tensor_max are not the ends of a range of " + std::to_string(of->quant_max - of->quant_min) + " equal steps with a code for 0");
    } else {
      applier.give_variable(name, {*scale}, name);
    }
  }
  applier.demand([&](const Slot& slot) { return configuration(applier, slot).bits <= 8; });
}

void read_activations(Applier& applier, const json& file) {
  static const std::set<std::string> kSkipped = {"Gather", "Unsqueeze", "Concat", "Reshape", "Squeeze"};
  JsonReader reader(applier);
  if (!reader.object(file, "the file", {"act_quant_info"}) || !reader.is_object(file["act_quant_info"], "act_quant_info")) return;
  for (const auto& [name, range] : file["act_quant_info"].items()) {
    const std::string key = "act_quant_info." + name;
    if (const auto value = reader.real(range, key)) applier.give_variable(name, {one(static_cast<float>(*value / 127), 0)}, key);
  }
  applier.demand([&](const Slot& slot) {
    const Configuration& of = configuration(applier, slot);
    const bool plain = !of.policy.per_channel && !of.policy.asymmetric && of.bits == 8 && of.quant_min == -128 && of.quant_max == 127;
    return plain && !is_parameter(applier, slot) && of.visibility != Visibility::internal && kSkipped.count(applier.network().operation(slot.operation).type) == 0;
  });
}

void read_tensor_scales(Applier& applier, const json& file) {
  JsonReader reader(applier);
  if (!reader.is_object(file, "the file")) return;
  std::set<std::string> expected = {"shape"};
  const auto take = [&](const Slot& slot, const std::string& key) {
    expected.insert(key);
    if (!file.contains(key)) return applier.problem(key, "the key is missing");
    if (const auto value = reader.real(file[key], key)) applier.give_slot(slot, {one(static_cast<float>(*value), 0)}, key);
  };
  for (const OperationId id : applier.network().order) {
    const Operation& operation = applier.network().operation(id);
    std::vector<Slot> slots;
    for (const Slot& slot : slots_of(applier.network(), id)) {
      if (!is_parameter(applier, slot)) slots.push_back(slot);
    }
    const size_t wanted = operation.type == "Conv" ? 2 : operation.type == "Add" ? 3 : 0;
    if (wanted == 0 || slots.size() < wanted) continue;
    const std::string base = applier.network().variable(slots[wanted - 1].variable).name;
    if (wanted == 2) take(slots[0], base + " input_tensor_0");
    // Of an Add, PPQ writes its second input's scale (ppq.md 9.16).
    take(slots[1], base + " output_tensor_0");
  }
  if (file.contains("shape")) reader.object(file["shape"], "shape", {"channels", "height", "width"});
  for (const auto& [key, value] : file.items()) {
    if (expected.count(key) == 0) applier.problem(key, "the key is of no quantized Conv or Add of this network; is the file of this model?");
  }
}

}  // namespace assay::ppq
