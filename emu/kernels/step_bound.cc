#include "emu/kernels/step_bound.h"

#include <algorithm>

namespace assay::emu {
namespace {

Wide magnitude(Wide value) {
  return value < 0 ? -value : value;
}

Wide magnitude(IntType type) {
  return std::max(magnitude(type.min()), magnitude(type.max()));
}

Wide magnitude(ClampBounds bounds) {
  return std::max(magnitude(bounds.low), magnitude(bounds.high));
}

// Of values below 2^125; the product of larger ones is beyond the lanes.
Wide times(Wide a, Wide b) {
  return a > kBeyondLanes / b ? kBeyondLanes : a * b;
}

class Bound {
 public:
  Bound(Wide worst, const std::vector<ChannelConstants>& channels, IntType output, int64_t zero_point, ClampBounds clamp, bool holds_rounded)
      : value_(std::clamp(worst, Wide{1}, kBeyondLanes)),
        largest_(value_),
        output_(output),
        zero_point_(zero_point),
        clamp_(clamp),
        rounded_(holds_rounded ? Wide{kHeld} : Wide{1} << 31) {
    for (const auto& [bias, scale] : channels) {
      bias_ = std::max(bias_, magnitude(bias));
      multiplier_ = std::max(multiplier_, magnitude(scale.multiplier));
      left_ = std::max(left_, scale.left.bits);
      right_ = std::max(right_, scale.right.bits);
      least_right_ = std::min(least_right_, scale.right.bits);
      first_ = std::max(first_, scale.first.bits);
      least_first_ = std::min(least_first_, scale.first.bits);
    }
  }

  Wide largest() const { return largest_; }

  void operator()(const AddBias&) { become(value_ + bias_); }
  void operator()(const ShiftLeft& s) { become(times(value_, Wide{1} << (s.amount ? s.amount->bits : left_))); }
  void operator()(const AddNumber& s) { become(value_ + magnitude(s.amount)); }
  void operator()(const Multiply& s) { become(times(value_, std::max(s.factor ? magnitude(*s.factor) : multiplier_, Wide{1}))); }
  void operator()(const ShiftRight& s) {
    // Rounding adds less than one unit of what is discarded before it shifts.
    const uint8_t most = s.is_first ? first_ : right_, least = s.is_first ? least_first_ : least_right_;
    become(value_ + (Wide{1} << (s.amount ? s.amount->bits : most)));
    value_ = (value_ >> (s.amount ? s.amount->bits : least)) + 1;
  }
  void operator()(const Saturate& s) { value_ = std::min(value_, magnitude(s.bits ? IntType{*s.bits, true} : output_)); }
  void operator()(const Wrap& s) {
    // What leaves a type may come back anywhere in it: -1 as 255.
    const IntType type = s.bits ? IntType{*s.bits, true} : output_;
    if (!type.holds(value_) || !type.holds(-value_)) become(magnitude(type));
  }
  void operator()(const AddZeroPoint&) { become(value_ + magnitude(zero_point_)); }
  void operator()(const Clamp& s) { become(magnitude(s.bounds ? ClampBounds{s.bounds->low, s.bounds->high} : clamp_)); }
  void operator()(const ToInt&) { become(rounded_); }
  void operator()(const StoreFp32&) { become(output_.max()); }
  // In binary32 no lane of integers holds the value.
  void operator()(const auto&) { value_ = 1; }

 private:
  void become(Wide value) {
    value_ = std::min(value, kBeyondLanes);
    largest_ = std::max(largest_, value_);
  }

  Wide value_, largest_;
  IntType output_;
  int64_t zero_point_;
  ClampBounds clamp_;
  Wide rounded_;
  Wide bias_ = 0, multiplier_ = 0;
  uint8_t left_ = 0, right_ = 0, least_right_ = kMaxShiftBits, first_ = 0, least_first_ = kMaxShiftBits;
};

// Whether a value outside +-kHeld, after these additions, is cut to the same bound as +-kHeld is.
bool is_cut_alike(const Steps& steps, size_t first, IntType output, int64_t zero_point, ClampBounds clamp) {
  Wide added = 0;
  for (size_t i = first; i < steps.size(); ++i) {
    if (const auto* add = std::get_if<AddNumber>(&steps[i])) {
      added += magnitude(add->amount);
    } else if (std::holds_alternative<AddZeroPoint>(steps[i])) {
      added += magnitude(zero_point);
    } else if (const auto* saturate = std::get_if<Saturate>(&steps[i])) {
      return added + magnitude(saturate->bits ? IntType{*saturate->bits, true} : output) < kHeld;
    } else if (const auto* bounds = std::get_if<Clamp>(&steps[i])) {
      return added + magnitude(bounds->bounds ? ClampBounds{bounds->bounds->low, bounds->bounds->high} : clamp) < kHeld;
    } else {
      return false;
    }
  }
  return false;
}

}  // namespace

Wide largest_within(const Steps& steps, Wide worst, const std::vector<ChannelConstants>& channels, IntType output, int64_t zero_point, ClampBounds clamp) {
  Bound bound(worst, channels, output, zero_point, clamp, may_hold_rounded(steps, output, zero_point, clamp));
  for (const Step& step : steps) std::visit(bound, step);
  return bound.largest();
}

bool may_hold_rounded(const Steps& steps, IntType output, int64_t zero_point, ClampBounds clamp) {
  for (size_t i = 0; i < steps.size(); ++i) {
    if (std::holds_alternative<ToInt>(steps[i]) && !is_cut_alike(steps, i + 1, output, zero_point, clamp)) return false;
  }
  return true;
}

std::vector<ChannelConstants> channel_constants(const std::vector<int64_t>& bias, const std::vector<QScale>& scale, size_t count) {
  std::vector<ChannelConstants> channels(bias.empty() && scale.size() == 1 ? 1 : count);
  for (size_t c = 0; c < channels.size(); ++c) channels[c] = {bias.empty() ? 0 : bias.at(c), scale.at(scale.size() == 1 ? 0 : c)};
  return channels;
}

}  // namespace assay::emu
