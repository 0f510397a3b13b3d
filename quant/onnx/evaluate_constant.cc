#include "quant/onnx/evaluate_constant.h"

#include "emu/base/error.h"

namespace assay::quant {

bool can_evaluate(const OnnxNode& node) {
  return node.domain.empty() && (is_elementwise(node.type) || is_movement(node.type));
}

bool needs_only_shapes(const OnnxNode& node) {
  return node.domain.empty() && (node.type == "Shape" || node.type == "Size");
}

std::vector<Constant> evaluate_constant(const Call& call) {
  std::vector<Constant> results;
  if (auto one = evaluate_elementwise(call)) {
    results.push_back(std::move(*one));
  } else if (auto several = evaluate_movement(call)) {
    results = std::move(*several);
  }
  ASSAY_ASSERT(!results.empty());
  for (const Constant& result : results) ASSAY_ASSERT(static_cast<int64_t>(result.size()) == element_count(result.shape));
  return results;
}

}  // namespace assay::quant
