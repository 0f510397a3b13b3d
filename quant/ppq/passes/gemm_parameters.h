// What the rewrites of Gemm share: its factors and its constant operands.
#pragma once

#include "quant/ppq/network.h"

namespace assay::ppq {

struct GemmAttributes {
  float alpha = 1, beta = 1;
  bool transpose_a = false, transpose_b = false;
};
// InputError where one is of another type.
GemmAttributes gemm_attributes(const Operation& gemm);

// The operand of a Gemm that a rewrite changes. InputError where it is no constant of floating point (of two axes, where it is the weight).
const quant::Constant& gemm_parameter(const Network& network, const Operation& gemm, size_t input);

// The constant, transposed where asked, each element times `factor` in float32.
quant::Constant scaled(const quant::Constant& constant, bool transpose, float factor);

}  // namespace assay::ppq
