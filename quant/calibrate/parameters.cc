#include "quant/calibrate/parameters.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/calibrate/fit_weights.h"
#include "quant/exact/fp32_constants.h"
#include "quant/fake_quantize.h"

namespace assay::quant {
namespace {

bool is_weighted(const Operator& op) {
  return std::holds_alternative<Conv>(op) || std::holds_alternative<ConvTranspose>(op) || std::holds_alternative<MatMul>(op);
}

// The axis of a weight's output channels, where the weight has one: not in the groups of a ConvTranspose (its axis 1 counts the channels of one group), not in stacked matrices.
std::optional<int64_t> channel_axis(const Operator& op, const Shape& weight) {
  if (std::holds_alternative<Conv>(op)) return 0;
  if (const auto* transposed = std::get_if<ConvTranspose>(&op)) return transposed->groups == 1 ? std::optional<int64_t>(1) : std::nullopt;
  return weight.size() == 2 ? std::optional<int64_t>(1) : std::nullopt;
}

// The bits that the grid needs, which may be fewer than its storage has (6 for -31..31).
uint8_t bits_of(int64_t low, int64_t high) {
  uint8_t bits = 1;
  while (!emu::IntType{bits, low < 0}.holds(low) || !emu::IntType{bits, low < 0}.holds(high)) ++bits;
  return bits;
}

ScaleAndOffset observe(RangeObserver& observer, const FloatTensor& tensor) {
  for (int phase = 0; phase < observer.phases(); ++phase) {
    observer.merge(observer.look(tensor.data.data(), tensor.size()));
    observer.finish_phase();
  }
  return observer.result();
}

// Each run of `group` channels takes the greatest of its scales, which is that of all their values together.
void share_in_groups(std::vector<float>& scales, size_t group) {
  ASSAY_ASSERT(group > 0);
  for (size_t first = 0; first < scales.size(); first += group) {
    const auto begin = scales.begin() + static_cast<std::ptrdiff_t>(first), end = scales.begin() + static_cast<std::ptrdiff_t>(std::min(first + group, scales.size()));
    std::fill(begin, end, *std::max_element(begin, end));
  }
}

TensorQuantization of_weight(const emu::Target& target, const Operator& op, const FloatTensor& weight) {
  TensorQuantization own = by_rule(target.storage.weight, target.quantize.weight);
  own.state = State::activated;
  if (!own.scale.empty()) return own;
  const std::optional<int64_t> axis = channel_axis(op, weight.shape);
  const emu::WeightRule& rule = target.quantize.weight;
  if (rule.granularity == emu::Granularity::per_tensor || !axis) {
    set_scale(own, observe(*make_observer(own.observer, grid_of(own)), weight));
    own.provenance = own.observer + " of the weight";
    return own;
  }
  if (own.symmetry != emu::Symmetry::symmetric) {
    throw InputError("target '" + target.name + "': quantize.weight.granularity = \"" + std::string(to_string(rule.granularity)) +
                     "\" needs quantize.weight.symmetry = \"symmetric\", because a tensor has one zero point");
  }
  own.axis = axis;
  own.observer = "minmax";
  own.scale = per_channel_scales(weight, *axis, grid_of(own));
  own.provenance = "minmax of each channel of the weight";
  if (rule.granularity == emu::Granularity::per_group) {
    share_in_groups(own.scale, rule.group);
    own.provenance = "minmax of each " + std::to_string(rule.group) + " channels of the weight";
  }
  return own;
}

TensorQuantization of_operand(const emu::Target& target, const FloatTensor& constant) {
  TensorQuantization own = by_rule(target.storage.activation, target.quantize.activation);
  own.state = State::activated;
  own.round = target.quantize.weight.round;
  if (!own.scale.empty()) return own;
  own.observer = "minmax";
  set_scale(own, observe(*make_observer(own.observer, grid_of(own)), constant));
  own.provenance = "minmax of the constant";
  return own;
}

size_t count_outside(const FloatTensor& bias, const TensorQuantization& own) {
  size_t outside = 0;
  for (size_t i = 0; i < bias.size(); ++i) {
    const float code = round_float(bias.data[i] / own.scale[own.scale.size() == 1 ? 0 : i], own.round);
    outside += code < static_cast<float>(own.storage.low) || code > static_cast<float>(own.storage.high) ? 1 : 0;
  }
  return outside;
}

// A power of two of its own: the least that holds the largest value, but no finer than any step of the accumulator, so that the words can be shifted there.
TensorQuantization own_power_of_two(const Quantized& quantized, const FloatTensor& bias, TensorQuantization own) {
  float least = 0;
  for (const float step : own.scale) least = std::max(least, step);
  own.kind = emu::ScaleKind::power_of_two;
  own.scale = {least};
  while (count_outside(bias, own) > 0) own.scale[0] *= 2;
  own.provenance = "the finest power of two that holds the bias in " + to_string(quantized.target.storage.bias.type);
  return own;
}

TensorQuantization of_bias(const Quantized& quantized, const Node& node) {
  const TensorQuantization& x = *quantized.tensors[node.inputs[0]];
  const TensorQuantization& w = *quantized.tensors[node.inputs[1]];
  const Graph& graph = quantized.graph;
  TensorQuantization own;
  own.state = State::passive;
  own.storage = quantized.target.storage.bias;
  own.kind = x.kind == w.kind ? x.kind : emu::ScaleKind::real;
  own.round = quantized.target.quantize.bias_round;
  for (const float scale : w.scale) own.scale.push_back(reference_scale(x) * scale);
  if (quantized.target.quantize.bias_scale == emu::BiasScale::power_of_two) return own_power_of_two(quantized, *graph.value(node.inputs[2]).constant, own);
  if (own.scale.size() > 1) own.axis = 0;
  // After a first cut the accumulator's steps, in which the bias is stored, are so much greater; the cut is one for all channels.
  const std::vector<emu::QScale> cuts = two_cuts_of(quantized, node);
  if (!cuts.empty()) {
    for (float& scale : own.scale) scale = std::ldexp(scale, cuts[0].first.bits);
  }
  own.provenance = "scale of '" + graph.value(node.inputs[0]).name + "' times scale of '" + graph.value(node.inputs[1]).name + "'";
  if (!cuts.empty()) own.provenance += " times 2^" + std::to_string(cuts[0].first.bits) + ", the first cut";
  const FloatTensor& bias = *graph.value(node.inputs[2]).constant;
  if (const size_t outside = count_outside(bias, own); outside > 0) {
    own.provenance += "; warning: " + std::to_string(outside) + " of " + std::to_string(bias.size()) + " values saturate at [" + std::to_string(own.storage.low) + ", " +
                      std::to_string(own.storage.high) + "]";
  }
  return own;
}

// Whether the chip adds the bias as a number of binary32: then it is not quantized, as in PPQ for such platforms.
bool adds_real_bias(const Quantized& quantized, const Node& node) {
  const emu::Steps* const steps = weighted_steps(quantized, node);
  return steps != nullptr && emu::holds(*steps, emu::is_fp32_bias);
}

bool is_bias(const Node& node, size_t input) {
  return input == 2 && is_weighted(node.op);
}

}  // namespace

void unshare_constants(Graph& graph) {
  std::vector<bool> taken(graph.values.size(), false);
  for (Node& node : graph.nodes) {
    for (ValueId& input : node.inputs) {
      if (!graph.is_constant(input)) continue;
      if (!taken[input]) {
        taken[input] = true;
        continue;
      }
      const std::string name = graph.value(input).name;
      FloatTensor copy = *graph.value(input).constant;
      const auto given = graph.value(input).given;
      input = graph.add_constant(name, std::move(copy));
      graph.values[input].given = given;
      taken.push_back(true);
    }
  }
}

TensorQuantization by_rule(const emu::Storage& storage, const emu::QuantizeRule& rule) {
  TensorQuantization own;
  own.storage = storage;
  own.symmetry = rule.symmetry;
  own.kind = rule.scale;
  own.encoding = rule.encoding;
  if (rule.low < rule.high) own.levels = {rule.low, rule.high};
  own.round = rule.round;
  own.observer = rule.observer;
  if (own.storage.type.is_float()) {  // nothing to measure
    own.state = State::activated;
    own.scale = {1};
    own.provenance = "words of " + to_string(own.storage.type) + " have no scale";
  }
  return own;
}

TensorQuantization by_model(const GivenQuantization& given) {
  TensorQuantization own;
  own.state = State::activated;
  own.storage = {given.type, static_cast<int64_t>(given.type.min()), static_cast<int64_t>(given.type.max())};
  own.symmetry = given.zero_point == 0 && given.type.is_signed ? emu::Symmetry::symmetric : emu::Symmetry::asymmetric;
  own.round = emu::Round::half_even;  // ONNX's
  own.axis = given.axis;
  own.scale = given.scale;
  own.zero_point = given.zero_point;
  own.observer = "model";
  own.provenance = "stated by the model";
  return own;
}

Grid grid_of(const TensorQuantization& quantization) {
  const auto [low, high] = quantization.levels.value_or(std::pair{quantization.storage.low, quantization.storage.high});
  return {low, high, bits_of(low, high), quantization.symmetry, quantization.kind, quantization.encoding};
}

void set_scale(TensorQuantization& quantization, const ScaleAndOffset& found) {
  quantization.scale = {found.scale};
  quantization.zero_point = quantization.symmetry == emu::Symmetry::symmetric ? 0 : grid_of(quantization).low + found.offset;
}

void quantize_parameters(Quantized& quantized) {
  const Graph& graph = quantized.graph;
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const std::optional<FloatTensor>& constant = graph.value(node.inputs[i]).constant;
      if (!constant || is_bias(node, i) || std::holds_alternative<BatchNorm>(node.op)) continue;
      if (const auto& given = graph.value(node.inputs[i]).given) {
        quantized.tensors[node.inputs[i]] = by_model(*given);
        continue;
      }
      const bool is_weight = i == 1 && is_weighted(node.op);
      quantized.tensors[node.inputs[i]] = is_weight ? of_weight(quantized.target, node.op, *constant) : of_operand(quantized.target, *constant);
    }
  }
}

