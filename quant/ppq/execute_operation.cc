#include "quant/ppq/execute_operation.h"

#include <set>

#include "emu/base/error.h"
#include "quant/execute/products.h"
#include "quant/onnx/convert.h"
#include "quant/onnx/evaluate_constant.h"
#include "quant/ops/op.h"
#include "quant/ppq/execute_functions.h"
#include "quant/ppq/torch_sums.h"

namespace assay::ppq {
namespace {

using quant::Call;
using quant::Constant;
using quant::FloatTensor;
using quant::OnnxNode;
using Pointers = std::vector<const FloatTensor*>;
using Tensors = std::vector<FloatTensor>;

// A node as PPQ reads it, under the opset by whose rules that is what ONNX means.
struct Reading {
  OnnxNode node;
  int64_t opset = 13;
};

void read_pool(OnnxNode& node) {
  if (!node.has("strides") && node.has("kernel_shape")) node.attributes["strides"] = node.attributes.at("kernel_shape");
  if (node.type == "AveragePool") node.attributes["count_include_pad"] = int64_t{1};
}

// Lists that were attributes before some opset are so here where the operation has them.
int64_t opset_of(const OnnxNode& node, int64_t opset) {
  const auto before = [&](const char* key, int64_t old) { return node.has(key) ? old : 13; };
  if (node.type == "Slice") return before("starts", 9);
  if (node.type == "Pad") return before("pads", 10);
  if (node.type == "Squeeze" || node.type == "Unsqueeze") return before("axes", 11);
  if (node.type == "Split") return before("split", 11);
  if (node.type == "ReduceMean" || node.type == "ReduceSum" || node.type == "ReduceMax") return node.has("axes") ? 11 : 18;
  if (node.type == "Upsample") return before("scales", 7);
  if (node.type == "Clip") return node.has("min") || node.has("max") ? 6 : 13;
  return opset >= 13 ? opset : 13;
}

Reading read(const Operation& operation, int64_t opset, const std::vector<KernelInput>& inputs) {
  std::vector<std::string> reads, writes;
  for (size_t i = 0; i < inputs.size(); ++i) reads.push_back(inputs[i].present ? "in" + std::to_string(i) : "");
  for (size_t i = 0; i < operation.outputs.size(); ++i) writes.push_back(operation.outputs[i] == kNone ? "" : "out" + std::to_string(i));
  OnnxNode node = node_as_read(operation, opset, std::move(reads), std::move(writes));
  const int64_t rules = node.opset.value();
  return {std::move(node), rules};
}

std::vector<quant::Argument> arguments_of(const std::vector<KernelInput>& inputs) {
  std::vector<quant::Argument> arguments;
  for (const KernelInput& input : inputs) arguments.push_back({input.present, input.shape, input.constant, false, false, 0});
  return arguments;
}

// Typed operators, run one after the other.
class GraphKernel final : public Kernel {
 public:
  GraphKernel(const OnnxNode& onnx, int64_t opset, std::vector<quant::Argument> arguments, bool channels_last) {
    Call call{onnx, opset, std::move(arguments)};
    quant::Builder builder(graph_);
    for (const std::string& name : call.node.inputs) builder.reserve(name);
    for (const std::string& name : call.node.outputs) builder.reserve(name);
    for (size_t i = 0; i < call.arguments.size(); ++i) {
      if (!call.arguments[i].present || call.arguments[i].constant) continue;
      call.arguments[i].id = builder.add_value(call.node.inputs[i], call.arguments[i].shape);
      slots_.push_back({call.arguments[i].id, i});
    }
    convert(call, builder);
    const auto made = builder.take_made();
    for (const std::string& output : call.node.outputs) {
      const auto found = made.find(output);
      outputs_.push_back(found == made.end() ? kNone : found->second);
      shapes_.push_back(found == made.end() ? Shape{} : graph_.value(found->second).shape);
    }
    for (const quant::Node& node : graph_.nodes) {
      products_.push_back(prepare_torch_sums(graph_, node, channels_last));
      if (!products_.back()) products_.back() = prepare_product(graph_, node);
    }
  }

