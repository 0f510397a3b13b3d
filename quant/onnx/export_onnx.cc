#include "quant/onnx/export_onnx.h"

#include <algorithm>
#include <map>

#include "emu/base/error.h"
#include "quant/calibrate/sharing.h"
#include "quant/fake_quantize.h"
#include "quant/onnx/export_nodes.h"

namespace assay::quant {
namespace {

using Names = OnnxWriter::Names;

struct Bounds {
  int64_t low, high;
};

// Writes nodes in their order. A value has up to two names: its words' and, where something reads it as real numbers, that of its DequantizeLinear.
class Exporter {
 public:
  Exporter(const Quantized& quantized, OnnxForm form)
      : quantized_(quantized), graph_(quantized.graph), form_(form), writer_(graph_.name), words_(graph_.values.size()), real_(graph_.values.size()) {}

  ExportedOnnx run(bool every_value) {
    check_types();
    reserve_names();
    for (const ValueId id : graph_.inputs) {
      writer_.input(graph_.value(id).name, graph_.value(id).shape);
      quantize(graph_.value(id).name, id);
    }
    for (const Node& node : graph_.nodes) {
      node_ = &node;
      if (form_ == OnnxForm::qdq || !write_integer_node()) write_real_node();
    }
    for (const ValueId id : graph_.outputs) writer_.float_output(real(id), graph_.value(id).shape);
    ExportedOnnx exported;
    exported.words.resize(graph_.values.size());
    for (ValueId id = 0; id < graph_.values.size(); ++id) {
      if (graph_.is_constant(id) || words_[id].empty()) continue;
      exported.words[id] = words_[id];
      if (every_value) writer_.word_output(words_[id], rule(id).storage.type, graph_.value(id).shape);
    }
    exported.bytes = writer_.bytes();
    return exported;
  }

 private:
  const TensorQuantization& rule(ValueId id) const {
    const auto& own = quantized_.tensors.at(id);
    if (!own || own->scale.empty()) throw InputError("tensor '" + graph_.value(id).name + "' has no quantization; calibrate the whole graph before exporting it");
    return *own;
  }

  // All but the biases that a target adds as real numbers.
  bool is_quantized(ValueId id) const { return quantized_.tensors.at(id).has_value(); }

  void check_types() const {
    std::vector<std::string> problems;
    const auto look = [&](ValueId id) {
      const emu::IntType type = rule(id).storage.type;
      if (rule(id).input_factor) {
        problems.push_back("weight '" + graph_.value(id).name + "' is normalised to the scales of its input's channels; ONNX has scales per channel on one axis of a weight only");
      }
      if (onnx_type_of(type) == 0) problems.push_back("tensor '" + graph_.value(id).name + "' is " + to_string(type) + "; ONNX quantizes to s8, u8 and (biases) s32");
    };
    const auto look_whole = [&](ValueId id) {
      look(id);
      if (rule(id).scale.size() > 1) problems.push_back("tensor '" + graph_.value(id).name + "' has channels with scales of their own; ONNX's operators on integers take one");
    };
    for (const ValueId id : graph_.inputs) look_whole(id);
    for (const Node& node : graph_.nodes) {
      for (const ValueId id : node.inputs) {
        if (graph_.is_constant(id) && is_quantized(id)) look(id);
      }
      look_whole(node.output);
    }
    if (!problems.empty()) throw Unsupported("the quantized model has no ONNX form", problems);
  }

  // The model's own names stay; everything else gives way.
  void reserve_names() {
    for (const ValueId id : graph_.inputs) writer_.unique(graph_.value(id).name);
    for (const ValueId id : graph_.outputs) writer_.unique(graph_.value(id).name);
  }

  bool is_output(ValueId id) const { return std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end(); }

  // Scale and zero point as constants beside each other: [] for a tensor, [C] per channel.
  Names scale_of(ValueId id) {
    auto& names = scales_[id];
    if (!names.empty()) return names;
    const TensorQuantization& own = rule(id);
    const auto count = static_cast<int64_t>(own.scale.size());
    const Shape shape = own.axis && count > 1 ? Shape{count} : Shape{};
    const std::vector<int64_t> zeros(static_cast<size_t>(shape.empty() ? 1 : count), own.zero_point);
    return names = {writer_.floats(graph_.value(id).name + "_scale", shape, own.scale), writer_.words(graph_.value(id).name + "_zero_point", own.storage.type, shape, zeros)};
  }

