// Lists of steps of every kind, constants for them and accumulators.
#pragma once

#include <rapidcheck.h>

#include <bit>
#include <vector>

#include "emu/arith/requant.h"

namespace assay::emu::kernel_testing {

using rc::gen::element;
using rc::gen::inRange;

inline Round any_round() {
  return *rc::gen::elementOf(std::vector<Round>(kAllRounds.begin(), kAllRounds.end()));
}

inline Step any_step() {
  switch (*inRange(0, 8)) {
    case 0: return AddBias{};
    case 1: return *inRange(0, 2) != 0 ? ShiftLeft{LeftShift{static_cast<uint8_t>(*inRange(0, 8))}} : ShiftLeft{};
    case 2: return Multiply{};
    case 3: {
      if (*inRange(0, 4) == 0) return ShiftRight{std::nullopt, any_round(), true};
      return *inRange(0, 2) != 0 ? ShiftRight{RightShift{static_cast<uint8_t>(*inRange(0, 35))}, any_round()} : ShiftRight{std::nullopt, any_round(), *inRange(0, 4) == 0};
    }
    case 4: return Saturate{static_cast<uint8_t>(*inRange(2, 40))};
    case 5: return Wrap{static_cast<uint8_t>(*inRange(2, 40))};
    case 6: return AddZeroPoint{};
    default: return Clamp{};
  }
}

// The common form, which takes one pass, each step present or not.
inline Steps any_common_steps() {
  Steps steps;
  const auto maybe = [&](const Step& step) {
    if (*inRange(0, 3) != 0) steps.push_back(step);
  };
  maybe(AddBias{});
  maybe(ShiftLeft{});
  maybe(Multiply{});
  maybe(ShiftLeft{LeftShift{static_cast<uint8_t>(*inRange(0, 4))}});
  maybe(*inRange(0, 2) != 0 ? ShiftRight{std::nullopt, any_round(), *inRange(0, 4) == 0} : ShiftRight{RightShift{static_cast<uint8_t>(*inRange(0, 35))}, any_round()});
  maybe(AddZeroPoint{});
  return steps;
}

// A binary32 word of a kind: plausible factors, corners, anything.
inline Fp32 any_word() {
  const auto mantissa = *inRange<uint32_t>(0, 1U << 23), sign = *inRange<uint32_t>(0, 2) << 31;
  switch (*inRange(0, 4)) {
    case 0: return {sign | *inRange<uint32_t>(100, 135) << 23 | mantissa};
    case 1: return {*element<uint32_t>(0, 0x80000000U, 1, 0x3f000000U, 0xbf000000U, 0x3f800000U, 0x7f800000U, 0xff800000U, 0x7fc00000U, 0x7f7fffffU, 0x00800000U, 0x807fffffU)};
    case 2: return {*rc::gen::arbitrary<uint32_t>()};
    default: return {*inRange<uint32_t>(110, 127) << 23 | mantissa};
  }
}

inline Fp32Operand any_operand() {
  if (*inRange(0, 3) == 0) return any_word();
  return *element(Fp32Name::scale, Fp32Name::bias, Fp32Name::output, Fp32Name::slope, Fp32Name::zero_point);
}

inline Step any_fp32_step() {
  switch (*inRange(0, 8)) {
    case 0: return MulFp32{any_operand()};
    case 1: return AddFp32{any_operand()};
    case 2: return DivFp32{any_operand()};
    case 3: return FmaFp32{any_operand(), any_operand()};
    case 4: return LeakyFp32{any_operand()};
    case 5: {
      if (*inRange(0, 2) == 0) return ClampFp32{*element(Fp32Bounds::output, Fp32Bounds::clamp)};
      Fp32 low = any_word(), high = any_word();
      if (less(high, low)) std::swap(low, high);
      return ClampFp32{std::pair{low, high}};
    }
    case 6: return AddHalfFp32{};
    default: return RoundFp32{*element(kTf32, kBf16, kFp16, kE5m2, kE4m3), any_round()};
  }
}

inline void append_fp32_steps(Steps& steps) {
  for (int count = *inRange(0, 5); count > 0; --count) steps.push_back(any_fp32_step());
  steps.push_back(ToInt{any_round()});
}

// Integer steps around one or two stretches in binary32.
inline Steps any_steps_with_fp32() {
  Steps steps = *rc::gen::resize(3, rc::gen::container<Steps>(rc::gen::exec(any_step)));
  for (int stretches = *inRange(1, 3); stretches > 0; --stretches) {
    steps.push_back(ToFp32{});
    append_fp32_steps(steps);
    const int tail = *inRange(0, 3);
    if (tail == 1) steps.push_back(AddZeroPoint{});
    if (tail == 2) steps.push_back(any_step());
  }
  return steps;
}

// Accumulators are drawn evenly within a width, in which sums near a tie or a bound of a narrow type are common.
template <class Accumulator>
std::vector<Accumulator> any_accumulators(size_t count, int64_t limit) {
  uint64_t state = *rc::gen::arbitrary<uint64_t>();
  std::vector<Accumulator> accumulators(count);
  for (auto& accumulator : accumulators) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    accumulator = static_cast<Accumulator>(static_cast<int64_t>((state >> 1) % (2 * static_cast<uint64_t>(limit))) - limit);
  }
  return accumulators;
}
template <>
inline std::vector<float> any_accumulators<float>(size_t count, int64_t limit) {
  std::vector<float> numbers(count);
  const auto integers = any_accumulators<int64_t>(count, limit);
  for (size_t i = 0; i < count; ++i) {
    Fp32 word = i % 8 == 0 ? Fp32{static_cast<uint32_t>(integers[i] * 2654435761)} : fp32_of(integers[i], Round::half_even);
    numbers[i] = std::bit_cast<float>(word.is_nan() ? kNan32.bits : word.bits);
  }
  return numbers;
}

template <class Accumulator>
Wide as_defined(Accumulator accumulator) {
  if constexpr (std::is_same_v<Accumulator, float>) {
    return std::bit_cast<uint32_t>(accumulator);
  } else {
    return accumulator;
  }
}

}  // namespace assay::emu::kernel_testing
