// Convolutions and matrix products with the sums in the order in which PPQ's PyTorch makes them on one thread, so that float32 results are its own bit for bit. Measured against
// the recorded runs (PyTorch 1.13 of Debian: reference BLAS and oneDNN).
//
//   native   one image, one group, at most 20480 input elements, or 1x1 without stride: im2col and BLAS. y = bias, then y = f32(y + f32(x * w)) over input channels, rows, columns.
//   Of
//            images with the channels last in memory: y = 0, then y = f32(y + f32(x * w)) over rows, columns, channels, then the bias.
//   oneDNN   every other convolution: y = 0, then y = fma(x, w, y) over rows, columns, channels, then the bias; of several groups, y = bias at the beginning.
//   product  of matrices by BLAS: y = 0, then y = f32(y + f32(a * b)) over the inner index.
#pragma once

#include <memory>

#include "quant/execute/products.h"

namespace assay::ppq {

// `channels_last`: of the node's first input (execute_operation.h). Null where the node is neither Conv nor MatMul of two matrices: quant::prepare_product or its evaluate() is
// used then.
std::unique_ptr<quant::Product> prepare_torch_sums(const quant::Graph& graph, const quant::Node& node, bool channels_last);

}  // namespace assay::ppq
