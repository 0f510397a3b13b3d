// kl: the range [0, r bins) of |x| whose distribution, drawn with 2^(bits-1) levels, diverges least from the full one (Kullback-Leibler). Symmetric grids only. As PPQ has it, the
// first 8 of the 4096 bins are emptied and bin 8 holds 1, and the scale is the range / 2^(bits-1) where the grid encodes as PPQ does.
#include <cmath>

#include "emu/base/error.h"
#include "quant/calibrate/encode.h"
#include "quant/calibrate/histogram.h"
#include "quant/calibrate/observers.h"

namespace assay::quant {
namespace {

constexpr size_t kKlBins = 4096;
constexpr size_t kEmptied = 8;  // int(4096 * 0.002)
constexpr double kEpsilon = 1e-30;
constexpr double kKlMinScale = 1e-8;

class Kl final : public HistogramObserver {
 public:
  explicit Kl(const Grid& grid) : HistogramObserver(grid, kKlBins), levels_(size_t{1} << (grid.bits - 1)) {}

  ScaleAndOffset result() const override {
    std::vector<double> histogram = counts();
    for (size_t i = 0; i < kEmptied; ++i) histogram[i] = 0;
    histogram[kEmptied] = 1;
    double total = 0;
    for (const double count : histogram) total += count;
    size_t best = levels_;
    double least = HUGE_VAL;
    for (size_t range = levels_; range <= kKlBins; range += levels_) {
      const double found = divergence(histogram, range, total);
      if (found < least) {
        least = found;
        best = range;
      }
    }
    const double threshold = static_cast<double>(best) * bin_width();
    if (grid().encoding != emu::Encoding::range) return encode(-threshold, threshold, grid());
    double scale = static_cast<double>(best) / kKlBins * bin_width() * (static_cast<double>(kKlBins) / static_cast<double>(levels_));
    scale = std::max(scale, kKlMinScale);
    if (grid().kind == emu::ScaleKind::power_of_two) scale = round_to_power_of_two(scale, emu::Round::half_up);
    return {static_cast<float>(scale), 0};
  }

 private:
  // Distributions are float32 and their sum double; PyTorch's order of the float32 sum is not specified, so that one is made in double and rounded once.
  double divergence(const std::vector<double>& histogram, size_t range, double total) const {
    double beyond = 0;
    for (size_t i = range; i < kKlBins; ++i) beyond += histogram[i];
    const std::vector<float> drawn = redraw(histogram, range);
    double drawn_sum = 0;
    for (const float value : drawn) drawn_sum += static_cast<double>(value);
    double sum = 0;
    for (size_t i = 0; i < range; ++i) {
      const float count = static_cast<float>(histogram[i]) + (i + 1 == range ? static_cast<float>(beyond) : 0.0F);
      const auto p = static_cast<double>(count / static_cast<float>(total));
      const auto q = static_cast<double>(drawn[i] / static_cast<float>(drawn_sum));
      sum += p * (std::log10(p + kEpsilon) - std::log10(q + kEpsilon));
    }
    return sum;
  }

  // The first `range` bins with `levels_` levels: each level's count spread evenly over its bins that are not empty.
  std::vector<float> redraw(const std::vector<double>& histogram, size_t range) const {
    std::vector<float> drawn(range, 0.0F);
    const size_t width = range / levels_;
    for (size_t first = 0; first < range; first += width) {
      double count = 0;
      int filled = 0;
      for (size_t i = first; i < first + width; ++i) {
        count += histogram[i];
        filled += histogram[i] > 0 ? 1 : 0;
      }
      for (size_t i = first; i < first + width; ++i) {
        if (histogram[i] > 0) drawn[i] = static_cast<float>(count) / static_cast<float>(filled);
      }
    }
    return drawn;
  }

  size_t levels_;
};

}  // namespace

std::unique_ptr<RangeObserver> make_kl(const Grid& grid) {
  if (grid.symmetry != emu::Symmetry::symmetric) throw InputError("observer 'kl' is for symmetric quantization only; use percentile, minmax or mse for an asymmetric grid");
  // With more levels than bins there is nothing to choose between. With 8 levels or fewer the first candidate is made of emptied bins only: PPQ's divergence is then not a number
  // and PPQ always takes that candidate, a scale of one bin, which saturates nearly everything.
  if (grid.bits < 5 || grid.bits > 13) throw InputError("observer 'kl' works for 5 to 13 bits, this grid has " + std::to_string(grid.bits) + "; use percentile, minmax or mse");
  return std::make_unique<Kl>(grid);
}

}  // namespace assay::quant
