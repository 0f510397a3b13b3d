// Rules that derive scales, multipliers and ranges.
#include "quant/calibrate/derivations.h"
#include "quant/exact/ratio.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Fp32;
using emu::Round;

struct Range {
  Rational low;
  Rational high;
};
Range range_of(const Entry& entry) {
  if (const Json* pair = entry.find({"range", "minmax", "min_max"}); pair != nullptr && pair->is_array() && pair->size() == 2) {
    return {to_rational((*pair)[0], "'range'[0]"), to_rational((*pair)[1], "'range'[1]")};
  }
  if (!entry.has({"min", "low", "x_min", "rmin"}) && entry.has({"absmax", "amax", "threshold"})) {
    const Rational greatest = entry.rational({"absmax", "amax", "threshold"});
    return {-greatest, greatest};
  }
  return {entry.rational({"min", "low", "x_min", "rmin"}), entry.rational({"max", "high", "x_max", "rmax"})};
}

int bits_of(const Entry& entry, int otherwise) {
  return entry.small({"bw", "bits", "bitwidth", "bit_width", "value_range", "value_range_in_bits"}, 2, 32, otherwise);
}

struct WordRange {
  int64_t low;
  int64_t high;
};
WordRange words_of(const Entry& entry) {
  if (const Json* pair = entry.find({"q", "qrange", "q_range"}); pair != nullptr && pair->is_array() && pair->size() == 2) {
    const Wide low = to_integer((*pair)[0], "'q'[0]");
    const Wide high = to_integer((*pair)[1], "'q'[1]");
    if (low >= high || low < INT32_MIN || high > UINT32_MAX) throw EntryError("'q' is not [lowest word, highest word]");
    return {static_cast<int64_t>(low), static_cast<int64_t>(high)};
  }
  if (entry.has({"qmin", "quant_min"})) {
    return {entry.small({"qmin", "quant_min"}, INT32_MIN, INT32_MAX), entry.small({"qmax", "quant_max"}, INT32_MIN, INT32_MAX)};
  }
  const Limits limits = limits_of(bits_of(entry, 8), true);
  return {static_cast<int64_t>(limits.low), static_cast<int64_t>(limits.high)};
}

[[noreturn]] void unknown_key(const Entry& entry, const std::string& key) {
  throw NotSupported("'" + key + "' of operation '" + entry.op + "' is unknown");
}

Value scale_keys(const Entry& entry, const Rational& scale) {
  return by_key(entry, "scale", [&](const std::string& key) -> Value {
    const std::string lower = lower_case(key);
    if (contains(lower, "pow2")) {
      if (scale <= 0) throw EntryError("no power of two is near a scale of 0");
      return contains(lower, "ceil") || !(contains(lower, "round") || contains(lower, "near")) ? quant::power_of_two_above(scale) : quant::power_of_two_near(scale);
    }
    if (lower == "offset" || lower == "zp" || lower == "zero_point") return 0;
    if (contains(lower, "scale") || lower == "delta") return scale;
    return std::string();  // explanations and what nobody knows: compared, and named there
  });
}

Value symmetric(const Entry& entry) {
  const Range range = range_of(entry);
  const WordRange words = words_of(entry);
  if (words.low >= words.high) throw EntryError("the lowest word is not below the highest");
  const std::string formula = entry.text({"formula"});
  if (contains(formula, "absmax/") && !contains(formula, "2*absmax")) {
    const Rational greatest = std::max(Rational(abs(range.low)), Rational(abs(range.high)));
    return scale_keys(entry, greatest / words.high);
  }
  return scale_keys(entry, quant::symmetric_scale(range.low, range.high, words.low, words.high));
}

// (high - low) / (qmax - qmin), offset = half_even(-low / scale) + qmin, 0 within the range.
Value asymmetric(const Entry& entry) {
  const Range range = range_of(entry);
  const WordRange words = words_of(entry);
  if (words.low >= words.high) throw EntryError("the lowest word is not below the highest");
  const Rational low = std::min(range.low, Rational(0));
  const Rational high = std::max(range.high, Rational(0));
  const Rational scale = std::max(Rational((high - low) / (words.high - words.low)), Rational(1, 100000000));
  const Round mode = entry.round(Round::half_even);
  return by_key(entry, "scale", [&](const std::string& key) -> Value {
    const std::string lower = lower_case(key);
    if (contains(lower, "scale")) return scale;
    if (lower == "offset" || contains(lower, "zp") || contains(lower, "zero_point")) return quant::round_to_integer(-low / scale, mode) + words.low;
    unknown_key(entry, key);
  });
}

