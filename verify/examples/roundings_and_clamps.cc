// One number becomes another by rounding, clamping or both: integers that are shifted, real numbers that are quantized.
#include <algorithm>

#include "emu/arith/int_type.h"
#include "emu/arith/rounding.h"
#include "emu/base/error.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Round;

constexpr int kMaxShift = 126;

// round(x / 2^shift)
Value round_shift(const Entry& entry) {
  const int bits = entry.small({"shift", "bits", "k", "n", "right_shift"}, -62, kMaxShift);
  const Round mode = entry.round();
  return map_list(entry.integers({"x", "acc", "v"}), [&](Wide x) -> Value { return shift(x, -bits, mode); });
}

// The same shift under several named modes: each asked key is a mode, or a parameter that says which.
Value rounding_modes(const Entry& entry) {
  const auto values = entry.integers({"x", "acc", "v"});
  const auto shifts = entry.integers({"shift", "bits", "k", "n", "right_shift", "e"}, values.size());
  const auto mode_of = [&](const std::string& key) {
    const auto named = entry.params.find(key);
    if (named != entry.params.end() && named->is_string()) {
      if (const auto mode = find_round(named->get<std::string>())) return *mode;
    }
    if (const auto mode = find_round(key)) return *mode;
    throw NotSupported("the rounding '" + key + "' of operation '" + entry.op + "' is none that Assay has");
  };
  // With a multiplier of 31 bits: value * m / 2^shift, in one rounding; the mode of the reference library rounds at 2^31 first.
  const bool multiplies = entry.has({"m", "multiplier", "scale"});
  const Wide multiplier = entry.integer({"m", "multiplier", "scale"}, 1);
  if (multiplier < INT32_MIN || multiplier > UINT32_MAX) throw EntryError("the multiplier has more than 32 bits");
  return by_key(entry, entry.text({"mode", "rounding"}), [&](const std::string& key) -> Value {
    Value::List list;
    const bool twice = multiplies && contains(lower_case(key), "tfl");
    for (size_t i = 0; i < values.size(); ++i) {
      if (shifts[i] < 0 || shifts[i] > kMaxShift) throw EntryError("a shift lies outside 0 to 126");
      const auto right = static_cast<int>(shifts[i]);
      const Wide product = values[i] * multiplier;
      if (twice && right > 31) {
        list.push_back(shift(emu::saturate(shift(product, -31, Round::half_up), emu::kS32), 31 - right, Round::half_away));
      } else {
        list.push_back(shift(product, -right, twice ? Round::half_up : mode_of(key)));
      }
    }
    return list;
  });
}

// min(max(x, low), high)
Value clamp(const Entry& entry) {
  const auto limits = entry.find_clamp();
  if (!limits) throw EntryError("operation '" + entry.op + "' needs its limits: 'lo' and 'hi', or 'clamp': [lo, hi]");
  return map_list(entry.integers({"x", "acc", "v"}), [&](Wide x) -> Value { return limits->clamp(x); });
}

Value rounded_and_clamped(const Rational& value, Round mode, const Limits& limits) {
  const Rational low{BigInt(limits.low)};
  const Rational high{BigInt(limits.high)};
  const BigInt rounded = quant::round_to_integer(value, mode);
  return Value(Rational(rounded < low ? low : (rounded > high ? high : Rational(rounded))));
}

// Real numbers, clamped before or after they are rounded.
Value clamp_and_round(const Entry& entry) {
  const Limits limits = entry.clamp(kS8Limits);
  const Round mode = entry.round(Round::half_even);
  const bool clamp_first = !contains(lower_case(entry.text({"order"})), "round_then_clamp");
  return map_list(entry.rationals({"x", "v"}), [&](Rational x) -> Value {
    if (clamp_first) x = std::min(std::max(x, Rational(BigInt(limits.low))), Rational(BigInt(limits.high)));
    return rounded_and_clamped(x, mode, limits);
  });
}

// round(v / scale) + zp against round(v / scale + zp)
Value round_after_zero_point(const Entry& entry) {
  const Rational scale = entry.rational({"scale", "s"}, 1);
  if (scale == 0) throw EntryError("'scale' is 0");
  const Rational zero_point{BigInt(entry.integer({"zp", "zero_point", "z"}))};
  const Round mode = entry.round(Round::half_even);
  const Limits limits = entry.clamp(kUnlimited);
  const auto values = entry.rationals({"v", "x"});
  return by_key(entry, entry.text({"order", "form"}), [&](const std::string& key) -> Value {
    // "round(v+zp)", "add_then_round" and "zp_first" add first.
    const std::string lower = lower_case(key);
    const bool adds_first = contains(lower, "+zp)") || contains(lower, "+z)") || contains(lower, "then_round") || contains(lower, "zp_first") || contains(lower, "before_round");
    return map_list(values, [&](const Rational& v) -> Value {
      const Rational q = v / scale;
      return rounded_and_clamped(adds_first ? Rational(q + zero_point) : Rational(Rational(quant::round_to_integer(q, mode)) + zero_point), mode, limits);
    });
  });
}

