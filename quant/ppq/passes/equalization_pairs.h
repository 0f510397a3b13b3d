// What layerwise equalization and channel split share (ppq.md 6.8; ppq/quantization/optim/equalization.py and algorithm/equalization.py at e39eecb): which operations produce, and
// which consume, one set of channels, and how their weights are indexed by channel.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "quant/ppq/network.h"
#include "quant/ppq/pass.h"

namespace assay::ppq {

// Multiplying a channel by s after every upstream operation and dividing it by s before every downstream one leaves the network's function as it is, where all that lies between
// passes s on.
struct EqualizationPair {
  std::vector<OperationId> upstream, downstream;
  std::vector<OperationId> relays;  // what lies between
};

// Level 1: Relu MaxPool GlobalMaxPool PRelu AveragePool GlobalAveragePool LeakyRelu Identity; level 2 also Add Sub. InputError for other levels.
const std::set<std::string>& equalization_relays(int64_t level);

// From each Conv, Gemm, ConvTranspose (all, or the interested ones, in that order), down through relays to what is none; from all those up again; each operation is upstream once.
// Pairs with any other type at an end are left out. This is PPQ's search, and what it overlooks changes the network's function: other consumers of the operations found on the way
// up (residual networks at level 2), and outputs of the network on the way. The report warns of both, and of interested layers that do not exist. Where settings.exact is false, a
// pair grows until nothing is overlooked.
std::vector<EqualizationPair> equalization_pairs(const Network& network, const Context& context, const EqualizationSetting& setting, PassReport& report);

// A weight of a Conv, ConvTranspose or Gemm as rows and columns of equal blocks, with the bias.
class EqualizationLayer {
 public:
  // nullopt where weight or bias is no real constant, or the shapes do not fit; `why` then says so.
  static std::optional<EqualizationLayer> of(const Network& network, OperationId id, std::string& why);

  int64_t outputs() const { return transposed_ ? columns_ * groups_ : (is_gemm_ && !trans_b_ ? columns_ : rows_); }
  int64_t inputs() const { return transposed_ ? rows_ : (is_gemm_ ? (trans_b_ ? columns_ : rows_) : columns_ * groups_); }
  bool grouped() const { return groups_ != 1; }
  bool has_bias() const { return bias_ != kNone; }
  VariableId weight() const { return weight_; }
  VariableId bias() const { return bias_; }

  // Channel of an element of the weight. PPQ orders the largest values of grouped weights by (channel of a group, group), but applies factors by (group, channel of a group): they
  // are the same only where a group has one channel. Upstream this concerns ConvTranspose, downstream Conv.
  int64_t output_key(int64_t element) const;
  int64_t output_channel(int64_t element) const;
  int64_t input_key(int64_t element) const;
  int64_t input_channel(int64_t element) const;

  // The axis of the weight along which the output, input channels lie; of groups == 1.
  size_t output_axis() const { return transposed_ || (is_gemm_ && !trans_b_) ? 1 : 0; }
  size_t input_axis() const { return 1 - output_axis(); }

 private:
  int64_t row(int64_t element) const { return element / (columns_ * inner_); }
  int64_t column(int64_t element) const { return element / inner_ % columns_; }

  VariableId weight_ = kNone, bias_ = kNone;
  bool is_gemm_ = false, transposed_ = false, trans_b_ = false;
  int64_t groups_ = 1, rows_ = 0, columns_ = 0, inner_ = 1;
};

// Layers of a pair. nullopt where PPQ would raise (a layer cannot be read, or the numbers of channels differ); the report then warns.
struct PairLayers {
  std::vector<EqualizationLayer> upstream, downstream;
  int64_t channels = 0;
};
std::optional<PairLayers> layers_of(const Network& network, const EqualizationPair& pair, PassReport& report);

// Parameters that change in place.
std::vector<float>& reals_of(std::map<VariableId, quant::Constant>& working, const Network& network, VariableId id);
// They are the network's FP32 parameters from now on.
void store(Network& network, const std::map<VariableId, quant::Constant>& working);

// "pw1, conv2 -> dw1"
std::string text_of(const Network& network, const EqualizationPair& pair);

// Largest |output| per channel of each computing operation of the network in FP32, over the first 18 inputs, as PPQ's pass collects them (its loop ends after the step that exceeds
// 16). Empty where cancelled. InputError where there are no inputs.
std::map<OperationId, std::vector<float>> activation_maxima(const Network& network, const Context& context, const std::string& pass);

}  // namespace assay::ppq
