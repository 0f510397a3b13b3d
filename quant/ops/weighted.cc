#include "quant/ops/weighted.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/fake_quantize.h"

namespace assay::quant {
namespace {

Wide magnitude(Wide value) {
  return value < 0 ? -value : value;
}

void check_weight_axis(const Node& node, const TensorQuantization& weight, int64_t axis, Lowering& lowering) {
  if (weight.scale.size() == 1 || weight.axis == axis) return;
  throw InputError(described(node) + ": weight '" + lowering.graph().value(node.inputs[1]).name + "' is quantized per channel on axis " +
                   (weight.axis ? std::to_string(*weight.axis) : "(none)") + "; the output channels are on axis " + std::to_string(axis));
}

// What the sum has been multiplied by where the bias joins it.
Ratio gain_before_bias(const emu::Steps& steps, const emu::QScale& scale) {
  Ratio gain;
  for (const emu::Step& step : steps) {
    if (std::holds_alternative<emu::AddBias>(step)) break;
    if (std::holds_alternative<emu::Multiply>(step)) gain.numerator.push_back(static_cast<double>(scale.multiplier));
    if (const auto* left = std::get_if<emu::ShiftLeft>(&step)) gain.exponent += left->amount.value_or(scale.left).bits;
    if (const auto* right = std::get_if<emu::ShiftRight>(&step)) gain.exponent -= right->amount.value_or(scale.right).bits;
  }
  return gain;
}

// The rule of a bias: its own where the quantizer gave it one, else the target's.
struct BiasRule {
  emu::Storage storage;
  emu::Round round;
};

std::vector<int64_t> bias_words(const Node& node, const FloatTensor& bias, const BiasRule& rule, const emu::Steps& steps, const std::vector<emu::QScale>& scales,
                                const Lowering& lowering) {
  const float scale_x = lowering.scale_of(node.inputs[0]);
  const std::vector<float>& scale_w = lowering.quantization(node.inputs[1]).scale;
  std::vector<int64_t> words(bias.size());
  for (size_t c = 0; c < words.size(); ++c) {
    const float own = scale_w[c % scale_w.size()];
    Ratio ratio = gain_before_bias(steps, scales[c % scales.size()]);
    if (ratio.numerator.empty() && ratio.exponent == 0) {
      words[c] = quantize_value(bias.data[c], scale_x * own, 0, rule.storage.low, rule.storage.high, rule.round);
    } else {
      ratio.numerator.push_back(bias.data[c]);
      ratio.denominator = {scale_x, own};
      words[c] = round_ratio(ratio, rule.round, rule.storage.low, rule.storage.high);
    }
  }
  return words;
}

std::vector<int64_t> lower_bias(const Node& node, const emu::Steps& steps, const std::string& key, int64_t channels, Weighted& weighted, Lowering& lowering) {
  if (node.inputs.size() < 3) return {};
  const Value& bias = lowering.graph().value(node.inputs[2]);
  if (!bias.constant) {
    lowering.forbid(node, "a bias is a constant of the instruction, and '" + bias.name + "' is computed");
    return {};
  }
  if (static_cast<int64_t>(bias.constant->size()) != channels) {
    throw InputError(described(node) + ": bias '" + bias.name + "' has " + std::to_string(bias.constant->size()) + " elements for " + std::to_string(channels) + " channels");
  }
  if (std::none_of(steps.begin(), steps.end(), [](const emu::Step& step) { return std::holds_alternative<emu::AddBias>(step); })) {
    lowering.forbid(node, key + " has no `add_bias`");
    return {};
  }
  if (std::any_of(bias.constant->data.begin(), bias.constant->data.end(), [](float v) { return !std::isfinite(v); })) {
    throw InputError(described(node) + ": bias '" + bias.name + "' is not finite");
  }
  BiasRule rule{lowering.target().storage.bias, lowering.target().quantize.bias_round};
  if (lowering.has_quantization(node.inputs[2])) rule = {lowering.quantization(node.inputs[2]).storage, lowering.quantization(node.inputs[2]).round};
  const auto words = bias_words(node, *bias.constant, rule, steps, lowering.entries(weighted.requant.scale), lowering);
  weighted.bias = lowering.constant(bias.name, emu::Tensor(rule.storage.type, {channels}, words));
  return words;
}

// The largest sum of |x - zx| |w - zw| over one kind of sum, plus |bias|.
Wide worst_sum(const Node& node, const SumLayout& layout, const std::vector<int64_t>& bias, Lowering& lowering) {
  const Value& weight = lowering.graph().value(node.inputs[1]);
  const TensorQuantization& own = lowering.quantization(node.inputs[1]);
  const Wide largest_x = lowering.magnitude_of(node.inputs[0]);
  const Wide largest_w = lowering.magnitude_of(node.inputs[1]);
  std::vector<int64_t> words;
  if (weight.constant) words = quantize(*weight.constant, own);
  std::vector<Wide> sums(layout.channel_of.size(), 0);
  for (size_t i = 0; i < layout.sum_of.size(); ++i) sums[layout.sum_of[i]] += largest_x * (words.empty() ? largest_w : magnitude(Wide{words[i]} - own.zero_point));
  Wide worst = 0;
  for (size_t s = 0; s < sums.size(); ++s) worst = std::max(worst, sums[s] + (bias.empty() ? Wide{0} : magnitude(bias[layout.channel_of[s]])));
  return worst;
}

}  // namespace

Weighted lower_weighted(const Node& node, const emu::Steps& target_steps, const std::string& key, const SumLayout& layout, Lowering& lowering) {
  // A node without a bias has nothing to add.
  emu::Steps steps = target_steps;
  if (node.inputs.size() < 3) std::erase_if(steps, [](const emu::Step& step) { return std::holds_alternative<emu::AddBias>(step); });
  const ValueId x = node.inputs[0];
  const ValueId w = node.inputs[1];
  const TensorQuantization& weight = lowering.quantization(w);
  check_weight_axis(node, weight, layout.weight_axis, lowering);
  std::vector<Ratio> ratios;
  for (int64_t c = 0; c < (weight.scale.size() == 1 ? 1 : layout.channels); ++c) {
    ratios.push_back({{lowering.scale_of(x), weight.scale[static_cast<size_t>(c) % weight.scale.size()]}, {lowering.scale_of(node.output)}});
  }
  const size_t problems = lowering.forbidden();
  Weighted weighted{lowering.operand(x),
                    lowering.operand(w),
                    std::nullopt,
                    lowering.zero_point_of(x),
                    weight.zero_point,
                    lowering.target().accumulate.accumulator,
                    lowering.requant(node, ratios, steps, key)};
  if (lowering.forbidden() != problems) return weighted;
  const std::vector<int64_t> bias = lower_bias(node, steps, key, layout.channels, weighted, lowering);
  const bool first = !steps.empty() && std::holds_alternative<emu::AddBias>(steps[0]);
  lowering.check_accumulator(node, weighted.acc, worst_sum(node, layout, first ? bias : std::vector<int64_t>(), lowering));
  return weighted;
}

}  // namespace assay::quant
