// mse: of the ranges that are laid out in steps of whole bins (2048 of them), the one with the least mean squared distance of a value to its step's nearer edge, as PPQ measures
// it. A symmetric grid lays all its levels over |x|, as in PPQ.
#include <algorithm>

#include "emu/base/error.h"
#include "quant/calibrate/encode.h"
#include "quant/calibrate/histogram.h"
#include "quant/calibrate/observers.h"

namespace assay::quant {
namespace {

constexpr int64_t kMseBins = 2048;
constexpr int64_t kStartInterval = 8;

// Bins [start, end) in `levels` steps of `step` bins.
struct Candidate {
  int64_t start = 0;
  int64_t step = 0;
  int64_t end = 0;
};

class Mse final : public HistogramObserver {
 public:
  explicit Mse(const Grid& grid) : HistogramObserver(grid, kMseBins), levels_(grid.high - grid.low + 1) {}

  ScaleAndOffset result() const override {
    double total = 0;
    for (const double count : counts()) total += count;
    Candidate best;
    double least = 0;
    for (const Candidate& candidate : candidates()) {
      const double found = loss(candidate, total);
      if (best.step == 0 || found < least) {
        best = candidate;
        least = found;
      }
    }
    const double end = static_cast<double>(best.end) * bin_width();
    if (symmetric()) return encode(-end, end, grid());
    const double start = static_cast<double>(best.start) * bin_width();
    return encode(start + min(), end + min(), grid());
  }

 private:
  Candidate candidate(int64_t start, int64_t step) const { return {start, step, start + levels_ * step}; }

  // In PPQ's order: the first of equal losses wins.
  std::vector<Candidate> candidates() const {
    std::vector<Candidate> all{candidate(0, kMseBins / levels_ + 1)};
    const auto add_steps = [&](int64_t start) {
      for (int64_t step = 1; step <= kMseBins / levels_ && candidate(start, step).end <= kMseBins + levels_; ++step) all.push_back(candidate(start, step));
    };
    if (symmetric()) {
      add_steps(0);
      return all;
    }
    for (int64_t start = 0; start < kMseBins && static_cast<double>(start) * bin_width() + min() <= 0; start += kStartInterval) add_steps(start);
    return all;
  }

  // Distances in bins: outside the range to its edge, inside to the nearer edge of the step.
  double loss(const Candidate& range, double total) const {
    double sum = 0;
    for (int64_t i = 0; i < kMseBins; ++i) {
      const double count = counts()[static_cast<size_t>(i)];
      if (count == 0) continue;
      double error = 0;
      if (i < range.start) {
        error = static_cast<double>(range.start - i) - 0.5;
      } else if (i > range.end) {
        error = static_cast<double>(i - range.end) + 0.5;
      } else {
        const int64_t left = (i - range.start) % range.step;
        const int64_t right = range.step - left - 1;
        error = left == right ? static_cast<double>(left) + 0.25 : static_cast<double>(std::min(left, right)) + 0.5;
      }
      sum += count * error * error / total;
    }
    return sum;
  }

  int64_t levels_;
};

}  // namespace

std::unique_ptr<RangeObserver> make_mse(const Grid& grid) {
  // With more levels than bins PPQ's only candidate lies far outside the data.
  if (grid.high - grid.low + 1 > kMseBins) {
    throw InputError("observer 'mse' has " + std::to_string(kMseBins) + " bins and cannot choose among " + std::to_string(grid.high - grid.low + 1) +
                     " levels; use percentile or minmax");
  }
  return std::make_unique<Mse>(grid);
}

}  // namespace assay::quant
