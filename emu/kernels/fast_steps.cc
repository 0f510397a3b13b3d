#include "emu/kernels/fast_steps.h"

#include <algorithm>
#include <limits>

#include "emu/base/error.h"
#include "emu/base/overloaded.h"
#include "emu/kernels/rounded_shift.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

Wide magnitude(Wide value) {
  return value < 0 ? -value : value;
}

Wide magnitude(IntType type) {
  return std::max(magnitude(type.min()), magnitude(type.max()));
}

// The largest magnitude that any element can have before, within or after a step: what the lanes must hold. At least 1, so that the lanes hold every factor too.
class Bound {
 public:
  Bound(Wide worst, const std::vector<ChannelConstants>& channels, IntType output, int64_t zero_point, ClampBounds clamp)
      : value_(std::max(worst, Wide{1})), largest_(value_), output_(output), zero_point_(zero_point), clamp_(clamp) {
    for (const auto& [bias, scale] : channels) {
      bias_ = std::max(bias_, magnitude(bias));
      multiplier_ = std::max(multiplier_, magnitude(scale.multiplier));
      left_ = std::max(left_, scale.left.bits);
      right_ = std::max(right_, scale.right.bits);
      least_right_ = std::min(least_right_, scale.right.bits);
    }
  }

  Wide largest() const { return largest_; }

  void operator()(const AddBias&) { become(value_ + bias_); }
  void operator()(const ShiftLeft& s) { become(value_ * (Wide{1} << (s.amount ? s.amount->bits : left_))); }
  void operator()(const AddNumber& s) { become(value_ + magnitude(s.amount)); }
  void operator()(const Multiply& s) { become(value_ * std::max(s.factor ? magnitude(*s.factor) : multiplier_, Wide{1})); }
  void operator()(const ShiftRight& s) {
    // Rounding adds less than one unit of what is discarded before it shifts.
    become(value_ + (Wide{1} << (s.amount ? s.amount->bits : right_)));
    value_ = (value_ >> (s.amount ? s.amount->bits : least_right_)) + 1;
  }
  void operator()(const Saturate& s) { value_ = std::min(value_, magnitude(s.bits ? IntType{*s.bits, true} : output_)); }
  void operator()(const Wrap& s) { value_ = std::min(value_, magnitude(s.bits ? IntType{*s.bits, true} : output_)); }
  void operator()(const AddZeroPoint&) { become(value_ + magnitude(zero_point_)); }
  void operator()(const Clamp& s) { become(s.bounds ? std::max(magnitude(s.bounds->low), magnitude(s.bounds->high)) : std::max(magnitude(clamp_.low), magnitude(clamp_.high))); }
  // Steps in binary32 have no kernel: no lane holds their values.
  void operator()(const auto&) { become(Wide{1} << 64); }

 private:
  void become(Wide value) {
    // Beyond 2^64 the exact bound does not matter any more, and from there no step leaves Wide.
    value_ = std::min(value, Wide{1} << 64);
    largest_ = std::max(largest_, value_);
  }

  Wide value_, largest_;
  IntType output_;
  int64_t zero_point_;
  ClampBounds clamp_;
  Wide bias_ = 0, multiplier_ = 0;
  uint8_t left_ = 0, right_ = 0, least_right_ = kMaxShiftBits;
};

template <Round kMode, class Lane>
ASSAY_VECTORIZE void shift_all(Lane* values, size_t size, int bits) {
  const ShiftConstants<Lane> shift(bits);
  for (size_t i = 0; i < size; ++i) values[i] = rounded_shift<kMode>(values[i], shift);
}

template <class Lane>
void shift_all(Lane* values, size_t size, int bits, Round mode) {
  if (bits == 0) return;
  with_round(mode, [&](auto constant) { shift_all<constant.value>(values, size, bits); });
}

template <class Lane>
ASSAY_VECTORIZE void add_all(Lane* values, size_t size, Lane term) {
  for (size_t i = 0; i < size; ++i) values[i] += term;
}

template <class Lane>
ASSAY_VECTORIZE void multiply_all(Lane* values, size_t size, Lane factor) {
  for (size_t i = 0; i < size; ++i) values[i] *= factor;
}

template <class Lane>
ASSAY_VECTORIZE uint64_t count_outside(const Lane* values, size_t size, Lane low, Lane high) {
  Lane count = 0;
  for (size_t i = 0; i < size; ++i) count += static_cast<Lane>(values[i] < low) + static_cast<Lane>(values[i] > high);
  return static_cast<uint64_t>(count);
}

template <class Lane>
ASSAY_VECTORIZE void clamp_all(Lane* values, size_t size, Lane low, Lane high) {
  for (size_t i = 0; i < size; ++i) values[i] = std::min(std::max(values[i], low), high);
}

template <class Lane, class Result>
ASSAY_VECTORIZE void convert_all(const Lane* values, size_t size, Result* results) {
  for (size_t i = 0; i < size; ++i) results[i] = static_cast<Result>(values[i]);
}

template <class Lane>
void wrap_all(Lane* values, size_t size, IntType type) {
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<Lane>(wrap(values[i], type));
}

template <class Lane>
Lane bound_of(Wide value) {
  constexpr Wide low = std::numeric_limits<Lane>::min(), high = std::numeric_limits<Lane>::max();
  return static_cast<Lane>(std::min(std::max(value, low), high));
}

