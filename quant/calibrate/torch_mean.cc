#include "quant/calibrate/torch_mean.h"

#include <array>
#include <cstddef>

namespace assay::quant {
namespace {

constexpr size_t kLanes = 4;
constexpr size_t kLevels = 4;
constexpr size_t kLevelBits = 4;
constexpr size_t kRowsPerLevel = size_t{1} << kLevelBits;

// Four interleaved sums; each adds 16 rows, then carries them to the next of four levels; what is left over goes to the first.
float sum_as_torch(const std::vector<float>& values) {
  std::array<std::array<float, kLanes>, kLevels> sums{};
  const size_t rows = values.size() / kLanes;
  const auto add_row = [&](size_t row) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[0][lane] += values[row * kLanes + lane];
  };
  const auto carry = [&](size_t level) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      sums[level][lane] += sums[level - 1][lane];
      sums[level - 1][lane] = 0;
    }
  };
  size_t row = 0;
  while (row + kRowsPerLevel <= rows) {
    for (size_t i = 0; i < kRowsPerLevel; ++i) add_row(row++);
    for (size_t level = 1; level < kLevels; ++level) {
      carry(level);
      if (((row >> (level * kLevelBits)) & (kRowsPerLevel - 1)) != 0) break;
    }
  }
  while (row < rows) add_row(row++);
  for (size_t level = 1; level < kLevels; ++level) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[0][lane] += sums[level][lane];
  }
  for (size_t i = rows * kLanes; i < values.size(); ++i) sums[0][0] += values[i];
  return ((sums[0][0] + sums[0][1]) + sums[0][2]) + sums[0][3];
}

}  // namespace

float mean_as_torch(const std::vector<float>& values) {
  return sum_as_torch(values) / static_cast<float>(values.size());
}

}  // namespace assay::quant
