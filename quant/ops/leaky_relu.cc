// y = x for x >= 0, else slope * x: LeakyRelu has one slope, PRelu one per channel (axis 1) or one for all. (ONNX LeakyRelu, PRelu.)
#include <bit>

#include "emu/arith/step_words.h"
#include "quant/fake_quantize.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

// Ratios of scales that are shifts, and a slope of a whole number of 256ths: its multiplier, with eight more bits to the right.
void lower_to_256ths(const std::vector<Ratio>& slopes, const Ratio& ratio, const Node& node, Lowering& lowering) {
  constexpr int64_t kMost = 65535;
  constexpr int kPlaces = 8;
  const emu::LeakyRule& rule = *lowering.target().leaky_relu;
  const char* const key = "ops.leaky_relu.steps";
  const std::vector<emu::QScale> positive = lowering.entries_for(node, {ratio}, rule.steps, key);
  if (positive.empty()) return;
  const int right = positive[0].right.bits - positive[0].left.bits + kPlaces;
  const auto amount = [](int bits) { return static_cast<uint8_t>(std::max(bits, 0)); };
  std::vector<emu::QScale> negative;
  for (Ratio slope : slopes) {
    slope.exponent += kPlaces;
    const int64_t factor = round_ratio(slope, lowering.target().multiplier.round, -kMost - 1, kMost + 1);
    if (factor < -kMost || factor > kMost || right > emu::kMaxShiftBits) {
      return lowering.forbid(node, "ops.leaky_relu.slope is over_256, and 16 bits do not hold the slope " + std::to_string(approximate(slope) / 256) + " in 256ths");
    }
    negative.push_back({factor, emu::LeftShift{amount(-right)}, emu::RightShift{amount(right)}});
  }
  const ValueId x = node.inputs[0];
  lowering.emit(node,
                emu::LeakyRelu{lowering.operand(x), lowering.zero_point_of(x), lowering.scales(negative), lowering.requant(node, lowering.scales(positive), rule.steps, key)});
}

// v >= 0 times s_x / s_y, v < 0 times slope * s_x / s_y. On chips without the instruction it is a table, or one per channel.
void lower_slopes(const std::vector<Ratio>& slopes, const Node& node, Lowering& lowering) {
  if (!lowering.target().leaky_relu && lowering.target().table) {
    std::vector<Operator> by_channel;
    for (const Ratio& slope : slopes) by_channel.emplace_back(LeakyRelu{static_cast<float>(approximate(slope))});
    return lower_to_tables(by_channel, "leaky_relu", node, lowering);
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
  if (rule->slope == emu::SlopeScale::over_256) return lower_to_256ths(slopes, positive, node, lowering);
  std::vector<Ratio> negative = slopes;
  for (Ratio& ratio : negative) {
    ratio.numerator.push_back(lowering.scale_of(x));
    ratio.denominator.push_back(lowering.scale_of(node.output));
  }
  if (rule->slope == emu::SlopeScale::common_shift) {
    negative.push_back(positive);
    std::string problem;
    std::vector<emu::QScale> scales = decompose_together(negative, rule->steps, emu::multiplier_of(lowering.target(), key), problem);
    if (scales.empty()) return lowering.forbid(node, std::string(key) + " with its multiplier: the ratio of scales " + std::to_string(approximate(positive)) + " " + problem);
    const emu::ScaleRef own = lowering.scales(std::vector<emu::QScale>{scales.back()});
    scales.pop_back();
    return lowering.emit(node, emu::LeakyRelu{lowering.operand(x), lowering.zero_point_of(x), lowering.scales(scales), lowering.requant(node, own, rule->steps, key)});
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
