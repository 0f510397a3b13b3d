// Operators whose output has a scale of its own on some chips, whatever the data.
#pragma once

#include <optional>

#include "quant/quantized.h"

namespace assay::quant {

// Scale and zero point of the node's output where the target fixes them:
//   ops.softmax_fixed_point                              Softmax: 2^-bits, the least word
//   ops.table.entries = "fixed_point", signed words      Sigmoid: 2^-8, the least word (8 bits) or 2^-15, 0 (16 bits); Tanh: 2^-7 or 2^-15, 0
struct FixedOutput {
  float scale;
  int64_t zero_point;
};
std::optional<FixedOutput> fixed_output(const Node& node, const emu::Target& target);

}  // namespace assay::quant
