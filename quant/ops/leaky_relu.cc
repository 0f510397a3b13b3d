// y = x for x >= 0, else slope * x: LeakyRelu has one slope, PRelu one per channel (axis 1) or one for all. (ONNX LeakyRelu, PRelu.)
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const LeakyRelu& op, const Inputs& inputs, const Shape& output_shape) {
  FloatTensor y(output_shape, inputs[0]->data);
  for (float& v : y.data) v = v < 0 ? v * op.alpha : v;
  return y;
}

FloatTensor evaluate(const PRelu&, const Inputs& inputs, const Shape& output_shape) {
  const std::vector<float>& slope = inputs[1]->data;
  FloatTensor y(output_shape, inputs[0]->data);
  size_t plane = 1;
  for (size_t axis = 2; axis < output_shape.size(); ++axis) plane *= static_cast<size_t>(output_shape[axis]);
  for (size_t i = 0; i < y.size(); ++i) {
    if (y.data[i] < 0) y.data[i] *= slope[slope.size() == 1 ? 0 : i / plane % slope.size()];
  }
  return y;
}

}  // namespace assay::quant