// Which elements a saturate or wrap before the last one has changed so far; allocated by the first that does.
class Changed {
 public:
  template <class Lane>
  void mark_outside(const Lane* values, size_t size, Lane low, Lane high) {
    if (flags_.empty()) flags_.resize(size);
    for (size_t i = 0; i < size; ++i) flags_[i] = static_cast<uint8_t>(flags_[i] | static_cast<uint8_t>(values[i] < low || values[i] > high));
  }
  uint64_t count() const { return static_cast<uint64_t>(std::count(flags_.begin(), flags_.end(), 1)); }

 private:
  std::vector<uint8_t> flags_;
};

// Saturate and wrap: into `type`, counted.
template <class Lane>
void keep_all(Lane* values, size_t size, IntType type, bool is_output, Overflow rule, Changed& changed, FastSteps::RowCounts& counts) {
  const Lane low = bound_of<Lane>(type.min()), high = bound_of<Lane>(type.max());
  const uint64_t outside = count_outside(values, size, low, high);
  if (outside == 0) return;
  if (is_output) {
    counts.output += outside;
  } else {
    changed.mark_outside(values, size, low, high);
  }
  if (rule == Overflow::saturate) {
    clamp_all(values, size, low, high);
  } else {
    wrap_all(values, size, type);
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
  Bound bound(worst, channels, result.type, result.zero_point, clamp);
  for (const Step& step : steps) std::visit(bound, step);
  if (bound.largest() >= Wide{1} << 62) return std::nullopt;
  FastSteps fast;
  fast.one_pass_ = ScaledRows::prepare(steps, worst, bound.largest(), channels, result.type, result.zero_point, clamp.low, clamp.high);
  fast.steps_ = std::move(steps);
  fast.channels_ = std::move(channels);
  fast.output_ = result.type;
  fast.zero_point_ = result.zero_point;
  fast.clamp_ = clamp;
  fast.narrow_ = bound.largest() < Wide{1} << 31;
  return fast;
}

template <class Lane>
void FastSteps::run_lanes(Lane* values, size_t size, const ChannelConstants& constants, RowCounts& counts) const {
  Changed changed;
  const auto& scale = constants.scale;
  for (const Step& step : steps_) {
    std::visit(Overloaded{
                   [&](const AddBias&) { add_all(values, size, static_cast<Lane>(constants.bias)); },
                   [&](const ShiftLeft& s) {
                     const int bits = s.amount.value_or(scale.left).bits;
                     if (bits > 0) multiply_all(values, size, static_cast<Lane>(Lane{1} << bits));
                   },
                   [&](const AddNumber& s) { add_all(values, size, static_cast<Lane>(s.amount)); },
                   [&](const Multiply& s) { multiply_all(values, size, static_cast<Lane>(s.factor.value_or(scale.multiplier))); },
                   [&](const ShiftRight& s) { shift_all(values, size, s.amount.value_or(scale.right).bits, s.round); },
                   [&](const Saturate& s) {
                     keep_all(values, size, s.bits ? IntType{*s.bits, true} : output_, !s.bits, Overflow::saturate, changed, counts);
                   },
                   [&](const Wrap& s) {
                     keep_all(values, size, s.bits ? IntType{*s.bits, true} : output_, !s.bits, Overflow::wrap, changed, counts);
                   },
                   [&](const AddZeroPoint&) {
                     if (zero_point_ != 0) add_all(values, size, static_cast<Lane>(zero_point_));
                   },
                   [&](const Clamp& s) {
                     const ClampBounds bounds = s.bounds ? ClampBounds{s.bounds->low, s.bounds->high} : clamp_;
                     clamp_all(values, size, bound_of<Lane>(bounds.low), bound_of<Lane>(bounds.high));
                   },
                   [](const auto&) { ASSAY_ASSERT(!"a step that prepare() refuses"); },
               },
               step);
  }
  counts.intermediate += changed.count();
}

template <class Result>
void FastSteps::run_block(const int32_t* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const {
  const ChannelConstants& constants = channels_[channels_.size() == 1 ? 0 : channel];
  if (narrow_ || one_pass_) {
    alignas(64) int32_t values[kBlock];
    if (one_pass_) {
      counts.output += one_pass_->run(accumulators, size, channel, values);
    } else {
      std::copy_n(accumulators, size, values);
      run_lanes(values, size, constants, counts);
    }
    convert_all(values, size, results);
  } else {
    alignas(64) int64_t values[kBlock];
    std::copy_n(accumulators, size, values);
    run_lanes(values, size, constants, counts);
    convert_all(values, size, results);
  }
}

template <class Result>
void FastSteps::run(const int32_t* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const {
  for (size_t start = 0; start < size; start += kBlock) run_block(accumulators + start, std::min(kBlock, size - start), channel, results + start, counts);
}

#define ASSAY_RUN(Result) template void FastSteps::run<Result>(const int32_t*, size_t, size_t, Result*, RowCounts&) const;
ASSAY_RUN(int8_t)
ASSAY_RUN(uint8_t)
ASSAY_RUN(int16_t)
ASSAY_RUN(uint16_t)
ASSAY_RUN(int32_t)
ASSAY_RUN(uint32_t)
ASSAY_RUN(int64_t)
ASSAY_RUN(uint64_t)
#undef ASSAY_RUN

std::vector<ChannelConstants> channel_constants(const std::vector<int64_t>& bias, const std::vector<QScale>& scale, size_t count) {
  std::vector<ChannelConstants> channels(bias.empty() && scale.size() == 1 ? 1 : count);
  for (size_t c = 0; c < channels.size(); ++c) channels[c] = {bias.empty() ? 0 : bias.at(c), scale.at(scale.size() == 1 ? 0 : c)};
  return channels;
}

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
