// y = the inputs one after the other along `axis`. (ONNX Concat.)
#include <algorithm>

#include "quant/ops/op.h"

namespace assay::quant {

FloatTensor evaluate(const Concat& op, const Inputs& inputs, const Shape& output_shape) {
  const auto axis = static_cast<size_t>(op.axis);
  int64_t outer = 1;
  for (size_t i = 0; i < axis; ++i) outer *= output_shape[i];
  FloatTensor y(output_shape);
  auto to = y.data.begin();
  for (int64_t block = 0; block < outer; ++block) {
    for (const FloatTensor* x : inputs) {
      const int64_t run = static_cast<int64_t>(x->size()) / outer;
      to = std::copy_n(x->data.begin() + block * run, run, to);
    }
  }
  return y;
}

}  // namespace assay::quant