// An accumulator whose scales are powers of two: one shift, to the left where it is negative.
Value pow2_requant(const Entry& entry) {
  const bool names_left = !entry.has({"shift", "k", "n", "right_shift"}) && entry.has({"left_shift", "shift_left"});
  const int right = names_left ? -entry.small({"left_shift", "shift_left"}, 0, 62) : entry.small({"shift", "k", "n", "right_shift"}, -62, kMaxShift);
  const Round mode = entry.round(Round::half_up);
  const Limits limits = entry.clamp(kS8Limits);
  const Wide zero_point = entry.integer({"zp", "zero_point"}, 0);
  const auto values = entry.integers({"acc", "x"});
  const auto biases = entry.integers({"bias", "b"}, values.size(), 0);
  Value::List list;
  for (size_t i = 0; i < values.size(); ++i) list.push_back(limits.clamp(shift(values[i] + biases[i], -right, mode) + zero_point));
  return list;
}

// The bias stands at its own power of two and is shifted to the accumulator's before the one rounding shift: the positions count fraction bits.
Value conv_of_fix_points(const Entry& entry) {
  const int in = entry.small({"fp_in", "fp_i", "fi", "fp_x"}, -64, 64);
  const int weight = entry.small({"fp_w", "fw"}, -64, 64);
  const int out = entry.small({"fp_out", "fp_o", "fo", "fp_y"}, -64, 64);
  const int of_bias = entry.small({"fp_b", "fb", "fp_bias"}, -64, 64, in + weight);
  const int right = entry.small({"shift_cut"}, -62, kMaxShift, in + weight - out);
  const int left = entry.small({"shift_bias"}, -62, 62, in + weight - of_bias);
  const Round mode = entry.round(Round::half_up);
  const Limits limits = entry.clamp(kS8Limits);
  const auto values = entry.integers({"acc", "sum", "x"});
  const auto biases = entry.integers({"bias_i8", "bias", "b"}, values.size(), 0);
  Value::List list;
  for (size_t i = 0; i < values.size(); ++i) {
    // A bias with more fraction bits than the accumulator: both are brought to the bias's position, which is exact.
    const int extra = left < 0 ? -left : 0;
    const Wide sum = shift(values[i], extra, mode) + shift(biases[i], left + extra, mode);
    list.push_back(limits.clamp(shift(sum, -right - extra, mode)));
  }
  return list;
}

// A real number to the grid of a scale: round(x / scale) + zp.
Value quantize_real(const Entry& entry) {
  const Rational scale = entry.rational({"scale", "s"}, 1);
  if (scale == 0) throw EntryError("'scale' is 0");
  const Round mode = entry.round(Round::half_even);
  const Limits limits = entry.clamp(kS8Limits);
  const Rational zero_point{BigInt(entry.integer({"zp", "zero_point", "z"}, 0))};
  return map_list(entry.rationals({"x", "v"}), [&](const Rational& x) -> Value {
    return rounded_and_clamped(Rational(Rational(quant::round_to_integer(x / scale, mode)) + zero_point), Round::half_even, limits);
  });
}

// With position and scale: round(clamp(x * scale / 2^position + offset)). Otherwise as any real number.
Value quantize(const Entry& entry) {
  if (!entry.has({"position", "pos"})) return quantize_real(entry);
  const int position = entry.small({"position", "pos"}, -1000, 1000);
  const Rational scale = entry.rational({"scale"}, 1);
  const Rational offset = entry.rational({"offset", "zp"}, 0);
  const int bits = entry.small({"bits", "bw", "bitwidth"}, 2, 32, 8);
  const Limits limits = entry.clamp(limits_of(bits, true));
  const Round mode = entry.round(Round::half_away);
  return map_list(entry.rationals({"x", "v"}), [&](const Rational& x) -> Value { return rounded_and_clamped(x * scale / quant::power_of_two(position) + offset, mode, limits); });
}

