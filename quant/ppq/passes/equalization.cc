// LayerwiseEqualizationPass (ppq.md 6.8; ppq/quantization/optim/equalization.py at e39eecb), before quantization. Per iteration and pair, each step in float32:
//   up[c]   = max |w| of output channel c over all upstream operations, with including_bias also |b * bias_multiplier|, with including_act also |largest output * act_multiplier|
//   down[c] = max |w| of input channel c over all downstream operations
//   s[c]    = 1 / sqrt(up[c] / down[c]) clamped to [0.1, 10]; 1 where up[c] + down[c] < value_threshold
//   upstream weights and biases *= s, downstream weights /= s
// With threshold 0 a channel of zeros on both sides gives NaN, as in PPQ; the report warns.
#include <algorithm>
#include <cmath>

#include "quant/ppq/passes/equalization_pairs.h"
#include "quant/ppq/passes/optional.h"

namespace assay::ppq {
namespace {

constexpr float kMostFactor = 10.0F, kLeastFactor = 0.1F;

using Working = std::map<VariableId, quant::Constant>;
using Maxima = std::map<OperationId, std::vector<float>>;

float equalization_factor(float up, float down, float threshold) {
  if (up + down < threshold) return 1.0F;
  const float factor = 1.0F / std::sqrt(up / down);
  return factor < kLeastFactor ? kLeastFactor : (factor > kMostFactor ? kMostFactor : factor);
}

void raise(float& largest, float value) {
  largest = std::max(largest, std::fabs(value));
}

struct Equalizer {
  Network& network;
  const EqualizationSetting& setting;
  const Maxima& maxima;
  Working working{};

  std::vector<float> factors(const EqualizationPair& pair, const PairLayers& layers) {
    std::vector<float> up(static_cast<size_t>(layers.channels), 0.0F), down = up, made;
    const auto bias_multiplier = static_cast<float>(setting.bias_multiplier), act_multiplier = static_cast<float>(setting.act_multiplier);
    for (size_t i = 0; i < layers.upstream.size(); ++i) {
      const EqualizationLayer& layer = layers.upstream[i];
      const std::vector<float>& weight = reals_of(working, network, layer.weight());
      for (size_t e = 0; e < weight.size(); ++e) raise(up[static_cast<size_t>(layer.output_key(static_cast<int64_t>(e)))], weight[e]);
      if (setting.including_bias && layer.has_bias()) {
        const std::vector<float>& bias = reals_of(working, network, layer.bias());
        for (size_t c = 0; c < up.size(); ++c) raise(up[c], bias[c] * bias_multiplier);
      }
      const auto largest = maxima.find(pair.upstream[i]);
      if (setting.including_act && largest != maxima.end()) {
        for (size_t c = 0; c < std::min(up.size(), largest->second.size()); ++c) raise(up[c], largest->second[c] * act_multiplier);
      }
    }
    for (const EqualizationLayer& layer : layers.downstream) {
      const std::vector<float>& weight = reals_of(working, network, layer.weight());
      for (size_t e = 0; e < weight.size(); ++e) raise(down[static_cast<size_t>(layer.input_key(static_cast<int64_t>(e)))], weight[e]);
    }
    for (size_t c = 0; c < up.size(); ++c) made.push_back(equalization_factor(up[c], down[c], static_cast<float>(setting.value_threshold)));
    return made;
  }

  void apply(const PairLayers& layers, const std::vector<float>& factors) {
    for (const EqualizationLayer& layer : layers.upstream) {
      std::vector<float>& weight = reals_of(working, network, layer.weight());
      for (size_t e = 0; e < weight.size(); ++e) weight[e] *= factors[static_cast<size_t>(layer.output_channel(static_cast<int64_t>(e)))];
      if (!layer.has_bias()) continue;
      std::vector<float>& bias = reals_of(working, network, layer.bias());
      for (size_t c = 0; c < bias.size(); ++c) bias[c] *= factors[c];
    }
    for (const EqualizationLayer& layer : layers.downstream) {
      std::vector<float>& weight = reals_of(working, network, layer.weight());
      for (size_t e = 0; e < weight.size(); ++e) weight[e] /= factors[static_cast<size_t>(layer.input_channel(static_cast<int64_t>(e)))];
    }
  }
};

struct Equalized {
  EqualizationPair pair;
  PairLayers layers;
};

}  // namespace

PassReport layerwise_equalization(Network& network, const Context& context) {
  PassReport report{"LayerwiseEqualizationPass", {}, {}};
  const EqualizationSetting& setting = context.settings.equalization;
  std::vector<Equalized> pairs;
  for (EqualizationPair& pair : equalization_pairs(network, context, setting, report)) {
    if (auto layers = layers_of(network, pair, report)) pairs.push_back({std::move(pair), std::move(*layers)});
  }
  const Maxima maxima = setting.including_act ? activation_maxima(network, context, report.name) : Maxima{};
  Equalizer equalizer{network, setting, maxima};
  const auto cancelled = [&] { return context.cancelled && context.cancelled(); };
  const auto total = static_cast<size_t>(std::max<int64_t>(setting.iterations, 0)) * pairs.size();
  size_t done = 0;
  std::vector<size_t> not_numbers(pairs.size());
  // Every single step leaves the network's function as it is, so stopping anywhere is clean.
  for (; done < total && !cancelled(); ++done) {
    const Equalized& each = pairs[done % pairs.size()];
    const std::vector<float> factors = equalizer.factors(each.pair, each.layers);
    not_numbers[done % pairs.size()] = static_cast<size_t>(std::count_if(factors.begin(), factors.end(), [](float factor) { return std::isnan(factor); }));
    equalizer.apply(each.layers, factors);
    if (context.progress) context.progress(report.name, done + 1, total);
  }
  if (done < total) report.warnings.push_back("cancelled after " + std::to_string(done) + " of " + std::to_string(total) + " steps; what was done stays");
  store(network, equalizer.working);
  for (size_t i = 0; i < pairs.size(); ++i) {
    report.changes.push_back(text_of(network, pairs[i].pair) + " are equalized over " + std::to_string(pairs[i].layers.channels) + " channels");
    if (not_numbers[i] == 0) continue;
    report.warnings.push_back(text_of(network, pairs[i].pair) + ": " + std::to_string(not_numbers[i]) +
                              " channels have no weights but zeros on both sides and became NaN, as in PPQ; set value_threshold above 0");
  }
  return report;
}

}  // namespace assay::ppq
