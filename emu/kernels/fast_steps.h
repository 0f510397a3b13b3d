// Requantization of whole rows: the steps of requant.h, one step over many elements at a time, in 32- or 64-bit lanes. Prepared from the worst accumulator: lanes are
// chosen so that no intermediate can leave them, which makes every step equal to its definition in Wide. Lists of the common form take one pass (scaled_rows.h).
#pragma once

#include <optional>
#include <vector>

#include "emu/kernels/scaled_rows.h"
#include "emu/machine.h"
#include "emu/program/program.h"

namespace assay::emu {

// Bias and scale of one channel.
struct ChannelConstants {
  int64_t bias = 0;
  QScale scale;
};

class FastSteps {
 public:
  // `worst`: no |accumulator| is larger. nullopt: some value could leave 63 bits.
  static std::optional<FastSteps> prepare(Steps steps, Wide worst, std::vector<ChannelConstants> channels, const ValueInfo& result, ClampBounds clamp);

  // How many of a row's elements a saturate or wrap changed, before the last step and into the output's type.
  struct RowCounts {
    uint64_t intermediate = 0;
    uint64_t output = 0;
  };

  // A row of one channel: accumulators in, results out.
  template <class Result>
  void run(const int32_t* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const;

  bool narrow() const { return narrow_; }
  bool one_pass() const { return one_pass_.has_value(); }
  size_t channels() const { return channels_.size(); }

 private:
  static constexpr size_t kBlock = 256;  // elements at a time: they stay in the first cache through all steps
  template <class Result>
  void run_block(const int32_t* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const;
  template <class Lane>
  void run_lanes(Lane* values, size_t size, const ChannelConstants& constants, RowCounts& counts) const;

  Steps steps_;
  std::vector<ChannelConstants> channels_;
  IntType output_ = kS8;
  int64_t zero_point_ = 0;
  ClampBounds clamp_;
  bool narrow_ = false;                 // 32-bit lanes
  std::optional<ScaledRows> one_pass_;  // where the steps have its form
};

// Bias (may be empty) and scale (one entry or one per channel) as constants of `count` channels.
std::vector<ChannelConstants> channel_constants(const std::vector<int64_t>& bias, const std::vector<QScale>& scale, size_t count);

// Adds a row's counts to the instruction's.
void add_counts(OverflowCounts& overflows, const FastSteps::RowCounts& counts, size_t channel, size_t channels);

}  // namespace assay::emu
