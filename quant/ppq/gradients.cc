#include "quant/ppq/gradients.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>

#include "emu/base/error.h"
#include "quant/onnx/call.h"

namespace assay::ppq {
namespace {

using quant::FloatTensor;
using Tensors = std::vector<FloatTensor>;

// What a derivative is made of. `wanted` slots of the result are filled.
struct Pull {
  const TensorPointers& inputs;
  const Tensors& outputs;
  const TensorPointers& gradients;
  const std::vector<char>& wanted;
};
using PullBack = std::function<Tensors(const Pull&)>;

// The executor's kernel, and a derivative beside it.
class KernelWithDerivative final : public Differentiable {
 public:
  KernelWithDerivative(std::unique_ptr<Kernel> kernel, PullBack derivative) : kernel_(std::move(kernel)), derivative_(std::move(derivative)) {}
  Tensors run(const TensorPointers& inputs) const override { return kernel_->run(inputs); }
  Tensors pull_back(const TensorPointers& inputs, const Tensors& outputs, const TensorPointers& gradients, const std::vector<char>& wanted) const override {
    ASSAY_ASSERT(derivative_);
    return derivative_(Pull{inputs, outputs, gradients, wanted});
  }
  bool has_pull_back() const override { return static_cast<bool>(derivative_); }

 private:
  std::unique_ptr<Kernel> kernel_;
  PullBack derivative_;
};

struct FormOfOperation {
  const quant::OnnxNode& node;
  const std::vector<KernelInput>& inputs;
  const Kernel& kernel;

