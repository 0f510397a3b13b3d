// Every operand there is. Requantization: all accumulators of the target's register (2^32) for one channel's scale, bias and zero point; what is expected comes from the staircase
// of the target's steps (vectors/arithmetic/staircase.h: the results of all accumulators, proven by bisection), or from the definition element by element. The other operations:
// all stored words, for seeded scales.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "verify/check/check_device.h"

namespace assay::verify {

// One channel's constants; what is absent is drawn from the seed.
struct ChannelChoice {
  std::optional<int64_t> multiplier, left_shift, right_shift;
  int64_t bias = 0;
};

struct ExhaustiveSettings {
  bool direct = false;  // each element by the definition instead of the staircase
  int threads = 1;
  uint64_t seed = 1;
  size_t groups = 16;  // scales that add, mul, average_pool and dot are tested with
  ChannelChoice channel;
  std::function<void(size_t done, size_t total)> progress;  // may be called from several threads
};

struct ExhaustiveReport {
  std::string what;  // "all 4294967296 accumulators, multiplier=... "
  std::string by;    // "the staircase of the target's steps: 257 stairs" or "the definition, each"
  uint64_t cases = 0;
  uint64_t different = 0;
  double seconds = 0;
  std::vector<Tested> sample;         // those that differ, and some that do not; for laws and explanations
  std::string untested;               // why nothing, or not all, was tested
  std::optional<int64_t> stopped_at;  // the first accumulator of the row that the device did not answer
};

// The operands of a requantization of this channel; the accumulator (0) comes first. InputError where the choice isn't legal for the target.
Operands channel_operands(const emu::Target& target, const ChannelChoice& choice, uint64_t seed);

// All accumulators through a device. `devices`: one per thread.
ExhaustiveReport exhaust_requantize(const emu::Target& target, const std::vector<Device>& devices, const ExhaustiveSettings& settings);
// All accumulators through our own kernel (emu/kernels/fast_steps.h).
ExhaustiveReport exhaust_kernel(const emu::Target& target, const ExhaustiveSettings& settings);
// Rounding: all 16-bit values, shifts of 0 to 15, ten modes. Table: all words. add, mul: all pairs of words (of 8 bits; wider words by every 2^k-th). quantize: all binary32 words
// of 12 significant bits. average_pool: all sums of 1 to 16 and 49 words. dot: all products.
ExhaustiveReport exhaust_words(const emu::Target& target, const Device& device, ArithOp op, const ExhaustiveSettings& settings);

// A line for people, and a JSON object: op, verdict (EQUAL, NOT_EQUAL, or untested with the reason), what, by, cases, different, seconds.
std::string exhaustive_text(ArithOp op, const ExhaustiveReport& report);
std::string exhaustive_json(ArithOp op, const ExhaustiveReport& report);

}  // namespace assay::verify
