// The requantization that most chips have, in one pass over a row:
//   [add_bias] {shift_left | multiply} [shift_right] [add_zero_point] [saturate output] [clamp]
// v = round((accumulator + bias) * factor / 2^right) + zero_point; counted where the output's type does not hold it; then into the bounds that saturate and clamp leave.
#pragma once

#include <optional>
#include <vector>

#include "emu/arith/requant.h"
#include "emu/kernels/channel_constants.h"

namespace assay::emu {

class ScaledRows {
 public:
  // nullopt: the steps have another form, or an intermediate could leave the lanes. `worst`: no |accumulator| is larger; `largest`: no intermediate of any step is.
  static std::optional<ScaledRows> prepare(const Steps& steps, Wide worst, Wide largest, const std::vector<ChannelConstants>& channels, IntType output, int64_t zero_point,
                                           int64_t clamp_low, int64_t clamp_high);

  // Returns how many elements the output's type did not hold.
  uint64_t run(const int32_t* accumulators, size_t size, size_t channel, int32_t* results) const;
  uint64_t run(const int64_t* accumulators, size_t size, size_t channel, int32_t* results) const;

  struct Channel {
    int64_t bias = 0;
    int64_t factor = 1;
    int right = 0;
  };
  struct Bounds {
    int64_t zero_point = 0;
    int64_t low = 0, high = 0;                // of the output's type
    int64_t result_low = 0, result_high = 0;  // after saturate and clamp
  };

 private:
  template <class Accumulator>
  uint64_t run_any(const Accumulator* accumulators, size_t size, size_t channel, int32_t* results) const;

  std::vector<Channel> channels_;
  Bounds bounds_;
  Round round_ = Round::floor;
  // The sum with its bias, and the product and what follows.
  enum class Lanes : uint8_t { in32_then32, in32_then64, in64_then64, in64_then128 };
  Lanes lanes_ = Lanes::in64_then128;
};

}  // namespace assay::emu