void normalise_weights(Quantized& quantized) {
  for (const Node& node : quantized.graph.nodes) {
    if (!is_weighted(node.op)) continue;
    const TensorQuantization& x = *quantized.tensors[node.inputs[0]];
    if (x.scale.size() == 1) continue;
    const auto* conv = std::get_if<Conv>(&node.op);
    InputFactor input{conv != nullptr ? 1 : 0, conv != nullptr ? conv->groups : 1, {}};
    for (const float scale : x.scale) input.factor.push_back(scale / reference_scale(x));
    TensorQuantization& weight = quantized.tensors[node.inputs[1]].value();
    weight = of_weight(quantized.target, node.op, normalised(*quantized.graph.value(node.inputs[1]).constant, input));
    weight.input_factor = std::move(input);
    weight.provenance += ", normalised to the scales of its input's channels";
  }
}

void quantize_biases(Quantized& quantized) {
  for (const Node& node : quantized.graph.nodes) {
    if (!is_weighted(node.op) || node.inputs.size() < 3 || !quantized.graph.is_constant(node.inputs[2])) continue;
    if (adds_real_bias(quantized, node)) continue;
    const auto& given = quantized.graph.value(node.inputs[2]).given;
    quantized.tensors[node.inputs[2]] = given ? by_model(*given) : of_bias(quantized, node);
    if (given) quantized.tensors[node.inputs[2]]->state = State::passive;
  }
}

}  // namespace assay::quant
