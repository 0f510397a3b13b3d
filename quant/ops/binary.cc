// y = a + b, a - b or a * b, each one float32 operation; operands broadcast. (ONNX Add, Sub, Mul.)
#include "quant/ops/broadcast.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

float apply(Arithmetic kind, float a, float b) {
  switch (kind) {
    case Arithmetic::add: return a + b;
    case Arithmetic::sub: return a - b;
    case Arithmetic::mul: return a * b;
  }
  ASSAY_ASSERT(!"an Arithmetic outside its enumeration");
}

}  // namespace

FloatTensor evaluate(const Binary& op, const Inputs& inputs, const Shape& output_shape) {
  const std::vector<size_t> a = broadcast_indices(inputs[0]->shape, output_shape);
  const std::vector<size_t> b = broadcast_indices(inputs[1]->shape, output_shape);
  FloatTensor y(output_shape);
  for (size_t i = 0; i < y.size(); ++i) y.data[i] = apply(op.kind, inputs[0]->data[a[i]], inputs[1]->data[b[i]]);
  return y;
}

}  // namespace assay::quant
