// y[..., m, n] = bias[n] + sum over k ascending of a[..., m, k] * b[..., k, n]; leading axes broadcast. (ONNX MatMul, Gemm.)
#include "quant/ops/broadcast.h"
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const MatMul&, const Inputs& inputs, const Shape& output_shape) {
  const FloatTensor& a = *inputs[0];
  const FloatTensor& b = *inputs[1];
  ASSAY_ASSERT(a.shape.size() >= 2 && b.shape.size() >= 2 && output_shape.size() >= 2);
  const auto leading = [](const Shape& shape) { return Shape(shape.begin(), shape.end() - 2); };
  const Shape batch = leading(output_shape);
  const std::vector<size_t> batch_a = broadcast_indices(leading(a.shape), batch);
  const std::vector<size_t> batch_b = broadcast_indices(leading(b.shape), batch);
  const auto rows = static_cast<size_t>(output_shape[output_shape.size() - 2]);
  const auto columns = static_cast<size_t>(output_shape.back());
  const auto depth = static_cast<size_t>(a.shape.back());
  FloatTensor y(output_shape);
  size_t at = 0;
  for (size_t i = 0; i < batch_a.size(); ++i) {
    for (size_t m = 0; m < rows; ++m) {
      for (size_t n = 0; n < columns; ++n) {
        float sum = 0;
        for (size_t k = 0; k < depth; ++k) sum += a.data[(batch_a[i] * rows + m) * depth + k] * b.data[(batch_b[i] * depth + k) * columns + n];
        y.data[at++] = inputs.size() > 2 ? sum + inputs[2]->data[n] : sum;
      }
    }
  }
  return y;
}

}  // namespace assay::quant
