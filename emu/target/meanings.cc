#include "emu/target/meanings.h"

#include "emu/base/error.h"
#include "emu/base/overloaded.h"

namespace assay::emu {
namespace {

std::string figure(int64_t value) {
  return std::to_string(value);
}

// "the constant scale", "0x3f000000"
std::string operand(const Fp32Operand& operand, const Target& target) {
  if (const Fp32* word = std::get_if<Fp32>(&operand)) return to_string(*word);
  switch (std::get<Fp32Name>(operand)) {
    case Fp32Name::scale: return "the constant scale";
    case Fp32Name::bias: return "the channel's bias";
    case Fp32Name::output: return target.binary32 && target.binary32->output == Fp32Output::reciprocal ? "1 / output scale" : "the output's scale";
    case Fp32Name::slope: return "the slope";
    case Fp32Name::zero_point: return "the output's zero point";
  }
  ASSAY_ASSERT(!"an Fp32Name outside its enumeration");
}

std::string meaning_of(const ClampFp32& step) {
  if (const auto* bounds = std::get_if<Fp32Bounds>(&step.bounds)) {
    return *bounds == Fp32Bounds::output ? "limited to the output's type less the zero point" : "limited to a fused activation's bounds less the zero point";
  }
  const auto& [low, high] = std::get<1>(step.bounds);
  return "limited to " + to_string(low) + " .. " + to_string(high);
}

std::string shift_amount(const ShiftRight& step) {
  if (step.amount) return figure(step.amount->bits);
  return step.is_first ? "(the scale's first cut)" : "(the scale's right shift)";
}

}  // namespace

std::string meaning(Round mode) {
  switch (mode) {
    case Round::floor: return "toward -infinity";
    case Round::ceil: return "toward +infinity";
    case Round::toward_zero: return "toward zero";
    case Round::away_from_zero: return "away from zero";
    case Round::half_up: return "to the nearest, ties to +infinity";
    case Round::half_down: return "to the nearest, ties to -infinity";
    case Round::half_even: return "to the nearest, ties to the even neighbour";
    case Round::half_odd: return "to the nearest, ties to the odd neighbour";
    case Round::half_away: return "to the nearest, ties away from zero";
    case Round::half_toward_zero: return "to the nearest, ties toward zero";
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

std::string meaning(Encoding encoding) {
  switch (encoding) {
    case Encoding::range: return "scale and zero point (rounded half_even)";
    case Encoding::range_half_away: return "scale and zero point (rounded half_away)";
    case Encoding::nudged_range: return "scale and zero point, after one end was moved so that zero is a word,";
    case Encoding::magnitude: return "the scale: the greatest magnitude / the greatest word,";
    case Encoding::position: return "a power of two and a factor in binary32";
  }
  ASSAY_ASSERT(!"an Encoding outside its enumeration");
}

std::string word_and_meaning(Round mode) {
  return std::string(to_string(mode)) + " (" + meaning(mode) + ")";
}

std::string meaning(const Step& step, const Target& t) {
  return std::visit(
      Overloaded{
          [&](const AddBias&) -> std::string {
            return t.quantize.bias_scale == BiasScale::product ? "the channel's bias is added, in steps of input scale x weight scale"
                                                               : "the channel's bias is added, shifted from its own power of two to the value's steps";
          },
          [](const AddNumber& s) { return "plus " + figure(s.amount) + "; exact"; },
          [](const ShiftLeft& s) { return "times 2^" + (s.amount ? figure(s.amount->bits) : "(the scale's left shift)") + "; exact"; },
          [&](const Multiply& s) { return "multiplied by " + (s.factor ? figure(*s.factor) : "the scale's integer of " + figure(t.multiplier.bits) + " bits") + "; exact"; },
          [](const ShiftRight& s) { return "divided by 2^" + shift_amount(s) + ", rounded " + meaning(s.round); },
          [](const Saturate& s) { return "limited to " + (s.bits ? figure(*s.bits) + " signed bits" : std::string("the output's type")); },
          [](const Wrap& s) { return "modulo 2^n, into " + (s.bits ? figure(*s.bits) + " signed bits" : std::string("the output's type")); },
          [](const AddZeroPoint&) -> std::string { return "the output's zero point is added"; },
          [](const Clamp& s) {
            return s.bounds ? "limited to " + figure(s.bounds->low) + ".." + figure(s.bounds->high) : std::string("limited to the bounds of a fused activation");
          },
          [](const ToFp32&) -> std::string { return "to binary32, rounded half_even"; },
          [&](const MulFp32& s) { return "times " + operand(s.factor, t) + ", in binary32"; },
          [&](const AddFp32& s) { return "plus " + operand(s.term, t) + ", in binary32"; },
          [&](const DivFp32& s) { return "divided by " + operand(s.divisor, t) + ", in binary32"; },
          [&](const FmaFp32& s) { return "times " + operand(s.factor, t) + " plus " + operand(s.term, t) + ", rounded once to binary32"; },
          [&](const LeakyFp32& s) { return "where below 0, times " + operand(s.slope, t) + ", in binary32"; },
          [](const ClampFp32& s) { return meaning_of(s); },
          [](const AddHalfFp32&) -> std::string { return "plus 0.5, or minus 0.5 where below 0, in binary32"; },
          [](const RoundFp32& s) { return "to a number of " + std::string(to_string(s.format)) + ", rounded " + meaning(s.round); },
          [](const StoreFp32& s) { return "to a word of the output's floating-point format, rounded " + meaning(s.round); },
          [](const ToInt& s) { return "to an integer, rounded " + meaning(s.round) + ", limited to 32 signed bits"; },
      },
      step);
}

std::string meaning(const Accumulator& a) {
  if (a.fp32) return to_string(a) + ": terms and sums rounded half_even to binary32, in this order";
  if (!a.is_plain())
    return to_string(a) + ": " + (a.pairs ? "neighbouring products are stored together first, then added to the register" : "a register") +
           (a.spill ? ", which is emptied into a wider one after every " + figure(a.spill->terms) + " products" : "");
  return to_string(a) + ": a " + (a.type.is_signed ? "signed" : "unsigned") + " register of " + figure(a.type.bits) +
         (a.overflow == Overflow::wrap ? " bits that wraps (modulo 2^" + figure(a.type.bits) + ")" : " bits that saturates after each addition");
}

std::string meaning(const MultiplierRule& m) {
  if (m.bits == 1) return "As a shift alone: ratios are powers of two, from 2^-" + figure(m.max_right.bits) + " to 2^" + figure(m.max_left.bits) + ".";
  const std::string first = m.max_first.bits > 0 ? " A first cut before the bias takes up to " + figure(m.max_first.bits) + " more, the same for all output channels." : "";
  if (m.form == MultiplierForm::fixed_point) {
    return "As multiplier / 2^" + figure(m.max_right.bits) + ", fixed_point: the multiplier is rounded " + word_and_meaning(m.round) + " and has at most " + figure(m.bits) +
           " bits." + first;
  }
  if (m.form == MultiplierForm::nearest) {
    return "As multiplier / 2^shift, nearest: of all multipliers 0.." + figure((int64_t{1} << m.bits) - 1) + " and right shifts " + figure(m.min_right.bits) + ".." +
           figure(m.max_right.bits) + " the pair whose value is nearest to the ratio." + first;
  }
  const std::string narrowed = m.form == MultiplierForm::narrowed ? " to 31 bits, then half_up to its own, all ones at most" : "";
  return "As multiplier / 2^shift, " + std::string(to_string(m.form)) + ": the multiplier has " + figure(m.bits) + " bits, its highest bit set, rounded " +
         word_and_meaning(m.round) + narrowed + "; shifts of at most " + figure(m.max_left.bits) + " to the left and " + figure(m.max_right.bits) + " to the right." + first;
}

std::string meaning(const WeightRule& rule) {
  switch (rule.granularity) {
    case Granularity::per_tensor: return "per tensor";
    case Granularity::per_channel: return "per output channel";
    case Granularity::per_group: return "per group of " + figure(rule.group) + " output channels";
  }
  ASSAY_ASSERT(!"a Granularity outside its enumeration");
}

std::string meaning(ConcatScales inputs) {
  switch (inputs) {
    case ConcatScales::joint: return "all have one scale";
    case ConcatScales::requantize: return "each is brought to the output's scale";
    case ConcatScales::concatenate:
      return "words are copied, channels keep the scales of their inputs, and weights that meet them are normalised; on another axis all have one scale";
  }
  ASSAY_ASSERT(!"a ConcatScales outside its enumeration");
}

std::string meaning(RatioFormat ratio) {
  switch (ratio) {
    case RatioFormat::exact: return "exactly";
    case RatioFormat::binary64: return "in binary64, the product and the quotient each rounded half_even";
    case RatioFormat::binary32: return "in binary32, the product and the quotient each rounded half_even";
  }
  ASSAY_ASSERT(!"a RatioFormat outside its enumeration");
}

std::string meaning(Fp32Scale scale) {
  switch (scale) {
    case Fp32Scale::product: return "input scale x weight scale, rounded half_even";
    case Fp32Scale::ratio: return "(input scale x weight scale) / output scale, each operation rounded half_even";
    case Fp32Scale::exact_ratio: return "input scale x weight scale / output scale, rounded half_even once";
    case Fp32Scale::reciprocal_product: return "1 / ((1 / input scale) x (1 / weight scale)), each operation rounded half_even";
  }
  ASSAY_ASSERT(!"an Fp32Scale outside its enumeration");
}

std::string meaning(SlopeScale slope) {
  switch (slope) {
    case SlopeScale::ratio: return "ratio, part of the ratio of scales of negative values, which has a multiplier and shifts of its own";
    case SlopeScale::common_shift: return "common_shift, both scales have the shift of the greater one";
    case SlopeScale::over_256: return "over_256, the scale of negative values is the other one times the slope, rounded to 256ths";
  }
  ASSAY_ASSERT(!"a SlopeScale outside its enumeration");
}

std::string meaning(CountScale scale) {
  switch (scale) {
    case CountScale::ratio: return "1 / count is part of the ratio of scales";
    case CountScale::reciprocal_30: return "1 / count is ((2^30 + 1) x 2^k) / count, divided by 2^(30 + k)";
    case CountScale::reciprocal_31: return "1 / count is (2^(31 + k) + 2^k) / count, divided by 2^(31 + k)";
    case CountScale::floor_24: return "1 / count is floor(2^24 / count), divided by 2^24";
    case CountScale::factor: return "1 / count is a small multiplier and a shift, chosen by the window's height and width";
    case CountScale::first_cut_15: return "1 / count is a first cut of ceil(log2 count) + 1 bits and a multiplier of 15 bits";
  }
  ASSAY_ASSERT(!"a CountScale outside its enumeration");
}

}  // namespace assay::emu
