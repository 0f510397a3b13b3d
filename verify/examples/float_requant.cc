// Accumulators and real numbers through binary32: every operation is one of emu/arith/soft_float.h, in the order that each comment gives.
#include "emu/arith/soft_float.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Fp32;
using emu::Round;

constexpr Fp32 kOne{0x3F800000};
constexpr Fp32 kZero{0};

Wide rounded(Fp32 value, Round mode) {
  return emu::to_int(value, mode, emu::kS64);
}

Fp32 smaller(Fp32 a, Fp32 b) {
  return emu::less(b, a) ? b : a;
}
Fp32 larger(Fp32 a, Fp32 b) {
  return emu::less(a, b) ? b : a;
}
Fp32 magnitude(Fp32 value) {
  return {value.bits & 0x7FFFFFFFU};
}

// Rounded after a half with the value's sign was added in binary32; what remains is cut off.
Wide add_half_then_cut(Fp32 value) {
  return rounded(emu::add(value, Fp32{0x3F000000U | (value.bits & 0x80000000U)}), Round::toward_zero);
}

// "fp32_add_half_then_trunc" is no rounding of the number: the sum is rounded first.
bool adds_half(const Entry& entry) {
  const std::string mode = lower_case(entry.text({"mode", "rounding", "round"})) + entry.op;
  return contains(mode, "add_half");
}

// x to an integer, clamped.
Value float_to_integer(const Entry& entry) {
  const Limits limits = entry.clamp(kSymmetricLimits);
  const bool half = adds_half(entry);
  const Round mode = half ? Round::toward_zero : entry.round(Round::half_away);
  return map_list(entry.reals32({"x", "v"}), [&](Fp32 x) -> Value { return limits.clamp(half ? add_half_then_cut(x) : rounded(x, mode)); });
}

// round(x / s) + zp, or round(x * (1 / s)) + zp, clamped.
Value quantize_float(const Entry& entry, bool by_reciprocal) {
  const Fp32 scale = entry.real32({"scale", "s"});
  const Wide zero_point = entry.integer({"zp", "zero_point", "z"}, 0);
  const Limits limits = entry.clamp(kUnlimited);
  const Round mode = entry.round(Round::half_even);
  return map_list(entry.reals32({"x", "v"}), [&](Fp32 x) -> Value {
    const Fp32 q = by_reciprocal ? emu::multiply(x, emu::divide(kOne, scale)) : emu::divide(x, scale);
    return limits.clamp(rounded(q, mode) + zero_point);
  });
}

Value quantize_divide(const Entry& entry) {
  return by_key(entry, entry.op + entry.text({"form"}), [&](const std::string& key) { return quantize_float(entry, contains(key, "recip") || contains(key, "1/s")); });
}

Value quantize_reciprocal(const Entry& entry) {
  return by_key(entry, "reciprocal", [&](const std::string& key) { return quantize_float(entry, !contains(key, "divide")); });
}

Value integer_to_float(const Entry& entry) {
  return map_list(entry.integers({"acc", "x"}), [](Wide x) -> Value {
    const Fp32 value = from_integer(x);
    return exactly(value);
  });
}

// acc * scale; clamped before the rounding where the zero point is added after it: the result is the same as long as both limits are whole.
Value requant_by_multiplier(const Entry& entry, Limits otherwise) {
  const Wide zero_point = entry.integer({"zp", "zero_point", "z_out", "zo", "z_y"}, 0);
  // A zero point below 0 is that of a type with sign, one above 127 that of a type without.
  const Limits limits = entry.clamp(zero_point < 0 ? kS8Limits : (zero_point > 127 ? kU8Limits : otherwise));
  const Round mode = entry.round(Round::half_even);
  const auto accumulators = entry.integers({"acc", "x", "input"});
  const auto biases = entry.integers({"bias", "b"}, accumulators.size(), 0);
  const auto scales = entry.reals32({"scale", "multiplier", "s"}, accumulators.size());
  Value::List list;
  for (size_t i = 0; i < accumulators.size(); ++i) {
    Fp32 value = emu::multiply(from_integer(accumulators[i] + biases[i]), scales[i]);
    value = smaller(larger(value, from_integer(limits.low - zero_point)), from_integer(limits.high - zero_point));
    list.push_back(limits.clamp(rounded(value, mode) + zero_point));
  }
  return list;
}

