// Channels (axis 1) with scales of their own: which channel of its input a channel of a moved tensor comes from, and whether an operator's words are copies.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quant/quantized.h"

namespace assay::quant {

// Whether the axis is that of the channels: 1 of [N, C] and of [N, C, H, W ...]. The channels of three axes lie last on chips that number them from the end.
bool joins_channels(const Node& node, const Graph& graph);

// For an operator that hands on the words of its first input (and for Relu and AveragePool where scales pass through them): by channel of the output, the input's. None where
// channels are mixed, or where something comes in between (padding on the axis, or with words that depend on the scale).
std::optional<std::vector<int64_t>> kept_channels(const Node& node, const Graph& graph);

// Whether every word of the output means what the same word of its input meant: zero points are equal, and so are the scales, channel by channel. For operators that hand on
// words, and Concat.
bool same_meaning(const Node& node, const Quantized& quantized);

}  // namespace assay::quant
