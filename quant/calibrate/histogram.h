// What kl and mse have in common: phase 1 finds the range, phase 2 counts values in equal bins over it, of |x| where the grid is symmetric, of x where it is not.
#pragma once

#include "quant/calibrate/observer.h"

namespace assay::quant {

class HistogramObserver : public RangeObserver {
 public:
  HistogramObserver(const Grid& grid, size_t bins) : grid_(grid), counts_(bins, 0.0) {}
  int phases() const override { return 2; }
  std::vector<double> look(const float* data, size_t size) const override;
  void merge(const std::vector<double>& seen) override;
  void finish_phase() override;

 protected:
  bool symmetric() const { return grid_.symmetry == emu::Symmetry::symmetric; }
  const Grid& grid() const { return grid_; }
  // Width of a bin, in double.
  double bin_width() const { return bin_width_; }
  double min() const { return min_; }
  // Whole numbers.
  const std::vector<double>& counts() const { return counts_; }

 private:
  Grid grid_;
  std::vector<double> counts_;
  bool seen_any_ = false;
  bool counting_ = false;
  double min_ = 0;
  double max_ = 0;
  double bin_width_ = 0;
};

}  // namespace assay::quant