// absmax / 127, or what the formula divides by.
Value threshold_scale(const Entry& entry) {
  const std::string formula = entry.text({"formula"});
  Rational words = 127;
  if (const size_t slash = formula.rfind('/'); slash != std::string::npos) {
    if (const auto number = parse_rational(std::string_view(formula).substr(slash + 1)); number && *number > 0) words = *number;
  }
  const bool multiplier = !formula.empty() && contains(formula, "127/");
  const Rational greatest = entry.rational({"absmax", "amax", "threshold", "T"});
  if (multiplier && greatest == 0) throw EntryError("a threshold of 0");
  return scale_keys(entry, multiplier ? Rational(127 / greatest) : Rational(greatest / words));
}

Value encoding_keys(const Entry& entry, const quant::Encoding& encoding) {
  return by_key(entry, "delta", [&](const std::string& key) -> Value {
    const std::string lower = lower_case(key);
    if (contains(lower, "delta") || contains(lower, "scale")) return encoding.delta;
    if (contains(lower, "offset")) return encoding.offset;
    if (contains(lower, "zp") || contains(lower, "zero_point")) return -encoding.offset;
    if (contains(lower, "min")) return encoding.min;
    if (contains(lower, "max")) return encoding.max;
    unknown_key(entry, key);
  });
}

Value encoding(const Entry& entry) {
  const Range range = range_of(entry);
  if (range.low > range.high) throw EntryError("'min' is above 'max'");
  const bool is_16 = contains(entry.op, "16");
  const int bits = bits_of(entry, is_16 ? 16 : 8);
  const Rational least = entry.rational({"min_range", "least_range"}, Rational(1, 100));
  if (contains(entry.op, "sym") && !contains(entry.op, "asym"))
    return encoding_keys(entry, quant::symmetric_encoding(range.low, range.high, bits, contains(entry.op, "strict"), least));
  return encoding_keys(entry, quant::asymmetric_encoding(range.low, range.high, bits, least));
}

Value nudge(const Entry& entry) {
  const bool is_16 = contains(entry.op, "16");
  const int steps = entry.small({"steps"}, 1, 65536, is_16 ? 65536 : 255);
  if (steps != 255 && steps != 65536 && steps != 65535) throw NotSupported("'steps' of operation '" + entry.op + "' are 255 or 65536");
  const auto nudged = quant::nudge_range(entry.real32({"min", "low"}), entry.real32({"max", "high"}), steps == 255 ? 255 : 65536);
  return by_key(entry, "max", [&](const std::string& key) -> Value {
    if (contains(key, "min")) return nudged.low;
    if (contains(key, "max")) return nudged.high;
    if (contains(key, "code") || contains(key, "ret")) return nudged.moved;
    unknown_key(entry, key);
  });
}

Value position(const Entry& entry) {
  const int bits = bits_of(entry, 8);
  const Rational greatest = entry.rational({"absmax", "amax", "max"});
  if (greatest < 0) throw EntryError("a greatest magnitude below 0");
  const auto found = quant::position_scale(greatest, bits);
  return by_key(entry, "position", [&](const std::string& key) -> Value {
    if (contains(key, "pos")) return found.position;
    if (contains(key, "scale")) return found.scale;
    if (contains(key, "offset")) return 0;
    unknown_key(entry, key);
  });
}