  const Shape& in(size_t slot) const { return inputs[slot].shape; }
  const Shape& out() const { return kernel.shapes()[0]; }
};

// dx_i = dy_i * f'(x_i, y_i)
template <class Derivative>
PullBack elementwise(Derivative derivative) {
  return [derivative](const Pull& pull) {
    Tensors made(pull.inputs.size());
    if (pull.wanted[0] == 0) return made;
    made[0] = *pull.gradients[0];
    for (size_t i = 0; i < made[0].size(); ++i) made[0].data[i] *= derivative(pull.inputs[0]->data[i], pull.outputs[0].data[i]);
    return made;
  };
}

PullBack unary(const quant::OnnxNode& node) {
  const std::string& type = node.type;
  if (type == "Relu") return elementwise([](float, float y) { return y > 0 ? 1.0F : 0.0F; });
  if (type == "Clip") return elementwise([](float x, float y) { return x == y ? 1.0F : 0.0F; });
  if (type == "Sigmoid") return elementwise([](float, float y) { return y * (1.0F - y); });
  if (type == "Tanh") return elementwise([](float, float y) { return 1.0F - y * y; });
  if (type == "Exp") return elementwise([](float, float y) { return y; });
  if (type == "Sqrt") return elementwise([](float, float y) { return 0.5F / y; });
  if (type == "Softplus") return elementwise([](float x, float) { return 1.0F / (1.0F + std::exp(-x)); });
  if (type == "HardSwish") return elementwise([](float x, float) { return x <= -3 ? 0.0F : (x >= 3 ? 1.0F : (2.0F * x + 3.0F) / 6.0F); });
  if (type == "LeakyRelu") {
    const float alpha = node.real("alpha", 0.01F);
    return elementwise([alpha](float x, float) { return x > 0 ? 1.0F : alpha; });
  }
  if (type == "HardSigmoid") {
    const float alpha = node.real("alpha", 0.2F);
    return elementwise([alpha](float, float y) { return y > 0 && y < 1 ? alpha : 0.0F; });
  }
  return nullptr;
}

// The operand's element that meets each element of the result.
std::vector<uint32_t> broadcast_map(const Shape& from, const Shape& to) {
  const std::vector<int64_t> steps = quant::broadcast_steps(from, to);
  const Shape strides = strides_of(to);
  std::vector<uint32_t> map(static_cast<size_t>(element_count(to)));
  for (size_t i = 0; i < map.size(); ++i) {
    int64_t at = 0;
    for (size_t axis = 0; axis < to.size(); ++axis) at += static_cast<int64_t>(i) / strides[axis] % to[axis] * steps[axis];
    map[i] = static_cast<uint32_t>(at);
  }
  return map;
}

// dL/d operand k = the sum of dy_i * f(operands at i, y_i) over the elements that meet it.
template <class Derivative>
PullBack combine(const FormOfOperation& form, Derivative derivative) {
  std::vector<std::vector<uint32_t>> maps;
  for (const KernelInput& input : form.inputs) maps.push_back(input.present ? broadcast_map(input.shape, form.out()) : std::vector<uint32_t>());
  return [maps, derivative](const Pull& pull) {
    Tensors made(pull.inputs.size());
    for (size_t slot = 0; slot < made.size(); ++slot) {
      if (pull.wanted[slot] == 0) continue;
      std::vector<double> sums(pull.inputs[slot]->size(), 0.0);
      const auto operand = [&](size_t which, size_t i) { return which < maps.size() ? pull.inputs[which]->data[maps[which][i]] : 0.0F; };
      for (size_t i = 0; i < maps[slot].size(); ++i) {
        sums[maps[slot][i]] += static_cast<double>(pull.gradients[0]->data[i] * derivative(slot, [&](size_t which) { return operand(which, i); }));
      }
      made[slot] = FloatTensor(pull.inputs[slot]->shape);
      std::transform(sums.begin(), sums.end(), made[slot].data.begin(), [](double sum) { return static_cast<float>(sum); });
    }
    return made;
  };
}

PullBack arithmetic(const FormOfOperation& form) {
  const std::string& type = form.node.type;
  if (type == "Add" || type == "Sum") return combine(form, [](size_t, auto) { return 1.0F; });
  if (type == "Sub") return combine(form, [](size_t slot, auto) { return slot == 0 ? 1.0F : -1.0F; });
  if (type == "Mul") return combine(form, [](size_t slot, auto operand) { return operand(1 - slot); });
  if (type == "Div") return combine(form, [](size_t slot, auto operand) { return slot == 0 ? 1.0F / operand(1) : -operand(0) / (operand(1) * operand(1)); });
  return nullptr;
}

// Operations that only move elements (or repeat them, or fill in constants). Which element goes where is found by running the kernel on the numbers 1, 2, 3 ... and on their
// doubles.
bool only_moves(const quant::OnnxNode& node) {
  static const std::set<std::string> types = {"Reshape", "Flatten", "Squeeze",      "Unsqueeze",    "Identity", "Dropout", "Transpose", "Slice",
                                              "Split",   "Concat",  "DepthToSpace", "SpaceToDepth", "Expand",   "Tile",    "Pad"};
  return types.count(node.type) != 0 || ((node.type == "Resize" || node.type == "Upsample") && node.text("mode", "nearest") == "nearest");
}

constexpr uint32_t kConstant = UINT32_MAX;

// Of one input slot, for each output the source of each element; kConstant where it is none of this input's. Empty: not of this kind after all.
std::vector<std::vector<uint32_t>> moved_from(const FormOfOperation& form, size_t slot) {
  if (element_count(form.in(slot)) >= int64_t{1} << 23) return {};  // float32 must tell them and their doubles apart
  Tensors probes(form.inputs.size());
  TensorPointers pointers(form.inputs.size(), nullptr);
  for (size_t i = 0; i < probes.size(); ++i) {
    if (!form.inputs[i].present) continue;
    probes[i] = FloatTensor(form.in(i));
    pointers[i] = &probes[i];
    if (!form.inputs[i].constant) continue;
    for (size_t k = 0; k < probes[i].size(); ++k) probes[i].data[k] = form.inputs[i].constant->real(k);
  }
  for (size_t k = 0; k < probes[slot].size(); ++k) probes[slot].data[k] = static_cast<float>(k + 1);
  const Tensors once = form.kernel.run(pointers);
  for (float& value : probes[slot].data) value *= 2.0F;
  const Tensors twice = form.kernel.run(pointers);
  std::vector<std::vector<uint32_t>> maps(once.size());
  for (size_t output = 0; output < once.size(); ++output) {
    for (size_t i = 0; i < once[output].size(); ++i) {
      const float value = once[output].data[i], other = twice[output].data[i];
      maps[output].push_back(value != 0 && other == 2.0F * value ? static_cast<uint32_t>(value) - 1 : kConstant);
    }
  }
  return maps;
}

PullBack moves(const FormOfOperation& form) {
  std::vector<std::vector<std::vector<uint32_t>>> maps(form.inputs.size());
  for (size_t slot = 0; slot < maps.size(); ++slot) {
    if (!form.inputs[slot].present || form.inputs[slot].constant) continue;
    maps[slot] = moved_from(form, slot);
    if (maps[slot].empty()) return nullptr;
  }
  return [maps](const Pull& pull) {
    Tensors made(pull.inputs.size());
    for (size_t slot = 0; slot < made.size(); ++slot) {
      if (pull.wanted[slot] == 0) continue;
      made[slot] = FloatTensor(pull.inputs[slot]->shape);
      for (size_t output = 0; output < maps[slot].size(); ++output) {
        if (pull.gradients[output] == nullptr) continue;
        const std::vector<uint32_t>& from = maps[slot][output];
        for (size_t i = 0; i < from.size(); ++i) {
          if (from[i] != kConstant) made[slot].data[from[i]] += pull.gradients[output]->data[i];
        }
      }
    }
    return made;
  };
}

// Windows of a pool over [rows, height, width], with rows = batch * channels.
struct PoolWindows {
  int64_t rows = 0, in[2] = {1, 1}, out[2] = {1, 1}, kernel[2] = {1, 1}, stride[2] = {1, 1}, dilation[2] = {1, 1}, begin[2] = {0, 0};

