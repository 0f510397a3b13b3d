// One operation in float32, prepared for the shapes of its inputs: the function that PPQ runs for its type, with the attributes as PPQ reads them, which is not always as ONNX
// means them (ppq.md 7): AveragePool counts its padding, a pool without strides moves by its kernel, nearest Resize is asymmetric and floors, Softmax is over one axis, Gemm is
// alpha * (A @ B) + beta * C in three steps. Everything else is the typed operators of quant/onnx/convert.h, or where those lack a form, the evaluation of constants.
#pragma once

#include <memory>
#include <vector>

#include "quant/graph/tensor.h"
#include "quant/ppq/network.h"

namespace assay::ppq {

// The node as PPQ reads it, under the names given (empty where a slot is left out); node.opset says by which rules that is what ONNX means. `opset`: the model's, 0 where it is not
// known.
quant::OnnxNode node_as_read(const Operation& operation, int64_t opset, std::vector<std::string> inputs, std::vector<std::string> outputs);

struct KernelInput {
  bool present = false;
  Shape shape;
  std::shared_ptr<const quant::Constant> constant;  // of parameters and of what follows from shapes alone; null: comes at run time
  bool channels_last = false;                       // how PyTorch lays it in memory, which decides the order of sums in convolutions
};

// Whether PyTorch lays the outputs with the channels last: where an image in NHWC was transposed to NCHW, and in whatever follows that keeps its input's layout.
bool makes_channels_last(const Operation& operation, const std::vector<KernelInput>& inputs);

class Kernel {
 public:
  virtual ~Kernel() = default;
  // Of the outputs, one per slot.
  const std::vector<Shape>& shapes() const { return shapes_; }
  // inputs: one per slot, constants too; null where left out. Safe to call from several threads at once.
  virtual std::vector<quant::FloatTensor> run(const std::vector<const quant::FloatTensor*>& inputs) const = 0;

 protected:
  std::vector<Shape> shapes_;
};

// opset: the model's, 0 where it is not known. InputError and Unsupported name the operation.
std::unique_ptr<Kernel> make_kernel(const Operation& operation, int64_t opset, const std::vector<KernelInput>& inputs);

// The outputs of an operation whose inputs are all known, or which needs only their shapes; empty where that is not so or we cannot.
std::vector<quant::Constant> evaluate_known(const Operation& operation, int64_t opset, const std::vector<KernelInput>& inputs);

}  // namespace assay::ppq