Value requant_to_s8(const Entry& entry) {
  return requant_by_multiplier(entry, kS8Limits);
}
Value requant_to_u8(const Entry& entry) {
  return requant_by_multiplier(entry, kU8Limits);
}

Fp32 leaky(Fp32 value, const Entry& entry) {
  if (!value.is_negative()) return value;
  if (entry.has({"slope", "alpha", "leaky"})) return emu::multiply(value, entry.real32({"slope", "alpha", "leaky"}));
  const std::string activation = lower_case(entry.text({"activation", "act"}));
  const bool relu = entry.flag({"relu"}, false) || activation == "relu" || contains(entry.op, "relu");
  return relu ? kZero : value;
}

// scale * acc + bias with two roundings, or with one.
Value fused_or_not(const Entry& entry) {
  const Round mode = entry.round(Round::half_away);
  const Limits limits = entry.clamp(kUnlimited);
  const auto accumulators = entry.integers({"acc", "x"});
  const auto biases = entry.reals32({"bias", "b"}, accumulators.size());
  const auto scales = entry.reals32({"scale", "s"}, accumulators.size());
  return by_key(entry, entry.op, [&](const std::string& key) -> Value {
    const bool fused = contains(key, "fused") || key == "fma" || contains(key, "aarch64");
    Value::List list;
    for (size_t i = 0; i < accumulators.size(); ++i) {
      const Fp32 x = from_integer(accumulators[i]);
      const Fp32 value = fused ? emu::mul_add(x, scales[i], biases[i]) : emu::add(emu::multiply(x, scales[i]), biases[i]);
      list.push_back(limits.clamp(rounded(value, mode)));
    }
    return list;
  });
}

// stepwise: (acc * (sx * sw) + bias) / so. fused: acc * ((sx * sw) / so) + bias / so, one rounding for the product and the sum.
Value float_epilogue(const Entry& entry) {
  const Limits limits = entry.clamp(kS8Limits);
  const Round mode = entry.round(Round::half_even);
  const auto accumulators = entry.integers({"acc", "x"});
  const size_t count = accumulators.size();
  const auto biases = entry.has({"bias", "b"}) ? entry.reals32({"bias", "b"}, count) : std::vector<Fp32>(count, kZero);
  const auto sw = entry.reals32({"s_w", "sw"}, count);
  const Fp32 sx = entry.real32({"s_x", "sx"});
  const Fp32 so = entry.real32({"s_out", "so", "s_o", "s_y"});
  return by_key(entry, entry.op + entry.text({"order"}), [&](const std::string& key) -> Value {
    const bool fused = contains(key, "fused") || contains(key, "fma");
    Value::List list;
    for (size_t i = 0; i < count; ++i) {
      const Fp32 product = emu::multiply(sx, sw[i]);
      const Fp32 x = from_integer(accumulators[i]);
      const Fp32 value = fused ? emu::mul_add(x, emu::divide(product, so), emu::divide(biases[i], so)) : emu::divide(emu::add(emu::multiply(x, product), biases[i]), so);
      list.push_back(limits.clamp(rounded(value, mode)));
    }
    return list;
  });
}

