// What every operator's file in quant/ops provides: its meaning in reals and its lowering. Overloads on the operator's type.
//
//   FloatTensor evaluate(const T&, const std::vector<const FloatTensor*>& inputs, const Shape& output)   plain loops, float32, the sums in ascending order
//   void lower(const T&, const Node&, Lowering&)                                                          emits instructions (lowering.h)
//
// Conv, ConvTranspose and MatMul are evaluated by the executor with oneDNN; their evaluate() here is the plain definition that tests compare it with.
#pragma once

#include <vector>

#include "quant/graph/graph.h"

namespace assay::quant {

class Lowering;

using Inputs = std::vector<const FloatTensor*>;

#define ASSAY_QUANT_OP(type)                                                             \
  FloatTensor evaluate(const type& op, const Inputs& inputs, const Shape& output_shape); \
  void lower(const type& op, const Node& node, Lowering& lowering);
ASSAY_QUANT_OP(Conv)
ASSAY_QUANT_OP(ConvTranspose)
ASSAY_QUANT_OP(MatMul)
ASSAY_QUANT_OP(Binary)
ASSAY_QUANT_OP(Relu)
ASSAY_QUANT_OP(Clip)
ASSAY_QUANT_OP(LeakyRelu)
ASSAY_QUANT_OP(PRelu)
ASSAY_QUANT_OP(Unary)
ASSAY_QUANT_OP(MaxPool)
ASSAY_QUANT_OP(AveragePool)
ASSAY_QUANT_OP(Concat)
ASSAY_QUANT_OP(Slice)
ASSAY_QUANT_OP(Pad)
ASSAY_QUANT_OP(Reshape)
ASSAY_QUANT_OP(Transpose)
ASSAY_QUANT_OP(ResizeNearest)
ASSAY_QUANT_OP(Softmax)
ASSAY_QUANT_OP(BatchNorm)
#undef ASSAY_QUANT_OP

// The real value of a table function in float32, as the FP32 column computes it.
float function_value(const Unary& op, float x);

}  // namespace assay::quant
