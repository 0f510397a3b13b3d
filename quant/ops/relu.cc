// Relu: y = max(x, 0). Clip: y = min(max(x, low), high), so `high` where low > high. Standing alone; fused ones are clamps of the instruction before. (ONNX Relu, Clip.)
#include <algorithm>

#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Relu&, const Inputs& inputs, const Shape& output_shape) {
  FloatTensor y(output_shape, inputs[0]->data);
  for (float& v : y.data) v = v < 0 ? 0.0F : v;
  return y;
}

FloatTensor evaluate(const Clip& op, const Inputs& inputs, const Shape& output_shape) {
  FloatTensor y(output_shape, inputs[0]->data);
  for (float& v : y.data) v = std::min(std::max(v, op.low), op.high);
  return y;
}

}  // namespace assay::quant