// acc * (1 / (sx * sw)) + bias, activation, * so: scales are multipliers (127 / threshold). A weight scale of 0 is a channel of zeros.
Value multiplier_epilogue(const Entry& entry) {
  const Limits limits = entry.clamp(kSymmetricLimits);
  const bool half = adds_half(entry);
  const Round mode = half ? Round::toward_zero : entry.round(Round::half_away);
  const auto accumulators = entry.integers({"acc", "x"});
  const size_t count = accumulators.size();
  const auto biases = entry.has({"bias", "b"}) ? entry.reals32({"bias", "b"}, count) : std::vector<Fp32>(count, kZero);
  const auto weights = entry.reals32({"weight_scale", "scale_w", "s_w", "sw"}, count);
  const Fp32 in = entry.real32({"scale_in", "s_x", "sx", "bottom_scale"});
  const Fp32 out = entry.real32({"scale_out", "s_out", "so", "top_scale"});
  const bool fused = entry.flag({"fused"}, contains(entry.op, "fused") || contains(entry.op, "fma"));
  Value::List list;
  for (size_t i = 0; i < count; ++i) {
    const Fp32 scale = magnitude(weights[i]) == kZero ? kZero : emu::divide(kOne, emu::multiply(in, weights[i]));
    const Fp32 x = from_integer(accumulators[i]);
    const Fp32 sum = fused ? emu::mul_add(x, scale, biases[i]) : emu::add(emu::multiply(x, scale), biases[i]);
    const Fp32 value = emu::multiply(leaky(sum, entry), out);
    list.push_back(limits.clamp(half ? add_half_then_cut(value) : rounded(value, mode)));
  }
  return list;
}

// (acc + bias) * scale, bias whole.
Value scaled_sum(const Entry& entry) {
  const Limits limits = entry.clamp(kSymmetricLimits);
  const Round mode = entry.round(Round::half_away);
  const auto accumulators = entry.integers({"acc", "x"});
  const auto biases = entry.integers({"bias", "b"}, accumulators.size(), 0);
  const auto scales = entry.reals32({"scale", "s"}, accumulators.size());
  Value::List list;
  for (size_t i = 0; i < accumulators.size(); ++i) list.push_back(limits.clamp(rounded(emu::multiply(from_integer(accumulators[i] + biases[i]), scales[i]), mode)));
  return list;
}

// (acc + bias) * (sx * sw), activation in real units, / so.
Value reference_conv(const Entry& entry) {
  const Limits limits = entry.clamp(kSymmetricLimits);
  const Round mode = entry.round(Round::half_away);
  const auto accumulators = entry.integers({"acc", "x"});
  const auto biases = entry.integers({"bias", "b"}, accumulators.size(), 0);
  const auto sw = entry.reals32({"s_w", "sw"}, accumulators.size());
  const Fp32 sx = entry.real32({"s_x", "sx"});
  const Fp32 so = entry.real32({"s_out", "so", "s_o", "s_y"});
  // A whole number says which ReLU: below 0 none, 0 without a top, n with n.
  const Wide top = entry.has({"activation"}) && entry.find({"activation"})->is_number_integer() ? entry.integer({"activation"}) : Wide{-1};
  Value::List list;
  for (size_t i = 0; i < accumulators.size(); ++i) {
    Fp32 value = leaky(emu::multiply(from_integer(accumulators[i] + biases[i]), emu::multiply(sx, sw[i])), entry);
    if (top >= 0) value = larger(value, kZero);
    if (top > 0) value = smaller(value, from_integer(top));
    list.push_back(limits.clamp(rounded(emu::divide(value, so), mode)));
  }
  return list;
}