  void set_axis(onnx::NodeProto& node, ValueId id) {
    const TensorQuantization& own = rule(id);
    if (own.axis && own.scale.size() > 1) set(node, "axis", *own.axis);
  }

  std::string words(ValueId id) {
    if (!words_[id].empty()) return words_[id];
    const Value& value = graph_.value(id);
    ASSAY_ASSERT(value.constant.has_value());
    return words_[id] = writer_.words(value.name + "_quantized", rule(id).storage.type, value.shape, quant::quantize(*value.constant, rule(id)));
  }

  std::string new_words(ValueId id) { return words_[id] = writer_.unique(graph_.value(id).name + "_quantized"); }

  void quantize(const std::string& from, ValueId id) {
    const Names scale = scale_of(id);
    writer_.node("QuantizeLinear", {from, scale[0], scale[1]}, new_words(id));
  }

  std::string real(ValueId id) {
    if (!real_[id].empty()) return real_[id];
    if (graph_.is_constant(id) && !is_quantized(id)) return real_[id] = writer_.floats(graph_.value(id).name, graph_.value(id).shape, graph_.value(id).constant->data);
    const std::string& name = graph_.value(id).name;
    const std::string from = words(id);
    const Names scale = scale_of(id);
    real_[id] = is_output(id) ? name : writer_.unique(name + "_dequantized");
    set_axis(writer_.node("DequantizeLinear", {from, scale[0], scale[1]}, real_[id]), id);
    return real_[id];
  }

  // Words, scale and zero point of the node's first inputs.
  Names triples(size_t count) {
    Names names;
    for (size_t i = 0; i < count; ++i) {
      const ValueId id = node_->inputs.at(i);
      names.push_back(words(id));
      const Names scale = scale_of(id);
      names.insert(names.end(), scale.begin(), scale.end());
    }
    return names;
  }

  void write_real_node() {
    Names inputs;
    for (const ValueId id : node_->inputs) inputs.push_back(real(id));
    std::string pad;
    if (const auto* op = std::get_if<Pad>(&node_->op)) pad = writer_.floats(graph_.value(node_->output).name + "/value", {}, {op->value});
    std::string made = writer_.unique(graph_.value(node_->output).name + "_real");
    write_operator(node_->op, graph_, *node_, inputs, pad, made, writer_);
    for (const Operator& op : node_->fused) {
      const std::string next = writer_.unique(made);
      write_operator(op, graph_, *node_, {made}, "", next, writer_);
      made = next;
    }
    quantize(made, node_->output);
  }

  // The words that the node's output may take: its storage's, narrowed by what is fused into it.
  Bounds bounds() const {
    const TensorQuantization& own = rule(node_->output);
    Bounds all{own.storage.low, own.storage.high};
    for (const Operator& op : node_->fused) {
      const auto word = [&](float limit) { return quantize_value(limit, own.scale[0], own.zero_point, own.storage.low, own.storage.high, own.round); };
      const auto* clip = std::get_if<Clip>(&op);
      ASSAY_ASSERT(clip != nullptr || std::holds_alternative<Relu>(op));
      const int64_t high = clip != nullptr ? word(clip->high) : own.storage.high;
      const int64_t low = std::min(word(clip != nullptr ? clip->low : 0.0F), high);
      all = {std::clamp(all.low, low, high), std::clamp(all.high, low, high)};
    }
    return all;
  }

  // The name that an integer kernel writes; where its words must be clamped, a Clip follows.
  template <class Write>
  bool clamped(Write write) {
    const emu::IntType type = rule(node_->output).storage.type;
    const Bounds limit = bounds();
    const std::string out = new_words(node_->output);
    if (limit.low == type.min() && limit.high == type.max()) {
      write(out);
      return true;
    }
    const std::string whole = writer_.unique(out + "_unclamped");
    write(whole);
    writer_.node("Clip", {whole, writer_.words(out + "/low", type, {}, {limit.low}), writer_.words(out + "/high", type, {}, {limit.high})}, out);
    return true;
  }

  // Appends the output's scale and zero point.
  Names to_output(Names names) {
    const Names scale = scale_of(node_->output);
    names.insert(names.end(), scale.begin(), scale.end());
    return names;
  }
  Names inputs_to_output() { return to_output(triples(node_->inputs.size())); }

