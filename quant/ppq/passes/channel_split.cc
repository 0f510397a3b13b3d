// ChannelwiseSplitPass (ppq.md 6.8; ppq/quantization/optim/equalization.py at e39eecb), before quantization, over the pairs of equalization. Per iteration and pair, in float32:
// channels whose largest weights reach value_threshold on both sides are doubled, and both copies are scaled by 1/sqrt(2) in the upstream weights and biases and in the downstream
// weights, so their sum is the old channel. Copies go behind all channels. Grouped convolutions are skipped; so are pairs where a parameter between them has a value per channel,
// or an output of the network lies between: PPQ breaks the network there.
#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/ppq/passes/equalization_pairs.h"
#include "quant/ppq/passes/optional.h"

namespace assay::ppq {
namespace {

using Working = std::map<VariableId, quant::Constant>;

// A weight may grow to this many elements, no more.
constexpr size_t kMostElements = size_t{1} << 26;

bool splittable(const Network& network, const EqualizationPair& pair, const PairLayers& layers, std::string& why) {
  for (const auto* list : {&layers.upstream, &layers.downstream}) {
    for (const EqualizationLayer& layer : *list) {
      if (layer.grouped()) why = "a grouped convolution is among them";
    }
  }
  for (const OperationId id : pair.upstream) {
    if (std::find(pair.downstream.begin(), pair.downstream.end(), id) != pair.downstream.end()) why = network.operation(id).name + " is on both sides";
  }
  for (const OperationId id : pair.relays) {
    for (const VariableId input : network.operation(id).inputs) {
      if (input != kNone && network.variable(input).is_parameter && network.variable(input).value && network.variable(input).value->size() > 1) {
        why = network.operation(id).type + " " + network.operation(id).name + " between them has a parameter per channel";
      }
    }
  }
  for (const auto* list : {&pair.upstream, &pair.relays}) {
    for (const OperationId id : *list) {
      for (const VariableId output : network.operation(id).outputs) {
        if (std::find(network.outputs.begin(), network.outputs.end(), output) != network.outputs.end())
          why = "output " + network.variable(output).name + " of the network lies between them";
      }
    }
  }
  return why.empty();
}

// Doubles the chosen channels along an axis of the constant, scaled.
void split_axis(quant::Constant& constant, size_t axis, const std::vector<bool>& chosen, int64_t copies) {
  const float half = 1.0F / std::sqrt(2.0F);
  size_t outer = 1, inner = 1;
  for (size_t i = 0; i < axis; ++i) outer *= static_cast<size_t>(constant.shape[i]);
  for (size_t i = axis + 1; i < constant.shape.size(); ++i) inner *= static_cast<size_t>(constant.shape[i]);
  const size_t channels = chosen.size();
  std::vector<float> made;
  made.reserve(outer * inner * (channels + static_cast<size_t>(copies)));
  for (size_t o = 0; o < outer; ++o) {
    const float* block = constant.reals.data() + o * channels * inner;
    for (size_t i = 0; i < channels * inner; ++i) made.push_back(chosen[i / inner] ? block[i] * half : block[i]);
    for (size_t i = 0; i < channels * inner; ++i) {
      if (chosen[i / inner]) made.push_back(block[i] * half);
    }
  }
  constant.reals = std::move(made);
  constant.shape[axis] += copies;
}

struct Splitter {
  Network& network;
  const EqualizationSetting& setting;
  const std::map<OperationId, std::vector<float>>& maxima;