  Tensors run(const Pointers& inputs) const override {
    Tensors made(graph_.values.size());
    Pointers values(graph_.values.size());
    for (size_t id = 0; id < values.size(); ++id) values[id] = graph_.values[id].constant ? &*graph_.values[id].constant : &made[id];
    for (const auto& [id, slot] : slots_) values[id] = inputs[slot];
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const quant::Node& node = graph_.nodes[i];
      Pointers operands;
      for (const quant::ValueId id : node.inputs) operands.push_back(values[id]);
      const Shape& shape = graph_.value(node.output).shape;
      made[node.output] = products_[i] ? products_[i]->run(operands) : std::visit([&](const auto& op) { return evaluate(op, operands, shape); }, node.op);
    }
    Tensors results;
    for (const quant::ValueId id : outputs_) {
      if (id == kNone) {
        results.emplace_back();
      } else if (values[id] == &made[id]) {
        results.push_back(std::move(made[id]));
      } else {
        results.push_back(*values[id]);
      }
    }
    return results;
  }

 private:
  quant::Graph graph_;
  std::vector<std::pair<quant::ValueId, size_t>> slots_;
  std::vector<quant::ValueId> outputs_;
  std::vector<std::unique_ptr<quant::Product>> products_;
};

class FunctionKernel final : public Kernel {
 public:
  explicit FunctionKernel(RealFunction function) : function_(std::move(function)) { shapes_.push_back(function_.shape); }
  Tensors run(const Pointers& inputs) const override { return {function_.run(inputs)}; }

 private:
  RealFunction function_;
};

// What the evaluation of constants computes, with the values of the moment.
class EvaluateKernel final : public Kernel {
 public:
  explicit EvaluateKernel(Reading reading, const std::vector<KernelInput>& inputs) : reading_(std::move(reading)), inputs_(inputs) {
    Tensors zeros;
    Pointers pointers;
    zeros.reserve(inputs_.size());
    for (const KernelInput& input : inputs_) {
      zeros.emplace_back(input.shape);
      pointers.push_back(&zeros.back());
    }
    for (const FloatTensor& tensor : EvaluateKernel::run(pointers)) shapes_.push_back(tensor.shape);
  }

  Tensors run(const Pointers& inputs) const override {
    std::vector<KernelInput> known = inputs_;
    for (size_t i = 0; i < known.size(); ++i) {
      const bool fixed = known[i].constant && known[i].constant->kind != quant::Kind::real;
      if (known[i].present && !fixed) known[i].constant = std::make_shared<const Constant>(Constant::of_reals(inputs[i]->shape, inputs[i]->data));
    }
    Tensors results;
    for (const Constant& result : evaluate_constant(Call{reading_.node, reading_.opset, arguments_of(known)})) {
      FloatTensor& tensor = results.emplace_back(result.shape);
      for (size_t i = 0; i < tensor.size(); ++i) tensor.data[i] = result.real(i);
    }
    return results;
  }

 private:
  Reading reading_;
  std::vector<KernelInput> inputs_;
};

// y = f32(alpha * (A @ B)), then f32(y + f32(beta * C)); also a MatMul with a bias, where both factors are 1.
class ProductAndSum final : public Kernel {
 public:
  ProductAndSum(const Call& call, float alpha, float beta)
      : product_(product_of(call.node), call.opset, {call.argument(0), call.argument(1)}, false), alpha_(alpha), beta_(beta), adds_(call.has(2)) {
    shapes_ = product_.shapes();
    if (!adds_) return;
    if (broadcast(call.shape(2), shapes_[0]) != shapes_[0])
      throw InputError("its addend " + assay::to_string(call.shape(2)) + " does not fit the result " + assay::to_string(shapes_[0]));
    steps_ = quant::broadcast_steps(call.shape(2), shapes_[0]);
  }

  Tensors run(const Pointers& inputs) const override {
    Tensors results = product_.run(inputs);
    FloatTensor& y = results[0];
    if (alpha_ != 1.0F) {
      for (float& value : y.data) value *= alpha_;
    }
    if (!adds_) return results;
    const Shape strides = strides_of(y.shape);
    for (size_t i = 0; i < y.size(); ++i) {
      int64_t from = 0;
      for (size_t axis = 0; axis < strides.size(); ++axis) from += static_cast<int64_t>(i) / strides[axis] % y.shape[axis] * steps_[axis];
      y.data[i] += beta_ * inputs[2]->data[static_cast<size_t>(from)];
    }
    return results;
  }

 private:
  static OnnxNode product_of(OnnxNode node) {
    if (node.type == "PPQBiasFusedMatMul") node.type = "MatMul", node.domain = "";
    node.attributes.erase("alpha");
    node.attributes.erase("beta");
    node.inputs.resize(2);
    return node;
  }

