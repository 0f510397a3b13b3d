// A function of one 8-bit value as the table of its 256 results, with what the steps did to each.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "emu/machine.h"
#include "emu/program/tensor.h"

namespace assay::emu {

inline constexpr size_t kMapSize = 256;

struct Map {
  std::array<int64_t, kMapSize> results{};
  std::array<uint8_t, kMapSize> intermediate{}, output{};  // 1 where a saturate or wrap changed the value
  bool any_intermediate = false, any_output = false;
};

// Entry q - min(input) is of(q, events) for every q that the input type holds.
Map map_of(IntType input, const std::function<Wide(int64_t value, StepEvents& events)>& of);

// Where a channel's elements lie in a tensor seen as [outer, channels, inner].
struct Channels {
  size_t outer = 1, count = 1, inner = 1;
};
Channels channels_of(const Shape& shape);

// results[i] = map[x[i]], and the map's events for these elements added to `overflows`. x: `size` elements of an 8-bit tensor from `first` on; results from `to` on.
void apply_map(const Map& map, const Tensor& x, size_t first, size_t size, Tensor& results, size_t to, size_t channel, size_t channels, OverflowCounts& overflows);

}  // namespace assay::emu
