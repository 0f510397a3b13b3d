#include "quant/onnx/import_onnx.h"

#include <algorithm>
#include <unordered_map>

#include "emu/base/error.h"
#include "quant/onnx/convert.h"
#include "quant/onnx/evaluate_constant.h"
#include "quant/onnx/input_shapes.h"
#include "quant/onnx/model.h"
#include "quant/onnx/settle_given.h"

namespace assay::quant {
namespace {

// What is known of a name: a constant, a value of the graph, or (neither) nothing, because the node that makes it has a problem.
struct Known {
  ConstantPtr constant;
  std::optional<ValueId> id;
  bool words = false;        // the name stands for the integers of that value
  bool dequantized = false;  // it is what DequantizeLinear made of them
};

class Importer {
 public:
  Importer(OnnxModel model, const ImportOptions& options) : model_(std::move(model)), options_(options), builder_(graph_) { unsupported_ = model_.unsupported; }

  Graph run() {
    graph_.name = model_.name;
    reserve_names();
    for (const auto& [name, constant] : model_.initializers) known_[name] = {constant, std::nullopt, false, false};
    add_inputs();
    for (const OnnxNode& node : model_.nodes) import_node(node);
    if (!problems_.empty()) throw InputError(model_.path + ": the model is not valid", problems_);
    if (unsupported_.empty()) add_outputs();
    if (!unsupported_.empty()) throw Unsupported(model_.path + ": the model uses what is not supported", unsupported_);
    settle_given(graph_);
    state_saturation(graph_);
    check(graph_);
    return std::move(graph_);
  }

 private:
  void reserve_names() {
    for (const auto& [name, constant] : model_.initializers) builder_.reserve(name);
    for (const OnnxInput& input : model_.inputs) builder_.reserve(input.name);
    for (const OnnxNode& node : model_.nodes) {
      for (const std::string& output : node.outputs) builder_.reserve(output);
    }
  }

  void add_inputs() {
    check_asked_shapes(model_, options_.shapes, problems_);
    for (const OnnxInput& input : model_.inputs) {
      known_[input.name] = {};
      if (!input.real) {
        unsupported_.push_back("graph input '" + input.name + "' is " + input.type + "; only tensors of floating point are supported");
        continue;
      }
      const std::optional<Shape> shape = shape_of_input(model_, input, options_.shapes, problems_);
      if (!shape) continue;
      const ValueId id = builder_.add_value(input.name, *shape);
      graph_.inputs.push_back(id);
      known_[input.name].id = id;
    }
  }

  // nullopt where an input is not known.
  std::optional<std::vector<Argument>> arguments_of(const OnnxNode& node) const {
    std::vector<Argument> arguments;
    for (const std::string& name : node.inputs) {
      Argument& argument = arguments.emplace_back();
      if (name.empty()) continue;
      const auto found = known_.find(name);
      if (found == known_.end()) return std::nullopt;  // an initializer of a kind that is not supported
      const Known& known = found->second;
      argument.present = true;
      argument.constant = known.constant;
      argument.words = known.words;
      argument.dequantized = known.dequantized;
      if (known.constant) {
        argument.shape = known.constant->shape;
      } else if (known.id) {
        argument.id = *known.id;
        argument.shape = graph_.value(*known.id).shape;
      } else {
        return std::nullopt;
      }
    }
    return arguments;
  }

  void import_node(const OnnxNode& node) {
    for (const std::string& output : node.outputs) {
      if (!output.empty()) known_[output] = {};
    }
    const std::string what = "node '" + node.label() + "' (" + node.full_type() + ")";
    const std::string only_constants = ": the operator is supported on constants only";
    const bool evaluable = can_evaluate(node);
    if (!evaluable && !can_convert(node)) return unsupported_.push_back(what + ": the operator is not supported");
    auto arguments = arguments_of(node);
    if (!arguments) {  // an earlier problem left an operand unknown; that it is no constant is known all the same
      if (!can_convert(node)) unsupported_.push_back(what + only_constants);
      return;
    }
    const Call call{node, node.opset.value_or(model_.opset), std::move(*arguments)};
    const bool constant = std::all_of(call.arguments.begin(), call.arguments.end(), [](const Argument& a) { return !a.present || a.constant; });
    try {
      if (evaluable && (constant || needs_only_shapes(node))) {
        store(node, evaluate_constant(call));
      } else if (!can_convert(node)) {
        unsupported_.push_back(what + only_constants);
      } else if (constant && is_quantized_operator(node)) {
        throw Unsupported("all its inputs are constants; fold the constants of the model when it is exported", {});
      } else if (constant) {
        store(node, evaluate_as_operators(call));
      } else {
        convert_node(call);
        note_missing_outputs(node);
      }
    } catch (const InputError& error) {
      problems_.push_back(what + ": " + error.what());
    } catch (const Unsupported& error) {
      unsupported_.push_back(what + ": " + error.what());
    }
    builder_.take_made();
  }

