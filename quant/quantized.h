// A quantized graph: what the calibration decided, tensor by tensor. One quantization per tensor: a producer and all its consumers agree by construction; tensors that must
// share a scale (passive operators, joint inputs of Add and Concat) form groups with one root.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "emu/target/target.h"
#include "quant/graph/graph.h"

namespace assay::quant {

// PPQ's states, as far as a tensor here can be in them (ppq.md 5).
enum class State : uint8_t {
  initial,       // waiting for an observer
  activated,     // own scale
  overlapped,    // the scale of its group's root
  passive,       // a bias: scale of input x scale of weight
  baked,         // a parameter replaced by its fake-quantized value
  passive_baked  // a bias replaced so
};
std::string_view to_string(State state);

// A weight whose input's channels have scales of their own is normalised: before it is rounded, each element is multiplied by the scale of the input channel that it meets, over
// the greatest of them (reference_scale). So sums of products have one scale per output channel.
struct InputFactor {
  int64_t axis = 1;           // of the weight: where its input channels lie, 0 (ConvTranspose, MatMul) or 1 (Conv)
  int64_t groups = 1;         // with axis 1: the blocks of axis 0 that meet input channels of their own
  std::vector<float> factor;  // by input channel
};

// real = scale * (q - zero_point); q in [low, high]. scale.size() is 1 or the number of channels on `axis`. Zero points are integers in the storage's own range. With an
// input_factor, real = scale * (q - zero_point) / factor.
struct TensorQuantization {
  State state = State::initial;
  emu::Storage storage;
  emu::Symmetry symmetry = emu::Symmetry::symmetric;
  emu::ScaleKind kind = emu::ScaleKind::real;
  emu::Encoding encoding = emu::Encoding::range;           // how its range becomes scale and zero point ...
  std::optional<std::pair<int64_t, int64_t>> levels = {};  // ... and over which words, low and high; none: the storage's
  emu::Round round = emu::Round::half_even;
  std::optional<int64_t> axis;  // of the channels; none: per tensor
  std::vector<float> scale;
  int64_t zero_point = 0;
  std::optional<InputFactor> input_factor;
  std::string observer;         // "percentile", "minmax" ...
  std::string provenance;       // in words: "percentile over 64 inputs", "shared with 'relu1_out' (concat)"
  std::optional<ValueId> root;  // overlapped: whose scale this is
};

struct Quantized {
  Graph graph;  // simplified, parameters still in float32
  emu::Target target;
  std::vector<std::optional<TensorQuantization>> tensors;  // by ValueId; none: not a real tensor of the data path
};

// What a consumer's products are in units of: the scale, or the greatest of the channels' scales.
float reference_scale(const TensorQuantization& quantization);

// The text that is written as *.quant.json: sorted keys, floats as shortest round-trip decimals, no timestamps.
std::string to_json(const Quantized& quantized);

}  // namespace assay::quant
