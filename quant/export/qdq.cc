// QuantizeLinear and DequantizeLinear in a copy of the network. Names and their numbers are PPQ's: what is inserted before an operation reads the old variable, what is inserted
// after it takes the old variable's name for its result.
#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/export/formats.h"
#include "quant/export/view.h"
#include "quant/ppq/linear.h"

namespace assay::ppq {
namespace {

using quant::Constant;

constexpr float kSameScale = 1e-4F, kSameOffset = 0.1F;  // neighbours closer than this count as equal (ppq.md 9.16)

bool is_quantize(const Operation& operation) {
  return operation.type == "QuantizeLinear" || operation.type == "QuantizeFloating";
}
bool is_dequantize(const Operation& operation) {
  return operation.type == "DequantizeLinear" || operation.type == "DequantizeFloating";
}

// Words of parameters and zero points.
emu::IntType word_type(const Configuration& of) {
  if (of.bits > 8) return {32, true};
  return {8, !of.policy.asymmetric};
}

class Converter {
 public:
  Converter(Network network, bool axis_always, std::vector<std::string>& warnings) : network_(std::move(network)), axis_always_(axis_always), warnings_(warnings) {}

  Network run() {
    if (network_.opset < 13) move_attributes_to_inputs(), name_axes();
    for (const OperationId id : execution_order(network_)) convert(id);
    remove_activations();
    return std::move(network_);
  }

 private:
  // Opset 13 has these as inputs.
  void move_attributes_to_inputs() {
    for (const OperationId id : network_.order) {
      const std::string& type = network_.operation(id).type;
      const bool reduces = type == "ReduceSum" || type == "Squeeze" || type == "Unsqueeze";
      if (!reduces && type != "Split") continue;
      auto& attributes = network_.operation(id).attributes;
      const auto found = attributes.find(reduces ? "axes" : "split");
      if (found == attributes.end()) continue;
      const auto* list = std::get_if<std::vector<int64_t>>(&found->second);
      if (list == nullptr) throw Unsupported("QDQ export", {network_.operation(id).name + " (" + type + "): attribute '" + found->first + "' is not a list of integers"});
      const VariableId input = new_parameter(Constant::of_integers({static_cast<int64_t>(list->size())}, *list));
      attributes.erase(found);
      add_input(id, input);
    }
  }

  // Below opset 13 the axis is 1 where it is not given, as PPQ simulates it; from 13 on it would be the last.
  void name_axes() {
    for (const OperationId id : network_.order) {
      Operation& operation = network_.operation(id);
      if (operation.type == "Softmax" || operation.type == "LogSoftmax") operation.attributes.try_emplace("axis", int64_t{1});
    }
  }

  std::string free_name(const char* what, size_t& number) const {
    for (;;) {
      std::string name = what + std::to_string(number++);
      if (!network_.find_variable(name) && !network_.find_operation(name)) return name;
    }
  }
  VariableId new_variable() { return network_.add_variable(free_name("PPQ_Variable_", next_variable_)); }
  VariableId new_parameter(Constant value) {
    const VariableId id = new_variable();
    network_.variable(id).is_parameter = true;
    network_.variable(id).value = std::make_shared<const Constant>(std::move(value));
    return id;
  }
  void add_input(OperationId id, VariableId variable) {
    Operation& operation = network_.operation(id);
    const size_t at = operation.inputs.size();
    // An operation that is quantized has a configuration per slot; what is added here is not quantized.
    if (operation.quantized) {
      Configuration unquantized;
      unquantized.state = State::fp32;
      operation.input_configs.push_back(network_.configurations.add(unquantized));
    }
    network_.set_input(id, at, variable);
  }

  // PPQ's TQC_Exportable_Check.
  bool converts(const Slot& slot) {
    const Configuration& of = network_.configurations[slot.config];
    if (!exportable(network_, slot.config)) return false;
    if (of.bits != 8 || of.policy.floating) return true;
    const bool fits = of.policy.asymmetric ? of.quant_min >= 0 && of.quant_max <= 255 : of.quant_min >= -128 && of.quant_max <= 127;
    if (!fits)
      warnings_.push_back(name_of(network_, slot) + ": limits " + std::to_string(of.quant_min) + " to " + std::to_string(of.quant_max) +
                          " are not those of an 8-bit type; it stays float");
    return fits;
  }

  void warn(const Slot& slot) {
    const Configuration& of = network_.configurations[slot.config];
    const bool narrow = of.quant_max - of.quant_min < 254;
    if (of.policy.floating) warnings_.push_back(name_of(network_, slot) + ": floating quantization has no ONNX operator; QuantizeFloating is only for people to read");
    if (of.bits == 8 && narrow) warnings_.push_back(name_of(network_, slot) + ": the narrower limits are not in the file");
    if (of.bits != 8 && !network_.variable(slot.variable).is_parameter) warnings_.push_back(name_of(network_, slot) + ": " + std::to_string(of.bits) + " bits are not in the file");
    if (of.rounding != Rounding::half_even && !network_.variable(slot.variable).is_parameter) {
      warnings_.push_back(name_of(network_, slot) + ": the file rounds half to even, the quantization is " + std::string(to_string(of.rounding)));
    }
  }

