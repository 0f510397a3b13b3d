// percentile: of each input's n sorted values v, v[int(n * (1 - p))] and v[int(n * p)] with p = 0.9999, nothing interpolated; then the mean over the inputs, in float32 and in
// the order in which PyTorch sums a vector on the CPU, because that order decides the last bit.
#include <algorithm>

#include "quant/calibrate/encode.h"
#include "quant/calibrate/observers.h"
#include "quant/calibrate/torch_mean.h"

namespace assay::quant {
namespace {

constexpr double kPercentile = 0.9999;
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
