#include "emu/kernels/fast_steps.h"

#include <algorithm>
#include <bit>

#include "emu/base/error.h"
#include "emu/base/overloaded.h"
#include "emu/kernels/fp32_rows.h"
#include "emu/kernels/fpu.h"
#include "emu/kernels/lane_rows.h"
#include "emu/kernels/step_bound.h"

namespace assay::emu {
namespace {

using namespace lanes;

// Integers as binary32 numbers, rounded half_even.
template <class Lane>
ASSAY_VECTORIZE void to_fp32(const Lane* values, size_t size, float* numbers) {
  for (size_t i = 0; i < size; ++i) numbers[i] = static_cast<float>(values[i]);
}
void to_fp32(const Wide* values, size_t size, float* numbers) {
  for (size_t i = 0; i < size; ++i) numbers[i] = std::bit_cast<float>(fp32_of(values[i], Round::half_even).bits);
}

template <class Lane>
void to_int(const float* numbers, size_t size, Round round, bool holds, Lane* values) {
  constexpr size_t kPiece = 256;
  alignas(64) int32_t rounded[kPiece];
  for (size_t start = 0; start < size; start += kPiece) {
    const size_t piece = std::min(kPiece, size - start);
    fpu::int32_of_fp32(numbers + start, piece, round, rounded);
    if (holds) clamp_all(rounded, piece, static_cast<int32_t>(-kHeld), static_cast<int32_t>(kHeld));
    convert_all(rounded, piece, values + start);
  }
}

}  // namespace

std::optional<FastSteps> FastSteps::prepare(Steps steps, Wide worst, std::vector<ChannelConstants> channels, const ValueInfo& result, ClampBounds clamp) {
  // The reference counts an element once however often its output is kept; so does one step to the output's type, and no list has more.
  const auto to_output = std::count_if(steps.begin(), steps.end(), [](const Step& step) {
    const auto* saturate = std::get_if<Saturate>(&step);
    const auto* wrap = std::get_if<Wrap>(&step);
    return (saturate != nullptr && !saturate->bits) || (wrap != nullptr && !wrap->bits);
  });
  if (to_output > 1) return std::nullopt;
  const Wide largest = largest_within(steps, worst, channels, result.type, result.zero_point, clamp);
  if (largest >= kBeyondLanes) return std::nullopt;
  FastSteps fast;
  fast.one_pass_ = ScaledRows::prepare(steps, worst, largest, channels, result.type, result.zero_point, clamp.low, clamp.high);
  fast.in_fp32_ = std::any_of(steps.begin(), steps.end(), takes_fp32);
  fast.holds_rounded_ = may_hold_rounded(steps, result.type, result.zero_point, clamp);
  fast.steps_ = std::move(steps);
  fast.channels_ = std::move(channels);
  fast.output_ = result.type;
  fast.zero_point_ = result.zero_point;
  fast.clamp_ = clamp;
  fast.lanes_ = largest < Wide{1} << 31 ? Lanes::bits32 : (largest < Wide{1} << 62 ? Lanes::bits64 : Lanes::bits128);
  return fast;
}

template <class Lane>
void FastSteps::run_steps(Lane* values, float* numbers, size_t size, const StepOperands& operands, RowCounts& counts) const {
  Changed changed;
  const QScale& scale = operands.scale;
  const auto keep = [&](const std::optional<uint8_t>& bits, Overflow rule) {
    if (bits) {
      keep_all(values, size, IntType{*bits, true}, rule, &changed);
    } else {
      counts.output += keep_all(values, size, output_, rule, nullptr);
    }
  };
  for (const Step& step : steps_) {
    std::visit(Overloaded{
                   [&](const AddBias&) { add_all(values, size, static_cast<Lane>(operands.bias)); },
                   [&](const ShiftLeft& s) {
                     const int bits = s.amount.value_or(scale.left).bits;
                     if (bits > 0) multiply_all(values, size, static_cast<Lane>(Lane{1} << bits));
                   },
                   [&](const AddNumber& s) { add_all(values, size, static_cast<Lane>(s.amount)); },
                   [&](const Multiply& s) { multiply_all(values, size, static_cast<Lane>(s.factor.value_or(scale.multiplier))); },
                   [&](const ShiftRight& s) { shift_all(values, size, s.amount_in(scale).bits, s.round); },
                   [&](const Saturate& s) { keep(s.bits, Overflow::saturate); },
                   [&](const Wrap& s) { keep(s.bits, Overflow::wrap); },
                   [&](const AddZeroPoint&) {
                     if (zero_point_ != 0) add_all(values, size, static_cast<Lane>(zero_point_));
                   },
                   [&](const Clamp& s) {
                     const ClampBounds bounds = s.bounds ? ClampBounds{s.bounds->low, s.bounds->high} : clamp_;
                     clamp_all(values, size, bound_of<Lane>(bounds.low), bound_of<Lane>(bounds.high));
                   },
                   [&](const ToFp32&) { to_fp32(values, size, numbers); },
                   [&](const ToInt& s) { to_int(numbers, size, s.round, holds_rounded_, values); },
                   [&](const StoreFp32& s) {
                     alignas(64) uint32_t words[kBlock];
                     counts.output += store_fp32(numbers, size, output_.format, s.round, words);
                     convert_all(words, size, values);
                   },
                   [&](const auto&) { apply_fp32(step, numbers, size, operands); },
               },
               step);
  }
  counts.intermediate += changed.count();
}

template <class Lane, class Accumulator, class Result>
void FastSteps::run_in(const Accumulator* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const {
  const ChannelConstants& constants = channels_[channels_.size() == 1 ? 0 : channel];
  const StepOperands operands{constants.bias, constants.scale, output_, zero_point_, clamp_.low, clamp_.high};
  alignas(64) Lane values[kBlock];
  alignas(64) float numbers[kBlock];
  if constexpr (std::is_same_v<Accumulator, float>) {
    std::copy_n(accumulators, size, numbers);
  } else {
    convert_all(accumulators, size, values);
  }
  run_steps(values, numbers, size, operands, counts);
  if constexpr (std::is_same_v<Result, float>) {
    std::copy_n(numbers, size, results);
  } else {
    convert_all(values, size, results);
  }
}

template <class Accumulator, class Result>
void FastSteps::run_block(const Accumulator* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const {
  if constexpr (!std::is_same_v<Accumulator, float> && !std::is_same_v<Result, float>) {
    if (one_pass_) {
      alignas(64) int32_t values[kBlock];
      counts.output += one_pass_->run(accumulators, size, channel, values);
      return convert_all(values, size, results);
    }
  }
  switch (lanes_) {
    case Lanes::bits32: return run_in<int32_t>(accumulators, size, channel, results, counts);
    case Lanes::bits64: return run_in<int64_t>(accumulators, size, channel, results, counts);
    case Lanes::bits128: return run_in<Wide>(accumulators, size, channel, results, counts);
  }
}

template <class Accumulator, class Result>
void FastSteps::run(const Accumulator* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const {
  ASSAY_ASSERT(!in_fp32_ || fpu::is_ieee());
  for (size_t start = 0; start < size; start += kBlock) run_block(accumulators + start, std::min(kBlock, size - start), channel, results + start, counts);
}

#define ASSAY_RUN(Result)                                                                                   \
  template void FastSteps::run<int32_t, Result>(const int32_t*, size_t, size_t, Result*, RowCounts&) const; \
  template void FastSteps::run<int64_t, Result>(const int64_t*, size_t, size_t, Result*, RowCounts&) const; \
  template void FastSteps::run<float, Result>(const float*, size_t, size_t, Result*, RowCounts&) const;
ASSAY_RUN(int8_t)
ASSAY_RUN(uint8_t)
ASSAY_RUN(int16_t)
ASSAY_RUN(uint16_t)
ASSAY_RUN(int32_t)
ASSAY_RUN(uint32_t)
ASSAY_RUN(int64_t)
ASSAY_RUN(uint64_t)
#undef ASSAY_RUN
template void FastSteps::run<int64_t, float>(const int64_t*, size_t, size_t, float*, RowCounts&) const;

void add_counts(OverflowCounts& overflows, const FastSteps::RowCounts& counts, size_t channel, size_t channels) {
  const auto add = [&](std::vector<uint64_t>& to, uint64_t count) {
    if (count == 0) return;
    if (to.empty()) to.resize(channels);
    to[channel] += count;
  };
  add(overflows.intermediate, counts.intermediate);
  add(overflows.output, counts.output);
}

}  // namespace assay::emu