  // Calls use(output element, input element) for each tap within the image, row by row.
  template <class Use>
  void for_each_tap(Use use) const {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t y = 0; y < out[0]; ++y) {
        for (int64_t x = 0; x < out[1]; ++x) {
          for (int64_t ky = 0; ky < kernel[0]; ++ky) {
            const int64_t iy = y * stride[0] + ky * dilation[0] - begin[0];
            if (iy < 0 || iy >= in[0]) continue;
            for (int64_t kx = 0; kx < kernel[1]; ++kx) {
              const int64_t ix = x * stride[1] + kx * dilation[1] - begin[1];
              if (ix >= 0 && ix < in[1]) use(static_cast<size_t>((row * out[0] + y) * out[1] + x), static_cast<size_t>((row * in[0] + iy) * in[1] + ix));
            }
          }
        }
      }
    }
  }
};

// Nothing where the form is not ours: 3-D images, 1-D ones with padding (PPQ fills in zeros there), windows beyond the padded image.
std::optional<PoolWindows> pool_windows(const FormOfOperation& form) {
  const Shape &x = form.in(0), &y = form.out();
  if (x.size() != 3 && x.size() != 4) return std::nullopt;
  const size_t axes = x.size() - 2;
  PoolWindows w;
  w.rows = x[0] * x[1];
  const bool global = form.node.type.rfind("Global", 0) == 0;
  const std::vector<int64_t> kernel = global ? std::vector<int64_t>(x.begin() + 2, x.end()) : form.node.integers("kernel_shape", {});
  const std::vector<int64_t> strides = form.node.integers("strides", kernel), dilations = form.node.integers("dilations", std::vector<int64_t>(axes, 1));
  const std::vector<int64_t> pads = form.node.integers("pads", std::vector<int64_t>(2 * axes, 0));
  const std::string automatic = form.node.text("auto_pad", "NOTSET");
  const bool padded = automatic.rfind("SAME", 0) == 0 || std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; });
  if (kernel.size() != axes || pads.size() != 2 * axes || (axes == 1 && padded)) return std::nullopt;
  if (form.node.type == "AveragePool" && form.node.integer("ceil_mode", 0) != 0) return std::nullopt;
  for (size_t axis = 0; axis < axes; ++axis) {
    const size_t at = axis + 2 - axes;
    w.in[at] = x[axis + 2], w.out[at] = y[axis + 2];
    w.kernel[at] = kernel[axis], w.stride[at] = strides.at(axis), w.dilation[at] = dilations.at(axis), w.begin[at] = pads[axis];
    if (automatic.rfind("SAME", 0) != 0) continue;
    const int64_t total = std::max<int64_t>(0, (w.out[at] - 1) * w.stride[at] + (w.kernel[at] - 1) * w.dilation[at] + 1 - w.in[at]);
    w.begin[at] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
  }
  return w;
}

