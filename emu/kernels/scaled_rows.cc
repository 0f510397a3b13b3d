#include "emu/kernels/scaled_rows.h"

#include <algorithm>
#include <limits>

#include "emu/kernels/rounded_shift.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

// The steps of the form, in the order in which each may come; kFactor any number of times.
enum Stage : uint8_t { kStart, kBias, kFactor, kShift, kZeroPoint, kSaturate, kClamp, kNone };

Stage stage_of(const Step& step) {
  if (std::holds_alternative<AddBias>(step)) return kBias;
  if (std::holds_alternative<ShiftLeft>(step)) return kFactor;
  if (const auto* multiply = std::get_if<Multiply>(&step)) return multiply->factor ? kNone : kFactor;
  if (std::holds_alternative<ShiftRight>(step)) return kShift;
  if (std::holds_alternative<AddZeroPoint>(step)) return kZeroPoint;
  if (const auto* saturate = std::get_if<Saturate>(&step)) return saturate->bits ? kNone : kSaturate;
  if (const auto* clamp = std::get_if<Clamp>(&step)) return clamp->bounds ? kNone : kClamp;
  return kNone;
}

bool has_the_form(const Steps& steps) {
  Stage last = kStart;
  for (const Step& step : steps) {
    const Stage stage = stage_of(step);
    if (stage == kNone || stage < last || (stage == last && stage != kFactor)) return false;
    last = stage;
  }
  return true;
}

bool has(const Steps& steps, Stage stage) {
  return std::any_of(steps.begin(), steps.end(), [&](const Step& step) { return stage_of(step) == stage; });
}

template <class T>
bool fits_word(Wide value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

// `Biased` holds accumulator + bias, `Lane` the product and what follows.
template <Round kMode, class Biased, class Lane, class Accumulator>
[[gnu::always_inline]] inline uint64_t scale_row_inline(const Accumulator* accumulators, size_t size, const ScaledRows::Channel& channel, const ScaledRows::Bounds& bounds,
                                                        int32_t* results) {
  const ShiftConstants<Lane> shift(channel.right);
  const auto bias = static_cast<Biased>(channel.bias);
  const auto factor = static_cast<Lane>(channel.factor);
  const auto zero_point = static_cast<Lane>(bounds.zero_point), low = static_cast<Lane>(bounds.low), high = static_cast<Lane>(bounds.high);
  const auto result_low = static_cast<Lane>(bounds.result_low), result_high = static_cast<Lane>(bounds.result_high);
  Lane outside = 0;
  for (size_t i = 0; i < size; ++i) {
    const Biased biased = static_cast<Biased>(accumulators[i]) + bias;
    const Lane value = rounded_shift<kMode>(static_cast<Lane>(static_cast<Lane>(biased) * factor), shift) + zero_point;
    outside += static_cast<Lane>(value < low) | static_cast<Lane>(value > high);
    results[i] = static_cast<int32_t>(std::min(std::max(value, result_low), result_high));
  }
  return static_cast<uint64_t>(outside);
}
template <Round kMode, class Biased, class Lane, class Accumulator>
ASSAY_VECTORIZE uint64_t scale_row(const Accumulator* accumulators, size_t size, ScaledRows::Channel channel, ScaledRows::Bounds bounds, int32_t* results) {
  return scale_row_inline<kMode, Biased, Lane>(accumulators, size, channel, bounds, results);
}

}  // namespace

std::optional<ScaledRows> ScaledRows::prepare(const Steps& steps, Wide worst, Wide largest, const std::vector<ChannelConstants>& channels, IntType output, int64_t zero_point,
                                              int64_t clamp_low, int64_t clamp_high) {
  if (!has_the_form(steps) || !has(steps, kSaturate) || output.bits > 31) return std::nullopt;
  ScaledRows rows;
  Wide biased = worst;  // the largest |accumulator + bias|
  bool factors_fit_32 = true;
  for (const auto& [bias, scale] : channels) {
    Channel channel;
    Wide factor = 1;
    for (const Step& step : steps) {
      if (std::holds_alternative<AddBias>(step)) channel.bias = bias;
      if (std::holds_alternative<Multiply>(step)) factor *= scale.multiplier;
      if (const auto* left = std::get_if<ShiftLeft>(&step)) factor *= Wide{1} << left->amount.value_or(scale.left).bits;
      if (const auto* right = std::get_if<ShiftRight>(&step)) channel.right = right->amount_in(scale).bits, rows.round_ = right->round;
    }
    if (!fits_word<int64_t>(factor)) return std::nullopt;
    factors_fit_32 = factors_fit_32 && fits_word<int32_t>(factor);
    biased = std::max(biased, worst + (channel.bias < 0 ? -Wide{channel.bias} : Wide{channel.bias}));
    channel.factor = static_cast<int64_t>(factor);
    rows.channels_.push_back(channel);
  }
  if (!fits_word<int64_t>(biased)) return std::nullopt;
  if (fits_word<int32_t>(biased) && factors_fit_32 && largest < Wide{1} << 62) {
    rows.lanes_ = largest < Wide{1} << 31 ? Lanes::in32_then32 : Lanes::in32_then64;
  } else {
    rows.lanes_ = largest < Wide{1} << 62 ? Lanes::in64_then64 : Lanes::in64_then128;
  }
  Bounds& bounds = rows.bounds_;
  if (has(steps, kZeroPoint)) bounds.zero_point = zero_point;
  bounds.low = static_cast<int64_t>(output.min()), bounds.high = static_cast<int64_t>(output.max());
  bounds.result_low = bounds.low, bounds.result_high = bounds.high;
  if (has(steps, kClamp)) {
    const auto clamped = [&](int64_t value) { return std::min(std::max(value, clamp_low), clamp_high); };
    bounds.result_low = clamped(bounds.low), bounds.result_high = clamped(bounds.high);
  }
  return rows;
}

template <class Accumulator>
uint64_t ScaledRows::run_any(const Accumulator* accumulators, size_t size, size_t channel, int32_t* results) const {
  const Channel& own = channels_[channels_.size() == 1 ? 0 : channel];
  // A shift by nothing discards nothing: floor stands for every mode.
  return with_round(own.right == 0 ? Round::floor : round_, [&](auto mode) {
    switch (lanes_) {
      case Lanes::in32_then32: return scale_row<mode.value, int32_t, int32_t>(accumulators, size, own, bounds_, results);
      case Lanes::in32_then64: return scale_row<mode.value, int32_t, int64_t>(accumulators, size, own, bounds_, results);
      case Lanes::in64_then64: return scale_row<mode.value, int64_t, int64_t>(accumulators, size, own, bounds_, results);
      // No instruction set has vectors for these.
      case Lanes::in64_then128: return scale_row_inline<mode.value, int64_t, Wide>(accumulators, size, own, bounds_, results);
    }
    ASSAY_ASSERT(!"lanes outside their enumeration");
  });
}

uint64_t ScaledRows::run(const int32_t* accumulators, size_t size, size_t channel, int32_t* results) const {
  return run_any(accumulators, size, channel, results);
}
uint64_t ScaledRows::run(const int64_t* accumulators, size_t size, size_t channel, int32_t* results) const {
  return run_any(accumulators, size, channel, results);
}

}  // namespace assay::emu
