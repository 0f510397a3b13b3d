#include "quant/calibrate/histogram.h"

#include <algorithm>
#include <cmath>

namespace assay::quant {
namespace {

// PyTorch's histc on the CPU, every operation in float32: bin = int((x - low) * bins / (high - low)); `high` itself falls into the last bin, values outside are dropped. An empty
// range becomes the data's own, or one to each side of its only value.
template <class Of>
std::vector<double> count_as_torch(const float* data, size_t size, float low, float high, size_t bins, Of of) {
  std::vector<double> counts(bins, 0.0);
  if (low == high && size > 0) {
    low = high = of(data[0]);
    for (size_t i = 1; i < size; ++i) {
      low = std::min(low, of(data[i]));
      high = std::max(high, of(data[i]));
    }
    if (low == high) {
      low -= 1;
      high += 1;
    }
  }
  const auto count = static_cast<float>(bins);
  const float range = high - low;
  for (size_t i = 0; i < size; ++i) {
    const float value = of(data[i]);
    if (!(value >= low && value <= high)) continue;
    const auto bin = static_cast<size_t>((value - low) * count / range);
    ++counts[std::min(bin, bins - 1)];
  }
  return counts;
}

}  // namespace

std::vector<double> HistogramObserver::look(const float* data, size_t size) const {
  if (counting_) {
    if (symmetric()) {
      const auto high = static_cast<float>(bin_width_ * static_cast<double>(counts_.size()));
      return count_as_torch(data, size, 0.0F, high, counts_.size(), [](float x) { return std::fabs(x); });
    }
    return count_as_torch(data, size, static_cast<float>(min_), static_cast<float>(max_), counts_.size(), [](float x) { return x; });
  }
  if (size == 0) return {0, 0};
  const auto [least, greatest] = std::minmax_element(data, data + size);
  return {static_cast<double>(*least), static_cast<double>(*greatest)};
}

void HistogramObserver::merge(const std::vector<double>& seen) {
  if (counting_) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += seen[i];
    return;
  }
  min_ = seen_any_ ? std::min(min_, seen[0]) : seen[0];
  max_ = seen_any_ ? std::max(max_, seen[1]) : seen[1];
  seen_any_ = true;
}

void HistogramObserver::finish_phase() {
  if (counting_) return;
  counting_ = true;
  const double range = symmetric() ? std::max(std::fabs(min_), std::fabs(max_)) : max_ - min_;
  bin_width_ = range / static_cast<double>(counts_.size());
}

}  // namespace assay::quant
