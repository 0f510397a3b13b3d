// Accumulators through lists of steps: every requantizer of integers is one, and each is run by emu::requantize.
#include "emu/arith/fixed_point.h"
#include "emu/arith/requant.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Round;

std::string shift_text(int right, Round mode) {
  if (right < 0) return "shift_left " + std::to_string(-right) + "; ";
  return "shift_right " + std::to_string(right) + " " + std::string(emu::to_string(mode)) + "; ";
}

// What stands between the two cuts: saturated or wrapped to some bits, or as wide as it comes.
std::string middle_text(const std::string& rule, int bits) {
  return bits == 0 ? "" : rule + " " + std::to_string(bits) + "; ";
}

emu::StepOperands operands(Wide multiplier, Wide bias, const Limits& limits) {
  emu::StepOperands operands;
  if (multiplier < -(Wide{1} << 31) || multiplier >= Wide{1} << 32) throw EntryError("the multiplier has more than 32 bits");
  operands.scale.multiplier = static_cast<int64_t>(multiplier);
  operands.bias = bias;
  operands.clamp_low = static_cast<int64_t>(emu::saturate(limits.low, emu::kS64));
  operands.clamp_high = static_cast<int64_t>(emu::saturate(limits.high, emu::kS64));
  return operands;
}

// Two cuts: shift by s1, add the bias, multiply, shift by n2; the middle kept in `middle`.
struct TwoStages {
  int first;
  int second;
  Wide multiplier;
  Round first_round;
  Round second_round;
  std::string middle;  // as step text: "saturate 16; " or ""
  Limits limits;

  Wide run(Wide accumulator, Wide bias) const {
    const std::string text = shift_text(first, first_round) + middle + "add_bias; " + middle + "multiply; " + shift_text(second, second_round) + "clamp";
    emu::StepEvents events;
    return emu::requantize(accumulator, emu::parse_steps(text), operands(multiplier, bias, limits), events);
  }
};

// "mid_sat16", "wrap 16", "wide", "none", 16
std::string middle_of(std::string_view name) {
  const std::string lower = lower_case(name);
  std::string digits;
  for (const char c : lower) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (digits.empty() || digits.size() > 2 || std::stoi(digits) < 1 || std::stoi(digits) > 62) return "";
  return middle_text(contains(lower, "wrap") ? "wrap" : "saturate", std::stoi(digits));
}

std::string middle_of(const Entry& entry) {
  if (contains(entry.op, "nomid") || contains(entry.op, "no_mid") || contains(entry.op, "wide")) return "";
  const Json* bits = entry.find({"mid_bits", "mid", "mid_width", "middle_bits"});
  const std::string rule = contains(lower_case(entry.text({"mid_overflow", "mid_rule", "overflow"})), "wrap") ? "wrap" : "saturate";
  if (bits == nullptr) {
    for (const Json* object : {&entry.params, &entry.inputs}) {
      if (object->contains("mid_bits")) return "";  // null
    }
    return middle_text(rule, entry.small({"bias_bits"}, 1, 62, 16));
  }
  if (bits->is_string()) return middle_of(bits->get<std::string>());
  if (bits->is_boolean()) return bits->get<bool>() ? middle_text(rule, 16) : "";
  const int width = entry.small({"mid_bits", "mid", "mid_width", "middle_bits"}, 0, 128);
  return middle_text(rule, width > 62 ? 0 : width);
}

TwoStages two_stages_of(const Entry& entry) {
  const Round common = entry.round(Round::half_up);
  return {entry.small({"s1_MPE", "s1", "s1_mpe", "first_shift", "shift1"}, 0, 62),
          entry.small({"n2_VPE", "n2", "n2_vpe", "n", "second_shift", "shift2"}, 0, 62),
          entry.integer({"m", "multiplier"}),
          entry.find_round_of({"rounding1", "R1", "rounding_stage1", "rounding_s1", "rounding_MPE", "stage1_rounding"}).value_or(common),
          entry.find_round_of({"rounding2", "R2", "rounding_stage2", "rounding_s2", "rounding_VPE", "stage2_rounding"}).value_or(common),
          middle_of(entry),
          entry.clamp(kS8Limits)};
}

Value run_stages(const TwoStages& stages, const std::vector<Wide>& accumulators, const std::vector<Wide>& biases) {
  Value::List list;
  for (size_t i = 0; i < accumulators.size(); ++i) list.push_back(stages.run(accumulators[i], biases[i]));
  return list;
}

// Each asked key may say another rounding ("half_up") or another middle ("mid_wrap16").
Value two_stages(const Entry& entry) {
  const TwoStages stages = two_stages_of(entry);
  const auto accumulators = entry.integers({"acc", "x"});
  const auto biases = entry.integers({"bias", "b"}, accumulators.size(), 0);
  return by_key(entry, "", [&](const std::string& key) -> Value {
    TwoStages varied = stages;
    if (const auto mode = find_round(key)) varied.first_round = varied.second_round = *mode;
    const std::string lower = lower_case(key);
    if (contains(lower, "mid") || contains(lower, "sat") || contains(lower, "wrap") || contains(lower, "wide")) varied.middle = middle_of(key);
    return run_stages(varied, accumulators, biases);
  });
}

