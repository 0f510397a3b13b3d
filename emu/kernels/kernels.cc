#include "emu/kernels/kernels.h"

namespace assay::emu {

std::optional<Tensor> try_kernel(const Operation& /*operation*/, const OpContext& /*context*/, OpRun& /*run*/) {
  return std::nullopt;
}

std::string why_reference(const Operation& /*operation*/, const OpContext& /*context*/) {
  return "no kernel for this operation";
}

}  // namespace assay::emu
