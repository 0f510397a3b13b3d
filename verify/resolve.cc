#include "verify/resolve.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "emu/arith/step_words.h"
#include "quant/calibrate/derivations.h"
#include "quant/exact/ratio.h"

namespace assay::verify {
namespace {

emu::Fp32 word(float value) {
  return {std::bit_cast<uint32_t>(value)};
}

bool names(const emu::Fp32Operand& operand, emu::Fp32Name name) {
  const auto* found = std::get_if<emu::Fp32Name>(&operand);
  return found != nullptr && *found == name;
}

bool uses_output(const emu::Step& step) {
  if (const auto* s = std::get_if<emu::MulFp32>(&step)) return names(s->factor, emu::Fp32Name::output);
  if (const auto* s = std::get_if<emu::AddFp32>(&step)) return names(s->term, emu::Fp32Name::output);
  if (const auto* s = std::get_if<emu::FmaFp32>(&step)) return names(s->factor, emu::Fp32Name::output) || names(s->term, emu::Fp32Name::output);
  return false;
}

bool divides_by_output(const emu::Step& step) {
  const auto* s = std::get_if<emu::DivFp32>(&step);
  return s != nullptr && names(s->divisor, emu::Fp32Name::output);
}

}  // namespace

std::string to_string(const Scales& scales) {
  char ratio[32];
  std::snprintf(ratio, sizeof ratio, "%.6g", static_cast<double>(scales.in) / static_cast<double>(scales.out));
  return to_string(word(scales.in)) + " / " + to_string(word(scales.out)) + " (" + ratio + ")";
}

std::optional<emu::QScale> resolve(const emu::Target& target, const emu::Steps& steps, const Scales& scales, std::string& problem) {
  if (!emu::holds<emu::ToFp32>(steps)) return quant::decompose({{scales.in}, {scales.out}, 0}, steps, target.multiplier, problem);
  // The slope of an activation that does nothing.
  const emu::Fp32 slope = emu::holds(steps, emu::is_slope) ? word(1) : emu::Fp32{};
  emu::QScale scale;
  if (std::any_of(steps.begin(), steps.end(), divides_by_output)) {
    scale.fp32 = {word(scales.in), {}, word(scales.out), slope};
  } else if (std::any_of(steps.begin(), steps.end(), uses_output)) {
    scale.fp32 = {word(scales.in), {}, word(1.0F / scales.out), slope};
  } else {
    scale.fp32 = {word(scales.in / scales.out), {}, {}, slope};
  }
  return scale;
}

std::optional<emu::QScale> resolve_average(const emu::Target& target, const Scales& scales, int64_t count, std::string& problem) {
  const emu::AverageRule& rule = *target.average_pool;
  if (rule.inputs == emu::InputScales::joint && scales.in != scales.out) {
    problem = "ops.average_pool.inputs is \"joint\": the output has the input's scale";
    return std::nullopt;
  }
  if (rule.count_scale != emu::CountScale::ratio) {
    const auto side = static_cast<int64_t>(std::sqrt(static_cast<double>(count)));
    const int64_t height = side * side == count ? side : 1;
    return quant::count_reciprocal(rule.count_scale, count, static_cast<int>(height), static_cast<int>(count / height), rule.steps);
  }
  if (rule.form == emu::AverageForm::divide) return quant::decompose_divided({{scales.in}, {scales.out}, 0}, emu::multiplier_of(target, "average_pool"), problem);
  return quant::decompose({{scales.in}, {scales.out, static_cast<double>(count)}, 0}, rule.steps, emu::multiplier_of(target, "average_pool"), problem);
}

namespace {

// Two multipliers with the right shift that gives the larger one its bits, and that shift as the sum's scale.
std::optional<AddScales> resolve_common_shift(const emu::Target& target, float scale_a, float scale_b, float out, std::string& problem) {
  const emu::AddRule& rule = *target.add;
  const quant::Ratio a = quant::formed_in({{scale_a}, {out}}, emu::multiplier_of(target, "add").ratio),
                     b = quant::formed_in({{scale_b}, {out}}, emu::multiplier_of(target, "add").ratio);
  const int shift = rule.operand_bits - 1 - std::ilogb(std::max(quant::approximate(a), quant::approximate(b)));
  const auto operand = [&](quant::Ratio ratio) {
    ratio.exponent += shift;
    return emu::QScale{quant::round_ratio(ratio, emu::multiplier_of(target, "add").round, 0, int64_t{1} << rule.operand_bits), {0}, {0}};
  };
  const auto sum = quant::decompose({{1.0}, {}, -shift}, rule.steps, emu::multiplier_of(target, "add"), problem);
  if (!sum) return std::nullopt;
  return AddScales{operand(a), operand(b), *sum};
}

}  // namespace

std::optional<AddScales> resolve_add(const emu::Target& target, float scale_a, float scale_b, float out, std::string& problem) {
  const emu::AddRule& rule = *target.add;
  if (rule.operand_scale == emu::OperandScale::common_shift) return resolve_common_shift(target, scale_a, scale_b, out, problem);
  if (rule.inputs == emu::InputScales::joint && scale_a != scale_b) {
    problem = "ops.add.inputs is \"joint\": both operands have one scale";
    return std::nullopt;
  }
  const bool multiplies = emu::holds<emu::Multiply>(rule.operand_steps);
  const bool aligns_left = std::any_of(rule.operand_steps.begin(), rule.operand_steps.end(),
                                       [](const emu::Step& step) { return std::holds_alternative<emu::ShiftLeft>(step) && !std::get<emu::ShiftLeft>(step).amount; });
  const float common = !multiplies && aligns_left ? std::min(scale_a, scale_b) : std::max(scale_a, scale_b);
  const int exponent = rule.headroom.bits - (multiplies ? 1 : 0);
  const auto operand = [&](float scale) { return quant::decompose({{scale}, {common}, exponent}, rule.operand_steps, emu::multiplier_of(target, "add"), problem); };
  const auto a = operand(scale_a), b = operand(scale_b);
  const auto sum = quant::decompose({{common}, {out}, -exponent}, rule.steps, emu::multiplier_of(target, "add"), problem);
  if (!a || !b || !sum) return std::nullopt;
  return AddScales{*a, *b, *sum};
}

std::optional<int64_t> zero_point(const emu::Target& target, int64_t relative) {
  const emu::IntType type = target.storage.activation.type;
  if (target.quantize.activation.symmetry == emu::Symmetry::symmetric) {
    const bool is_middle = type.is_signed ? relative == 0 : relative == -static_cast<int64_t>((type.max() + 1) / 2);
    return is_middle ? std::optional<int64_t>(0) : std::nullopt;
  }
  const Wide word = relative + (type.is_signed ? Wide{0} : (type.max() + 1) / 2);
  return type.holds(word) ? std::optional(static_cast<int64_t>(word)) : std::nullopt;
}

}  // namespace assay::verify
