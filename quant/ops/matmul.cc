// y[..., m, n] = bias[n] + sum over k ascending of a[..., m, k] * b[..., k, n]; leading axes broadcast. (ONNX MatMul, Gemm.)
#include <algorithm>

#include "quant/ops/broadcast.h"
#include "quant/ops/op.h"
#include "quant/ops/weighted.h"

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

void lower(const MatMul&, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().matmul, "matmul");
  if (rule == nullptr) return;
  // Element (batch, k, n) takes part in the sums of (batch, n).
  const Shape& b = lowering.shape_of(node.inputs[1]);
  const auto columns = static_cast<size_t>(b.back());
  const auto matrix = static_cast<size_t>(b[b.size() - 2]) * columns;
  const auto batches = static_cast<size_t>(element_count(b)) / std::max<size_t>(matrix, 1);
  SumLayout layout{static_cast<int64_t>(b.size()) - 1, b.back(), std::vector<size_t>(batches * matrix), std::vector<size_t>(batches * columns)};
  for (size_t i = 0; i < layout.sum_of.size(); ++i) layout.sum_of[i] = i / matrix * columns + i % columns;
  for (size_t s = 0; s < layout.channel_of.size(); ++s) layout.channel_of[s] = s % columns;
  const Weighted own = lower_weighted(node, rule->steps, "ops.matmul.steps", layout, lowering);
  lowering.emit(node, emu::MatMul{own.x, own.w, own.bias, own.zx, own.zw, own.acc, own.requant});
}

}  // namespace assay::quant
