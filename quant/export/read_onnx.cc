// Quantization from an ONNX file: pairs of QuantizeLinear and DequantizeLinear, or scalars <variable>_min and <variable>_max. Operations are found by their names, and each slot
// takes the pair that stands before it (the pair reads the slot's variable) or after its producer (the pair makes it).
#include <algorithm>
#include <cmath>
#include <map>

#include "emu/base/error.h"
#include "quant/export/readers.h"
#include "quant/onnx/model.h"

namespace assay::ppq {
namespace {

using quant::Constant;
using quant::ConstantPtr;
using quant::OnnxModel;
using quant::OnnxNode;

bool ends_in(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// A DequantizeLinear with what it reads: words of a parameter, or a QuantizeLinear.
struct Pair {
  std::string source, result;  // the variables outside
  ScaleOffset scale;
  emu::IntType type{8, true};
  int64_t axis = 1;
  ConstantPtr words;  // of a parameter
};

class OnnxReader {
 public:
  explicit OnnxReader(Applier& applier) : applier_(applier), model_(quant::load_model(applier.path())) {}

  void run() {
    for (const std::string& what : model_.unsupported) applier_.problem("the model", what);
    for (const OnnxNode& node : model_.nodes) {
      for (const std::string& output : node.outputs) producers_[output] = &node;
    }
    bool any = false;
    for (const OnnxNode& node : model_.nodes) any = any || node.type == "DequantizeLinear";
    if (!any) return read_ranges();
    for (const OnnxNode& node : model_.nodes) {
      if (node.type == "DequantizeLinear") read_pair(node);
    }
    match_nodes();
    if (applier_.failed()) return;
    for (const auto& [id, node] : nodes_) read_inputs(id, *node);
    for (const OperationId id : applier_.network().order) read_outputs(id);
    if (!applier_.failed()) leave_float();
  }

 private:
  const Network& network() const { return applier_.network(); }

  ConstantPtr constant(const std::string& name) const {
    const auto found = model_.initializers.find(name);
    return found == model_.initializers.end() ? nullptr : found->second;
  }

  // Scale and zero point of a node; a problem where they are no constants.
  bool read_scale(const OnnxNode& node, Pair& pair) {
    const std::string key = "node '" + node.label() + "'";
    const ConstantPtr scale = node.inputs.size() > 1 ? constant(node.inputs[1]) : nullptr;
    const ConstantPtr zero = node.inputs.size() > 2 ? constant(node.inputs[2]) : nullptr;
    if (scale == nullptr || scale->kind != quant::Kind::real || zero == nullptr || zero->kind != quant::Kind::integer || !zero->type || scale->size() == 0 ||
        scale->size() != zero->size() || scale->shape.size() > 1) {
      applier_.problem(key, "its scale and zero point must be constants of one length, the zero point with the type of the words");
      return false;
    }
    if (zero->type->bits != 8 && !(zero->type->bits == 32 && zero->type->is_signed)) {
      applier_.problem(key, "words must be int8, uint8 or int32");
      return false;
    }
    pair.scale = {scale->reals, {}, !scale->shape.empty()};
    for (const int64_t point : zero->integers) pair.scale.offset.push_back(static_cast<float>(point));
    pair.type = *zero->type;
    try {
      pair.axis = node.integer("axis", 1);
    } catch (const InputError& error) {
      applier_.problem(key, error.what());
      return false;
    }
    return true;
  }

  void read_pair(const OnnxNode& node) {
    Pair pair;
    const std::string key = "node '" + node.label() + "'";
    if (!read_scale(node, pair) || node.outputs.empty()) return;
    pair.result = node.outputs[0];
    pair.words = constant(node.inputs[0]);
    if (pair.words != nullptr) {
      pair.source = node.inputs[0];
      if (pair.words->kind != quant::Kind::integer) return applier_.problem(key, "dequantizes a constant that holds no words");
    } else {
      const auto before = producers_.find(node.inputs[0]);
      if (before == producers_.end() || before->second->type != "QuantizeLinear") return applier_.problem(key, "must read words of a constant or of a QuantizeLinear");
      Pair made;
      if (!read_scale(*before->second, made)) return;
      if (!(made.scale == pair.scale) || !(made.type == pair.type)) return applier_.problem(key, "its scale or zero point is not that of the QuantizeLinear before it");
      pair.source = before->second->inputs[0];
    }
    pairs_[pair.result] = pair;
  }

  // Every node is an operation of the network, and every operation is there, but Relu and Clip that a pair stands for.
  void match_nodes() {
    for (const OnnxNode& node : model_.nodes) {
      if (node.type == "QuantizeLinear" || node.type == "DequantizeLinear") continue;
      const auto id = applier_.operation(node.name, "node '" + node.label() + "'");
      if (!id) continue;
      const Operation& operation = network().operation(*id);
      if (operation.type != node.type || operation.outputs.size() != node.outputs.size() || operation.inputs.size() > node.inputs.size()) {
        applier_.problem("node '" + node.label() + "'", "is a " + node.type + " with " + std::to_string(node.inputs.size()) + " inputs, in the network it is a " + operation.type +
                                                            " with " + std::to_string(operation.inputs.size()));
      } else if (!nodes_.emplace(*id, &node).second) {
        applier_.problem("node '" + node.label() + "'", "another node has the same name");
      }
    }
    for (const OperationId id : network().order) {
      const Operation& operation = network().operation(id);
      if (nodes_.count(id) == 0 && operation.type != "Relu" && operation.type != "Clip") applier_.problem("the model", "operation '" + operation.name + "' is missing");
    }
  }

  // The variable that the file has instead of the network's: of a Relu or Clip that is not in the file, what it reads.
  std::string seen_as(VariableId id) const {
    const Variable& variable = network().variable(id);
    if (variable.producer == kNone || nodes_.count(variable.producer) != 0 || pairs_.count(variable.name) != 0) return variable.name;
    return seen_as(network().operation(variable.producer).inputs[0]);
  }

  Given given(const Pair& pair) const {
    Given made{pair.scale, {}, {}, {}, pair.type.bits == 8 ? std::optional<bool>(!pair.type.is_signed) : std::nullopt};
    return made;
  }

  void give(const Slot& slot, const Pair& pair) {
    const std::string key = "the pair of '" + pair.result + "'";
    const Configuration& of = network().configurations[slot.config];
    if (pair.type.bits == 8 && of.bits > 8)
      return applier_.problem(key, "has words of 8 bits, " + name_of(network(), slot) + " has " + std::to_string(of.bits) + " on this platform");
    if (pair.scale.per_channel && of.channel_axis && pair.axis != *of.channel_axis) {
      return applier_.problem(
          key, "runs along axis " + std::to_string(pair.axis) + ", " + name_of(network(), slot) + " along axis " + std::to_string(*of.channel_axis) + " on this platform");
    }
    Given made = given(pair);
    made.baked = pair.words != nullptr;
    applier_.give_slot(slot, made, key);
    settled_.insert(slot.config);
  }

  void read_inputs(OperationId id, const OnnxNode& node) {
    const Operation operation = network().operation(id);
    const std::vector<Slot> slots = slots_of(network(), id);
    for (size_t i = 0; i < operation.inputs.size(); ++i) {
      const VariableId variable = operation.inputs[i];
      const std::string key = "node '" + node.label() + "', input " + std::to_string(i);
      if (variable == kNone || node.inputs[i].empty()) {
        if ((variable == kNone) != node.inputs[i].empty()) applier_.problem(key, "is left out on one side only");
        continue;
      }
      const auto slot = std::find_if(slots.begin(), slots.end(), [&](const Slot& of) { return !of.output && of.index == i; });
      const auto found = pairs_.find(node.inputs[i]);
      const std::string& name = network().variable(variable).name;
      if (network().variable(variable).is_parameter) {
        read_parameter(slot == slots.end() ? nullptr : &*slot, variable, node.inputs[i], key);
      } else if (node.inputs[i] == name || node.inputs[i] == seen_as(variable)) {
        continue;  // directly, or through the pair after its producer
      } else if (found == pairs_.end() || (found->second.source != name && found->second.source != seen_as(variable))) {
        applier_.problem(key, "reads '" + node.inputs[i] + "', which does not stand for '" + name + "'");
      } else if (slot == slots.end()) {
        applier_.problem(key, "is quantized in the file, but the operation is not on this platform");
      } else {
        give(*slot, found->second);
      }
    }
  }

  void read_parameter(const Slot* slot, VariableId id, const std::string& input, const std::string& key) {
    const auto found = pairs_.find(input);
    const ConstantPtr value = found == pairs_.end() ? constant(input) : found->second.words;
    const Variable& parameter = network().variable(id);
    if (value == nullptr) return applier_.problem(key, "'" + input + "' must be a constant");
    if (parameter.value == nullptr || value->shape != parameter.value->shape) return applier_.problem(key, "the constant's shape is not that of '" + parameter.name + "'");
    if (found == pairs_.end()) {
      if (value->kind != parameter.value->kind) return applier_.problem(key, "the constant's type is not that of '" + parameter.name + "'");
      if (value->reals != parameter.value->reals && value->kind == quant::Kind::real) values_[id] = {value->shape, value->reals};
      return;
    }
    if (slot == nullptr) return applier_.problem(key, "is quantized in the file, but the operation is not on this platform");
    const Pair& pair = found->second;
    give(*slot, pair);
    const auto axis = static_cast<size_t>(pair.axis);
    if (pair.scale.per_channel && (pair.axis < 0 || axis >= value->shape.size() || value->shape[axis] != static_cast<int64_t>(pair.scale.scale.size()))) {
      return applier_.problem(key, "has " + std::to_string(pair.scale.scale.size()) + " scales, which are not as many as its channels");
    }
    values_[id] = dequantized(*value, pair);
  }

  static quant::FloatTensor dequantized(const Constant& words, const Pair& pair) {
    quant::FloatTensor made{words.shape, std::vector<float>(words.size())};
    size_t inner = 1;
    if (pair.scale.per_channel) {
      for (size_t axis = static_cast<size_t>(pair.axis) + 1; axis < words.shape.size(); ++axis) inner *= static_cast<size_t>(words.shape[axis]);
    }
    for (size_t i = 0; i < words.size(); ++i) {
      const size_t c = pair.scale.per_channel ? i / inner % pair.scale.scale.size() : 0;
      made.data[i] = (static_cast<float>(words.integers[i]) - pair.scale.offset[c]) * pair.scale.scale[c];
    }
    return made;
  }

  void read_outputs(OperationId id) {
    const auto node = nodes_.find(id);
    for (const Slot& slot : slots_of(network(), id)) {
      if (!slot.output) continue;
      const std::string& name = network().variable(slot.variable).name;
      const auto found = pairs_.find(name);
      if (found != pairs_.end()) give(slot, found->second);
    }
    if (node == nodes_.end()) return;
    const Operation& operation = network().operation(id);
    for (size_t i = 0; i < operation.outputs.size(); ++i) {
      if (operation.outputs[i] == kNone) continue;
      const std::string& name = network().variable(operation.outputs[i]).name;
      const std::string& made = node->second->outputs[i];
      if (made == name) continue;
      const auto found = pairs_.find(name);
      if (found == pairs_.end() || found->second.source != made)
        applier_.problem("node '" + node->second->label() + "'", "makes '" + made + "', which does not stand for '" + name + "'");
    }
  }

  // What quantizes by itself here and has no pair: by the pair of its variable, which PPQ writes once for both, or not at all.
  void leave_float() {
    Network& changed = applier_.network();
    for (const Slot& slot : slots_of(network())) {
      const Configuration& of = network().configurations[slot.config];
      const std::string& name = network().variable(slot.variable).name;
      const bool speaks = of.state != State::fp32 && of.state != State::overlapped && of.visibility != Visibility::internal;
      if (!speaks || settled_.count(slot.config) != 0) continue;
      const auto after = pairs_.find(name);
      if (!network().variable(slot.variable).is_parameter && after != pairs_.end()) {
        applier_.give_slot(slot, given(after->second), "the pair of '" + name + "'");
        continue;
      }
      applier_.note(name_of(network(), slot) + " has no pair in the file: it is not quantized (FP32)");
      changed.configurations.restore(slot.config, State::fp32, slot.config, {});
    }
    for (const auto& [id, value] : values_) {
      for (const Slot& slot : slots_of(network())) {
        if (slot.variable != id) continue;
        State state = network().configurations[slot.config].state;
        if (settled_.count(slot.config) != 0) state = state == State::initial || state == State::activated || state == State::baked ? State::baked : State::passive_baked;
        changed.configurations[slot.config].state = state;
      }
      Variable& parameter = changed.variable(id);
      if (parameter.fp32 == nullptr) parameter.fp32 = parameter.value;
      parameter.value = std::make_shared<const Constant>(Constant::of_reals(value.shape, value.data));
    }
  }

  // NXP: -s * 2^(bits - 1) and s * 2^(bits - 1) - s of each variable.
  void read_ranges() {
    std::set<std::string> named;
    for (const auto& [name, value] : model_.initializers) {
      if (!ends_in(name, "_min") || network().find_variable(name)) continue;
      const std::string variable = name.substr(0, name.size() - 4);
      const auto id = network().find_variable(variable);
      const ConstantPtr max = constant(variable + "_max");
      if (!id || max == nullptr || max->size() != 1 || value->size() != 1 || max->kind != quant::Kind::real || value->kind != quant::Kind::real) {
        applier_.problem("initializer '" + name + "'", "must be the least value of a variable of this network, with '" + variable + "_max' beside it");
        continue;
      }
      uint8_t bits = 8;
      for (const Slot& slot : slots_of(network())) {
        if (slot.variable == *id) bits = network().configurations[slot.config].bits;
      }
      const float half = static_cast<float>(int64_t{1} << (bits - 1)), scale = -value->reals[0] / half;
      if (!(scale * half == -value->reals[0] && scale * half - scale == max->reals[0])) {
        applier_.problem("initializer '" + name + "'", "and '" + variable + "_max' are not the ends of a symmetric range of " + std::to_string(bits) + " bits");
        continue;
      }
      applier_.give_variable(variable, {{{scale}, {0.0F}, false}}, "initializers '" + variable + "_min', '" + variable + "_max'");
      named.insert(variable);
    }
    if (named.empty()) return applier_.problem("the model", "holds no quantization: neither DequantizeLinear nor initializers <variable>_min and <variable>_max");
    applier_.demand([&](const Slot& slot) {
      const Configuration& of = network().configurations[slot.config];
      return !network().variable(slot.variable).is_parameter && of.state != State::overlapped && of.visibility != Visibility::internal;
    });
    applier_.note("weights and biases are not in the file's ranges: their configurations stay as they were");
  }

  Applier& applier_;
  OnnxModel model_;
  std::map<std::string, const OnnxNode*> producers_;
  std::map<std::string, Pair> pairs_;  // by the variable that they make
  std::map<OperationId, const OnnxNode*> nodes_;
  std::map<VariableId, quant::FloatTensor> values_;
  std::set<ConfigId> settled_;
};

}  // namespace

void read_onnx(Applier& applier) {
  OnnxReader(applier).run();
}

}  // namespace assay::ppq
