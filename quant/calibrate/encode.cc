#include "quant/calibrate/encode.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "emu/base/error.h"
#include "quant/calibrate/derivations.h"

namespace assay::quant {
namespace {

constexpr float kMinScale = 1e-8F;

ScaleAndOffset half_away(double min, double max, const Grid& grid) {
  const double scale = std::max((max - min) / static_cast<double>(grid.high - grid.low), static_cast<double>(kMinScale));
  return {static_cast<float>(scale), static_cast<int64_t>(std::round(-min / scale))};
}

ScaleAndOffset nudged(double min, double max, const Grid& grid) {
  const auto word = [](double value) { return emu::Fp32{std::bit_cast<uint32_t>(static_cast<float>(value))}; };
  const NudgedRange range = nudge_range(word(min), word(max), static_cast<int>(grid.high - grid.low));
  const float low = std::bit_cast<float>(range.low.bits), high = std::bit_cast<float>(range.high.bits);
  const float scale = std::max((high - low) / static_cast<float>(grid.high - grid.low), kMinScale);
  return {scale, static_cast<int64_t>(std::nearbyint(-low / scale))};
}

ScaleAndOffset of_position(double magnitude, const Grid& grid) {
  const auto greatest = static_cast<float>(magnitude);
  if (greatest < kMinScale) return {kMinScale, 0};
  const int position = std::ilogb(greatest) - (grid.bits - 2);
  const float factor = std::ldexp(static_cast<float>(grid.high), position) / greatest;
  return {std::ldexp(1.0F, position) / factor, 0};
}

}  // namespace

ScaleAndOffset encode(double min, double max, const Grid& grid) {
  min = std::min(min, 0.0);
  max = std::max(max, 0.0);
  const double magnitude = std::max(-min, max);
  switch (grid.encoding) {
    case emu::Encoding::range: return scale_from_range(min, max, grid.low, grid.high, grid.symmetry, grid.kind);
    case emu::Encoding::range_half_away: return half_away(min, max, grid);
    case emu::Encoding::nudged_range: return nudged(min, max, grid);
    case emu::Encoding::magnitude: return {std::max(static_cast<float>(magnitude / static_cast<double>(grid.high)), kMinScale), 0};
    case emu::Encoding::position: return of_position(magnitude, grid);
  }
  ASSAY_ASSERT(!"an Encoding outside its enumeration");
}

}  // namespace assay::quant
