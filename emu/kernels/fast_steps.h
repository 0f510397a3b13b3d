// Requantization of whole rows: the steps of requant.h, one step over many elements at a time, in lanes of 32, 64 or 128 bits and, between to_fp32 and to_int, on the FPU.
// Prepared from the worst accumulator: lanes are chosen so that no intermediate can leave them, which makes every step equal to its definition in Wide. Lists of the common
// form take one pass (scaled_rows.h).
#pragma once

#include <optional>
#include <vector>

#include "emu/kernels/channel_constants.h"
#include "emu/kernels/scaled_rows.h"
#include "emu/machine.h"
#include "emu/program/program.h"

namespace assay::emu {

class FastSteps {
 public:
  // `worst`: no |accumulator| is larger. nullopt: some value could leave 125 bits.
  static std::optional<FastSteps> prepare(Steps steps, Wide worst, std::vector<ChannelConstants> channels, const ValueInfo& result, ClampBounds clamp);

  // How many of a row's elements a saturate or wrap changed, before the last step and into the output's type.
  struct RowCounts {
    uint64_t intermediate = 0;
    uint64_t output = 0;
  };

  // A row of one channel: accumulators in (int32_t or int64_t; or binary32 numbers, for lists that begin there), results out (numbers, for lists that end there).
  template <class Accumulator, class Result>
  void run(const Accumulator* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const;

  enum class Lanes : uint8_t { bits32, bits64, bits128 };
  Lanes lanes() const { return lanes_; }
  bool narrow() const { return lanes_ == Lanes::bits32; }
  bool one_pass() const { return one_pass_.has_value(); }
  size_t channels() const { return channels_.size(); }

 private:
  static constexpr size_t kBlock = 256;  // elements at a time: they stay in the first cache through all steps
  template <class Accumulator, class Result>
  void run_block(const Accumulator* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const;
  template <class Lane, class Accumulator, class Result>
  void run_in(const Accumulator* accumulators, size_t size, size_t channel, Result* results, RowCounts& counts) const;
  // `numbers` holds the values wherever they are binary32 numbers, `values` elsewhere.
  template <class Lane>
  void run_steps(Lane* values, float* numbers, size_t size, const StepOperands& operands, RowCounts& counts) const;

  Steps steps_;
  std::vector<ChannelConstants> channels_;
  IntType output_ = kS8;
  int64_t zero_point_ = 0;
  ClampBounds clamp_;
  Lanes lanes_ = Lanes::bits64;
  bool in_fp32_ = false;                // some steps are
  bool holds_rounded_ = false;          // see step_bound.h
  std::optional<ScaledRows> one_pass_;  // where the steps have its form
};

// Adds a row's counts to the instruction's.
void add_counts(OverflowCounts& overflows, const FastSteps::RowCounts& counts, size_t channel, size_t channels);

}  // namespace assay::emu
