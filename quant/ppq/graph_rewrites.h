// Rewrites of the graph that PPQ has but never runs by itself (GraphMerger, ppq/IR/morph.py at e39eecb; ppq.md 6.3): several operations that a back end computes as one become one,
// so that nothing between them is quantized. They come before dispatching, which the types of operations decide.
//
//   "fuse_layernorm"   x - mean, its square's mean + epsilon, root, quotient, Mul (and Add) by constants -> LayerNormalization over the last axis
//   "fuse_gelu"        x * (erf(x / sqrt 2) + 1) * 0.5 -> Gelu
//   "fuse_matmul_add"  MatMul and Add of a constant -> PPQBiasFusedMatMul
//
// PPQ looks at the types only; here the constants must be the right ones too (sqrt 2, 1, 0.5; the exponent 2), and results that somebody else reads stay where they are.
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/pass.h"

namespace assay::ppq {

std::vector<std::string> graph_rewrite_names();

// InputError lists the names where there is none of that name. A warning where nothing fits.
PassReport rewrite_graph(Network& network, const std::string& name);

}  // namespace assay::ppq
