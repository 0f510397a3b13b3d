// Scales of chips that cut twice: `shift_right first`, bias, `multiply`, `shift_right scale`. The first cut must be the same for all output channels, since one unit makes it.
#pragma once

#include <string>
#include <vector>

#include "quant/exact/ratio.h"

namespace assay::quant {

// Whether the steps hold the first of two cuts.
bool cuts_first(const emu::Steps& steps);

// What the bias of one channel must fit after the first cut. No values: no bias.
struct BiasWords {
  std::vector<float> values;  // one per channel
  emu::Storage storage;
  emu::Round round = emu::Round::half_even;
};

// ratios: {s_x, s_w[c]} / {s_y}. The first cut is the least with which every channel's bias, round(b / (s_x * s_w[c]) / 2^first), fits its storage (rule.max_first at most) and
// every second cut is legal, or less where a large ratio would have no legal second cut (the bias saturates); then each channel gets the pair of multiplier and second shift whose
// value is nearest, the shift between rule.min_right and rule.max_right. Empty where a ratio has no pair, and `problem` says why. (Source: the published quantizer headers of
// Icraft, quantize_common: equal first cut over channels, exponents of bias and weight.)
std::vector<emu::QScale> two_cut_scales(const std::vector<Ratio>& ratios, const BiasWords& bias, const emu::Steps& steps, const emu::MultiplierRule& rule, std::string& problem);

}  // namespace assay::quant
