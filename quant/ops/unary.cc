// y = f(x), element by element, as ONNX defines f; on a chip a table.
//
//   sigmoid       1 / (1 + e^-x)              hard_sigmoid  clip(alpha x + beta, 0, 1)          exp, log, sqrt, abs, neg, erf, tanh   as named
//   silu          x sigmoid(x)                hard_swish    x clip(x + 3, 0, 6) / 6             reciprocal                            1 / x
//   softplus      ln(1 + e^x)                 elu           x, or alpha (e^x - 1) for x < 0     square                                x^2
//   mish          x tanh(softplus(x))         selu          beta x, or beta alpha (e^x - 1)     gelu                                  x (1 + erf(x / sqrt 2)) / 2
#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

float sigmoid(float x) {
  return 1.0F / (1.0F + std::exp(-x));
}
// Written so that large x does not overflow.
float softplus(float x) {
  return std::max(x, 0.0F) + std::log1p(std::exp(-std::fabs(x)));
}

}  // namespace

float function_value(const Unary& op, float x) {
  switch (op.function) {
    case Function::sigmoid: return sigmoid(x);
    case Function::tanh: return std::tanh(x);
    case Function::hard_sigmoid: return std::clamp(op.alpha * x + op.beta, 0.0F, 1.0F);
    case Function::hard_swish: return x * std::clamp(x + 3.0F, 0.0F, 6.0F) / 6.0F;
    case Function::silu: return x * sigmoid(x);
    case Function::exp: return std::exp(x);
    case Function::log: return std::log(x);
    case Function::sqrt: return std::sqrt(x);
    case Function::reciprocal: return 1.0F / x;
    case Function::abs: return std::fabs(x);
    case Function::neg: return -x;
    case Function::erf: return std::erf(x);
    case Function::gelu: return 0.5F * x * (1.0F + std::erf(x * 0.70710678F));
    case Function::elu: return x < 0 ? op.alpha * std::expm1(x) : x;
    case Function::selu: return x < 0 ? op.beta * op.alpha * std::expm1(x) : op.beta * x;
    case Function::softplus: return softplus(x);
    case Function::mish: return x * std::tanh(softplus(x));
    case Function::square: return x * x;
  }
  ASSAY_ASSERT(!"a Function outside its enumeration");
}

FloatTensor evaluate(const Unary& op, const Inputs& inputs, const Shape& output_shape) {
  FloatTensor y(output_shape, inputs[0]->data);
  for (float& v : y.data) v = function_value(op, v);
  return y;
}

void lower(const Unary& op, const Node& node, Lowering& lowering) {
  lower_to_table(op, std::string(to_string(op.function)), node, lowering);
}

}  // namespace assay::quant
