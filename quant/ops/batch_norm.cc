// y = (x - mean[c]) / sqrt(variance[c] + epsilon) * gamma[c] + beta[c], c on axis 1. (ONNX BatchNormalization at inference.)
#include <cmath>
#include <tuple>

#include "emu/base/error.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const BatchNorm& op, const Inputs& inputs, const Shape& output_shape) {
  const auto& [gamma, beta, mean, variance] = std::tie(inputs[1]->data, inputs[2]->data, inputs[3]->data, inputs[4]->data);
  FloatTensor y(output_shape, inputs[0]->data);
  size_t plane = 1;
  for (size_t axis = 2; axis < output_shape.size(); ++axis) plane *= static_cast<size_t>(output_shape[axis]);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t c = i / plane % gamma.size();
    y.data[i] = (y.data[i] - mean[c]) / std::sqrt(variance[c] + op.epsilon) * gamma[c] + beta[c];
  }
  return y;
}

void lower(const BatchNorm&, const Node& node, Lowering&) {
  throw InputError(described(node) + ": simplify the graph before quantizing it; no BatchNorm is left then");
}

}  // namespace assay::quant
