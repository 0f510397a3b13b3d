// What the steps of one channel refer to.
#pragma once

#include <cstdint>
#include <vector>

#include "emu/arith/scale.h"

namespace assay::emu {

struct ChannelConstants {
  int64_t bias = 0;
  QScale scale;
};

// Bias (may be empty) and scale (one entry or one per channel) as constants of `count` channels.
std::vector<ChannelConstants> channel_constants(const std::vector<int64_t>& bias, const std::vector<QScale>& scale, size_t count);

}  // namespace assay::emu