  // A bias that is a real number has no integer operator, nor has a sum with a leaky activation.
  bool write_integer_node() {
    if (std::any_of(node_->inputs.begin(), node_->inputs.end(), [&](ValueId id) { return graph_.is_constant(id) && !is_quantized(id); })) return false;
    if (!node_->fused.empty() && std::holds_alternative<LeakyRelu>(node_->fused[0])) return false;
    return std::visit([&](const auto& op) { return write_integer(op); }, node_->op);
  }

  // False: no integer operator; nothing was written.
  template <class Op>
  bool write_integer(const Op& op) {
    if (!moves_words(op)) return false;
    const std::string from = words(node_->inputs[0]);
    const std::string out = new_words(node_->output);
    std::string pad;
    if constexpr (std::is_same_v<Op, Pad>) {
      const TensorQuantization& own = rule(node_->output);
      pad = writer_.words(out + "/value", own.storage.type, {}, {quantize_value(op.value, own.scale[0], own.zero_point, own.storage.low, own.storage.high, own.round)});
    }
    write_operator(op, graph_, *node_, {from}, pad, out, writer_);
    return true;
  }

  bool write_integer(const Conv& op) {
    Names names = to_output(triples(2));
    if (node_->inputs.size() > 2) names.push_back(words(node_->inputs[2]));
    return clamped([&](const std::string& out) { set_windows(writer_.node("QLinearConv", names, out), op, graph_.value(node_->inputs[1]).shape); });
  }

  bool write_integer(const MatMul&) {
    if (node_->inputs.size() == 2) return clamped([&](const std::string& out) { writer_.node("QLinearMatMul", inputs_to_output(), out); });
    if (graph_.value(node_->output).shape.size() != 2) return false;
    Names names = triples(2);
    names.push_back(words(node_->inputs[2]));
    names = to_output(std::move(names));
    return clamped([&](const std::string& out) { writer_.microsoft_node("QGemm", names, out); });
  }

  bool write_integer(const Binary& op) {
    if (op.kind == Arithmetic::sub || rule(node_->inputs[0]).scale.size() > 1 || rule(node_->inputs[1]).scale.size() > 1) return false;
    return clamped([&](const std::string& out) { writer_.microsoft_node(op.kind == Arithmetic::add ? "QLinearAdd" : "QLinearMul", inputs_to_output(), out); });
  }

  bool write_integer(const AveragePool& op) {
    const bool global = is_global(op, graph_.value(node_->inputs[0]).shape, graph_.value(node_->output).shape);
    return clamped([&](const std::string& out) {
      onnx::NodeProto& node = writer_.microsoft_node(global ? "QLinearGlobalAveragePool" : "QLinearAveragePool", inputs_to_output(), out);
      if (!global) set_windows(node, op);
    });
  }

  bool write_integer(const Concat& op) {
    Names names = scale_of(node_->output);
    const Names inputs = triples(node_->inputs.size());
    names.insert(names.end(), inputs.begin(), inputs.end());
    return clamped([&](const std::string& out) { set(writer_.microsoft_node("QLinearConcat", names, out), "axis", op.axis); });
  }

  bool write_integer(const Unary& op) {
    if (op.function != Function::sigmoid) return false;
    return clamped([&](const std::string& out) { writer_.microsoft_node("QLinearSigmoid", inputs_to_output(), out); });
  }

  bool write_integer(const LeakyRelu& op) {
    return clamped([&](const std::string& out) { set(writer_.microsoft_node("QLinearLeakyRelu", inputs_to_output(), out), "alpha", op.alpha); });
  }

  bool write_integer(const Softmax& op) {
    return clamped([&](const std::string& out) {
      onnx::NodeProto& node = writer_.microsoft_node("QLinearSoftmax", inputs_to_output(), out);
      set(node, "axis", op.axis);
      set(node, "opset", int64_t{13});
    });
  }

  const Quantized& quantized_;
  const Graph& graph_;
  OnnxForm form_;
  OnnxWriter writer_;
  Names words_, real_;  // by ValueId; empty until written
  std::map<ValueId, Names> scales_;
  const Node* node_ = nullptr;
};

}  // namespace

ExportedOnnx export_onnx(const Quantized& quantized, const ExportOptions& options) {
  return Exporter(quantized, options.form).run(options.every_value);
}

}  // namespace assay::quant
