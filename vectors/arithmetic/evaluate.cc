// What a target makes of a case: emu/arith's steps, one after the other. evaluate() and trace() are the same walk, with and without someone who watches.
#include <algorithm>

#include "emu/base/error.h"
#include "vectors/arithmetic/cases.h"

namespace assay::vectors {
namespace {

using emu::Fp32;
using emu::IntType;
using emu::QScale;
using emu::StepOperands;
using emu::Steps;
using emu::Target;

bool needs_more_than_32_bits(Wide value) {
  return !emu::kS32.holds(value);
}

bool fits_binary32(Wide value) {
  auto magnitude = static_cast<UnsignedWide>(value < 0 ? -value : value);
  if (magnitude == 0) return true;
  while ((magnitude & 1) == 0) magnitude >>= 1;
  return magnitude < UnsignedWide{1} << 24;
}

// What rounding a binary32 number to an integer discards: the fraction bits of its significand below 1.
void note_rounding(Fp32 value, Flags& flags) {
  const uint32_t exponent = (value.bits >> 23) & 255U, fraction = value.bits & 0x7fffffU;
  if (exponent == 255 || (exponent == 0 && fraction == 0)) return;
  const int whole = static_cast<int>(exponent) - 127;  // the exponent of the leading bit; below 0 for magnitudes below 1
  if (whole >= 23) return;
  if (whole < -1) return static_cast<void>(flags.inexact = true);
  const uint32_t significand = fraction | 0x800000U;
  const int below = 23 - whole;  // 1..24 bits lie below 1
  const uint32_t rest = significand & ((1U << below) - 1);
  if (rest == 0) return;
  flags.inexact = true;
  if (rest == 1U << (below - 1)) flags.tie = true;
}

void note_shift(Wide value, uint8_t bits, Flags& flags) {
  if (bits == 0) return;
  const auto discarded = static_cast<uint64_t>(value) & ((uint64_t{1} << bits) - 1);
  if (discarded == 0) return;
  flags.inexact = true;
  if (discarded == uint64_t{1} << (bits - 1)) flags.tie = true;
}

// `at`: where multiplier, left_shift and right_shift stand.
QScale scale_at(std::span<const int64_t> o, size_t at) {
  return {o[at], emu::LeftShift{static_cast<uint8_t>(o[at + 1])}, emu::RightShift{static_cast<uint8_t>(o[at + 2])}};
}

// Where the operands of an operation stand: the scale's three; scale_fp32 to slope_fp32, and bias (0: the operation has none); zero_point, low and high.
struct Places {
  size_t scale, fp32, bias, end;
};

Places places_of(ArithOp op) {
  switch (op) {
    case ArithOp::requantize: return {2, 5, 1, 9};
    case ArithOp::add: return {10, 0, 0, 13};
    case ArithOp::mul: return {4, 7, 0, 11};
    case ArithOp::average_pool: return {3, 0, 0, 6};
    default: ASSAY_ASSERT(!"an operation without steps");
  }
}

class Walk {
 public:
  Walk(const Target& target, std::span<const int64_t> operands, std::vector<TracePoint>* points) : t_(target), o_(operands), points_(points) {}

  Outcome outcome(ArithOp op) {
    const Wide result = evaluated(op);
    flags_.intermediate |= events_.intermediate;
    flags_.output |= events_.output;
    if (points_ != nullptr) points_->push_back({"result", result, false});
    ASSAY_ASSERT(emu::kS64.holds(result));
    return {static_cast<int64_t>(result), flags_};
  }

 private:
  Wide evaluated(ArithOp op) {
    switch (op) {
      case ArithOp::rounding: return rounding();
      case ArithOp::quantize: return quantize();
      case ArithOp::requantize: return requantize();
      case ArithOp::add: return add();
      case ArithOp::mul: return mul();
      case ArithOp::average_pool: return average_pool();
      case ArithOp::table: return table();
      case ArithOp::dot: return dot();
    }
    ASSAY_ASSERT(!"an ArithOp outside its enumeration");
  }

