// The observers of floating-point formats (ppq.md 2.6): "constant", scale 1; and "floating", the power of two that makes the least mean squared error.
#pragma once

#include "quant/ppq/observers.h"

namespace assay::ppq {

std::unique_ptr<Observer> make_constant_observer(const Configuration& configuration);
std::unique_ptr<Observer> make_floating_observer(const Configuration& configuration);

}  // namespace assay::ppq
