#include "emu/target/quantize_rules.h"

namespace assay::emu::schema {

std::vector<Broken> broken_quantize(const std::string& name, const QuantizeRule& rule, const Storage& storage) {
  std::vector<Broken> broken;
  const std::string own = "quantize." + name, stored = "storage." + name, word(to_string(rule.encoding));
  const auto add = [&](std::vector<std::string> keys, const std::string& why) { broken.push_back({keys, keys[0] + ": " + why}); };
  if (storage.type.is_float()) {
    if (rule.encoding != Encoding::range || rule.low != storage.low || rule.high != storage.high) {
      add({own + ".encoding", own + ".low", own + ".high", stored + ".type"}, "floating-point words have no range to spread: say range, and low and high as in " + stored);
    }
    return broken;
  }
  const bool symmetric = rule.symmetry == Symmetry::symmetric;
  if (symmetric && (storage.low > 0 || storage.high < 0)) {
    add({own + ".symmetry", stored + ".low", stored + ".high"}, "symmetric means zero point 0, which " + stored + ".low..high does not hold");
  }
  if (rule.observer == "kl" && !symmetric) add({own + ".observer", own + ".symmetry"}, "kl is defined for symmetric quantization only");
  const std::string range = std::to_string(rule.low) + " to " + std::to_string(rule.high);
  if (rule.low >= rule.high) {
    add({own + ".low", own + ".high"}, std::to_string(rule.low) + " must be less than high, which is " + std::to_string(rule.high));
    return broken;
  }
  if (rule.low < storage.low || rule.high > storage.high) add({own + ".low", own + ".high", stored + ".low", stored + ".high"}, range + " must lie in " + stored + ".low..high");
  if (symmetric && (rule.low > 0 || rule.high <= 0)) add({own + ".low", own + ".high", own + ".symmetry"}, "symmetric needs 0, and a word above it, in " + range);
  if (rule.encoding == Encoding::range) return broken;
  const bool of_magnitude = rule.encoding == Encoding::magnitude || rule.encoding == Encoding::position;
  if (of_magnitude != symmetric) add({own + ".encoding", own + ".symmetry"}, word + " needs " + (of_magnitude ? "symmetric" : "asymmetric") + " quantization");
  if (rule.scale != ScaleKind::real) add({own + ".encoding", own + ".scale"}, word + " needs scales that may be any real number");
  if (rule.encoding == Encoding::nudged_range && rule.high - rule.low != 255) {
    add({own + ".encoding", own + ".low", own + ".high"}, "nudged_range is defined for 256 words, not " + range);
  }
  if (rule.encoding == Encoding::position && (rule.high & (rule.high + 1)) != 0) {
    add({own + ".encoding", own + ".high"}, "position needs a greatest word of 2^n - 1, not " + std::to_string(rule.high));
  }
  return broken;
}

}  // namespace assay::emu::schema