  template <class Name>
  void show(const Name& name, Wide value, bool is_fp32 = false) {
    if (points_ != nullptr) points_->push_back({std::string(name()), value, is_fp32});
  }

  Fp32 word(size_t at) const { return {static_cast<uint32_t>(o_[at])}; }

  Wide stored(Wide exact) {
    const emu::Accumulator accumulator = t_.accumulate.accumulator.alone();
    const Wide kept = store(exact, accumulator.type, accumulator.overflow);
    if (kept != exact) flags_.overflowed = true;
    return kept;
  }

  void note(const emu::Step& step, Wide value, const StepOperands& operands, bool& is_product) {
    if (const auto* shift = std::get_if<emu::ShiftRight>(&step)) note_shift(value, shift->amount_in(operands.scale).bits, flags_), is_product = false;
    if (std::holds_alternative<emu::Multiply>(step)) is_product = true;
    if (std::holds_alternative<emu::ToFp32>(step) && !fits_binary32(value)) flags_.beyond_24 = true;
    if (const auto* to_int = std::get_if<emu::ToInt>(&step); to_int != nullptr) note_rounding(Fp32{static_cast<uint32_t>(value)}, flags_);
  }

  Wide steps(Wide value, const Steps& list, const StepOperands& operands, std::string_view prefix) {
    bool is_product = false;
    if (needs_more_than_32_bits(value)) flags_.beyond_32 = true;
    for (size_t i = 0; i < list.size(); ++i) {
      note(list[i], value, operands, is_product);
      value = apply(list[i], value, operands, events_);
      const bool is_fp32 = takes_fp32(list[i]) ? !std::holds_alternative<emu::ToInt>(list[i]) : std::holds_alternative<emu::ToFp32>(list[i]);
      if (!is_product && !is_fp32 && needs_more_than_32_bits(value)) flags_.beyond_32 = true;
      show([&] { return std::string(prefix) + "step " + std::to_string(i + 1) + ": " + to_string(list[i]); }, value, is_fp32);
    }
    return value;
  }

  Wide rounding() {
    note_shift(o_[0], static_cast<uint8_t>(o_[1]), flags_);
    return shift_right(o_[0], emu::RightShift{static_cast<uint8_t>(o_[1])}, emu::kAllRounds[static_cast<size_t>(o_[2])]);
  }

  Wide quantize() {
    const Fp32 quotient = divide(word(0), word(1));
    show([] { return "quotient"; }, quotient.bits, true);
    note_rounding(quotient, flags_);
    const Wide rounded = to_int(quotient, t_.quantize.activation.round, emu::kS32);
    show([] { return "rounded"; }, rounded);
    const Wide code = rounded + o_[2];
    show([] { return "plus zero point"; }, code);
    const Wide kept = std::clamp<Wide>(code, o_[3], o_[4]);
    if (kept != code) flags_.output = true;
    return kept;
  }

  Wide requantize() {
    show([] { return "accumulator"; }, o_[0]);
    return steps(o_[0], t_.conv->steps, step_operands(t_, ArithOp::requantize, o_), "");
  }

  // In the order of emu/ops/add.cc: a into the accumulator, then b added to it.
  Wide add() {
    const bool keeps = t_.add->zero_points == emu::ZeroPoints::kept;
    int64_t brought = 0;
    const auto operand = [&](size_t at, std::string_view prefix) {
      StepOperands operands;
      operands.scale = scale_at(o_, 4 + 3 * at);
      brought += o_[2 + at] * operands.scale.multiplier;
      const Wide centred = Wide{o_[at]} - o_[2 + at];
      show([&] { return std::string(prefix) + "less its zero point"; }, centred);
      return steps(centred, t_.add->operand_steps, operands, prefix);
    };
    const Wide a = operand(0, "a ");
    const Wide b = operand(1, "b ");
    const Wide sum = stored(stored(a) + b);
    show([] { return "accumulator"; }, sum);
    const StepOperands operands = step_operands(t_, ArithOp::add, o_);
    return steps(sum, keeps ? emu::kept_sum(t_.add->steps, brought, operands.zero_point, operands.scale.right) : t_.add->steps, operands, "");
  }

