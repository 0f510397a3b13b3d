// PPQ's observers: what turns the values that a tensor took during calibration into its scale and offset (ppq.md 3). Beside the four of quant/calibrate: per-channel ranges,
// isotone, constant, and the floating observer of FP8, all under PPQ's names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "quant/graph/tensor.h"
#include "quant/ppq/configuration.h"

namespace assay::ppq {

// Statistics of one tensor over the calibration batches. Merged in the order of the batches, so results do not depend on threads.
class Observer {
 public:
  using Seen = std::vector<double>;
  virtual ~Observer() = default;
  // 2: kl and mse see every batch twice; the second phase begins when finish_phase() of the first was called.
  virtual int phases() const { return 1; }
  // Pure: may be called from several threads.
  virtual Seen look(const quant::FloatTensor& tensor) const = 0;
  virtual void merge(const Seen& seen) = 0;
  virtual void finish_phase() {}
  virtual ScaleOffset result() const = 0;
};

// By configuration.observer, in any case of letters: "minmax", "percentile", "kl", "mse", "isotone", "constant", "floating". InputError for an unknown one and for what PPQ
// refuses: percentile, kl, mse and isotone per channel, kl on an asymmetric grid, floating on a linear one. kl and mse take no overrides of their constants, and mse at most 2048
// levels.
std::unique_ptr<Observer> make_observer(const Configuration& configuration);

}  // namespace assay::ppq