PullBack pool(const FormOfOperation& form) {
  const auto windows = pool_windows(form);
  if (!windows) return nullptr;
  const PoolWindows w = *windows;
  const bool largest = form.node.type == "MaxPool" || form.node.type == "GlobalMaxPool";
  if (!largest) {
    const float share = 1.0F / static_cast<float>(w.kernel[0] * w.kernel[1]);  // padding counts, as PPQ's AveragePool counts it
    return [w, share](const Pull& pull) {
      Tensors made(pull.inputs.size());
      made[0] = FloatTensor(pull.inputs[0]->shape);
      w.for_each_tap([&](size_t to, size_t from) { made[0].data[from] += pull.gradients[0]->data[to] * share; });
      return made;
    };
  }
  if (form.kernel.shapes().size() > 1) return nullptr;  // indices too
  return [w](const Pull& pull) {
    Tensors made(pull.inputs.size());
    made[0] = FloatTensor(pull.inputs[0]->shape);
    std::vector<char> given(pull.outputs[0].size(), 0);
    w.for_each_tap([&](size_t to, size_t from) {
      if (given[to] != 0 || pull.inputs[0]->data[from] != pull.outputs[0].data[to]) return;
      given[to] = 1;
      made[0].data[from] += pull.gradients[0]->data[to];
    });
    return made;
  };
}

// The mean over axes: each element of a group gets an equal share of the gradient.
PullBack reduce_mean(const FormOfOperation& form) {
  const auto rank = static_cast<int64_t>(form.in(0).size());
  std::vector<int64_t> axes = form.node.integers("axes", {});
  if (form.inputs.size() > 1 && form.inputs[1].present) {
    if (!form.inputs[1].constant) return nullptr;
    axes = form.inputs[1].constant->integers;
  }
  if (axes.empty()) return nullptr;
  Shape kept = form.in(0);
  for (const int64_t axis : axes) kept[static_cast<size_t>(quant::normalized_axis(axis, rank))] = 1;
  if (element_count(kept) != element_count(form.out())) return nullptr;
  const std::vector<uint32_t> map = broadcast_map(kept, form.in(0));
  const float share = static_cast<float>(element_count(kept)) / static_cast<float>(element_count(form.in(0)));
  return [map, share](const Pull& pull) {
    Tensors made(pull.inputs.size());
    made[0] = FloatTensor(pull.inputs[0]->shape);
    for (size_t i = 0; i < map.size(); ++i) made[0].data[i] = pull.gradients[0]->data[map[i]] * share;
    return made;
  };
}

PullBack derivative_of(const FormOfOperation& form) {
  if (form.inputs.empty() || !form.inputs[0].present) return nullptr;
  const std::string& type = form.node.type;
  if (only_moves(form.node)) return moves(form);
  if (type == "MaxPool" || type == "AveragePool" || type == "GlobalMaxPool" || type == "GlobalAveragePool") return pool(form);
  if (type == "ReduceMean") return reduce_mean(form);
  if (auto found = unary(form.node)) return found;
  return arithmetic(form);
}

}  // namespace

std::unique_ptr<Differentiable> make_differentiable(const Operation& operation, int64_t opset, const std::vector<KernelInput>& inputs) {
  auto kernel = make_kernel(operation, opset, inputs);
  const std::string domain = operation.domain == "ai.onnx" ? "" : operation.domain;
  if (!domain.empty() && operation.type != "PPQBiasFusedMatMul") return std::make_unique<KernelWithDerivative>(std::move(kernel), nullptr);
  if (auto product = make_product(operation, inputs, kernel->shapes().at(0))) return product;
  const quant::OnnxNode node{operation.name, operation.type, "", {}, {}, operation.attributes};
  PullBack derivative = derivative_of(FormOfOperation{node, inputs, *kernel});
  return std::make_unique<KernelWithDerivative>(std::move(kernel), std::move(derivative));
}

}  // namespace assay::ppq
