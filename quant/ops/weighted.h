// What Conv, ConvTranspose and MatMul share: a sum of products of input and weight, a bias, and the way out of the accumulator.
#pragma once

#include <functional>

#include "quant/ops/lowering.h"

namespace assay::quant {

// How the weights' elements meet in sums.
struct SumLayout {
  int64_t weight_axis = 0;         // the only axis on which weights may be per channel
  int64_t channels = 1;            // output channels
  std::vector<size_t> sum_of;      // by weight element: the kind of sum that it takes part in (all its terms can meet in one output)
  std::vector<size_t> channel_of;  // by kind of sum: its output channel
};

// The fields that the three instructions have in common.
struct Weighted {
  emu::Ref x;
  emu::Ref w;
  std::optional<emu::Ref> bias;
  int64_t zx = 0;
  int64_t zw = 0;
  emu::Accumulator acc;
  emu::Requant requant;
};

// Inputs of the node: x, w, optionally bias (without one `add_bias` is left out, without a fused LeakyRelu `leaky_fp32 slope`). Ratio of channel c: s_x * s_w[c] / s_y, exactly;
// s_x is the reference_scale of x, to which the weights are normalised where its channels have scales of their own.
//
// The bias is in accumulator steps, s_x * s_w[c], quantized as PPQ does; where steps scale the sum before `add_bias`, it is in the steps of that place, rounded once from the
// exact value. The worst |partial sum| comes from the weights themselves and the range of x, plus |bias| where the bias is the first step.
Weighted lower_weighted(const Node& node, const emu::Steps& target_steps, const std::string& key, const SumLayout& layout, Lowering& lowering);

}  // namespace assay::quant
