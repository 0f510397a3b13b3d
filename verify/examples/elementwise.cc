// Two operands: additions of every kind, products.
#include <algorithm>

#include "emu/arith/fixed_operators.h"
#include "emu/arith/requant.h"
#include "emu/arith/soft_float.h"
#include "quant/exact/ratio.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Fp32;
using emu::LeftShift;
using emu::QScale;
using emu::Round;

struct TwoLists {
  std::vector<Wide> a;
  std::vector<Wide> b;
};
TwoLists lists_of(const Entry& entry) {
  TwoLists operands;
  operands.a = entry.integers({"x", "a"});
  operands.b = entry.integers({"y", "b"}, operands.a.size());
  return operands;
}

template <class F>
Value map_pairs(const TwoLists& operands, F f) {
  Value::List list;
  for (size_t i = 0; i < operands.a.size(); ++i) list.push_back(f(operands.a[i], operands.b[i]));
  return list;
}

struct ZeroPoints {
  Wide a, b, out;
};
// "z": [a, b, out], or one by one.
ZeroPoints zero_points_of(const Entry& entry) {
  if (const Json* all = entry.find({"z", "zp", "zero_points"}); all != nullptr && all->is_array()) {
    const auto z = entry.integers({"z", "zp", "zero_points"});
    if (z.size() != 3) throw EntryError("'z' is not [of a, of b, of the output]");
    return {z[0], z[1], z[2]};
  }
  return {entry.integer({"z1", "za", "zx", "z_a"}, 0), entry.integer({"z2", "zb", "zy", "z_b"}, 0), entry.integer({"zo", "zc", "z_out", "z_o", "z3"}, 0)};
}

Fp32 scale_a(const Entry& entry) {
  return entry.real32({"a_scale", "s1", "s_a", "sa", "scale_a", "s_x"});
}
Fp32 scale_b(const Entry& entry) {
  return entry.real32({"b_scale", "s2", "s_b", "sb", "scale_b", "s_y"});
}
Fp32 scale_out(const Entry& entry) {
  return entry.real32({"c_scale", "so", "s_o", "sc", "s_c", "scale_c", "s_out", "output_scale", "out_scale"});
}

// By the multipliers where they are given, otherwise from the scales as the library forms them, in float64.
emu::AddScale add_scale_of(const Entry& entry) {
  const ZeroPoints z = zero_points_of(entry);
  const int headroom = entry.small({"left_shift", "headroom"}, 0, 30, 20);
  const Limits limits = entry.clamp(headroom == 15 ? kS16Limits : kS8Limits);
  emu::AddScale scale{LeftShift{static_cast<uint8_t>(headroom)},
                      narrow(z.a, 64, "a zero point"),
                      narrow(z.b, 64, "a zero point"),
                      narrow(z.out, 64, "a zero point"),
                      {},
                      {},
                      {},
                      narrow(emu::saturate(limits.low, emu::kS64), 64, "a limit"),
                      narrow(emu::saturate(limits.high, emu::kS64), 64, "a limit")};
  if (entry.has({"m1", "ma"})) {
    scale.a = scale_31(entry, {"m1", "ma"}, {"sh1", "shift1", "sha"});
    scale.b = scale_31(entry, {"m2", "mb"}, {"sh2", "shift2", "shb"});
    scale.output = scale_31(entry, {"mo", "m_out", "mc"}, {"sho", "shift_out", "shc"});
    return scale;
  }
  const double a = finite_double(scale_a(entry));
  const double b = finite_double(scale_b(entry));
  const double out = finite_double(scale_out(entry));
  const double twice = 2 * std::max(a, b);
  if (!(twice > 0) || !(out > 0)) throw EntryError("a scale is not above 0");
  scale.a = quant::quantize_multiplier({{a / twice}, {}, 0});
  scale.b = quant::quantize_multiplier({{b / twice}, {}, 0});
  scale.output = quant::quantize_multiplier({{twice / (static_cast<double>(int64_t{1} << headroom) * out)}, {}, 0});
  return scale;
}

