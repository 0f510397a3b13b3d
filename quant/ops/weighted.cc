#include "quant/ops/weighted.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "emu/base/error.h"
#include "quant/exact/fp32_constants.h"
#include "quant/exact/two_cuts.h"
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

// Sums have one scale per output channel only where the weights take up what the input's channels differ by.
void check_input_factor(const Node& node, const Lowering& lowering) {
  const TensorQuantization& x = lowering.quantization(node.inputs[0]);
  const auto& input = lowering.quantization(node.inputs[1]).input_factor;
  bool agrees = input.has_value() == (x.scale.size() > 1) && (!input || input->factor.size() == x.scale.size());
  for (size_t c = 0; agrees && input && c < x.scale.size(); ++c) agrees = input->factor[c] == x.scale[c] / reference_scale(x);
  if (agrees) return;
  throw InputError(described(node) + ": weight '" + lowering.graph().value(node.inputs[1]).name + "' is not normalised to the scales of the channels of '" +
                   lowering.graph().value(node.inputs[0]).name + "'");
}

// What the sum has been multiplied by where the bias joins it.
Ratio gain_before_bias(const emu::Steps& steps, const emu::QScale& scale) {
  Ratio gain;
  for (const emu::Step& step : steps) {
    if (std::holds_alternative<emu::AddBias>(step)) break;
    if (std::holds_alternative<emu::Multiply>(step)) gain.numerator.push_back(static_cast<double>(scale.multiplier));
    if (const auto* left = std::get_if<emu::ShiftLeft>(&step)) gain.exponent += left->amount.value_or(scale.left).bits;
    if (const auto* right = std::get_if<emu::ShiftRight>(&step)) gain.exponent -= right->amount_in(scale).bits;
  }
  return gain;
}

// The rule of a bias: its own where the quantizer gave it one, else the target's. scale 0: input scale * weight scale.
struct BiasRule {
  emu::Storage storage;
  emu::Round round;
  float scale = 0;
};

// In the steps of the place where it is added. A bias with a scale of its own is rounded to that, then brought there exactly (its scale is a multiple of the place's).
std::vector<int64_t> bias_words(const Node& node, const FloatTensor& bias, const BiasRule& rule, const emu::Steps& steps, const std::vector<emu::QScale>& scales,
                                const Lowering& lowering) {
  const float scale_x = reference_scale(lowering.quantization(node.inputs[0]));
  const std::vector<float>& scale_w = lowering.quantization(node.inputs[1]).scale;
  std::vector<int64_t> words(bias.size());
  for (size_t c = 0; c < words.size(); ++c) {
    const float own = scale_w[c % scale_w.size()];
    Ratio ratio = gain_before_bias(steps, scales[c % scales.size()]);
    const bool at_once = ratio.numerator.empty() && ratio.exponent == 0;
    const float scale = rule.scale != 0 ? rule.scale : scale_x * own;
    if (at_once || rule.scale != 0) words[c] = quantize_value(bias.data[c], scale, 0, rule.storage.low, rule.storage.high, rule.round);
    if (at_once && rule.scale == 0) continue;
    ratio.numerator.push_back(rule.scale != 0 ? static_cast<double>(words[c]) : static_cast<double>(bias.data[c]));
    if (rule.scale != 0) ratio.numerator.push_back(rule.scale);
    ratio.denominator = {scale_x, own};
    const auto [low, high] = rule.scale != 0 ? std::pair<int64_t, int64_t>{INT32_MIN, INT32_MAX} : std::pair{rule.storage.low, rule.storage.high};
    words[c] = round_ratio(ratio, rule.round, low, high);
  }
  return words;
}

// The bias of the node, a constant of `channels` finite numbers; none after forbid().
const FloatTensor* bias_of(const Node& node, const std::string& key, const emu::Steps& steps, int64_t channels, Lowering& lowering) {
  const Value& bias = lowering.graph().value(node.inputs[2]);
  if (!bias.constant) {
    lowering.forbid(node, "a bias is a constant of the instruction, and '" + bias.name + "' is computed");
    return nullptr;
  }
  if (static_cast<int64_t>(bias.constant->size()) != channels) {
    throw InputError(described(node) + ": bias '" + bias.name + "' has " + std::to_string(bias.constant->size()) + " elements for " + std::to_string(channels) + " channels");
  }
  if (!emu::holds<emu::AddBias>(steps) && !emu::holds(steps, emu::is_fp32_bias)) {
    lowering.forbid(node, key + " has no `add_bias`");
    return nullptr;
  }
  if (std::any_of(bias.constant->data.begin(), bias.constant->data.end(), [](float v) { return !std::isfinite(v); })) {
    throw InputError(described(node) + ": bias '" + bias.name + "' is not finite");
  }
  return &*bias.constant;
}

BiasRule bias_rule(const Node& node, const Lowering& lowering) {
  const emu::Target& target = lowering.target();
  if (!lowering.has_quantization(node.inputs[2])) return {target.storage.bias, target.quantize.bias_round};
  const TensorQuantization& own = lowering.quantization(node.inputs[2]);
  return {own.storage, own.round, target.quantize.bias_scale == emu::BiasScale::power_of_two ? own.scale[0] : 0};
}

