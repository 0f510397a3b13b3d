// The steps that a platform's file names (platform.h): rewrites before quantization, refinements before fusion, what comes after baking.
#pragma once

#include "quant/ppq/pass.h"

namespace assay::ppq {

// By step.kind. The reader of platform files has checked the kind.
PassReport run_step(const PlatformStep& step, Network& network, const Context& context);
// A line for people: "Gemm becomes MatMul and Add".
std::string describe_step(const PlatformStep& step);

}  // namespace assay::ppq