// a + b, or a - b: the second operand's multiplier with the other sign.
Value add_31(const Entry& entry, bool subtract) {
  emu::AddScale scale = add_scale_of(entry);
  if (subtract) scale.b.multiplier = -scale.b.multiplier;
  return map_pairs(lists_of(entry), [&](Wide a, Wide b) -> Value { return emu::add_quantized(narrow(a, 64, "a number"), narrow(b, 64, "a number"), scale); });
}
Value add(const Entry& entry) {
  return add_31(entry, false);
}
Value sub(const Entry& entry) {
  return add_31(entry, true);
}

Value mul(const Entry& entry) {
  const ZeroPoints z = zero_points_of(entry);
  const Limits limits = entry.clamp(kS8Limits);
  QScale product;
  if (entry.has({"m", "multiplier"})) {
    product = scale_31(entry, {"m", "multiplier"}, {"shift", "sh"});
  } else {
    const double out = finite_double(scale_out(entry));
    if (!(out > 0)) throw EntryError("a scale is not above 0");
    product = quant::quantize_multiplier({{finite_double(scale_a(entry)) * finite_double(scale_b(entry)) / out}, {}, 0});
  }
  const emu::MulScale scale{narrow(z.a, 64, "a zero point"),
                            narrow(z.b, 64, "a zero point"),
                            narrow(z.out, 64, "a zero point"),
                            product,
                            narrow(emu::saturate(limits.low, emu::kS64), 64, "a limit"),
                            narrow(emu::saturate(limits.high, emu::kS64), 64, "a limit")};
  return map_pairs(lists_of(entry), [&](Wide a, Wide b) -> Value { return emu::multiply_quantized(narrow(a, 64, "a number"), narrow(b, 64, "a number"), scale); });
}

// (a - za) * ma + (b - zb) * mb, one rounding shift, + zo, clamped. The multipliers are lrint(s / so * 2^shift) in binary32; the larger has `bits` bits.
struct TwoMultipliers {
  Wide a, b;
  int shift;
};
TwoMultipliers two_multipliers_of(const Entry& entry, int bits) {
  if (entry.has({"ma", "m1", "a_multiplier"}) && entry.has({"shift"})) {
    return {entry.integer({"ma", "m1", "a_multiplier"}), entry.integer({"mb", "m2", "b_multiplier"}), entry.small({"shift"}, 0, 62)};
  }
  const Fp32 a = emu::divide(scale_a(entry), scale_out(entry));
  const Fp32 b = emu::divide(scale_b(entry), scale_out(entry));
  const Fp32 greater = emu::less(a, b) ? b : a;
  const int shift_by = bits - 1 - (static_cast<int>(greater.bits >> 23 & 0xFF) - 127);
  if (greater.is_negative() || shift_by < 1 || shift_by > 62) throw EntryError("the ratio of the scales lies outside what this addition can do");
  const auto multiplier = [&](Fp32 ratio) { return Wide{quant::round_and_clamp(exactly(ratio) * quant::power_of_two(shift_by), Round::half_even, INT32_MIN, INT32_MAX)}; };
  return {multiplier(a), multiplier(b), shift_by};
}

// ((a - za) * sa + (b - zb) * sb) in binary32, each operation rounded.
Fp32 real_sum(const Entry& entry, const ZeroPoints& z, Wide a, Wide b) {
  return emu::add(emu::multiply(from_integer(a - z.a), scale_a(entry)), emu::multiply(from_integer(b - z.b), scale_b(entry)));
}

Value add_by_two_multipliers(const Entry& entry, int bits, Round otherwise, Limits type) {
  const ZeroPoints z = zero_points_of(entry);
  const Limits limits = entry.clamp(type);
  const TwoLists operands = lists_of(entry);
  return by_key(entry, "integer", [&](const std::string& key) -> Value {
    if (contains(key, "exact")) {
      const Rational out = exactly(scale_out(entry));
      if (out == 0) throw EntryError("the output's scale is 0");
      return map_pairs(operands, [&](Wide a, Wide b) -> Value {
        return Rational((Rational(BigInt(a - z.a)) * exactly(scale_a(entry)) + Rational(BigInt(b - z.b)) * exactly(scale_b(entry))) / out + Rational(BigInt(z.out)));
      });
    }
    if (contains(key, "fp32") || contains(key, "float")) {
      const Fp32 inverse = emu::divide(Fp32{0x3F800000}, scale_out(entry));
      return map_pairs(operands,
                       [&](Wide a, Wide b) -> Value { return limits.clamp(emu::to_int(emu::multiply(real_sum(entry, z, a, b), inverse), Round::half_even, emu::kS64) + z.out); });
    }
    const TwoMultipliers m = two_multipliers_of(entry, bits);
    const Round mode = entry.round(otherwise);
    return map_pairs(operands, [&](Wide a, Wide b) -> Value { return limits.clamp(shift(times(a - z.a, m.a) + times(b - z.b, m.b), -m.shift, mode) + z.out); });
  });
}

