// The constants of requantization in binary32: how a chip's tools form them from float32 scales is its target's ([binary32]); each operation is one IEEE operation in float32,
// rounded half_even. What the steps then do with them is emu/arith/requant.h's.
#pragma once

#include "emu/arith/step_words.h"
#include "quant/exact/ratio.h"

namespace assay::quant {

// `ratio`: numerator = the inputs' scales (and slopes), in order; denominator = the output's scale, then counts of averages.
//   product               n0 * n1 ..., then / count
//   ratio                 (n0 * n1 ...) / (s_y * count)
//   exact_ratio           n0 * n1 ... / (s_y * count) exactly, rounded once
//   reciprocal_product    1 / ((1 / n0) * (1 / n1) ...), then / count
// then rounded half_even to rule.scale_format.
emu::Fp32 fp32_scale(const Ratio& ratio, const emu::Fp32Rule& rule);

// s_y or 1 / s_y.
emu::Fp32 fp32_output(float scale_y, const emu::Fp32Rule& rule);

// A bias in the units that the steps have where they add it: accumulator steps before any scale (bias / (s_x * s_w)), real numbers after `scale` of a product form, output steps
// (bias / s_y) after a ratio form or after `output`; rounded half_even to rule.bias_format. `ratio` as above.
emu::Fp32 fp32_bias(float bias, const Ratio& ratio, const emu::Steps& steps, const emu::Fp32Rule& rule);

}  // namespace assay::quant