// acc * bf16 scale + tf32 bias, in binary32.
Value narrow_scale_requant(const Entry& entry) {
  const auto to_format = [](Fp32 value, emu::FloatFormat format) { return emu::widen(emu::narrow(value, {format}), format); };
  const Limits limits = entry.clamp(kS8Limits);
  const Round mode = entry.round(Round::half_even);
  const auto accumulators = entry.integers({"acc", "x"});
  const auto scales = entry.reals32({"scale_bf16", "scale", "s", "s_bf16"}, accumulators.size());
  const auto biases = entry.has({"bias", "bias_tf32", "b"}) ? entry.reals32({"bias", "bias_tf32", "b"}, accumulators.size()) : std::vector<Fp32>(accumulators.size(), kZero);
  Value::List list;
  for (size_t i = 0; i < accumulators.size(); ++i) {
    const Fp32 product = emu::multiply(from_integer(accumulators[i]), to_format(scales[i], emu::kBf16));
    list.push_back(limits.clamp(rounded(emu::add(product, to_format(biases[i], emu::kTf32)), mode)));
  }
  return list;
}

// A row that is quantized by its own greatest magnitude: scale = 127 / absmax.
Value dynamic_row(const Entry& entry) {
  const Limits limits = entry.clamp(kSymmetricLimits);
  const Round mode = entry.round(Round::half_away);
  const auto row = entry.reals32({"row", "x"});
  Fp32 greatest = kZero;
  for (const Fp32 x : row) greatest = larger(greatest, magnitude(x));
  const Fp32 scale = greatest == kZero ? kOne : emu::divide(from_integer(limits.high), greatest);
  Value words = map_list(row, [&](Fp32 x) -> Value { return limits.clamp(rounded(emu::multiply(x, scale), mode)); });
  return by_key(entry, "q", [&](const std::string& key) -> Value {
    if (contains(lower_case(key), "scale")) return scale;
    if (contains(lower_case(key), "absmax")) return greatest;
    return words;
  });
}

// scale = (max - min) / 255 with 0 in the range; zp = round(-min / scale) within 0 .. 255; q = round(x / scale) + zp.
Value dynamic_quantize(const Entry& entry) {
  const Limits limits = entry.clamp(kU8Limits);
  const auto values = entry.reals32({"x", "row"});
  Fp32 low = kZero;
  Fp32 high = kZero;
  for (const Fp32 x : values) {
    low = smaller(low, x);
    high = larger(high, x);
  }
  const Fp32 range = emu::add(high, {low.bits ^ 0x80000000U});
  const Fp32 found = emu::divide(range, from_integer(limits.high - limits.low));
  const Fp32 scale = magnitude(found) == kZero ? kOne : found;
  const Fp32 zero = emu::add(from_integer(limits.low), emu::divide({low.bits ^ 0x80000000U}, scale));
  const Wide zero_point = limits.clamp(rounded(zero, Round::half_even));
  Value words = map_list(values, [&](Fp32 x) -> Value { return limits.clamp(rounded(emu::divide(x, scale), Round::half_even) + zero_point); });
  return by_key(entry, "y", [&](const std::string& key) -> Value {
    const std::string lower = lower_case(key);
    if (contains(lower, "scale")) return scale;
    if (contains(lower, "z")) return zero_point;
    if (lower == "min") return low;
    if (lower == "max") return high;
    return words;
  });
}

}  // namespace

void add_float_requant(Operations& table) {
  table["float2int8*"] = float_to_integer;
  table["quantize_divide*"] = quantize_divide;
  table["quantize_reciprocal*"] = quantize_reciprocal;
  table["int32_to_fp32"] = integer_to_float;
  table["requant_fp32*"] = requant_to_s8;
  table["requantize"] = requant_to_u8;
  table["requantize_output*"] = requant_to_u8;
  table["fma_vs_mul_add"] = fused_or_not;
  table["conv_epilogue*"] = float_epilogue;
  table["epilogue_order*"] = float_epilogue;
  table["conv_int8_requant*"] = multiplier_epilogue;
  table["depthwise_post*"] = scaled_sum;
  table["conv_ref_int8*"] = reference_conv;
  table["bf16_requant*"] = narrow_scale_requant;
  table["gemm_dynamic_row*"] = dynamic_row;
  table["dynamic_quantize_linear*"] = dynamic_quantize;
}

}  // namespace assay::verify