Value add_21_bits(const Entry& entry) {
  return add_by_two_multipliers(entry, 21, Round::half_up, contains(entry.op, "qu8") ? kU8Limits : kS8Limits);
}
Value add_22_bits(const Entry& entry) {
  return add_by_two_multipliers(entry, 22, Round::half_away, kU8Limits);
}

// ((a - za) * sa + (b - zb) * sb) / sc + zc in binary32, rounded after the zero point was added.
Value add_in_floats(const Entry& entry) {
  const ZeroPoints z = zero_points_of(entry);
  const bool is_signed =
      entry.flag({"signed"}, false) || contains(entry.op, "s8") || contains(lower_case(entry.text({"dtype", "type"})), "s8") || lower_case(entry.text({"dtype", "type"})) == "int8";
  const TwoLists operands = lists_of(entry);
  // Words below 0 are signed ones.
  const bool negative = std::any_of(operands.a.begin(), operands.a.end(), [](Wide q) { return q < 0; }) ||
                        std::any_of(operands.b.begin(), operands.b.end(), [](Wide q) { return q < 0; }) || z.a < 0 || z.b < 0 || z.out < 0;
  const Limits limits = entry.clamp(is_signed || negative ? kS8Limits : kU8Limits);
  const Round mode = entry.round(Round::half_even);
  return map_pairs(operands, [&](Wide a, Wide b) -> Value {
    const Fp32 value = emu::add(emu::divide(real_sum(entry, z, a, b), scale_out(entry)), from_integer(z.out));
    return limits.clamp(emu::to_int(value, mode, emu::kS64));
  });
}

// satu8((sat16((a * as + b * bs) >> 8) + offset saturated to 16) rounded >> rsh). Source: XiaoMi/nnlib, add of 8-bit words.
Value add_16_bits_inside(const Entry& entry) {
  const Wide as = entry.integer({"ascl", "scale_a", "scalea"});
  const Wide bs = entry.integer({"bscl", "scale_b", "scaleb"});
  const Wide offset = entry.integer({"offset"}, 0);
  const int right = entry.small({"rsh", "shift"}, 0, 62);
  const Round mode = entry.round(Round::half_up);
  return map_pairs(lists_of(entry), [&](Wide a, Wide b) -> Value {
    const Wide sum = shift(times(a, as) + times(b, bs), -8, Round::floor) + offset;
    return kU8Limits.clamp(shift(emu::saturate(sum, emu::kS16), -right, mode));
  });
}

// satu16((((a * sa + (b or 65535 - b) * sb) >> 1) + delta saturated to 32) rounded >> rsh). Where delta is missing: the zero points through the same sum, and the output's.
Value add_u16(const Entry& entry) {
  const bool subtract = contains(entry.op, "sub");
  const ZeroPoints z = zero_points_of(entry);
  const int right = entry.small({"rsh", "shift"}, 0, 62, 14);
  const auto scale = [&](Names given, Names through) {
    if (entry.has(given)) return entry.integer(given);
    return Wide{quant::round_and_clamp(entry.rational(through) * quant::power_of_two(right + 1), Round::half_up, 0, 32767)};
  };
  const Wide sa = scale({"scalea", "scale_a", "sa"}, {"thru_a"});
  const Wide sb = scale({"scaleb", "scale_b", "sb"}, {"thru_b"});
  const auto sum = [&](Wide a, Wide b) { return shift(times(a, sa) + times(subtract ? 65535 - b : b, sb), -1, Round::floor); };
  const Wide delta = entry.has({"delta", "offset"}) ? entry.integer({"delta", "offset"}) : shift(z.out, right, Round::floor) - sum(z.a, z.b);
  const Round mode = entry.round(Round::half_up);
  return map_pairs(lists_of(entry), [&](Wide a, Wide b) -> Value { return kU16Limits.clamp(shift(emu::saturate(sum(a, b) + delta, emu::kS32), -right, mode)); });
}

