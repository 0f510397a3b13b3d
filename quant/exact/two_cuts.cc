#include "quant/exact/two_cuts.h"

#include <algorithm>

#include "emu/arith/step_words.h"

namespace assay::quant {
namespace {

int first_that_fits(const Ratio& ratio, float bias, const BiasWords& words, int least, int most) {
  const auto fits = [&](int first) {
    const int64_t word = round_ratio({{bias}, {ratio.numerator.at(0), ratio.numerator.at(1)}, -first}, words.round, INT64_MIN / 2, INT64_MAX / 2);
    return word >= words.storage.low && word <= words.storage.high;
  };
  int first = least;
  while (first < most && !fits(first)) ++first;
  return first;
}

}  // namespace

bool cuts_first(const emu::Steps& steps) {
  return emu::holds(steps, emu::is_first_cut);
}

std::vector<emu::QScale> two_cut_scales(const std::vector<Ratio>& ratios, const BiasWords& bias, const emu::Steps& steps, const emu::MultiplierRule& rule, std::string& problem) {
  const auto pair_of = [&](const Ratio& ratio, int first, std::string& why) {
    emu::MultiplierRule own = rule;
    own.min_right.bits = static_cast<uint8_t>(std::min(rule.min_right.bits + first, static_cast<int>(emu::kMaxShiftBits)));
    own.max_right.bits = static_cast<uint8_t>(std::min(rule.max_right.bits + first, static_cast<int>(emu::kMaxShiftBits)));
    own.max_first = {0};
    return decompose(ratio, steps, own, why);
  };
  int first = 0;
  const size_t channels = std::max(ratios.size(), bias.values.size());
  for (size_t c = 0; c < channels; ++c) {
    const Ratio& ratio = ratios[c % ratios.size()];
    const auto scale = decompose(ratio, steps, rule, problem);
    if (!scale) return {};
    first = std::max<int>(first, scale->first.bits);
    if (!bias.values.empty()) first = std::max(first, first_that_fits(ratio, bias.values[c % bias.values.size()], bias, first, rule.max_first.bits));
  }
  // A second cut has a least amount, so a large ratio bounds the first one: there the bias saturates instead.
  std::string too_large;
  while (first > 0 && std::any_of(ratios.begin(), ratios.end(), [&](const Ratio& ratio) { return !pair_of(ratio, first, too_large); })) --first;
  std::vector<emu::QScale> scales;
  for (const Ratio& ratio : ratios) {
    auto scale = pair_of(ratio, first, problem);
    if (!scale) return {};
    scale->first.bits = static_cast<uint8_t>(first);
    scale->right.bits = static_cast<uint8_t>(scale->right.bits - first);
    scales.push_back(*scale);
  }
  return scales;
}

}  // namespace assay::quant
