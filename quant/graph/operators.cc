#include "quant/graph/operators.h"

#include "emu/base/error.h"
#include "emu/base/overloaded.h"

namespace assay::quant {
std::string_view to_string(Function function) {
  switch (function) {
    case Function::sigmoid: return "sigmoid";
    case Function::tanh: return "tanh";
    case Function::hard_sigmoid: return "hard_sigmoid";
    case Function::hard_swish: return "hard_swish";
    case Function::silu: return "silu";
    case Function::exp: return "exp";
    case Function::log: return "log";
    case Function::sqrt: return "sqrt";
    case Function::reciprocal: return "reciprocal";
    case Function::abs: return "abs";
    case Function::neg: return "neg";
    case Function::erf: return "erf";
    case Function::gelu: return "gelu";
    case Function::elu: return "elu";
    case Function::selu: return "selu";
    case Function::softplus: return "softplus";
    case Function::mish: return "mish";
    case Function::square: return "square";
  }
  ASSAY_ASSERT(!"a function that is not in the list");
}

std::string_view operator_name(const Operator& op) {
  using View = std::string_view;
  return std::visit(
      Overloaded{[](const Conv&) -> View { return "conv"; }, [](const ConvTranspose&) -> View { return "conv_transpose"; }, [](const MatMul&) -> View { return "matmul"; },
                 [](const Binary& b) -> View { return b.kind == Arithmetic::add   ? "add"
                                                      : b.kind == Arithmetic::sub ? "sub"
                                                                                  : "mul"; }, [](const Relu&) -> View { return "relu"; },
                 [](const Clip&) -> View { return "clip"; }, [](const LeakyRelu&) -> View { return "leaky_relu"; }, [](const PRelu&) -> View { return "prelu"; },
                 [](const Unary& u) -> View { return to_string(u.function); }, [](const MaxPool&) -> View { return "max_pool"; },
                 [](const AveragePool&) -> View { return "average_pool"; }, [](const Concat&) -> View { return "concat"; }, [](const Slice&) -> View { return "slice"; },
                 [](const Pad&) -> View { return "pad"; }, [](const Reshape&) -> View { return "reshape"; }, [](const Transpose&) -> View { return "transpose"; },
                 [](const ResizeNearest&) -> View { return "resize_nearest"; }, [](const Softmax&) -> View { return "softmax"; },
                 [](const BatchNorm&) -> View { return "batch_norm"; }},
      op);
}

}  // namespace assay::quant
