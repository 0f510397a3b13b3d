#include "quant/onnx/evaluate_constant.h"

#include <algorithm>

#include "emu/base/error.h"
#include "quant/onnx/convert.h"
#include "quant/ops/op.h"

namespace assay::quant {

bool can_evaluate(const OnnxNode& node) {
  return node.domain.empty() && (is_quantize_or_dequantize(node.type) || is_elementwise(node.type) || is_movement(node.type));
}

bool needs_only_shapes(const OnnxNode& node) {
  return node.domain.empty() && (node.type == "Shape" || node.type == "Size");
}

std::vector<Constant> evaluate_constant(const Call& call) {
  std::vector<Constant> results;
  if (is_quantize_or_dequantize(call.node.type)) {
    results.push_back(evaluate_quantization(call));
  } else if (auto one = evaluate_elementwise(call)) {
    results.push_back(std::move(*one));
    results.back().type.reset();
    results.back().given.reset();
  } else if (auto several = evaluate_movement(call)) {
    results = std::move(*several);
    for (Constant& result : results) result.given.reset();
  }
  ASSAY_ASSERT(!results.empty());
  for (const Constant& result : results) ASSAY_ASSERT(static_cast<int64_t>(result.size()) == element_count(result.shape));
  return results;
}

namespace {

// The definitions are plain loops: what would take them more than seconds is refused.
constexpr int64_t kMaxPlainElements = int64_t{1} << 22;

void check_small(const Shape& shape) {
  if (element_count(shape) > kMaxPlainElements) throw Unsupported("it computes constants of more than 2^22 elements; fold the constants of the model when it is exported", {});
}

}  // namespace

std::vector<Constant> evaluate_as_operators(const Call& call) {
  Graph graph;
  Builder builder(graph);
  convert(call, builder);
  const std::map<std::string, ValueId> made = builder.take_made();
  for (const Node& node : graph.nodes) {
    Inputs inputs;
    for (const ValueId id : node.inputs) {
      check_small(graph.value(id).shape);
      inputs.push_back(&*graph.values[id].constant);
    }
    const Shape& shape = graph.value(node.output).shape;
    check_small(shape);
    graph.values[node.output].constant = std::visit([&](const auto& op) { return evaluate(op, inputs, shape); }, node.op);
  }
  std::vector<Constant> results;
  for (const std::string& output : call.node.outputs) {
    const auto found = made.find(output);
    if (found == made.end()) break;
    const FloatTensor& tensor = *graph.value(found->second).constant;
    results.push_back(Constant::of_reals(tensor.shape, tensor.data));
  }
  return results;
}

}  // namespace assay::quant
