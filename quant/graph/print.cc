#include <charconv>

#include "quant/graph/graph.h"

namespace assay::quant {
namespace {

// The shortest text that reads back as the same float.
std::string text_of(float x) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x).ptr;
  return {buffer, end};
}

std::string text_of(const std::vector<int64_t>& numbers) {
  std::string text;
  for (const int64_t n : numbers) text += (text.empty() ? "" : ",") + std::to_string(n);
  return text;
}

std::string window(const std::vector<int64_t>& stride, const std::vector<int64_t>& pads, const std::vector<int64_t>& dilation) {
  return " stride=" + text_of(stride) + " pads=" + text_of(pads) + " dilation=" + text_of(dilation);
}

struct Attributes {
  std::string operator()(const Conv& op) const { return window(op.stride, op.pads, op.dilation) + " groups=" + std::to_string(op.groups); }
  std::string operator()(const ConvTranspose& op) const {
    return window(op.stride, op.pads, op.dilation) + " output_padding=" + text_of(op.output_padding) + " groups=" + std::to_string(op.groups);
  }
  std::string operator()(const Clip& op) const { return " low=" + text_of(op.low) + " high=" + text_of(op.high); }
  std::string operator()(const LeakyRelu& op) const { return " alpha=" + text_of(op.alpha); }
  std::string operator()(const Unary& op) const {
    const bool two = op.function == Function::hard_sigmoid || op.function == Function::selu;
    return (two || op.function == Function::elu ? " alpha=" + text_of(op.alpha) : "") + (two ? " beta=" + text_of(op.beta) : "");
  }
  std::string operator()(const MaxPool& op) const { return " kernel=" + text_of(op.kernel) + window(op.stride, op.pads, op.dilation); }
  std::string operator()(const AveragePool& op) const {
    return " kernel=" + text_of(op.kernel) + " stride=" + text_of(op.stride) + " pads=" + text_of(op.pads) + " include_pad=" + (op.include_pad ? "yes" : "no");
  }
  std::string operator()(const Concat& op) const { return " axis=" + std::to_string(op.axis); }
  std::string operator()(const Slice& op) const { return " starts=" + text_of(op.starts) + " steps=" + text_of(op.steps); }
  std::string operator()(const Pad& op) const { return " begins=" + text_of(op.begins) + " ends=" + text_of(op.ends) + " value=" + text_of(op.value); }
  std::string operator()(const Transpose& op) const { return " permutation=" + text_of(op.permutation); }
  std::string operator()(const ResizeNearest& op) const { return " rows=" + text_of(op.rows) + " columns=" + text_of(op.columns); }
  std::string operator()(const Softmax& op) const { return " axis=" + std::to_string(op.axis); }
  std::string operator()(const BatchNorm& op) const { return " epsilon=" + text_of(op.epsilon); }
  std::string operator()(const MatMul&) const { return ""; }
  std::string operator()(const Binary&) const { return ""; }
  std::string operator()(const Relu&) const { return ""; }
  std::string operator()(const PRelu&) const { return ""; }
  std::string operator()(const Reshape&) const { return ""; }
};

}  // namespace

std::string print(const Graph& graph) {
  const auto named = [&](ValueId id) { return (graph.is_constant(id) ? "@" : "%") + graph.value(id).name + to_string(graph.value(id).shape); };
  std::string text = "graph " + graph.name + "\n";
  for (const ValueId id : graph.inputs) text += "input " + named(id) + "\n";
  for (const Node& node : graph.nodes) {
    text += named(node.output) + " = " + std::string(operator_name(node.op));
    for (const ValueId id : node.inputs) text += " " + named(id);
    text += std::visit(Attributes{}, node.op);
    for (const Operator& op : node.fused) text += "; " + std::string(operator_name(op)) + std::visit(Attributes{}, op);
    text += "  # " + node.name + " (" + node.onnx_type + ")\n";
  }
  for (const ValueId id : graph.outputs) text += "output " + named(id) + "\n";
  return text;
}

}  // namespace assay::quant
