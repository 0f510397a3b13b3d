#include "emu/kernels/fp32_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "emu/base/error.h"
#include "emu/base/overloaded.h"
#include "emu/kernels/fpu.h"
#include "emu/kernels/narrow_rows.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

float float_of(Fp32 value) {
  return std::bit_cast<float>(value.bits);
}

float float_value_of(const Fp32Operand& operand, const StepOperands& operands) {
  const Fp32Constants& constants = operands.scale.fp32;
  if (const auto* word = std::get_if<Fp32>(&operand)) return float_of(*word);
  switch (std::get<Fp32Name>(operand)) {
    case Fp32Name::scale: return float_of(constants.scale);
    case Fp32Name::bias: return float_of(constants.bias);
    case Fp32Name::output: return float_of(constants.output);
    case Fp32Name::slope: return float_of(constants.slope);
    case Fp32Name::zero_point: return float_of(fp32_of(operands.zero_point, Round::half_even));
  }
  ASSAY_ASSERT(!"an Fp32Name outside its enumeration");
}

void clamp(const ClampFp32& step, float* values, size_t size, const StepOperands& o) {
  if (const auto* bounds = std::get_if<std::pair<Fp32, Fp32>>(&step.bounds)) return fpu::clamp_fp32(values, size, float_of(bounds->first), float_of(bounds->second));
  const bool whole = std::get<Fp32Bounds>(step.bounds) == Fp32Bounds::output;
  if (o.output.is_float()) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    return whole ? fpu::clamp_fp32(values, size, -kInfinity, kInfinity)
                 : fpu::clamp_fp32(values, size, float_of(number_of(o.clamp_low, o.output, 0)), float_of(number_of(o.clamp_high, o.output, 0)));
  }
  const Wide low = whole ? o.output.min() : Wide{o.clamp_low}, high = whole ? o.output.max() : Wide{o.clamp_high};
  fpu::clamp_fp32(values, size, float_of(fp32_of(low - o.zero_point, Round::half_even)), float_of(fp32_of(high - o.zero_point, Round::half_even)));
}

// A word's exponent and fraction, read as those of a binary32 number, are it but for the difference of the biases: a power of two, which a multiplication brings in exactly,
// for subnormal words too.
struct WidenConstants {
  explicit WidenConstants(FloatFormat format)
      : sign(1U << (format.exponent_bits + format.fraction_bits)),
        to_binary32(23U - format.fraction_bits),
        largest(format.has_infinity ? sign - (1U << format.fraction_bits) - 1 : sign - 2),
        infinity(format.has_infinity ? largest + 1 : sign),
        factor(std::bit_cast<float>((254U - ((1U << (format.exponent_bits - 1)) - 1)) << 23)) {}
  uint32_t sign;
  uint32_t to_binary32;
  uint32_t largest, infinity;  // magnitudes; none is `sign`
  float factor;                // 2^(127 - bias)
};

ASSAY_VECTORIZE void widen_all(const uint32_t* words, size_t size, const WidenConstants constants, float* values) {
  for (size_t i = 0; i < size; ++i) {
    const uint32_t magnitude = words[i] & (constants.sign - 1), negative = words[i] & constants.sign ? 0x80000000U : 0U;
    const float scaled = std::bit_cast<float>(magnitude << constants.to_binary32) * constants.factor;
    const uint32_t not_finite = magnitude == constants.infinity ? 0x7f800000U | negative : 0x7fc00000U;
    const uint32_t finite = std::bit_cast<uint32_t>(scaled) | negative;
    values[i] = std::bit_cast<float>(magnitude > constants.largest ? not_finite : finite);
  }
}

// Words beyond the largest number of numbers that are not.
ASSAY_VECTORIZE size_t count_overflows(const uint32_t* numbers, const uint32_t* words, size_t size, const WidenConstants constants) {
  uint32_t count = 0;
  for (size_t i = 0; i < size; ++i) {
    const bool was_finite = (numbers[i] & 0x7fffffffU) < 0x7f800000U, is_finite = (words[i] & (constants.sign - 1)) <= constants.largest;
    count += static_cast<uint32_t>(was_finite & !is_finite);
  }
  return count;
}

ASSAY_VECTORIZE void halves(const float* values, size_t size, float* terms) {
  for (size_t i = 0; i < size; ++i) terms[i] = std::bit_cast<float>((std::bit_cast<uint32_t>(values[i]) & 0x80000000U) | 0x3f000000U);
}

// Rows are taken in pieces that lie on the stack.
constexpr size_t kPiece = 256;

void add_half(float* values, size_t size) {
  alignas(64) float terms[kPiece];
  for (size_t start = 0; start < size; start += kPiece) {
    const size_t piece = std::min(kPiece, size - start);
    halves(values + start, piece, terms);
    fpu::add_fp32(values + start, piece, terms);
  }
}

}  // namespace

size_t store_fp32(const float* values, size_t size, FloatFormat format, Round round, uint32_t* words) {
  const FloatRule rule{format, round, Subnormals::keep, FloatOverflow::infinity};
  alignas(64) uint32_t numbers[kPiece];
  size_t became_infinite = 0;
  for (size_t start = 0; start < size; start += kPiece) {
    const size_t piece = std::min(kPiece, size - start);
    std::memcpy(numbers, values + start, piece * sizeof(float));
    narrow_row(numbers, piece, rule, words + start);
    became_infinite += count_overflows(numbers, words + start, piece, WidenConstants(format));
  }
  return became_infinite;
}

void widen_row(const uint32_t* words, size_t size, FloatFormat format, float* values) {
  widen_all(words, size, WidenConstants(format), values);
}

void round_fp32(float* values, size_t size, FloatFormat format, Round round) {
  const FloatRule rule{format, round, Subnormals::keep, FloatOverflow::infinity};
  const WidenConstants constants(format);
  alignas(64) uint32_t numbers[kPiece], words[kPiece];
  for (size_t start = 0; start < size; start += kPiece) {
    const size_t piece = std::min(kPiece, size - start);
    std::memcpy(numbers, values + start, piece * sizeof(float));
    narrow_row(numbers, piece, rule, words);
    widen_all(words, piece, constants, values + start);
  }
}

void apply_fp32(const Step& step, float* values, size_t size, const StepOperands& operands) {
  const auto of = [&](const Fp32Operand& operand) { return float_value_of(operand, operands); };
  std::visit(Overloaded{
                 [&](const MulFp32& s) { fpu::mul_fp32(values, size, of(s.factor)); },
                 [&](const AddFp32& s) { fpu::add_fp32(values, size, of(s.term)); },
                 [&](const DivFp32& s) { fpu::div_fp32(values, size, of(s.divisor)); },
                 [&](const FmaFp32& s) { fpu::fma_fp32(values, size, of(s.factor), of(s.term)); },
                 [&](const LeakyFp32& s) { fpu::leaky_fp32(values, size, of(s.slope)); },
                 [&](const ClampFp32& s) { clamp(s, values, size, operands); },
                 [&](const AddHalfFp32&) { add_half(values, size); },
                 [&](const RoundFp32& s) { round_fp32(values, size, s.format, s.round); },
                 [](const auto&) { ASSAY_ASSERT(!"a step that does not work on binary32 numbers"); },
             },
             step);
}

}  // namespace assay::emu
