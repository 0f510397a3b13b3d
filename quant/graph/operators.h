// The operators of the graph, typed: what is left of ONNX's operators after import (import_onnx.h says what becomes what). What each means in reals, and how it becomes
// instructions, is in quant/ops/<op>.cc. Shapes are ONNX's: NCHW images, OIHW weights; every attribute is explicit (no auto_pad, no defaults, axes not negative).
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "emu/base/shape.h"

namespace assay::quant {

// 2-D only; 1-D comes in between two Reshapes. inputs: x, w [O, I/groups, KH, KW], optionally b [O].
struct Conv {
  std::vector<int64_t> stride{1, 1};
  std::vector<int64_t> pads{0, 0, 0, 0};  // top, left, bottom, right
  std::vector<int64_t> dilation{1, 1};
  int64_t groups = 1;
};
// Whether each output channel has an input channel of its own.
inline bool is_depthwise(const Conv& op, const Shape& weight) {
  return op.groups > 1 && weight.size() == 4 && weight[0] == op.groups && weight[1] == 1;
}
// inputs: x, w [I, O/groups, KH, KW], optionally b [O].
struct ConvTranspose {
  std::vector<int64_t> stride{1, 1};
  std::vector<int64_t> pads{0, 0, 0, 0};
  std::vector<int64_t> dilation{1, 1};
  std::vector<int64_t> output_padding{0, 0};
  int64_t groups = 1;
};
// inputs: a [..., M, K], b [..., K, N], optionally bias [N]. Gemm comes here with its constants transposed and alpha, beta folded in.
struct MatMul {};
// inputs: a, b, broadcast; either may be constant. (Division by a constant comes as Mul by its reciprocal.)
enum class Arithmetic : uint8_t { add, sub, mul };
struct Binary {
  Arithmetic kind = Arithmetic::add;
};
struct Relu {};
struct Clip {
  float low = 0;
  float high = 0;
};
struct LeakyRelu {
  float alpha = 0;
};
// inputs: x, slope (constant, [C] or one element).
struct PRelu {};
// Any other function of one value: becomes a table on a chip.
enum class Function : uint8_t { sigmoid, tanh, hard_sigmoid, hard_swish, silu, exp, log, sqrt, reciprocal, abs, neg, erf, gelu, elu, selu, softplus, mish, square };
struct Unary {
  Function function = Function::sigmoid;
  float alpha = 0;  // hard_sigmoid, elu, selu
  float beta = 0;   // hard_sigmoid; gamma of selu
};
struct MaxPool {
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride{1, 1};
  std::vector<int64_t> pads{0, 0, 0, 0};
  std::vector<int64_t> dilation{1, 1};
};
// GlobalAveragePool and ReduceMean over H, W come here with the whole image as kernel.
struct AveragePool {
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride{1, 1};
  std::vector<int64_t> pads{0, 0, 0, 0};
  bool include_pad = false;
};
struct Concat {
  int64_t axis = 0;
};
// One output; a Split comes as several. starts/steps have one entry per axis.
struct Slice {
  std::vector<int64_t> starts;
  std::vector<int64_t> steps;
};
struct Pad {
  std::vector<int64_t> begins;
  std::vector<int64_t> ends;
  float value = 0;
};
// Reshape, Flatten, Squeeze, Unsqueeze: the output's shape says all.
struct Reshape {};
struct Transpose {
  std::vector<int64_t> permutation;
};
// Source row of each output row and source column of each output column, worked out at import from ONNX's coordinate rules in exact rationals.
struct ResizeNearest {
  std::vector<int64_t> rows;
  std::vector<int64_t> columns;
};
struct Softmax {
  int64_t axis = 0;
};
// Per-channel scale and offset on axis 1, as ONNX's BatchNormalization at inference: what fold_batch_norm leaves only until it becomes a depthwise Conv.
// inputs: x, gamma, beta, mean, variance (constants).
struct BatchNorm {
  float epsilon = 1e-5F;
};

using Operator = std::variant<Conv, ConvTranspose, MatMul, Binary, Relu, Clip, LeakyRelu, PRelu, Unary, MaxPool, AveragePool, Concat, Slice, Pad, Reshape, Transpose, ResizeNearest,
                              Softmax, BatchNorm>;

// "conv", "add", "sigmoid" ...: for tables and errors.
std::string_view operator_name(const Operator& op);
std::string_view to_string(Function function);
using assay::to_string;  // of shapes, which the name above would hide

}  // namespace assay::quant
