// y = x for x >= 0, else slope * x: LeakyRelu has one slope, PRelu one per channel (axis 1) or one for all. (ONNX LeakyRelu, PRelu.)
#include <bit>

#include "emu/arith/step_words.h"
#include "quant/fake_quantize.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

// v >= 0 times s_x / s_y, v < 0 times slope * s_x / s_y. On chips without the instruction, one slope can be a table.
void lower_slopes(const std::vector<Ratio>& slopes, const Node& node, Lowering& lowering) {
  if (!lowering.target().leaky_relu && lowering.target().table && slopes.size() == 1) {
    return lower_to_table(LeakyRelu{static_cast<float>(approximate(slopes[0]))}, "leaky_relu", node, lowering);
  }
  const auto* rule = lowering.rule(node, lowering.target().leaky_relu, "leaky_relu");
  if (rule == nullptr) return;
  const ValueId x = node.inputs[0];
  const char* const key = "ops.leaky_relu.steps";
  if (emu::holds<emu::LeakyFp32>(rule->steps)) {
    // The steps themselves tell the signs apart: both sides have the same constants.
    const emu::QScale own = lowering.entries_for(node, {{{lowering.scale_of(x)}, {lowering.scale_of(node.output)}}}, rule->steps, key).at(0);
    std::vector<emu::QScale> scales(slopes.size(), own);
    for (size_t i = 0; i < slopes.size(); ++i) scales[i].fp32.slope = {std::bit_cast<uint32_t>(static_cast<float>(approximate(slopes[i])))};
    const emu::ScaleRef both = lowering.scales(scales);
    return lowering.emit(node, emu::LeakyRelu{lowering.operand(x), lowering.zero_point_of(x), both, lowering.requant(node, both, rule->steps, key)});
  }
  const Ratio positive{{lowering.scale_of(x)}, {lowering.scale_of(node.output)}};
  std::vector<Ratio> negative = slopes;
  for (Ratio& ratio : negative) {
    ratio.numerator.push_back(lowering.scale_of(x));
    ratio.denominator.push_back(lowering.scale_of(node.output));
  }
  lowering.emit(node, emu::LeakyRelu{lowering.operand(x), lowering.zero_point_of(x), lowering.scales(node, negative, rule->steps, key),
                                     lowering.requant(node, {positive}, rule->steps, key)});
}

}  // namespace

FloatTensor evaluate(const LeakyRelu& op, const Inputs& inputs, const Shape& output_shape) {
  FloatTensor y(output_shape, inputs[0]->data);
  for (float& v : y.data) v = v < 0 ? v * op.alpha : v;
  return y;
}

FloatTensor evaluate(const PRelu&, const Inputs& inputs, const Shape& output_shape) {
  const std::vector<float>& slope = inputs[1]->data;
  FloatTensor y(output_shape, inputs[0]->data);
  size_t plane = 1;
  for (size_t axis = 2; axis < output_shape.size(); ++axis) plane *= static_cast<size_t>(output_shape[axis]);
  for (size_t i = 0; i < y.size(); ++i) {
    if (y.data[i] < 0) y.data[i] *= slope[slope.size() == 1 ? 0 : i / plane % slope.size()];
  }
  return y;
}

void lower(const LeakyRelu& op, const Node& node, Lowering& lowering) {
  lower_slopes({{{op.alpha}, {}}}, node, lowering);
}

void lower(const PRelu&, const Node& node, Lowering& lowering) {
  const ValueId slope = node.inputs[1];
  const auto& constant = lowering.graph().value(slope).constant;
  if (!constant) {
    lowering.forbid(node, "a slope is a constant of the instruction, and '" + lowering.graph().value(slope).name + "' is computed");
    return;
  }
  // A slope that the quantizer has quantized means scale * (q - zero_point), exactly.
  std::vector<Ratio> slopes;
  std::vector<int64_t> words;
  if (lowering.has_quantization(slope)) words = quantize(*constant, lowering.quantization(slope));
  for (size_t c = 0; c < constant->size(); ++c) {
    if (words.empty()) {
      slopes.push_back({{constant->data[c]}, {}});
    } else {
      const TensorQuantization& own = lowering.quantization(slope);
      if (own.storage.type.is_float()) {
        slopes.push_back({{number_of_word(words[c], own.storage.type)}, {}});
        continue;
      }
      slopes.push_back({{static_cast<double>(words[c] - own.zero_point), own.scale[own.scale.size() == 1 ? 0 : c]}, {}});
    }
  }
  lower_slopes(slopes, node, lowering);
}

}  // namespace assay::quant