// In binary32 the bias is a constant of each channel's scale.
void put_fp32_bias(const FloatTensor& bias, const std::vector<Ratio>& ratios, const emu::Steps& steps, std::vector<emu::QScale>& scales, const Lowering& lowering) {
  const std::vector<emu::QScale> own = scales;
  scales.clear();
  for (size_t c = 0; c < bias.size(); ++c) {
    emu::QScale entry = own[c % own.size()];
    entry.fp32.bias = fp32_bias(bias.data[c], ratios[c % ratios.size()], steps, lowering.target().binary32.value());
    scales.push_back(entry);
  }
}

std::vector<emu::QScale> cut_twice(const Node& node, const FloatTensor* bias, const std::vector<Ratio>& ratios, const emu::Steps& steps, const std::string& key,
                                   Lowering& lowering) {
  BiasWords words;
  if (bias != nullptr) {
    const BiasRule rule = bias_rule(node, lowering);
    words = {bias->data, rule.storage, rule.round};
  }
  std::string problem;
  std::vector<emu::QScale> scales = two_cut_scales(ratios, words, steps, lowering.target().multiplier, problem);
  if (scales.empty()) lowering.forbid(node, key + " with [multiplier]: a ratio of scales " + problem);
  return scales;
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

// The target's list without what the node has nothing for: a bias to add (a fused product and sum adds 0), the slope of an activation.
emu::Steps needed_steps(emu::Steps steps, bool has_bias, bool has_slope) {
  std::erase_if(steps, [&](const emu::Step& step) {
    const bool adds_bias = std::holds_alternative<emu::AddBias>(step) || (std::holds_alternative<emu::AddFp32>(step) && is_fp32_bias(step));
    return (adds_bias && !has_bias) || (emu::is_slope(step) && !has_slope);
  });
  return steps;
}

}  // namespace

Weighted lower_weighted(const Node& node, const emu::Steps& target_steps, const std::string& key, const SumLayout& layout, Lowering& lowering) {
  const bool has_bias = node.inputs.size() > 2;
  const auto* leaky = node.fused.empty() ? nullptr : std::get_if<LeakyRelu>(&node.fused[0]);
  const emu::Steps steps = needed_steps(target_steps, has_bias, leaky != nullptr);
  if (leaky != nullptr && !emu::holds(steps, emu::is_slope)) lowering.forbid(node, key + " has no `leaky_fp32 slope`, and a leaky activation is fused into the node");
  const ValueId x = node.inputs[0];
  const ValueId w = node.inputs[1];
  const TensorQuantization& weight = lowering.quantization(w);
  check_weight_axis(node, weight, layout.weight_axis, lowering);
  check_input_factor(node, lowering);
  std::vector<Ratio> ratios;
  for (int64_t c = 0; c < (weight.scale.size() == 1 ? 1 : layout.channels); ++c) {
    ratios.push_back({{reference_scale(lowering.quantization(x)), weight.scale[static_cast<size_t>(c) % weight.scale.size()]}, {lowering.scale_of(node.output)}});
  }
  Weighted weighted{lowering.operand(x), lowering.operand(w), std::nullopt, lowering.zero_point_of(x), weight.zero_point, lowering.target().accumulate.accumulator, {}};
  const size_t problems = lowering.forbidden();
  const FloatTensor* bias = has_bias ? bias_of(node, key, steps, layout.channels, lowering) : nullptr;
  if (lowering.forbidden() != problems) return weighted;
  std::vector<emu::QScale> scales = cuts_first(steps) ? cut_twice(node, bias, ratios, steps, key, lowering) : lowering.entries_for(node, ratios, steps, key);
  if (lowering.forbidden() != problems) return weighted;
  const bool in_fp32 = emu::holds(steps, emu::is_fp32_bias);
  std::vector<int64_t> words;
  if (bias != nullptr && in_fp32) put_fp32_bias(*bias, ratios, steps, scales, lowering);
  for (emu::QScale& scale : scales) {
    if (leaky != nullptr) scale.fp32.slope = {std::bit_cast<uint32_t>(leaky->alpha)};
  }
  if (bias != nullptr && !in_fp32) {
    const BiasRule rule = bias_rule(node, lowering);
    words = bias_words(node, *bias, rule, steps, scales, lowering);
    // A bias that was brought to the accumulator's steps is as wide as that takes.
    const emu::IntType type = rule.scale != 0 ? emu::kS32 : rule.storage.type;
    weighted.bias = lowering.constant(lowering.graph().value(node.inputs[2]).name, emu::Tensor(type, {layout.channels}, words));
  }
  weighted.requant = lowering.requant(node, lowering.scales(scales), steps, key);
  const bool first = !steps.empty() && std::holds_alternative<emu::AddBias>(steps[0]);
  lowering.check_accumulator(node, weighted.acc, worst_sum(node, layout, first ? words : std::vector<int64_t>(), lowering));
  return weighted;
}

}  // namespace assay::quant