Value normalisation(const Entry& entry) {
  if (const Json* cases = entry.find({"cases"}); cases != nullptr && cases->is_array()) {
    Value::List list;
    for (const Json& row : *cases) {
      if (!row.is_array() || row.size() != 2) throw EntryError("a case is not [saturation, value range in bits]");
      const Wide range = to_integer(row[1], "a value range");
      if (range < 2 || range > 32) throw EntryError("a value range lies outside 2 to 32 bits");
      list.push_back(quant::normalisation_ratio(to_rational(row[0], "a saturation"), static_cast<int>(range)));
    }
    return list;
  }
  const auto saturations = entry.rationals({"saturation", "saturations", "sat", "absmax", "threshold"});
  const auto bits = entry.integers({"value_range", "value_range_in_bits", "bits", "N", "bw", "value_range_bits"}, saturations.size(), 8);
  return by_key(entry, "normratio", [&](const std::string&) -> Value {
    Value::List list;
    for (size_t i = 0; i < saturations.size(); ++i) {
      if (bits[i] < 2 || bits[i] > 32) throw EntryError("a value range lies outside 2 to 32 bits");
      list.push_back(quant::normalisation_ratio(saturations[i], static_cast<int>(bits[i])));
    }
    return list;
  });
}

Value nearest_multipliers(const Entry& entry) {
  const int bits = entry.small({"m_bits", "bits"}, 1, 31, 8);
  const auto range = entry.integers({"n_range", "n", "shift_range"});
  if (range.size() != 2 || range[0] < 0 || range[0] > range[1] || range[1] > 62) throw EntryError("'n_range' is not [least, greatest] within 0 to 62");
  Value::List list;
  for (const Rational& scale : entry.rationals({"scale", "scales", "s"})) {
    const emu::QScale found = quant::nearest_scale(scale, bits, static_cast<int>(range[0]), static_cast<int>(range[1]));
    list.push_back(Value::List{found.multiplier, int64_t{found.right.bits}});
  }
  return list.size() == 1 && !entry.find({"scale", "scales", "s"})->is_array() ? list[0] : Value(list);
}

Value equal_shift(const Entry& entry) {
  const auto weights = entry.integers({"w_exp", "w", "weight_exp"});
  const auto biases = entry.integers({"b_exp", "b", "bias_exp"}, weights.size());
  std::vector<std::pair<int64_t, int64_t>> exponents;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] < -1000 || weights[i] > 1000 || biases[i] < -1000 || biases[i] > 1000) throw EntryError("an exponent lies outside -1000 to 1000");
    exponents.emplace_back(static_cast<int64_t>(weights[i]), static_cast<int64_t>(biases[i]));
  }
  return map_list(quant::equal_first_shift(exponents, entry.small({"bits"}, 0, 64, 8)), [](const auto& pair) -> Value { return Value::List{pair.first, pair.second}; });
}

// [mantissa of 31 bits, shift], positive to the left.
Value multiplier_of_real(const Entry& entry) {
  Value::List list;
  for (const Rational& real : entry.rationals({"real", "scale", "s", "x"})) {
    // The library's argument is one float64.
    const emu::QScale scale = quant::quantize_multiplier({{static_cast<double>(real)}, {}, 0});
    list.push_back(Value::List{scale.multiplier, int64_t{scale.left.bits} - int64_t{scale.right.bits}});
  }
  return list.size() == 1 && !entry.find({"real", "scale", "s", "x"})->is_array() ? list[0] : Value(list);
}

// acc * 2^(pos_x + pos_w) / (scale_x * scale_w), exactly.
Value dequantize_sum(const Entry& entry) {
  const int exponent = entry.small({"pos_x", "position_x"}, -1000, 1000) + entry.small({"pos_w", "position_w"}, -1000, 1000);
  const Rational scales = entry.rational({"scale_x"}, 1) * entry.rational({"scale_w"}, 1);
  if (scales == 0) throw EntryError("a scale is 0");
  return map_list(entry.integers({"acc", "x"}), [&](Wide acc) -> Value { return Rational(Rational(BigInt(acc)) * quant::power_of_two(exponent) / scales); });
}

}  // namespace

void add_scales(Operations& table) {
  table["minmax_sym*"] = symmetric;
  table["minmax_asym*"] = asymmetric;
  table["kl_threshold_scale*"] = threshold_scale;
  table["encoding_*"] = encoding;
  table["adjust_minmax_for_zero*"] = nudge;
  table["position_scale"] = position;
  table["normratio*"] = normalisation;
  table["scale_to_m_n*"] = nearest_multipliers;
  table["per_channel_equal_s1"] = equal_shift;
  table["quantize_multiplier"] = multiplier_of_real;
  table["conv_dequant*"] = dequantize_sum;
}

}  // namespace assay::verify
