// Requantization of whole rows: the steps of requant.h, one step over many elements at a time, in 32- or 64-bit lanes. Prepared from the worst accumulator: lanes are
// chosen so that no intermediate can leave them, which makes every step equal to its definition in Wide.
#pragma once

#include <optional>
#include <vector>

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

  // A row of one channel, at most kRow long: accumulators in, results out.
  static constexpr size_t kRow = 256;
  template <class Accumulator, class Result>
  void run(const Accumulator* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const;

  bool narrow() const { return narrow_; }
  size_t channels() const { return channels_.size(); }

 private:
  template <class Lane>
  void run_lanes(Lane* values, size_t size, const ChannelConstants& constants, RowCounts& counts) const;

  Steps steps_;
  std::vector<ChannelConstants> channels_;
  IntType output_ = kS8;
  int64_t zero_point_ = 0;
  ClampBounds clamp_;
  bool narrow_ = false;  // 32-bit lanes
};

// Bias (may be empty) and scale (one entry or one per channel) as constants of `count` channels.
std::vector<ChannelConstants> channel_constants(const std::vector<int64_t>& bias, const std::vector<QScale>& scale, size_t count);

// Adds a row's counts to the instruction's.
void add_counts(OverflowCounts& overflows, const FastSteps::RowCounts& counts, size_t channel, size_t channels);

}  // namespace assay::emu
