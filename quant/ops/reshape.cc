// y = the same elements in the same order under the output's shape. (ONNX Reshape, Flatten, Squeeze, Unsqueeze.)
#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Reshape&, const Inputs& inputs, const Shape& output_shape) {
  return {output_shape, inputs[0]->data};
}

}  // namespace assay::quant
