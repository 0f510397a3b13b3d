#include "quant/calibrate/fit_weights.h"

#include <cmath>

#include "quant/exact/two_cuts.h"

namespace assay::quant {
namespace {

std::vector<Ratio> ratios_of(const Quantized& quantized, const Node& node) {
  const double scale_x = reference_scale(*quantized.tensors[node.inputs[0]]), scale_y = quantized.tensors[node.output]->scale[0];
  std::vector<Ratio> ratios;
  for (const float scale : quantized.tensors[node.inputs[1]]->scale) ratios.push_back({{scale_x, scale}, {scale_y}});
  return ratios;
}

std::vector<emu::QScale> cut_twice(const Quantized& quantized, const Node& node, const emu::Steps& steps) {
  BiasWords bias{{}, quantized.target.storage.bias, quantized.target.quantize.bias_round};
  if (node.inputs.size() > 2 && quantized.graph.is_constant(node.inputs[2])) bias.values = quantized.graph.value(node.inputs[2]).constant->data;
  std::string problem;
  return two_cut_scales(ratios_of(quantized, node), bias, steps, quantized.target.multiplier, problem);
}

// What the steps multiply by: the scale and the shifts that stand in the list.
double value_of(const emu::QScale& scale, const emu::Steps& steps) {
  int exponent = 0;
  for (const emu::Step& step : steps) {
    if (const auto* left = std::get_if<emu::ShiftLeft>(&step)) exponent += left->amount.value_or(scale.left).bits;
    if (const auto* right = std::get_if<emu::ShiftRight>(&step)) exponent -= right->amount_in(scale).bits;
  }
  return std::ldexp(static_cast<double>(scale.multiplier), exponent);
}

// One pass; false where nothing changed.
bool fit(Quantized& quantized, const Node& node, const emu::Steps& steps) {
  const emu::MultiplierRule& rule = quantized.target.multiplier;
  TensorQuantization& weight = *quantized.tensors[node.inputs[1]];
  const double scale_x = reference_scale(*quantized.tensors[node.inputs[0]]), scale_y = quantized.tensors[node.output]->scale[0];
  std::string problem;
  std::vector<emu::QScale> scales;
  if (cuts_first(steps)) {
    scales = cut_twice(quantized, node, steps);
  } else {
    for (const Ratio& ratio : ratios_of(quantized, node)) {
      const auto scale = decompose(ratio, steps, rule, problem);
      if (!scale) return false;
      scales.push_back(*scale);
    }
  }
  bool changed = false;
  for (size_t c = 0; c < scales.size(); ++c) {
    emu::QScale scale = scales[c];
    if (scale.multiplier == 0) scale.multiplier = 1;  // the least ratio that there is: such weights become 0 words
    const auto fitted = static_cast<float>(value_of(scale, steps) * scale_y / scale_x);
    changed = changed || fitted != weight.scale[c];
    weight.scale[c] = fitted;
  }
  return changed;
}

}  // namespace

const emu::Steps* weighted_steps(const Quantized& quantized, const Node& node) {
  const emu::Target& target = quantized.target;
  const auto* conv = std::get_if<Conv>(&node.op);
  if (conv != nullptr && target.depthwise_conv && is_depthwise(*conv, quantized.graph.value(node.inputs[1]).shape)) return &target.depthwise_conv->steps;
  if (conv != nullptr && target.conv) return &target.conv->steps;
  if (std::holds_alternative<ConvTranspose>(node.op) && target.conv_transpose) return &target.conv_transpose->steps;
  if (std::holds_alternative<MatMul>(node.op) && target.matmul) return &target.matmul->steps;
  return nullptr;
}

std::vector<emu::QScale> two_cuts_of(const Quantized& quantized, const Node& node) {
  const emu::Steps* const steps = weighted_steps(quantized, node);
  if (steps == nullptr || !cuts_first(*steps)) return {};
  return cut_twice(quantized, node, *steps);
}

void fit_weights_to_multiplier(Quantized& quantized) {
  if (quantized.target.multiplier.form != emu::MultiplierForm::nearest) return;
  for (const Node& node : quantized.graph.nodes) {
    if (node.inputs.size() < 2) continue;
    const emu::Steps* steps = weighted_steps(quantized, node);
    if (steps == nullptr || !quantized.graph.is_constant(node.inputs[1]) || !quantized.tensors[node.inputs[1]]) continue;
    if (quantized.graph.value(node.inputs[1]).given) continue;  // words that are there already keep their scale
    // A scale that moved may move the first cut, which depends on the bias in its steps: until it stands still.
    constexpr int kPasses = 4;
    bool changed = false;
    for (int pass = 0; pass < kPasses && fit(quantized, node, *steps); ++pass) changed = true;
    if (changed) quantized.tensors[node.inputs[1]]->provenance += "; fitted to a legal multiplier";
  }
}

}  // namespace assay::quant
