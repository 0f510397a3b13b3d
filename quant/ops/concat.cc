// y = the inputs one after the other along `axis`. (ONNX Concat.)
#include <algorithm>

#include "emu/base/error.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

// Nothing can be fused into a Concat, so its instruction has no clamp bounds: storage narrower than its type becomes a fixed clamp, in place of the list's own or at its end.
emu::Steps within_storage(const emu::Steps& steps, const emu::Storage& to) {
  if (to.low == to.type.min() && to.high == to.type.max()) return steps;
  const emu::Clamp fixed{emu::Clamp::Bounds{to.low, to.high}};
  emu::Steps kept;
  bool clamped = false;
  for (const emu::Step& step : steps) {
    const auto* clamp = std::get_if<emu::Clamp>(&step);
    const bool is_own = clamp != nullptr && !clamp->bounds;
    kept.push_back(is_own ? emu::Step(fixed) : step);
    clamped = clamped || is_own;
  }
  if (!clamped) kept.push_back(fixed);
  return kept;
}

}  // namespace

FloatTensor evaluate(const Concat& op, const Inputs& inputs, const Shape& output_shape) {
  const auto axis = static_cast<size_t>(op.axis);
  int64_t outer = 1;
  for (size_t i = 0; i < axis; ++i) outer *= output_shape[i];
  FloatTensor y(output_shape);
  auto to = y.data.begin();
  for (int64_t block = 0; block < outer; ++block) {
    for (const FloatTensor* x : inputs) {
      const int64_t run = static_cast<int64_t>(x->size()) / outer;
      to = std::copy_n(x->data.begin() + block * run, run, to);
    }
  }
  return y;
}

// A plain copy where every input has the output's words; else each input is requantized with s_i / s_y.
void lower(const Concat& op, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().concat, "concat");
  if (rule == nullptr) return;
  emu::Concat concat;
  concat.axis = op.axis;
  for (const ValueId id : node.inputs) {
    concat.inputs.push_back(lowering.operand(id));
    concat.zero_points.push_back(lowering.zero_point_of(id));
  }
  if (lowering.copies_words(node)) {
    concat.steps = lowering.steps(emu::Steps());
    return lowering.emit(node, concat);
  }
  if (rule->inputs != emu::ConcatScales::requantize) {
    return lowering.forbid(node, "ops.concat.inputs is \"" + std::string(to_string(rule->inputs)) + "\", but not every input has the output's scale and zero point");
  }
  concat.steps = lowering.steps(within_storage(rule->steps, lowering.quantization(node.output).storage));
  for (const ValueId id : node.inputs) {
    const Ratio ratio{{lowering.scale_of(id)}, {lowering.scale_of(node.output)}};
    concat.scales.push_back(lowering.scales(node, {ratio}, rule->steps, "ops.concat.steps"));
  }
  lowering.emit(node, concat);
}

}  // namespace assay::quant