  // Operators that only move elements do so with words too; any other takes words only where it knows them.
  void convert_node(const Call& call) {
    const bool reads_words = std::any_of(call.arguments.begin(), call.arguments.end(), [](const Argument& a) { return a.words; });
    const bool quantized = is_quantized_operator(call.node);
    if (reads_words && !quantized && !moves_given(call.node.type)) throw Unsupported("it computes with the integers of a quantized tensor", {});
    const size_t first = graph_.nodes.size();
    convert(call, builder_);
    if (reads_words && !quantized) give_moved(graph_, first);
    for (const auto& [name, id] : builder_.take_made()) {
      Known& known = known_[name];
      known.id = id;
      known.dequantized = quantized && call.node.type == "DequantizeLinear";
      known.words = reads_words || quantized ? !known.dequantized : false;
    }
  }

  void store(const OnnxNode& node, std::vector<Constant> results) {
    for (size_t i = 0; i < node.outputs.size() && i < results.size(); ++i) {
      if (!node.outputs[i].empty()) known_[node.outputs[i]].constant = std::make_shared<const Constant>(std::move(results[i]));
    }
    note_missing_outputs(node);
  }

  // Secondary outputs (Dropout's mask, MaxPool's indices) only matter where something reads them.
  void note_missing_outputs(const OnnxNode& node) {
    for (const std::string& output : node.outputs) {
      if (output.empty() || known_[output].constant || known_[output].id || !is_read(output)) continue;
      unsupported_.push_back("node '" + node.label() + "' (" + node.full_type() + "): its output '" + output + "' is used, which is not supported");
    }
  }

  bool is_read(const std::string& name) {
    if (read_.empty()) {
      for (const OnnxNode& node : model_.nodes) read_.insert(node.inputs.begin(), node.inputs.end());
      read_.insert(model_.outputs.begin(), model_.outputs.end());
    }
    return read_.count(name) != 0;
  }

  // Every output gets a node of its own and its own name. One that only renames another value takes over that value's name, or becomes a Reshape that copies it.
  void add_outputs() {
    std::vector<bool> written(graph_.values.size(), false);
    for (const Node& node : graph_.nodes) written[node.output] = true;
    const auto is_output = [&](const std::string& name) { return std::find(model_.outputs.begin(), model_.outputs.end(), name) != model_.outputs.end(); };
    for (const std::string& name : model_.outputs) {
      const auto found = known_.find(name);
      const Known known = found == known_.end() ? Known{} : found->second;
      if (!known.id) {
        unsupported_.push_back("graph output '" + name + "' does not depend on the inputs");
        continue;
      }
      ValueId id = *known.id;
      if (graph_.value(id).name != name) {
        if (written[id] && !is_output(graph_.value(id).name)) {
          graph_.values[id].name = name;
        } else {
          const ValueId copy = builder_.add_value(name, graph_.value(id).shape);
          graph_.nodes.push_back({name, "Identity", Reshape{}, {}, {id}, copy});
          id = copy;
        }
      } else if (!written[id]) {
        unsupported_.push_back("graph output '" + name + "' is a graph input");
        continue;
      }
      graph_.outputs.push_back(id);
    }
  }

  OnnxModel model_;
  const ImportOptions& options_;
  Graph graph_;
  Builder builder_;
  std::unordered_map<std::string, Known> known_;
  std::unordered_set<std::string> read_;
  std::vector<std::string> problems_, unsupported_;
};

}  // namespace

Graph import_model(OnnxModel model, const ImportOptions& options) {
  return Importer(std::move(model), options).run();
}

Graph import_onnx(const std::string& path, const ImportOptions& options) {
  return import_model(load_model(path), options);
}

}  // namespace assay::quant