// The real sum or difference, exactly, rounded once.
Value exact_sum(const Entry& entry, Limits otherwise, Round mode) {
  const bool subtract = contains(entry.op, "sub");
  const ZeroPoints z = zero_points_of(entry);
  const Rational one = 1;
  const Rational common = entry.rational({"s_i", "s_in", "s", "scale_in"}, one);
  const Rational sa = entry.rational({"s_a", "s_x", "s1", "a_scale"}, common);
  const Rational sb = entry.rational({"s_b", "s_y", "s2", "b_scale"}, common);
  const Rational so = entry.rational({"s_o", "s_out", "so", "c_scale", "s_z", "scale_out"}, one);
  if (so == 0) throw EntryError("the output's scale is 0");
  const Limits limits = entry.clamp(otherwise);
  return map_pairs(lists_of(entry), [&](Wide a, Wide b) {
    const Rational second = Rational(BigInt(b - z.b)) * sb;
    const Rational real = (Rational(BigInt(a - z.a)) * sa + (subtract ? Rational(-second) : second)) / so;
    return clamped(Rational(quant::round_to_integer(real, mode)) + Rational(BigInt(z.out)), Round::half_even, limits);
  });
}

Value reference_u16(const Entry& entry) {
  return exact_sum(entry, kU16Limits, entry.round(entry.text({"form"}).empty() ? Round::half_away : find_round(entry.text({"form"})).value_or(Round::half_away)));
}

// Three ways to say an addition of words: two multipliers and one cut; positions of the binary point; scales that are aligned.
Value eltwise_add(const Entry& entry) {
  const Limits limits = entry.clamp(kS8Limits);
  const Round mode = entry.round(Round::half_up);
  const TwoLists operands = lists_of(entry);
  const bool subtract = contains(entry.op, "sub");
  if (entry.has({"I"})) {
    const Wide i = entry.integer({"I"});
    const Wide j = entry.integer({"J"});
    const Wide m = entry.integer({"m", "multiplier"}, 1);
    const int right = entry.small({"n", "shift"}, 0, 62);
    return map_pairs(operands, [&](Wide x, Wide y) -> Value { return limits.clamp(shift(times(times(x, i) + times(subtract ? -y : y, j), m), -right, mode)); });
  }
  if (entry.has({"fp_a", "fp_x"})) {
    const int a = entry.small({"fp_a", "fp_x"}, -60, 60);
    const int b = entry.small({"fp_b", "fp_y"}, -60, 60);
    const int out = entry.small({"fp_o", "fp_out"}, -60, 60);
    const int common = std::max(a, b);
    return map_pairs(operands, [&](Wide x, Wide y) -> Value {
      const Wide sum = shift(x, common - a, mode) + (subtract ? -1 : 1) * shift(y, common - b, mode);
      return limits.clamp(shift(sum, out - common, mode));
    });
  }
  if (entry.has({"shift", "n", "k"})) {
    const int right = entry.small({"shift", "n", "k"}, -62, 62);
    return map_pairs(operands, [&](Wide x, Wide y) -> Value { return limits.clamp(shift(x + (subtract ? -y : y), -right, mode)); });
  }
  if (entry.has({"fp_in"}) && entry.has({"fp_out", "fp_o"})) {
    const int right = entry.small({"fp_in"}, -60, 60) - entry.small({"fp_out", "fp_o"}, -60, 60);
    return map_pairs(operands, [&](Wide x, Wide y) -> Value { return limits.clamp(shift(x + (subtract ? -y : y), -right, mode)); });
  }
  return exact_sum(entry, kS8Limits, mode);
}

}  // namespace

void add_elementwise(Operations& table) {
  table["add"] = add;
  table["sub"] = sub;
  table["mul"] = mul;
  table["add_qs8*"] = add_21_bits;
  table["add_qu8*"] = add_22_bits;
  table["qlinear_add*"] = add_in_floats;
  table["add_u8*"] = add_16_bits_inside;
  table["add_u16*"] = add_u16;
  table["sub_u16*"] = add_u16;
  table["add_u16_reference"] = reference_u16;
  table["sub_u16_reference"] = reference_u16;
  table["eltwise_add*"] = eltwise_add;
  table["eltwise_sub*"] = eltwise_add;
}

}  // namespace assay::verify