  void convert(OperationId id) {
    for (const Slot& slot : slots_of(network_, id)) {
      if (!converts(slot)) continue;
      if (network_.variable(slot.variable).is_parameter) {
        convert_parameter(slot);
      } else if (!has_neighbour(slot.variable, slot.config)) {
        warn(slot);
        const OperationId quantize = insert("Quantize", slot.config, slot.variable, id);
        insert("Dequantize", slot.config, network_.operation(quantize).outputs[0], quantize);
      }
    }
  }

  void convert_parameter(const Slot& slot) {
    if (network_.variable(slot.variable).readers.size() != 1) {
      throw Unsupported("QDQ export", {"parameter '" + network_.variable(slot.variable).name + "' is read by several operations: each must have its own"});
    }
    State state = network_.configurations[slot.config].state;
    if (state == State::baked) state = State::activated;
    if (state == State::passive_baked) state = State::passive;
    network_.configurations.restore(slot.config, state, slot.config, network_.configurations.own_scale(slot.config));
    warn(slot);
    insert("Dequantize", slot.config, slot.variable, slot.operation);
    const Configuration& of = network_.configurations[slot.config];
    if (of.policy.floating) return;
    Variable& parameter = network_.variable(slot.variable);
    ASSAY_ASSERT(parameter.value != nullptr && parameter.value->kind == quant::Kind::real);
    Constant words =
        Constant::of_integers(parameter.value->shape, quantize_to_int({parameter.value->shape, parameter.value->reals}, of, network_.configurations.scale(slot.config)));
    words.type = word_type(of);
    for (int64_t& word : words.integers) word = std::clamp<int64_t>(word, static_cast<int64_t>(words.type->min()), static_cast<int64_t>(words.type->max()));
    parameter.value = std::make_shared<const Constant>(std::move(words));
  }

  // A DequantizeLinear already makes the variable, or a QuantizeLinear is all that reads it, with nearly these scales.
  bool has_neighbour(VariableId id, ConfigId config) const {
    const Variable& variable = network_.variable(id);
    if (variable.producer != kNone && is_dequantize(network_.operation(variable.producer)) && same(network_.operation(variable.producer), config)) return true;
    return variable.readers.size() == 1 && is_quantize(network_.operation(variable.readers[0].operation)) && same(network_.operation(variable.readers[0].operation), config);
  }
  bool same(const Operation& pair, ConfigId config) const {
    const Constant &scale = *network_.variable(pair.inputs[1]).value, &offset = *network_.variable(pair.inputs[2]).value;
    const ScaleOffset& wanted = network_.configurations.scale(config);
    if (scale.size() != wanted.scale.size() && scale.size() != 1 && wanted.scale.size() != 1) return false;
    for (size_t c = 0; c < std::max(scale.size(), wanted.scale.size()); ++c) {
      const size_t a = scale.size() == 1 ? 0 : c, b = wanted.scale.size() == 1 ? 0 : c;
      if (!(std::fabs(scale.real(a) - wanted.scale[b]) < kSameScale && std::fabs(offset.real(a) - wanted.offset[b]) < kSameOffset)) return false;
    }
    return true;
  }

  // Before the operation if it reads the variable, else after it.
  OperationId insert(const std::string& verb, ConfigId config, VariableId variable, OperationId at) {
    const Configuration& of = network_.configurations[config];
    Operation created;
    created.name = free_name("PPQ_Operation_", next_operation_);
    created.type = verb + (of.policy.floating ? "Floating" : "Linear");
    created.platform = "FP32";
    if (of.policy.per_channel) created.attributes["axis"] = of.channel_axis.value_or(0);
    if (!of.policy.per_channel && axis_always_) created.attributes["axis"] = int64_t{0};
    if (of.policy.floating) {
      created.attributes["min"] = static_cast<float>(of.quant_min), created.attributes["max"] = static_cast<float>(of.quant_max);
      created.attributes["exponent"] = int64_t{of.exponent_bits}, created.attributes["mantissa"] = int64_t{of.bits} - of.exponent_bits - 1;
    }
    const VariableId made = new_variable();
    network_.variable(made).shape = network_.variable(variable).shape;
    const auto& inputs = network_.operation(at).inputs;
    const auto read = std::find(inputs.begin(), inputs.end(), variable);
    const std::vector<Reader> readers = network_.variable(variable).readers;
    size_t place = readers.size();
    if (read != inputs.end()) {
      const Reader reader{at, static_cast<size_t>(read - inputs.begin())};
      place = static_cast<size_t>(std::find(readers.begin(), readers.end(), reader) - readers.begin());
      network_.set_input(at, reader.input, made);
      created.inputs = {variable}, created.outputs = {made};
    } else {
      auto& outputs = network_.operation(at).outputs;
      *std::find(outputs.begin(), outputs.end(), variable) = made;
      network_.variable(made).producer = at;
      created.inputs = {made}, created.outputs = {variable};
    }
    add_scales(created, config);
    const OperationId id = network_.add_operation(std::move(created));
    // What is inserted before an operation takes its place among the readers.
    auto& now = network_.variable(variable).readers;
    if (place < now.size()) std::rotate(now.begin() + static_cast<std::ptrdiff_t>(place), now.end() - 1, now.end());
    return id;
  }

