// TensorProto -> Constant: inline, raw or external data of every numeric element type.
#pragma once

#include <string>

#include "quant/onnx/constant.h"

namespace onnx {
class TensorProto;
}

namespace assay::quant {

// `folder` holds the model: external data must lie inside it. `what` names the tensor in messages ("initializer 'w'"). InputError: negative or missing extents, lengths that
// do not fit the shape, external data missing, too short or outside the folder. Unsupported: strings, complex numbers.
Constant read_tensor(const onnx::TensorProto& proto, const std::string& folder, const std::string& what);

}  // namespace assay::quant
