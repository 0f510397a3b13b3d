// (Graph, Target, calibration inputs) -> Quantized: which tensors share a scale, every parameter's quantization, every activation's by its observer.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quant/quantized.h"

namespace assay::quant {

// One calibration or test input: a tensor per graph input, in the graph's order. Loaded on demand: `get(i)` may be called from several threads.
struct InputSet {
  size_t count = 0;
  std::function<std::vector<FloatTensor>(size_t)> get;
};

// A scale that somebody else decided. Words and rounding stay the target's.
struct StatedScale {
  std::vector<float> scale;         // one, or one per channel of a weight
  int64_t offset = 0;               // of asymmetric ones: how far the word of real 0 is above the lowest
  std::optional<std::string> from;  // in words: "PPQ: ACTIVATED by percentile"
};

struct CalibrateOptions {
  std::optional<std::string> observer;        // of activations, instead of the target's
  std::map<std::string, StatedScale> stated;  // by value: nothing is measured there. What the target itself fixes or joins stays so.
  int threads = 1;
  std::function<void(size_t done, size_t total)> progress;
};

// Throws InputError where an input is missing, has the wrong shape, or holds NaN or Inf. The graph must be simplified; what
// only this target computes in one instruction is fused first.
Quantized calibrate(Graph graph, const emu::Target& target, const InputSet& inputs, const CalibrateOptions& options);

}  // namespace assay::quant
