// Functions of PPQ's that quant/ops has not, or has with another formula: Softplus = log(exp(x) + 1), which overflows; LogSoftmax = log(softmax); LayerNormalization over the last
// axis; linear Resize; Pad by reflection and by the edge.
#pragma once

#include <functional>
#include <optional>

#include "quant/onnx/call.h"

namespace assay::ppq {

struct RealFunction {
  Shape shape;  // of the only output
  std::function<quant::FloatTensor(const std::vector<const quant::FloatTensor*>& inputs)> run;
};

// nullopt: none of them, quant/ops has it as PPQ does.
std::optional<RealFunction> own_function(const quant::Call& call);

}  // namespace assay::ppq