Value two_against_one(const Entry& entry) {
  const TwoStages stages = two_stages_of(entry);
  TwoStages one = stages;
  one.first = 0;
  one.second = entry.small({"single_n", "n_single", "single"}, 0, 62, stages.first + stages.second);
  one.middle = "";
  const auto accumulators = entry.integers({"acc", "x"});
  const auto biases = entry.integers({"bias", "b"}, accumulators.size(), 0);
  return by_key(entry, "two_stage", [&](const std::string& key) { return run_stages(contains(key, "two") ? stages : one, accumulators, biases); });
}

// (acc + bias) * m / 2^n, one cut.
Value multiply_and_shift(const Entry& entry) {
  const std::string text = "add_bias; multiply; " + shift_text(entry.small({"n", "n2", "n2_VPE", "shift", "truncate"}, 0, 62), entry.round(Round::half_up)) + "clamp";
  const emu::Steps steps = emu::parse_steps(text);
  const Wide multiplier = entry.integer({"m", "multiplier", "scale_i16"});
  const Limits limits = entry.clamp(kS8Limits);
  const auto accumulators = entry.integers({"acc", "sum", "x"});
  const auto biases = entry.integers({"bias", "b"}, accumulators.size(), 0);
  Value::List list;
  emu::StepEvents events;
  for (size_t i = 0; i < accumulators.size(); ++i) list.push_back(emu::requantize(accumulators[i], steps, operands(multiplier, biases[i], limits), events));
  return list;
}

// (x - offset) * scale / 2^truncate, saturated to the middle width, then to the output.
Value offset_converter(const Entry& entry) {
  const int right = entry.small({"truncate", "shift", "t"}, 0, 62);
  const std::string text = "add_bias; multiply; " + shift_text(right, entry.round(Round::half_away)) + middle_text("saturate", entry.small({"mid_bits"}, 1, 62, 17)) + "clamp";
  const emu::Steps steps = emu::parse_steps(text);
  const Wide offset = entry.integer({"offset", "off"}, 0);
  const Wide multiplier = entry.integer({"scale_i16", "scale", "multiplier", "m"});
  const Limits limits = entry.clamp(kS8Limits);
  emu::StepEvents events;
  return map_list(entry.integers({"x", "acc"}), [&](Wide x) -> Value { return emu::requantize(x, steps, operands(multiplier, -offset, limits), events); });
}

// x + (operand << its shift); negative sums (all, without prelu) times the multiplier / 2^truncate, saturated to 32 bits. A sum that is not negative bypasses both.
// Source: nvdla/hw cmod/hls/sdp/sdp_x.cpp.
Value scale_of_negatives(const Entry& entry) {
  const std::string text = "multiply; " + shift_text(entry.small({"truncate", "shift", "mul_shift", "t"}, 0, 62), entry.round(Round::half_away)) +
                           middle_text("saturate", entry.small({"out_bits", "mid_bits"}, 1, 62, 32));
  const emu::Steps steps = emu::parse_steps(text.substr(0, text.size() - 2));
  const bool prelu = entry.flag({"prelu", "mul_prelu"}, contains(entry.op, "prelu"));
  const auto values = entry.integers({"x", "acc"});
  const auto multipliers =
      entry.integers({"scale_i16", "mul_i16", "scale", "multiplier", "m", "mul", "alpha_i16", "slope_i16", "neg_scale", "negative_scale", "operand"}, values.size());
  const auto added = entry.integers({"alu", "alu_i16", "bias", "offset"}, values.size(), 0);
  const int left = entry.small({"alu_shift", "shift_left", "bias_shift"}, 0, 62, 0);
  const Limits limits = entry.clamp(kS32Limits);
  Value::List list;
  emu::StepEvents events;
  for (size_t i = 0; i < values.size(); ++i) {
    const Wide sum = values[i] + shift(added[i], left, Round::floor);
    list.push_back(limits.clamp(prelu && sum >= 0 ? sum : emu::requantize(sum, steps, operands(multipliers[i], 0, kS32Limits), events)));
  }
  return list;
}

// acc << shamt in 32 bits, half_up(. * reciprocal / 2^31), its low 16 bits saturated to the output. Where the reciprocal is not given: round(scaling * 2^(31 - shamt)), at most
// 2^31 - 1, shamt the least that brings the scaling below 1. Source: XiaoMi/nnlib, supernode.
Value requant_with_gain(const Entry& entry) {
  int left = entry.small({"recip_shamt", "shamt", "shift"}, 0, 31, 0);
  Wide multiplier = 0;
  if (entry.has({"recip_val", "recip", "multiplier"})) {
    multiplier = entry.integer({"recip_val", "recip", "multiplier"});
  } else {
    const Rational scaling = entry.rational({"final_scaling", "scaling", "scale"});
    if (scaling <= 0 || scaling >= Rational(BigInt(1) << 31)) throw EntryError("'final_scaling' is not within 0 to 2^31");
    if (!entry.has({"recip_shamt", "shamt"}) && scaling > 1) left = quant::floor_log2(scaling) + 1;
    multiplier = Wide{quant::round_and_clamp(scaling * quant::power_of_two(31 - left), Round::half_away, 0, INT32_MAX)};
  }
  const std::string text = "shift_left " + std::to_string(left) + "; wrap 32; multiply; shift_right 31 half_up; saturate 32; wrap 16; clamp";
  const emu::Steps steps = emu::parse_steps(text);
  const Limits limits = entry.clamp(kU8Limits);
  emu::StepEvents events;
  return map_list(entry.integers({"acc", "x"}), [&](Wide x) -> Value { return emu::requantize(x, steps, operands(multiplier, 0, limits), events); });
}

