#include "emu/arith/requant.h"

#include "emu/base/error.h"
#include "emu/base/overloaded.h"

namespace assay::emu {
namespace {

Wide keep(Wide value, Wide kept, bool is_output, StepEvents& events) {
  if (kept != value) (is_output ? events.output : events.intermediate) = true;
  return kept;
}

Fp32 word(Wide value) {
  return {static_cast<uint32_t>(value)};
}

Fp32 value_of(const Fp32Operand& operand, const StepOperands& operands) {
  const Fp32Constants& constants = operands.scale.fp32;
  if (const auto* number = std::get_if<Fp32>(&operand)) return *number;
  switch (std::get<Fp32Name>(operand)) {
    case Fp32Name::scale: return constants.scale;
    case Fp32Name::bias: return constants.bias;
    case Fp32Name::output: return constants.output;
    case Fp32Name::slope: return constants.slope;
    case Fp32Name::zero_point: return fp32_of(operands.zero_point, Round::half_even);
  }
  ASSAY_ASSERT(!"an Fp32Name outside its enumeration");
}

std::pair<Fp32, Fp32> bounds_of(const ClampFp32& step, const StepOperands& o) {
  if (const auto* bounds = std::get_if<std::pair<Fp32, Fp32>>(&step.bounds)) return *bounds;
  const bool whole = std::get<Fp32Bounds>(step.bounds) == Fp32Bounds::output;
  if (o.output.is_float()) {
    if (whole) return {{0xff800000U}, {0x7f800000U}};
    return {number_of(o.clamp_low, o.output, 0), number_of(o.clamp_high, o.output, 0)};
  }
  const Wide low = whole ? o.output.min() : Wide{o.clamp_low}, high = whole ? o.output.max() : Wide{o.clamp_high};
  return {fp32_of(low - o.zero_point, Round::half_even), fp32_of(high - o.zero_point, Round::half_even)};
}

bool is_finite_word(Fp32 value) {
  return !value.is_nan() && !value.is_infinite();
}

// The steps on binary32 words.
struct OnFp32 {
  Fp32 v;
  const StepOperands& o;
  StepEvents& events;
  Fp32 of(const Fp32Operand& operand) const { return value_of(operand, o); }