  Wide mul() {
    const Wide product = stored((Wide{o_[0]} - o_[2]) * (Wide{o_[1]} - o_[3]));
    show([] { return "accumulator"; }, product);
    return steps(product, t_.mul->steps, step_operands(t_, ArithOp::mul, o_), "");
  }

  Wide average_pool() {
    const emu::AverageRule& rule = *t_.average_pool;
    const StepOperands operands = step_operands(t_, ArithOp::average_pool, o_);
    const QScale& own = operands.scale;
    const bool keeps = rule.zero_point == emu::ZeroPoints::kept;
    Wide value = Wide{o_[0]} - (keeps ? Wide{0} : Wide{o_[1]} * o_[2]);  // illegal() has seen that it fits the accumulator
    show([] { return "accumulator"; }, value);
    if (rule.form == emu::AverageForm::divide) {
      note_division(shift_left(value * own.multiplier, own.left), shift_left(o_[1], emu::LeftShift{own.right.bits}));
      value = divide_scaled(value, o_[1], own, rule.round);
      show([] { return "quotient"; }, value);
    }
    return steps(value, rule.steps, operands, "");
  }

  void note_division(Wide dividend, Wide divisor) {
    const Wide rest = (dividend < 0 ? -dividend : dividend) % divisor;
    if (rest != 0) flags_.inexact = true;
    if (2 * rest == divisor) flags_.tie = true;
  }

  Wide table() {
    const IntType word = t_.storage.activation.type;
    const emu::TableForm form = t_.table->form;
    const auto entries = o_.subspan(1);
    if (const emu::TablePlace at = emu::place_of(word, form, o_[0]); at.fraction_bits > 0) {
      const Wide slope = Wide{entries[at.left + 1] - entries[at.left]} * at.fraction;
      const bool whole = form.interpolation == emu::Interpolation::value;
      const Wide rounded = whole ? (Wide{entries[at.left]} * (Wide{1} << at.fraction_bits)) + slope : slope;
      note_shift(rounded, at.fraction_bits, flags_);
      show([&] { return whole ? "both entries times their shares" : "slope times fraction"; }, rounded);
    }
    return look_up(entries, word, form, o_[0]);
  }

  Wide dot() {
    emu::Sum sum(t_.accumulate.accumulator);
    for (size_t i = 2; i < o_.size(); i += 2) {
      sum.add((o_[i] - o_[0]) * (o_[i + 1] - o_[1]));
      if (points_ != nullptr) show([&] { return "accumulator after product " + std::to_string(i / 2); }, sum.value());
    }
    flags_.overflowed = sum.overflowed();
    return sum.value();
  }

  const Target& t_;
  std::span<const int64_t> o_;
  std::vector<TracePoint>* points_;
  emu::StepEvents events_;
  Flags flags_;
};

}  // namespace

StepOperands step_operands(const Target& target, ArithOp op, std::span<const int64_t> o) {
  const Places at = places_of(op);
  const auto word = [&](size_t place) { return Fp32{static_cast<uint32_t>(o[place])}; };
  StepOperands operands;
  operands.scale = scale_at(o, at.scale);
  if (at.fp32 != 0) operands.scale.fp32 = {word(at.fp32), word(at.fp32 + 1), word(at.fp32 + 2), word(at.fp32 + 3)};
  if (at.bias != 0) operands.bias = o[at.bias];
  operands.output = target.storage.activation.type;
  operands.zero_point = o[at.end];
  operands.clamp_low = o[at.end + 1];
  operands.clamp_high = o[at.end + 2];
  if (op == ArithOp::requantize) operands.scale.first = {static_cast<uint8_t>(o[at.end + 3])};
  return operands;
}

Outcome evaluate(const Target& target, ArithOp op, std::span<const int64_t> operands) {
  return Walk(target, operands, nullptr).outcome(op);
}

std::vector<TracePoint> trace(const Target& target, ArithOp op, std::span<const int64_t> operands) {
  std::vector<TracePoint> points;
  Walk(target, operands, &points).outcome(op);
  return points;
}

}  // namespace assay::vectors
