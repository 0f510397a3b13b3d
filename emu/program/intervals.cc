#include "emu/program/intervals.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

constexpr Wide kMultiplicandLimit = Wide{1} << 95;

bool below(const Interval& value, Wide limit) {
  return value.low > -limit && value.high < limit;
}

Interval product(const Interval& value, int64_t multiplier) {
  const Wide a = value.low * multiplier;
  const Wide b = value.high * multiplier;
  return {std::min(a, b), std::max(a, b)};
}

// What the value must stay below for the step to be computed exactly.
Wide limit_before(const Step& step, const StepOperands& operands) {
  if (std::holds_alternative<Multiply>(step)) return kMultiplicandLimit;
  if (const auto* shift = std::get_if<ShiftLeft>(&step)) return Wide{1} << (126 - shift->amount.value_or(operands.scale.left).bits);
  return Wide{1} << 126;
}

Interval after(const Step& step, const StepBounds& bounds, const Interval& value) {
  if (std::holds_alternative<AddBias>(step)) return {value.low + bounds.bias.low, value.high + bounds.bias.high};
  if (const auto* add = std::get_if<AddNumber>(&step)) return {value.low + add->amount, value.high + add->amount};
  if (const auto* multiply = std::get_if<Multiply>(&step)) return product(value, multiply->factor.value_or(bounds.operands.scale.multiplier));
  StepEvents events;
  if (const auto* wrap = std::get_if<Wrap>(&step)) {
    const IntType type = wrap->bits ? IntType{*wrap->bits, true} : bounds.operands.output;
    return value.within(type) ? value : Interval{type.min(), type.max()};
  }
  return {apply(step, value.low, bounds.operands, events), apply(step, value.high, bounds.operands, events)};
}

Fp32 fp32_of_bits(Wide value) {
  return {static_cast<uint32_t>(value)};
}

// An interval of binary32 words. Every step there is monotone or falls with the value, so the ends become the ends; but for a leaky step whose slope falls, and where an end
// is no number: then anything may come of it.
bool follow_fp32(const Step& step, const StepBounds& bounds, Interval& value) {
  const auto* leaky = std::get_if<LeakyFp32>(&step);
  if (leaky != nullptr) {
    const auto* number = std::get_if<Fp32>(&leaky->slope);
    if (number ? number->is_negative() : bounds.operands.scale.fp32.slope.is_negative()) return false;
  }
  StepEvents events;
  const Wide a = apply(step, value.low, bounds.operands, events), b = apply(step, value.high, bounds.operands, events);
  if (std::holds_alternative<ToInt>(step)) {
    value = {std::min(a, b), std::max(a, b)};
    return true;
  }
  value = less(fp32_of_bits(b), fp32_of_bits(a)) ? Interval{b, a} : Interval{a, b};
  return !fp32_of_bits(a).is_nan() && !fp32_of_bits(b).is_nan();
}

std::string decimal(Wide value) {
  const bool negative = value < 0;
  std::string digits;
  for (auto rest = static_cast<UnsignedWide>(negative ? -value : value); rest != 0 || digits.empty(); rest /= 10) digits += static_cast<char>('0' + static_cast<int>(rest % 10));
  if (negative) digits += '-';
  return {digits.rbegin(), digits.rend()};
}

}  // namespace

std::optional<std::string> follow(const Steps& steps, const StepBounds& bounds, Interval& value, Begins begins) {
  if (const auto problem = mixed_up(steps, begins, Ends::either)) return problem;
  bool known = begins == Begins::as_integer;  // within binary32: whether `value` holds every word
  for (size_t i = 0; i < steps.size(); ++i) {
    if (takes_fp32(steps[i])) {
      known = known && !std::holds_alternative<StoreFp32>(steps[i]) && follow_fp32(steps[i], bounds, value);
      if (!known && std::holds_alternative<ToInt>(steps[i])) value = {kS32.min(), kS32.max()}, known = true;
      if (std::holds_alternative<StoreFp32>(steps[i])) value = {bounds.operands.output.min(), bounds.operands.output.max()}, known = true;
      continue;
    }
    const bool exact = below(value, limit_before(steps[i], bounds.operands));
    const Interval next = exact ? after(steps[i], bounds, value) : value;
    if (!exact || !below(next, Wide{1} << 126)) return "step " + std::to_string(i + 1) + " (" + to_string(steps[i]) + ") can leave 126 bits: values reach " + to_string(value);
    value = next;
  }
  return std::nullopt;
}

std::optional<std::string> follow_division(const QScale& scale, Interval& value) {
  const Steps numerator = {Multiply{}, ShiftLeft{}};
  StepBounds bounds;
  bounds.operands.scale = scale;
  const Interval before = value;
  if (follow(numerator, bounds, value, Begins::as_integer)) return "the division's numerator can leave 126 bits: sums reach " + to_string(before);
  // A divisor of 1 and away_from_zero give the largest magnitude; a larger divisor brings values toward 0.
  value.low = std::min(shift_right(value.low, scale.right, Round::floor), Wide{0});
  value.high = std::max(shift_right(value.high, scale.right, Round::ceil), Wide{0});
  return std::nullopt;
}

std::string to_string(Interval value) {
  return decimal(value.low) + ".." + decimal(value.high);
}

}  // namespace assay::emu