  Wide operator()(const MulFp32& s) const { return multiply(v, of(s.factor)).bits; }
  Wide operator()(const AddFp32& s) const { return add(v, of(s.term)).bits; }
  Wide operator()(const DivFp32& s) const { return divide(v, of(s.divisor)).bits; }
  Wide operator()(const FmaFp32& s) const { return mul_add(v, of(s.factor), of(s.term)).bits; }
  Wide operator()(const LeakyFp32& s) const { return less(v, Fp32{0}) ? multiply(v, of(s.slope)).bits : v.bits; }
  Wide operator()(const ClampFp32& s) const {
    const auto [low, high] = bounds_of(s, o);
    return less(v, low) ? low.bits : (less(high, v) ? high.bits : v.bits);
  }
  Wide operator()(const AddHalfFp32&) const { return add(v, Fp32{v.is_negative() ? 0xbf000000U : 0x3f000000U}).bits; }
  Wide operator()(const RoundFp32& s) const {
    const FloatRule rule{s.format, s.round, Subnormals::keep, FloatOverflow::infinity};
    return widen(narrow(v, rule), s.format).bits;
  }
  Wide operator()(const ToInt& s) const { return to_int(v, s.round, kS32); }
  // A finite number that becomes infinite has left the output's format.
  Wide operator()(const StoreFp32& s) const {
    ASSAY_ASSERT(o.output.is_float());
    const uint32_t stored = narrow(v, {o.output.format, s.round, Subnormals::keep, FloatOverflow::infinity});
    if (is_finite_word(v) && !is_finite_word(widen(stored, o.output.format))) events.output = true;
    return stored;
  }
};

}  // namespace

bool takes_fp32(const Step& step) {
  return std::visit([](const auto& s) { return std::is_invocable_v<OnFp32, decltype(s)>; }, step);
}

bool is_fp32_after(const Steps& steps, size_t count, Begins begins) {
  for (size_t i = count; i > 0; --i) {
    if (std::holds_alternative<ToFp32>(steps[i - 1])) return true;
    if (std::holds_alternative<ToInt>(steps[i - 1]) || std::holds_alternative<StoreFp32>(steps[i - 1])) return false;
  }
  return begins == Begins::in_fp32;
}

std::optional<std::string> mixed_up(const Steps& steps, Begins begins, Ends ends) {
  bool in_fp32 = begins == Begins::in_fp32;
  const Step* stored = nullptr;
  for (const Step& step : steps) {
    if (stored != nullptr) return "'" + to_string(step) + "' comes after '" + to_string(*stored) + "', which must be last";
    if (takes_fp32(step) != in_fp32) {
      return in_fp32 ? "'" + to_string(step) + "' works on integers, but comes between to_fp32 and to_int"
                     : "'" + to_string(step) + "' works on binary32 numbers, but no to_fp32 comes before it";
    }
    if (std::holds_alternative<ToFp32>(step)) in_fp32 = true;
    if (std::holds_alternative<ToInt>(step)) in_fp32 = false;
    if (std::holds_alternative<StoreFp32>(step)) in_fp32 = false, stored = &step;
  }
  if (!in_fp32 || ends == Ends::either) return std::nullopt;
  return begins == Begins::in_fp32 ? "the value is in binary32, and no to_int or store_fp32 comes after it" : "to_fp32 has no to_int after it";
}

Wide apply(const Step& step, Wide value, const StepOperands& operands, StepEvents& events) {
  return std::visit(Overloaded{
                        [&](const AddBias&) { return value + operands.bias; },
                        [&](const AddNumber& s) { return value + s.amount; },
                        [&](const ShiftLeft& s) { return shift_left(value, s.amount.value_or(operands.scale.left)); },
                        [&](const Multiply& s) {
                          const Wide limit = Wide{1} << 95;
                          const int64_t factor = s.factor.value_or(operands.scale.multiplier);
                          ASSAY_ASSERT(value > -limit && value < limit && factor < (int64_t{1} << 32) && factor > -(int64_t{1} << 32));
                          return value * factor;
                        },
                        [&](const ShiftRight& s) { return shift_right(value, s.amount_in(operands.scale), s.round); },
                        [&](const Saturate& s) {
                          return keep(value, saturate(value, s.bits ? IntType{*s.bits, true} : operands.output), !s.bits, events);
                        },
                        [&](const Wrap& s) {
                          return keep(value, wrap(value, s.bits ? IntType{*s.bits, true} : operands.output), !s.bits, events);
                        },
                        [&](const AddZeroPoint&) { return value + operands.zero_point; },
                        [&](const Clamp& s) {
                          const Wide low = s.bounds ? s.bounds->low : operands.clamp_low;
                          const Wide high = s.bounds ? s.bounds->high : operands.clamp_high;
                          return value < low ? low : (value > high ? high : value);
                        },
                        [&](const ToFp32&) { return Wide{fp32_of(value, Round::half_even).bits}; },
                        [&](const auto& s) {
                          return OnFp32{word(value), operands, events}(s);
                        },
                    },
                    step);
}

Wide requantize(Wide accumulator, const Steps& steps, const StepOperands& operands, StepEvents& events) {
  Wide value = accumulator;
  for (const Step& step : steps) value = apply(step, value, operands, events);
  return value;
}

std::vector<Wide> requantize_traced(Wide accumulator, const Steps& steps, const StepOperands& operands) {
  std::vector<Wide> values;
  StepEvents events;
  Wide value = accumulator;
  for (const Step& step : steps) {
    value = apply(step, value, operands, events);
    values.push_back(value);
  }
  return values;
}

Wide divide_scaled(Wide value, Wide divisor, const QScale& scale, Round round) {
  return divide(shift_left(value * scale.multiplier, scale.left), shift_left(divisor, LeftShift{scale.right.bits}), round);
}

}  // namespace assay::emu
