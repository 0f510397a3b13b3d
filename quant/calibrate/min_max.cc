// minmax: the least and the greatest value over all inputs.
#include <algorithm>

#include "quant/calibrate/encode.h"
#include "quant/calibrate/observers.h"

namespace assay::quant {
namespace {

class MinMax final : public RangeObserver {
 public:
  explicit MinMax(const Grid& grid) : grid_(grid) {}
  int phases() const override { return 1; }

  std::vector<double> look(const float* data, size_t size) const override {
    if (size == 0) return {0, 0};
    const auto [least, greatest] = std::minmax_element(data, data + size);
    return {static_cast<double>(*least), static_cast<double>(*greatest)};
  }

  // Ranges always reach to 0 in the end (encode), so they may begin there.
  void merge(const std::vector<double>& seen) override {
    min_ = std::min(min_, seen[0]);
    max_ = std::max(max_, seen[1]);
  }

  void finish_phase() override {}
  ScaleAndOffset result() const override { return encode(min_, max_, grid_); }

 private:
  Grid grid_;
  double min_ = 0;
  double max_ = 0;
};

}  // namespace

std::unique_ptr<RangeObserver> make_min_max(const Grid& grid) {
  return std::make_unique<MinMax>(grid);
}

}  // namespace assay::quant
