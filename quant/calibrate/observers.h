// The makers behind make_observer: one per file of this folder.
#pragma once

#include <memory>

#include "quant/calibrate/observer.h"

namespace assay::quant {

std::unique_ptr<RangeObserver> make_min_max(const Grid& grid);
std::unique_ptr<RangeObserver> make_percentile(const Grid& grid);
std::unique_ptr<RangeObserver> make_kl(const Grid& grid);
std::unique_ptr<RangeObserver> make_mse(const Grid& grid);

}  // namespace assay::quant
