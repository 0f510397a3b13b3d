// Rows through their steps, and what overflowed by channel, where elements of one channel may lie far apart.
#pragma once

#include <algorithm>

#include "emu/kernels/fast_steps.h"
#include "emu/kernels/maps.h"

namespace assay::emu {

// `size` neighbours from element `first` of a tensor whose channels lie as `channels` says; run(start, size, channel, counts) takes the part of one channel from `start` on. Where
// all channels share their constants they are taken together, and again one by one where something overflowed.
template <class Run>
void run_neighbours(const Channels& channels, size_t first, size_t size, bool uniform, OverflowCounts& overflows, const Run& run) {
  if (uniform) {
    FastSteps::RowCounts counts;
    run(first, size, 0, counts);
    if (counts.intermediate == 0 && counts.output == 0) return;
  }
  for (size_t start = first; start < first + size;) {
    const size_t part = std::min(channels.inner - start % channels.inner, first + size - start), channel = start / channels.inner % channels.count;
    FastSteps::RowCounts counts;
    run(start, part, channel, counts);
    add_counts(overflows, counts, channel, channels.count);
    start += part;
  }
}

}  // namespace assay::emu