  // As equalization's: largest values per channel of both sides.
  std::vector<bool> choose(const EqualizationPair& pair, const PairLayers& layers) const {
    std::vector<float> up(static_cast<size_t>(layers.channels), 0.0F), down = up;
    for (size_t i = 0; i < layers.upstream.size(); ++i) {
      const EqualizationLayer& layer = layers.upstream[i];
      const std::vector<float>& weight = network.variable(layer.weight()).value->reals;
      for (size_t e = 0; e < weight.size(); ++e) {
        float& largest = up[static_cast<size_t>(layer.output_key(static_cast<int64_t>(e)))];
        largest = std::max(largest, std::fabs(weight[e]));
      }
      const auto seen = maxima.find(pair.upstream[i]);
      for (size_t c = 0; c < up.size(); ++c) {
        if (setting.including_bias && layer.has_bias())
          up[c] = std::max(up[c], std::fabs(network.variable(layer.bias()).value->reals[c] * static_cast<float>(setting.bias_multiplier)));
        if (seen != maxima.end() && c < seen->second.size()) up[c] = std::max(up[c], seen->second[c] * static_cast<float>(setting.act_multiplier));
      }
    }
    for (const EqualizationLayer& layer : layers.downstream) {
      const std::vector<float>& weight = network.variable(layer.weight()).value->reals;
      for (size_t e = 0; e < weight.size(); ++e) {
        float& largest = down[static_cast<size_t>(layer.input_key(static_cast<int64_t>(e)))];
        largest = std::max(largest, std::fabs(weight[e]));
      }
    }
    const auto threshold = static_cast<float>(setting.value_threshold);
    std::vector<bool> chosen;
    for (size_t c = 0; c < up.size(); ++c) chosen.push_back(up[c] >= threshold && down[c] >= threshold);
    return chosen;
  }

  void grow(const EqualizationPair& pair, const PairLayers& layers, const std::vector<bool>& chosen, int64_t copies) {
    Working working;
    const auto split = [&](VariableId id, size_t axis) {
      reals_of(working, network, id);
      quant::Constant& constant = working.at(id);
      if (constant.size() / chosen.size() > kMostElements / (chosen.size() + static_cast<size_t>(copies))) {
        throw InputError("ChannelwiseSplitPass: parameter " + network.variable(id).name + " would grow beyond " + std::to_string(kMostElements) +
                         " elements; raise value_threshold or lower the number of iterations");
      }
      split_axis(constant, axis, chosen, copies);
    };
    for (const EqualizationLayer& layer : layers.upstream) {
      split(layer.weight(), layer.output_axis());
      if (!layer.has_bias()) continue;
      reals_of(working, network, layer.bias());
      working.at(layer.bias()).shape = {layers.channels};
      split(layer.bias(), 0);
    }
    for (const EqualizationLayer& layer : layers.downstream) split(layer.weight(), layer.input_axis());
    store(network, working);
    for (const auto* list : {&pair.upstream, &pair.relays}) {
      for (const OperationId id : *list) {
        for (const VariableId output : network.operation(id).outputs) {
          if (output != kNone && network.variable(output).shape.size() > 1) network.variable(output).shape[1] += copies;
        }
      }
    }
  }
};

}  // namespace

PassReport channel_split(Network& network, const Context& context) {
  PassReport report{"ChannelwiseSplitPass", {}, {}};
  const EqualizationSetting& setting = context.settings.channel_split;
  const std::vector<EqualizationPair> pairs = equalization_pairs(network, context, setting, report);
  const auto cancelled = [&] { return context.cancelled && context.cancelled(); };
  std::vector<int64_t> doubled(pairs.size());
  std::vector<bool> skipped(pairs.size());
  const auto total = static_cast<size_t>(std::max<int64_t>(setting.iterations, 0)) * pairs.size();
  std::map<OperationId, std::vector<float>> maxima;
  size_t done = 0;
  for (; done < total && !cancelled(); ++done) {
    const size_t at = done % pairs.size();
    if (at == 0 && setting.including_act) maxima = activation_maxima(network, context, report.name);
    const auto layers = skipped[at] ? std::nullopt : layers_of(network, pairs[at], report);
    std::string why;
    if (!skipped[at] && layers && !splittable(network, pairs[at], *layers, why)) report.warnings.push_back(text_of(network, pairs[at]) + " is left as it is: " + why);
    skipped[at] = skipped[at] || !layers || !why.empty();
    if (!skipped[at]) {
      const Splitter splitter{network, setting, maxima};
      const std::vector<bool> chosen = splitter.choose(pairs[at], *layers);
      const auto copies = static_cast<int64_t>(std::count(chosen.begin(), chosen.end(), true));
      if (copies != 0) Splitter{network, setting, maxima}.grow(pairs[at], *layers, chosen, copies);
      doubled[at] += copies;
    }
    if (context.progress) context.progress(report.name, done + 1, total);
  }
  if (done < total) report.warnings.push_back("cancelled after " + std::to_string(done) + " of " + std::to_string(total) + " steps; what was done stays");
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (doubled[i] != 0) report.changes.push_back(text_of(network, pairs[i]) + " have " + std::to_string(doubled[i]) + " channels more");
  }
  return report;
}

}  // namespace assay::ppq