  GraphKernel product_;
  float alpha_, beta_;
  bool adds_;
  std::vector<int64_t> steps_;
};

// Typed operators divide by multiplying with the reciprocal and compare with constants only; PPQ does neither.
bool is_evaluated(const std::string& type) {
  static const std::set<std::string> types = {"Div", "Max", "Min", "Pow"};
  return types.count(type) != 0;
}

std::unique_ptr<Kernel> make(const Operation& operation, int64_t opset, const std::vector<KernelInput>& inputs) {
  const Reading reading = read(operation, opset, inputs);
  const OnnxNode& node = reading.node;
  const Call call{node, reading.opset, arguments_of(inputs)};
  if (node.type == "Gemm") return std::make_unique<ProductAndSum>(call, node.real("alpha", 1.0F), node.real("beta", 1.0F));
  if (node.type == "PPQBiasFusedMatMul") return std::make_unique<ProductAndSum>(call, 1.0F, 1.0F);
  if (auto function = own_function(call)) return std::make_unique<FunctionKernel>(std::move(*function));
  const bool evaluable = can_evaluate(node);
  if (evaluable && (is_evaluated(node.type) || !can_convert(node))) return std::make_unique<EvaluateKernel>(reading, inputs);
  if (!can_convert(node)) throw Unsupported("the operator is not supported", {});
  try {
    return std::make_unique<GraphKernel>(node, reading.opset, call.arguments, !inputs.empty() && inputs[0].channels_last);
  } catch (const Unsupported&) {
    if (!evaluable) throw;
    return std::make_unique<EvaluateKernel>(reading, inputs);
  }
}

// The operation's name in front of whatever is wrong with it.
template <class Body>
auto naming(const Operation& operation, Body body) {
  const std::string what = "operation '" + operation.name + "' (" + operation.type + "): ";
  try {
    return body();
  } catch (const InputError& error) {
    throw InputError(what + error.what());
  } catch (const Unsupported& error) {
    throw Unsupported(what + error.what(), {});
  }
}

}  // namespace

bool makes_channels_last(const Operation& operation, const std::vector<KernelInput>& inputs) {
  static const std::set<std::string> makes_anew = {"Reshape", "Flatten", "Gemm", "MatMul", "Squeeze", "Unsqueeze", "Gather", "Expand", "Tile"};
  if (inputs.empty() || makes_anew.count(operation.type) != 0) return false;
  if (operation.type == "Transpose") {
    const auto found = operation.attributes.find("perm");
    const auto* permutation = found == operation.attributes.end() ? nullptr : std::get_if<std::vector<int64_t>>(&found->second);
    return !inputs[0].channels_last && permutation != nullptr && *permutation == std::vector<int64_t>{0, 3, 1, 2};
  }
  // Of several tensors the first that is no constant decides.
  for (const KernelInput& input : inputs) {
    if (input.present && !input.constant) return input.channels_last;
  }
  return false;
}

OnnxNode node_as_read(const Operation& operation, int64_t opset, std::vector<std::string> inputs, std::vector<std::string> outputs) {
  OnnxNode node{operation.name, operation.type, operation.domain == "ai.onnx" ? "" : operation.domain, std::move(inputs), std::move(outputs), operation.attributes, 0, {}};
  if (node.type == "MaxPool" || node.type == "AveragePool") read_pool(node);
  if ((node.type == "Softmax" || node.type == "LogSoftmax") && !node.has("axis")) node.attributes["axis"] = int64_t{opset > 0 && opset < 13 ? 1 : -1};
  if (node.type == "Resize" && node.text("mode", "nearest") == "nearest") {
    node.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
    node.attributes["nearest_mode"] = std::string("floor");
  }
  node.opset = opset_of(node, opset);
  return node;
}

std::unique_ptr<Kernel> make_kernel(const Operation& operation, int64_t opset, const std::vector<KernelInput>& inputs) {
  return naming(operation, [&] { return make(operation, opset, inputs); });
}

std::vector<Constant> evaluate_known(const Operation& operation, int64_t opset, const std::vector<KernelInput>& inputs) {
  return naming(operation, [&]() -> std::vector<Constant> {
    const Reading reading = read(operation, opset, inputs);
    if (!can_evaluate(reading.node)) return {};
    if (!needs_only_shapes(reading.node)) {
      for (const KernelInput& input : inputs) {
        if (input.present && !input.constant) return {};
      }
    }
    try {
      return evaluate_constant(Call{reading.node, reading.opset, arguments_of(inputs)});
    } catch (const Unsupported&) {
      return {};
    }
  });
}

}  // namespace assay::ppq
