// Operations in float32 together with their vector-Jacobian products, by hand: what the learning passes need to follow a loss back through a block. The functions are those of the
// executor (execute_operation.h), up to the order of sums; products take their weights at run time, since learning changes them.
//
// dL/dx_i = sum_j dL/dy_j * dy_j/dx_i. At kinks the derivative is torch's: Relu 0 at 0, Clip 1 on its limits, MaxPool to the first of equal elements.
#pragma once

#include <memory>
#include <vector>

#include "quant/graph/tensor.h"
#include "quant/ppq/configuration.h"
#include "quant/ppq/execute_operation.h"
#include "quant/ppq/network.h"

namespace assay::ppq {

using TensorPointers = std::vector<const quant::FloatTensor*>;

class Differentiable {
 public:
  virtual ~Differentiable() = default;
  // inputs: one per slot, constants too; null where left out. Safe to call from several threads at once.
  virtual std::vector<quant::FloatTensor> run(const TensorPointers& inputs) const = 0;
  // outputs: what run() made. gradients: one per output, null: zero. Of each wanted input slot dL/dx, with its shape; the others stay empty.
  virtual std::vector<quant::FloatTensor> pull_back(const TensorPointers& inputs, const std::vector<quant::FloatTensor>& outputs, const TensorPointers& gradients,
                                                    const std::vector<char>& wanted) const = 0;
  // Of what run() takes, which slots may change from run to run though they are parameters of the network: weights, biases, slopes.
  virtual bool takes_parameter(size_t /*slot*/) const { return false; }
  virtual bool has_pull_back() const { return true; }
};

// inputs as make_kernel() takes them: constants of slots that are parameters. Where we know no derivative, or not of this form, one that only runs (has_pull_back() is false).
std::unique_ptr<Differentiable> make_differentiable(const Operation& operation, int64_t opset, const std::vector<KernelInput>& inputs);

// Conv, ConvTranspose, Gemm, MatMul, PPQBiasFusedMatMul, PRelu; null: another type or another form. `output`: the shape of the result.
std::unique_ptr<Differentiable> make_product(const Operation& operation, const std::vector<KernelInput>& inputs, const Shape& output);

// Of y = fake_quantize(x): the straight-through estimator takes round(t) as t. `gradient` holds dL/dy and then dL/dx: it is 0 where x was clipped. scale_gradient, where given, has
// an entry per scale; dL/ds is added to it: the sum of dL/dy * (round(x/s) - x/s), where x was clipped dL/dy * (limit - offset) (Esser et al., Learned Step Size Quantization).
// Through a floating policy the gradient passes as it is, and its scale has none.
void pull_back_fake_quantize(const quant::FloatTensor& x, const Configuration& configuration, const ScaleOffset& scale, quant::FloatTensor& gradient,
                             std::vector<double>* scale_gradient);

// The scale's index of each run of elements that share one: element i has scale (i / inner) % channels.
struct ScaleLayout {
  size_t channels = 1, inner = 1;
  size_t of(size_t element) const { return channels == 1 ? 0 : element / inner % channels; }
};
ScaleLayout scale_layout(const Shape& shape, const Configuration& configuration, const ScaleOffset& scale);

}  // namespace assay::ppq
