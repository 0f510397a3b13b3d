// Functions of PyTorch whose last bit depends on how they are computed, as PPQ's runs computed them: exponentials by the polynomial of SLEEF's expf (1 ulp, with fused
// multiplications), sums of a softmax in eight lanes. Measured against the recorded runs, bit for bit.
#pragma once

#include "quant/graph/tensor.h"

namespace assay::ppq {

// |error| <= 1 ulp; 0 below -104, infinity above 100; NaN stays.
float torch_exp(float x);
// 1 / (1 + exp(-x)), each step rounded.
void torch_sigmoid(quant::FloatTensor& tensor);
// exp(x - max) / sum over one axis. Last axis: lane i sums elements i, i + 8, ...; lanes are then added in halves; fewer than 8 elements, and other axes, in order.
quant::FloatTensor torch_softmax(const quant::FloatTensor& x, int64_t axis);

}  // namespace assay::ppq
