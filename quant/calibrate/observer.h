// Observers: what turns the values that a tensor took during calibration into a scale and a zero point (ppq.md section 3). Each is one file here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "quant/fake_quantize.h"

namespace assay::quant {

// What an observer decides for: the grid and the kind of scale.
struct Grid {
  int64_t low = -128;
  int64_t high = 127;
  uint8_t bits = 8;
  emu::Symmetry symmetry = emu::Symmetry::symmetric;
  emu::ScaleKind kind = emu::ScaleKind::real;
  emu::Encoding encoding = emu::Encoding::range;
};

// Statistics of one input (one calibration batch) of one tensor. Merged in input order, so results do not depend on threads.
// Observers with two phases (kl, mse) see every input twice; phase 2 begins when finish_phase() of phase 1 was called.
class RangeObserver {
 public:
  virtual ~RangeObserver() = default;
  virtual int phases() const = 0;
  // Pure: called from several threads for different inputs. The result is handed to `merge` in input order.
  virtual std::vector<double> look(const float* data, size_t size) const = 0;
  virtual void merge(const std::vector<double>& seen) = 0;
  virtual void finish_phase() = 0;
  virtual ScaleAndOffset result() const = 0;
};

// name: "minmax", "percentile", "kl", "mse". InputError for an unknown one, for kl on an asymmetric grid (as PPQ refuses it) or outside 5 to 13 bits, for mse with more levels
// than its 2048 bins.
std::unique_ptr<RangeObserver> make_observer(const std::string& name, const Grid& grid);

// Per-channel minmax of a parameter: one entry per channel on `axis`. Symmetric grids only.
std::vector<float> per_channel_scales(const FloatTensor& parameter, int64_t axis, const Grid& grid);

}  // namespace assay::quant