// An 8-bit word as a 16-bit one of the same meaning (<< 8), and back.
Value cast_widths(const Entry& entry) {
  const int bits = entry.small({"shift"}, 0, 62, 8);
  return by_key(entry, entry.has({"x16"}) ? "to8" : "to16", [&](const std::string& key) -> Value {
    const std::string lower = lower_case(key);
    if (contains(lower, "16")) return map_list(entry.integers({"x8", "x"}), [&](Wide x) -> Value { return shift(x, bits, Round::floor); });
    const auto mode = find_round(lower);
    const Round round = mode ? *mode : entry.round(Round::half_up);
    const Limits limits = contains(lower, "wide") ? kUnlimited : kS8Limits;
    return map_list(entry.integers({"x16", "x"}), [&](Wide x) -> Value { return limits.clamp(shift(x, -bits, round)); });
  });
}

// Inputs of several scales brought to one: round(q * s_i / s_o). A list of lists, or a list per name.
Value concat_rescale(const Entry& entry) {
  const auto scales = entry.rationals({"s_i", "scales", "s_in", "si"});
  const Rational out = entry.rational({"s_o", "s_out", "so"});
  if (out == 0) throw EntryError("'s_o' is 0");
  const Limits limits = entry.clamp(kS8Limits);
  std::vector<std::pair<Wide, Rational>> words;
  size_t input = 0;
  for (const auto& [name, list] : entry.inputs.items()) {
    Entry one = entry;
    one.inputs = Json{{"x", list}};
    for (const auto& row : one.rows({"x"})) {
      if (input >= scales.size()) throw EntryError("more inputs than scales in 's_i'");
      for (const Wide q : row) words.emplace_back(q, Rational(scales[input] / out));
      ++input;
    }
  }
  return by_key(entry, entry.text({"rounding"}), [&](const std::string& key) -> Value {
    const auto mode = find_round(key);
    if (!mode) throw NotSupported("'" + key + "' names no rounding that Assay has");
    return map_list(words, [&](const auto& word) -> Value { return rounded_and_clamped(Rational(BigInt(word.first)) * word.second, *mode, limits); });
  });
}

// What is stored where an image is padded with a real number (0 where none is given): its quantized word.
Value padding_value(const Entry& entry) {
  const Rational scale = entry.rational({"scale", "s", "s_x"}, 1);
  if (scale == 0) throw EntryError("'scale' is 0");
  const Limits limits = entry.clamp(kUnlimited);
  const Round mode = entry.round(Round::half_even);
  const auto zero_points = entry.integers({"zp", "z", "zero_point", "z_x", "zero_points", "zx", "za"});
  const Names names = {"real", "pad", "x", "value", "pad_real", "real_pad", "real_value"};
  const std::vector<Rational> reals = entry.has(names) ? entry.rationals(names) : std::vector<Rational>{0};
  if (reals.empty() || zero_points.empty()) throw EntryError("an empty list of zero points or of real numbers");
  if (reals.size() != 1 && zero_points.size() != 1 && reals.size() != zero_points.size()) throw EntryError("as many real numbers as zero points, or one of either, are needed");
  Value::List words;
  for (size_t i = 0; i < std::max(reals.size(), zero_points.size()); ++i) {
    const Rational& real = reals[reals.size() == 1 ? 0 : i];
    const Rational zero_point{BigInt(zero_points[zero_points.size() == 1 ? 0 : i])};
    words.push_back(rounded_and_clamped(Rational(Rational(quant::round_to_integer(real / scale, mode)) + zero_point), mode, limits));
  }
  return by_key(entry, "", [&](const std::string&) -> Value { return words; });
}

}  // namespace

void add_roundings_and_clamps(Operations& table) {
  table["round_shift*"] = round_shift;
  table["rounding_shift*"] = round_shift;
  table["rounding_modes*"] = rounding_modes;
  table["clamp_*"] = clamp;
  table["clamp_before_round"] = clamp_and_round;
  table["clamp_after_round"] = clamp_and_round;
  table["round_after_zero_point"] = round_after_zero_point;
  table["pow2_*"] = pow2_requant;
  table["conv2d_fix*"] = conv_of_fix_points;
  table["quantize_half_*"] = quantize_real;
  table["quantize_floor"] = quantize_real;
  table["quantize_ceil"] = quantize_real;
  table["quantize_trunc"] = quantize_real;
  table["quantize"] = quantize;
  table["cast_int8_int16"] = cast_widths;
  table["concat_rescale*"] = concat_rescale;
  table["padding_value*"] = padding_value;
}

}  // namespace assay::verify
