// percentile: of each input's n sorted values v, v[int(n * (1 - p))] and v[int(n * p)] with p = 0.9999, nothing interpolated; then the mean over the inputs, in float32 and in
// the order in which PyTorch sums a vector on the CPU, because that order decides the last bit.
#include <algorithm>
#include <array>

#include "quant/calibrate/encode.h"
#include "quant/calibrate/observers.h"

namespace assay::quant {
namespace {

constexpr double kPercentile = 0.9999;
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

float mean_as_torch(const std::vector<float>& values) {
  return sum_as_torch(values) / static_cast<float>(values.size());
}

class Percentile final : public RangeObserver {
 public:
  explicit Percentile(const Grid& grid) : grid_(grid) {}
  int phases() const override { return 1; }

  std::vector<double> look(const float* data, size_t size) const override {
    if (size == 0) return {0, 0};
    const auto count = static_cast<double>(size);
    const auto low = static_cast<size_t>(count * (1 - kPercentile));
    const size_t high = std::min(static_cast<size_t>(count * kPercentile), size - 1);
    std::vector<float> values(data, data + size);
    const auto at = [&](size_t i) { return values.begin() + static_cast<std::ptrdiff_t>(i); };
    std::nth_element(values.begin(), at(high), values.end());
    const double max = static_cast<double>(values[high]);
    if (low < high) std::nth_element(values.begin(), at(low), at(high));
    return {static_cast<double>(values[low]), max};
  }

  void merge(const std::vector<double>& seen) override {
    lows_.push_back(static_cast<float>(seen[0]));
    highs_.push_back(static_cast<float>(seen[1]));
  }

  void finish_phase() override {}
  ScaleAndOffset result() const override { return encode(static_cast<double>(mean_as_torch(lows_)), static_cast<double>(mean_as_torch(highs_)), grid_); }

 private:
  Grid grid_;
  std::vector<float> lows_;
  std::vector<float> highs_;
};

}  // namespace

std::unique_ptr<RangeObserver> make_percentile(const Grid& grid) {
  return std::make_unique<Percentile>(grid);
}

}  // namespace assay::quant