  void add_scales(Operation& pair, ConfigId config) {
    const Configuration& of = network_.configurations[config];
    const ScaleOffset& scale = network_.configurations.scale(config);
    const Shape shape = scale.per_channel ? Shape{static_cast<int64_t>(scale.scale.size())} : Shape{};
    pair.inputs.push_back(new_parameter(Constant::of_reals(shape, scale.scale)));
    if (of.policy.floating) return pair.inputs.push_back(new_parameter(Constant::of_reals(shape, scale.offset)));
    Constant zero_points = Constant::of_integers(shape, {});
    zero_points.type = word_type(of);
    for (const float offset : scale.offset) {
      const auto point = static_cast<int64_t>(std::nearbyint(offset));
      if (!zero_points.type->holds(point)) throw Unsupported("QDQ export", {"zero point " + std::to_string(point) + " does not fit its type"});
      zero_points.integers.push_back(point);
    }
    pair.inputs.push_back(new_parameter(std::move(zero_points)));
  }

  // Relu and Clip whose quantized range already clamps: an asymmetric range that begins at 0.
  bool is_implied(const Operation& operation) const {
    const ConfigId config = operation.output_configs.at(0);
    const Configuration& of = network_.configurations[config];
    if (!of.policy.asymmetric || !network_.configurations.scale(config).set()) return false;
    const Range range = range_of(network_, config);
    const float min = *std::min_element(range.min.begin(), range.min.end()), max = *std::max_element(range.max.begin(), range.max.end());
    if (operation.type == "Relu") return min >= 0;
    if (operation.type != "Clip" || operation.inputs.size() != 3) return false;
    const auto limit = [&](size_t input, float open) {
      const Variable* variable = operation.inputs[input] == kNone ? nullptr : &network_.variable(operation.inputs[input]);
      return variable != nullptr && variable->value != nullptr && variable->value->size() == 1 ? variable->value->real(0) : open;
    };
    return min >= limit(1, -INFINITY) && max <= limit(2, INFINITY);
  }

  void remove_activations() {
    std::vector<OperationId> removed;
    for (const OperationId id : execution_order(network_)) {
      const Operation& operation = network_.operation(id);
      if (operation.quantized && (operation.type == "Relu" || operation.type == "Clip") && is_implied(operation)) removed.push_back(id);
    }
    for (const OperationId id : removed) keep_quantization(id);
    for (const OperationId id : removed) remove(id);
  }

  // Before it goes: its output's quantization onto its input, unless a pair beside it has it already.
  void keep_quantization(OperationId id) {
    const std::vector<OperationId> before = network_.upstream(id);
    if (before.empty() || !network_.operation(before[0]).quantized || network_.downstream(before[0]).size() != 1) return;
    const VariableId input = network_.operation(id).inputs[0], output = network_.operation(id).outputs[0];
    if (!network_.configurations[network_.operation(id).input_configs[0]].policy.asymmetric) return;
    for (VariableId& listed : network_.outputs) listed = listed == output ? input : listed;
    const ConfigId config = network_.operation(id).output_configs[0];
    if (has_neighbour(input, config) || has_neighbour(output, config)) return;
    const OperationId quantize = insert("Quantize", config, input, id);
    insert("Dequantize", config, network_.operation(quantize).outputs[0], quantize);
  }

  void remove(OperationId id) {
    const VariableId input = network_.operation(id).inputs[0], output = network_.operation(id).outputs[0];
    const std::vector<Reader> readers = network_.variable(output).readers;
    network_.remove_operation(id);
    for (const Reader& reader : readers) network_.set_input(reader.operation, reader.input, input);
    for (VariableId& listed : network_.outputs) listed = listed == output ? input : listed;
  }

  Network network_;
  bool axis_always_;
  std::vector<std::string>& warnings_;
  mutable size_t next_variable_ = 0, next_operation_ = 0;
};

}  // namespace

Network with_quantize_nodes(Network network, bool axis_always, std::vector<std::string>& warnings) {
  return Converter(std::move(network), axis_always, warnings).run();
}

}  // namespace assay::ppq
