// The oracle for lists of steps: each step from its definition in exact.h's integers and exact_float.h's reals.
#pragma once

#include "tests/oracle/exact.h"
#include "tests/oracle/exact_float.h"

namespace assay::oracle {

inline constexpr FloatRule kNearest32{emu::kFp32, Round::half_even, Subnormals::keep, FloatOverflow::infinity};

inline Real constant(const emu::Fp32Operand& operand, const StepOperands& o) {
  const emu::Fp32Constants& names = o.scale.fp32;
  uint32_t word = 0;
  if (const auto* number = std::get_if<emu::Fp32>(&operand)) {
    word = number->bits;
  } else {
    switch (std::get<emu::Fp32Name>(operand)) {
      case emu::Fp32Name::scale: word = names.scale.bits; break;
      case emu::Fp32Name::bias: word = names.bias.bits; break;
      case emu::Fp32Name::output: word = names.output.bits; break;
      case emu::Fp32Name::slope: word = names.slope.bits; break;
      case emu::Fp32Name::zero_point: return value_of(word_of(o.zero_point == 0 ? Real::zero(false) : Real::of(Rational(Int(o.zero_point))), kNearest32), emu::kFp32);
    }
  }
  return value_of(word, emu::kFp32);
}

// The bounds of a clamp, as numbers: the type's or the activation's, moved by the zero point (and, being numbers of binary32, rounded to it).
inline std::pair<Real, Real> bounds(const emu::ClampFp32& clamp, const StepOperands& o) {
  if (const auto* words = std::get_if<std::pair<emu::Fp32, emu::Fp32>>(&clamp.bounds)) return {value_of(words->first.bits, emu::kFp32), value_of(words->second.bits, emu::kFp32)};
  const bool type = std::get<emu::Fp32Bounds>(clamp.bounds) == emu::Fp32Bounds::output;
  if (o.output.is_float()) {
    if (type) return {Real::infinity(true), Real::infinity(false)};
    return {value_of(static_cast<uint32_t>(o.clamp_low), o.output.format), value_of(static_cast<uint32_t>(o.clamp_high), o.output.format)};
  }
  const auto number = [&](const Int& bound) {
    const Int moved = bound - o.zero_point;
    return value_of(word_of(moved == 0 ? Real::zero(false) : Real::of(Rational(moved)), kNearest32), emu::kFp32);
  };
  return {number(type ? lowest(o.output) : Int(o.clamp_low)), number(type ? highest(o.output) : Int(o.clamp_high))};
}

// Below, as real numbers: an infinity beyond all, zeros alike.
inline bool is_below(const Real& x, const Real& y) {
  if (x.is_nan() || y.is_nan()) return false;
  const auto side = [](const Real& r) { return r.is_infinite() ? (r.negative ? -1 : 1) : 0; };
  return side(x) != side(y) ? side(x) < side(y) : (side(x) == 0 && x.value < y.value);
}

// The word after a step on binary32 (after to_int: the integer).
inline Int in_fp32(uint32_t word, const Step& step, const StepOperands& o) {
  const Real x = value_of(word, emu::kFp32);
  if (const auto* s = std::get_if<emu::MulFp32>(&step)) return word_of(product(x, constant(s->factor, o)), kNearest32);
  if (const auto* s = std::get_if<emu::AddFp32>(&step)) return word_of(sum(x, constant(s->term, o)), kNearest32);
  if (const auto* s = std::get_if<emu::DivFp32>(&step)) return word_of(quotient(x, constant(s->divisor, o)), kNearest32);
  if (const auto* s = std::get_if<emu::FmaFp32>(&step)) return word_of(sum(product(x, constant(s->factor, o)), constant(s->term, o)), kNearest32);
  if (const auto* s = std::get_if<emu::LeakyFp32>(&step)) return is_below(x, Real::zero(false)) ? Int(word_of(product(x, constant(s->slope, o)), kNearest32)) : Int(word);
  if (const auto* s = std::get_if<emu::ClampFp32>(&step)) {
    const auto [low, high] = bounds(*s, o);
    return is_below(x, low) ? Int(word_of(low, kNearest32)) : (is_below(high, x) ? Int(word_of(high, kNearest32)) : Int(word));
  }
  if (std::holds_alternative<emu::AddHalfFp32>(step)) return word_of(sum(x, Real::of(x.negative ? Rational(-1, 2) : Rational(1, 2))), kNearest32);
  if (const auto* s = std::get_if<emu::RoundFp32>(&step)) {
    const uint32_t narrow = word_of(x, FloatRule{s->format, s->round, Subnormals::keep, FloatOverflow::infinity});
    return word_of(value_of(narrow, s->format), kNearest32);
  }
  if (const auto* s = std::get_if<emu::StoreFp32>(&step)) return word_of(x, FloatRule{o.output.format, s->round, Subnormals::keep, FloatOverflow::infinity});
  return integer_of(x, std::get<emu::ToInt>(step).round, emu::kS32);
}

// The value after each step.
struct Stepped {
  std::vector<Int> values;
  bool intermediate = false;
  bool output = false;
};

inline Stepped stepped(const Int& accumulator, const Steps& steps, const StepOperands& o) {
  Stepped result;
  Int v = accumulator;
  const auto kept = [&](const Int& now, bool into_output) {
    if (now != v) (into_output ? result.output : result.intermediate) = true;
    v = now;
  };
  for (const Step& step : steps) {
    if (std::holds_alternative<AddBias>(step)) v += to_int(o.bias);
    if (const auto* s = std::get_if<emu::AddNumber>(&step)) v += s->amount;
    if (const auto* s = std::get_if<Multiply>(&step)) v *= s->factor.value_or(o.scale.multiplier);
    if (std::holds_alternative<AddZeroPoint>(step)) v += o.zero_point;
    if (const auto* s = std::get_if<ShiftLeft>(&step)) v *= power_of_two(s->amount ? s->amount->bits : o.scale.left.bits);
    if (const auto* s = std::get_if<ShiftRight>(&step))
      v = rounded(Rational(v, power_of_two(s->amount ? s->amount->bits : (s->is_first ? o.scale.first.bits : o.scale.right.bits))), s->round);
    if (const auto* s = std::get_if<Saturate>(&step)) kept(saturated(v, s->bits ? IntType{*s->bits, true} : o.output), !s->bits);
    if (const auto* s = std::get_if<Wrap>(&step)) kept(wrapped(v, s->bits ? IntType{*s->bits, true} : o.output), !s->bits);
    if (const auto* s = std::get_if<Clamp>(&step)) {
      const int64_t low = s->bounds ? s->bounds->low : o.clamp_low, high = s->bounds ? s->bounds->high : o.clamp_high;
      if (v > high) v = high;
      if (v < low) v = low;
    }
    if (std::holds_alternative<emu::ToFp32>(step)) v = word_of(v == 0 ? Real::zero(false) : Real::of(Rational(v)), kNearest32);
    if (std::holds_alternative<emu::StoreFp32>(step)) {
      const Real before = value_of(static_cast<uint32_t>(v), emu::kFp32), after = value_of(static_cast<uint32_t>(in_fp32(static_cast<uint32_t>(v), step, o)), o.output.format);
      result.output = before.kind == Real::Kind::finite && after.kind != Real::Kind::finite;
    }
    if (emu::takes_fp32(step)) v = in_fp32(static_cast<uint32_t>(v), step, o);
    result.values.push_back(v);
  }
  return result;
}

}  // namespace assay::oracle