// The 24-bit significand of a binary32 scale as multiplier: scale = m24 / 2^shift.
struct Significand {
  int64_t m24;
  int shift;
};

Significand significand_of(const Entry& entry) {
  const emu::Fp32 scale = entry.real32({"scale", "multiplier", "s"});
  const int stored = static_cast<int>(scale.bits >> 23);
  if (scale.is_negative() || stored == 0 || stored >= 135 || stored < 95) throw EntryError("'scale' lies outside 2^-32 to 2^8, where this requantization is defined");
  return {static_cast<int64_t>((scale.bits & 0x7FFFFF) | 0x800000), 150 - stored};
}

// acc * m24 / 2^shift in one rounding, clamped without the zero point, which is then added.
Value by_significand(const Entry& entry, const std::string& steps_text, int64_t multiplier) {
  const emu::Steps steps = emu::parse_steps(steps_text + "clamp; add_zero_point");
  const Wide zero_point = entry.integer({"zp", "zero_point", "z_out", "zo"}, 0);
  const Limits limits = entry.clamp(kS8Limits);
  emu::StepOperands with = operands(multiplier, 0, {limits.low - zero_point, limits.high - zero_point});
  with.zero_point = static_cast<int64_t>(zero_point);
  emu::StepEvents events;
  return map_list(entry.integers({"acc", "x"}), [&](Wide x) -> Value { return emu::requantize(x, steps, with, events); });
}

Value requant_24_half_up(const Entry& entry) {
  const Significand s = significand_of(entry);
  return by_significand(entry, "multiply; " + shift_text(s.shift, entry.round(Round::half_up)), s.m24);
}

Value requant_24_half_away(const Entry& entry) {
  const Significand s = significand_of(entry);
  return by_significand(entry, "multiply; " + shift_text(s.shift, entry.round(Round::half_away)), s.m24);
}

// The significand as a Q31 multiplier: one doubling high product, then a second shift.
Value requant_q31(const Entry& entry) {
  const Significand s = significand_of(entry);
  if (s.shift < 24) throw EntryError("'scale' is 1 or more, where this requantization is not defined");
  return by_significand(entry, "multiply; shift_right 31 half_up; saturate 32; " + shift_text(s.shift - 24, Round::half_away), s.m24 << 7);
}

// The significand rounded to 15 bits, the accumulator brought to 16 bits before: half_up(saturated(acc * 2^(e+1)) * m15 / 2^15) + zp. Source: google/XNNPACK, requantization stubs.
Value requant_15_preshift(const Entry& entry) {
  const Significand s = significand_of(entry);
  const int64_t m15 = std::min<int64_t>((s.m24 + 256) >> 9, 32767);
  const int left = 23 - s.shift + 1;
  const emu::Steps steps =
      emu::parse_steps(shift_text(-left, Round::half_up) + (left > 0 ? "saturate 32; " : "") + "saturate 16; multiply; shift_right 15 half_up; add_zero_point; saturate 16; clamp");
  emu::StepOperands with = operands(m15, 0, entry.clamp(kU8Limits));
  with.zero_point = static_cast<int64_t>(entry.integer({"zp", "zero_point", "z_out", "zo"}, 0));
  emu::StepEvents events;
  return map_list(entry.integers({"acc", "x"}), [&](Wide x) -> Value { return emu::requantize(x, steps, with, events); });
}

}  // namespace

void add_stages(Operations& table) {
  table["conv_two_stage*"] = two_stages;
  table["probe_stage*"] = two_stages;
  table["probe_mid*"] = two_stages;
  table["two_stage*"] = two_stages;
  table["two_stage_vs_single"] = two_against_one;
  table["depthwise_vpe*"] = multiply_and_shift;
  table["avgpool_default"] = multiply_and_shift;
  table["mult_shift*"] = multiply_and_shift;
  table["sdp_c_*"] = offset_converter;
  table["sdp_x_*"] = scale_of_negatives;
  table["supernode_requant*"] = requant_with_gain;
  table["requant_rndnu"] = requant_24_half_up;
  table["requant_rndna"] = requant_24_half_away;
  table["requant_precise"] = requant_24_half_away;
  table["requant_gemmlowp"] = requant_q31;
  table["requant_q31"] = requant_q31;
  table["requant_rndnu16"] = requant_15_preshift;
}

}  // namespace assay::verify
