// The steps that a platform's file names (platform.h): rewrites before quantization, refinements before fusion, what comes after baking. Each carries the name of PPQ's class,
// which is the file's; what it does is its kind.
#pragma once

#include "quant/ppq/pass.h"

namespace assay::ppq {

// By step.kind. The reader of platform files has checked the kind.
PassReport run_step(const PlatformStep& step, Network& network, const Context& context);
// A line for people: "Gemm becomes MatMul and Add".
std::string describe_step(const PlatformStep& step);

// "input_rounding" (ppq.md 4.2; ppq/quantization/optim/refine.py at e39eecb): every consumer of a variable that no quantized operation makes rounds its input as the step says.
// Meant are the network's inputs; parameters are such variables too.
PassReport refine_input_rounding(const PlatformStep& step, Network& network);
// "resize_nearest" (optim/morph.py): every Resize takes the nearest neighbour, whatever the model says.
PassReport resize_nearest(const PlatformStep& step, Network& network);
// "format_gemm" (optim/morph.py): every Gemm gets a weight [N, K], alpha = beta = 1; the factors go into weight and bias, in float32.
PassReport format_gemm(const PlatformStep& step, Network& network);
// "split_gemm" (GraphDecomposer.decompose_gemm, ppq/IR/morph.py): every Gemm becomes a MatMul with a weight [K, N], and an Add at the end of the dictionary where there is a bias.
PassReport split_gemm(const PlatformStep& step, Network& network);

}  // namespace assay::ppq
