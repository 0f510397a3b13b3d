// Contradictions inside PPQ's own records (ppq.md 9.1): after alignment an input's configuration may still follow the one whose scale its tensor had before, while the tensor is
// really quantized with the new scale. PPQ then computes the bias with the wrong scale, and writes the wrong one to its files.
#pragma once

#include <optional>
#include <vector>

#include "quant/ppq/network.h"
#include "quant/ppq/pass.h"

namespace assay::ppq {

// The configuration with which the values that this input reads were last quantized: the input's own where it quantizes, else the producer's output's, else, through operations
// that pass values on (MaxPool, Reshape ...), that of their first input. nullopt where none of them quantizes.
std::optional<ConfigId> quantized_by(const Network& network, OperationId operation, size_t input);

struct StaleScale {
  OperationId operation = kNone;
  size_t input = 0;
  ConfigId truth = 0;  // the configuration that quantizes the tensor
};
// Inputs in state OVERLAPPED whose recorded scale or offset is not that of quantized_by().
std::vector<StaleScale> stale_scales(const Network& network);

// A warning for each that names the tensor and both scales. Where settings.exact is false, each input then follows the configuration that really quantizes its tensor.
void handle_stale_scales(Network& network, const Context& context, PassReport& report);

}  // namespace assay::ppq
