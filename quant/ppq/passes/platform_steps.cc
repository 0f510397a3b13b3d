#include "quant/ppq/passes/platform_steps.h"

#include "emu/base/error.h"
#include "quant/ppq/passes/calibration.h"

namespace assay::ppq {

PassReport run_step(const PlatformStep& step, Network& network, const Context& context) {
  if (step.kind == "input_rounding") return refine_input_rounding(step, network);
  if (step.kind == "resize_nearest") return resize_nearest(step, network);
  if (step.kind == "format_gemm") return format_gemm(step, network);
  if (step.kind == "split_gemm") return split_gemm(step, network);
  if (step.kind == "recalibrate") return recalibrate(network, context);
  throw InternalError("no step of the kind " + step.kind);
}

std::string describe_step(const PlatformStep& step) {
  if (step.kind == "input_rounding") return "inputs that no quantized operation makes (parameters among them) round " + std::string(to_string(step.rounding.value()));
  if (step.kind == "resize_nearest") return "every Resize takes the nearest neighbour";
  if (step.kind == "format_gemm") return "Gemm gets a transposed weight and no factors";
  if (step.kind == "split_gemm") return "Gemm becomes MatMul and Add";
  if (step.kind == "recalibrate") return "the range of every channel of what computing operations make is noted; no effect on the numbers";
  throw InternalError("no step of the kind " + step.kind);
}

}  // namespace assay::ppq
