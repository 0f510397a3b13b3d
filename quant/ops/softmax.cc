// Along `axis`: y = exp(x - max) / sum of exp(x - max), in float32, the sum ascending. (ONNX Softmax, opset 13.)
#include <algorithm>
#include <cmath>

#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Softmax& op, const Inputs& inputs, const Shape& output_shape) {
  const auto axis = static_cast<size_t>(op.axis);
  const auto extent = static_cast<size_t>(output_shape[axis]);
  const auto stride = static_cast<size_t>(strides_of(output_shape)[axis]);
  FloatTensor y(output_shape, inputs[0]->data);
  for (size_t line = 0; extent > 0 && line < y.size() / extent; ++line) {
    float* const first = y.data.data() + line / stride * stride * extent + line % stride;
    float largest = *first;
    for (size_t i = 1; i < extent; ++i) largest = std::max(largest, first[i * stride]);
    float sum = 0;
    for (size_t i = 0; i < extent; ++i) {
      first[i * stride] = std::exp(first[i * stride] - largest);
      sum += first[i * stride];
    }
    for (size_t i = 0; i < extent; ++i) first[i * stride] /= sum;
  }
  return y;
}

}  // namespace assay::quant
