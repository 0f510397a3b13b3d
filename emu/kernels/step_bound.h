// How large any value can become between an accumulator and its output: what decides the lanes that a row of steps needs.
#pragma once

#include <vector>

#include "emu/kernels/channel_constants.h"
#include "emu/program/program.h"

namespace assay::emu {

// The largest magnitude that any element can have before, within or after a step, given that no |accumulator| is larger than `worst`: what the lanes must hold. At least 1, so that
// they hold every factor too. Magnitudes from kBeyondLanes on are told as kBeyondLanes.
inline constexpr Wide kBeyondLanes = Wide{1} << 125;
Wide largest_within(const Steps& steps, Wide worst, const std::vector<ChannelConstants>& channels, IntType output, int64_t zero_point, ClampBounds clamp);

// Rounded binary32 numbers are held within this where nothing can tell: after each to_int only small numbers are added before a saturate or clamp to bounds well inside it.
inline constexpr int64_t kHeld = int64_t{1} << 30;
bool may_hold_rounded(const Steps& steps, IntType output, int64_t zero_point, ClampBounds clamp);

}  // namespace assay::emu
