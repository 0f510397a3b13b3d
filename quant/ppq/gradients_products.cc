// Products: sums of weights times inputs, as matrix products over unfolded windows.
//   Conv           y[o, p] = sum_k w[o, k] * columns(x)[k, p] + b[o]
//   ConvTranspose  columns(y)[k, p] = sum_i w[i, k] * x[i, p]: the transposed map; columns that meet in one element add up
#include <dnnl.h>

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/onnx/model.h"
#include "quant/ppq/gradients.h"
#include "quant/ppq/rounding.h"

namespace assay::ppq {
namespace {

using quant::FloatTensor;
using Tensors = std::vector<FloatTensor>;

// C = alpha * op(A) op(B) + beta * C, row-major; A is rows x depth after op, B depth x columns.
struct Matrix {
  const float* data;
  bool transposed = false;
};
void multiply(Matrix a, Matrix b, int64_t rows, int64_t columns, int64_t depth, float alpha, float beta, float* c) {
  const dnnl_status_t status = dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', rows, columns, depth, alpha, a.data, a.transposed ? rows : depth, b.data,
                                          b.transposed ? depth : columns, beta, c, columns);
  ASSAY_ASSERT(status == dnnl_success);
}

// A window that moves over an image [channels, height, width] and stops at a grid of positions.
struct Windows {
  int64_t channels = 0, height = 0, width = 0;
  int64_t grid_height = 0, grid_width = 0;
  int64_t kernel[2] = {1, 1}, stride[2] = {1, 1}, dilation[2] = {1, 1}, begin[2] = {0, 0};

  int64_t taps() const { return channels * kernel[0] * kernel[1]; }
  int64_t positions() const { return grid_height * grid_width; }
  bool plain() const { return kernel[0] * kernel[1] == 1 && stride[0] == 1 && stride[1] == 1 && begin[0] == 0 && begin[1] == 0 && grid_height == height && grid_width == width; }

  // Calls use(image row offset or -1, column row offset) for each row of the columns: [channel, ky, kx][y].
  template <class Use>
  void for_each_row(Use use) const {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t ky = 0; ky < kernel[0]; ++ky) {
        for (int64_t kx = 0; kx < kernel[1]; ++kx) {
          const int64_t tap = (c * kernel[0] + ky) * kernel[1] + kx;
          for (int64_t y = 0; y < grid_height; ++y) {
            const int64_t from = y * stride[0] + ky * dilation[0] - begin[0];
            const int64_t row = from < 0 || from >= height ? -1 : (c * height + from) * width;
            use(row, tap * positions() + y * grid_width, kx * dilation[1] - begin[1]);
          }
        }
      }
    }
  }

  void unfold(const float* image, float* columns) const {
    for_each_row([&](int64_t row, int64_t column, int64_t shift) {
      for (int64_t x = 0; x < grid_width; ++x) {
        const int64_t from = x * stride[1] + shift;
        columns[column + x] = row < 0 || from < 0 || from >= width ? 0.0F : image[row + from];
      }
    });
  }
  // The transposed map: adds.
  void fold(const float* columns, float* image) const {
    for_each_row([&](int64_t row, int64_t column, int64_t shift) {
      if (row < 0) return;
      for (int64_t x = 0; x < grid_width; ++x) {
        const int64_t to = x * stride[1] + shift;
        if (to >= 0 && to < width) image[row + to] += columns[column + x];
      }
    });
  }
};

// The windows of one group of a Conv or ConvTranspose; nothing where its form is not ours.
struct Geometry {
  Windows windows;
  int64_t batch = 0, groups = 1, group_outputs = 0;  // of a ConvTranspose: inputs of the group
};

bool read_geometry(const quant::OnnxNode& node, const Shape& image, const Shape& grid, const Shape& weight, Geometry& made) {
  const size_t axes = image.size() - 2;
  if ((axes != 1 && axes != 2) || weight.size() != image.size() || grid.size() != image.size()) return false;
  made.batch = image[0];
  made.groups = node.integer("group", 1);
  if (made.groups < 1 || image[1] % made.groups != 0 || grid[1] % made.groups != 0) return false;
  Windows& w = made.windows;
  w.channels = image[1] / made.groups, made.group_outputs = grid[1] / made.groups;
  w.height = axes == 1 ? 1 : image[2], w.width = image.back();
  w.grid_height = axes == 1 ? 1 : grid[2], w.grid_width = grid.back();
  const std::vector<int64_t> ones(axes, 1), zeros(2 * axes, 0);
  const std::vector<int64_t> strides = node.integers("strides", ones), dilations = node.integers("dilations", ones);
  std::vector<int64_t> pads = node.integers("pads", zeros);
  const std::string automatic = node.text("auto_pad", "NOTSET");
  for (size_t axis = 0; axis < axes; ++axis) {
    const size_t at = axis + 2 - axes;
    w.kernel[at] = weight[axis + 2], w.stride[at] = strides.at(axis), w.dilation[at] = dilations.at(axis);
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const int64_t reach = (w.kernel[at] - 1) * w.dilation[at] + 1;
      const int64_t total = std::max<int64_t>(0, (grid[axis + 2] - 1) * w.stride[at] + reach - image[axis + 2]);
      pads[axis] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
    } else if (automatic == "VALID") {
      pads[axis] = 0;
    }
    w.begin[at] = pads.at(axis);
  }
  return true;
}

// b[c] is added to all positions of channel c; dL/db is the sum over them.
void add_bias(FloatTensor& y, const FloatTensor& bias) {
  const size_t channels = bias.size(), inner = y.size() / static_cast<size_t>(y.shape[0]) / channels;
  for (size_t i = 0; i < y.size(); ++i) y.data[i] += bias.data[i / inner % channels];
}
FloatTensor bias_gradient(const FloatTensor& dy, const Shape& shape) {
  FloatTensor made(shape);
  const size_t channels = made.size(), inner = dy.size() / static_cast<size_t>(dy.shape[0]) / channels;
  std::vector<double> sums(channels, 0.0);
  for (size_t i = 0; i < dy.size(); ++i) sums[i / inner % channels] += static_cast<double>(dy.data[i]);
  for (size_t c = 0; c < channels; ++c) made.data[c] = static_cast<float>(sums[c]);
  return made;
}

// Both directions of a convolution. `image` is x of a Conv and y of a ConvTranspose, `grid` the other; weights are [grid channels, image channels of a group, taps] in both.
class Convolution final : public Differentiable {
 public:
  Convolution(Geometry geometry, bool transposed, Shape output) : g_(geometry), transposed_(transposed), output_(std::move(output)) {}

  bool takes_parameter(size_t slot) const override { return slot == 1 || slot == 2; }

  Tensors run(const TensorPointers& inputs) const override {
    Tensors results(1, FloatTensor(output_));
    FloatTensor& y = results[0];
    if (transposed_) {
      grid_to_image(inputs[0]->data.data(), inputs[1]->data.data(), y.data.data());
    } else {
      image_to_grid(inputs[0]->data.data(), inputs[1]->data.data(), y.data.data());
    }
    if (inputs.size() > 2 && inputs[2] != nullptr) add_bias(y, *inputs[2]);
    return results;
  }

  Tensors pull_back(const TensorPointers& inputs, const Tensors&, const TensorPointers& gradients, const std::vector<char>& wanted) const override {
    Tensors made(inputs.size());
    const FloatTensor& dy = *gradients[0];
    if (wanted[0] != 0) {
      made[0] = FloatTensor(inputs[0]->shape);
      if (transposed_) {
        image_to_grid(dy.data.data(), inputs[1]->data.data(), made[0].data.data());
      } else {
        grid_to_image(dy.data.data(), inputs[1]->data.data(), made[0].data.data());
      }
    }
    if (wanted[1] != 0) {
      made[1] = FloatTensor(inputs[1]->shape);
      const FloatTensor &image = transposed_ ? dy : *inputs[0], &grid = transposed_ ? *inputs[0] : dy;
      weight_gradient(image.data.data(), grid.data.data(), made[1].data.data());
    }
    if (inputs.size() > 2 && inputs[2] != nullptr && wanted[2] != 0) made[2] = bias_gradient(dy, inputs[2]->shape);
    return made;
  }

 private:
  // Calls use(offset in image, offset in grid, offset in weights) for each group of each sample.
  template <class Use>
  void for_each_group(Use use) const {
    const Windows& w = g_.windows;
    for (int64_t n = 0; n < g_.batch; ++n) {
      for (int64_t group = 0; group < g_.groups; ++group) {
        const int64_t part = n * g_.groups + group;
        use(part * w.channels * w.height * w.width, part * g_.group_outputs * w.positions(), group * g_.group_outputs * w.taps());
      }
    }
  }
  std::vector<float> columns() const { return std::vector<float>(g_.windows.plain() ? 0 : static_cast<size_t>(g_.windows.taps() * g_.windows.positions())); }

  void image_to_grid(const float* image, const float* weights, float* grid) const {
    const Windows& w = g_.windows;
    std::vector<float> unfolded = columns();
    for_each_group([&](int64_t i, int64_t o, int64_t k) {
      if (!w.plain()) w.unfold(image + i, unfolded.data());
      multiply({weights + k}, {w.plain() ? image + i : unfolded.data()}, g_.group_outputs, w.positions(), w.taps(), 1, 0, grid + o);
    });
  }
  // Adds to an image of zeros.
  void grid_to_image(const float* grid, const float* weights, float* image) const {
    const Windows& w = g_.windows;
    std::vector<float> unfolded = columns();
    for_each_group([&](int64_t i, int64_t o, int64_t k) {
      multiply({weights + k, true}, {grid + o}, w.taps(), w.positions(), g_.group_outputs, 1, 0, w.plain() ? image + i : unfolded.data());
      if (!w.plain()) w.fold(unfolded.data(), image + i);
    });
  }
  // Adds over the samples to zeros.
  void weight_gradient(const float* image, const float* grid, float* gradient) const {
    const Windows& w = g_.windows;
    std::vector<float> unfolded = columns();
    for_each_group([&](int64_t i, int64_t o, int64_t k) {
      if (!w.plain()) w.unfold(image + i, unfolded.data());
      multiply({grid + o}, {w.plain() ? image + i : unfolded.data(), true}, g_.group_outputs, w.taps(), w.positions(), 1, 1, gradient + k);
    });
  }

  Geometry g_;
  bool transposed_;
  Shape output_;
};

// y = alpha * A @ B + beta * C for each of `batch` pairs of matrices; C has one row for all, a number per row, or as many elements as y.
class MatrixProduct final : public Differentiable {
 public:
  struct Form {
    int64_t batch = 1, rows = 0, columns = 0, depth = 0;
    bool a_transposed = false, b_transposed = false;
    float alpha = 1, beta = 1;
    std::vector<int64_t> addend_steps{};  // of C, per axis of y
  };
  MatrixProduct(Form form, Shape output) : form_(std::move(form)), output_(std::move(output)) {}

  bool takes_parameter(size_t slot) const override { return slot == 1 || slot == 2; }

  Tensors run(const TensorPointers& inputs) const override {
    Tensors results(1, FloatTensor(output_));
    const Form& f = form_;
    for (int64_t n = 0; n < f.batch; ++n) {
      multiply({inputs[0]->data.data() + n * f.rows * f.depth, f.a_transposed}, {inputs[1]->data.data() + n * f.depth * f.columns, f.b_transposed}, f.rows, f.columns, f.depth,
               f.alpha, 0, results[0].data.data() + n * f.rows * f.columns);
    }
    if (f.addend_steps.empty()) return results;
    for_each_addend([&](size_t i, size_t c) { results[0].data[i] += f.beta * inputs[2]->data[c]; });
    return results;
  }

  Tensors pull_back(const TensorPointers& inputs, const Tensors&, const TensorPointers& gradients, const std::vector<char>& wanted) const override {
    Tensors made(inputs.size());
    const Form& f = form_;
    for (size_t slot = 0; slot < 2; ++slot) {
      if (wanted[slot] != 0) made[slot] = FloatTensor(inputs[slot]->shape);
    }
    for (int64_t n = 0; n < f.batch; ++n) {
      const float* const dy = gradients[0]->data.data() + n * f.rows * f.columns;
      const float *const a = inputs[0]->data.data() + n * f.rows * f.depth, *const b = inputs[1]->data.data() + n * f.depth * f.columns;
      if (wanted[0] != 0) {
        float* const da = made[0].data.data() + n * f.rows * f.depth;
        if (f.a_transposed) {
          multiply({b, f.b_transposed}, {dy, true}, f.depth, f.rows, f.columns, f.alpha, 0, da);
        } else {
          multiply({dy}, {b, !f.b_transposed}, f.rows, f.depth, f.columns, f.alpha, 0, da);
        }
      }
      if (wanted[1] != 0) {
        float* const db = made[1].data.data() + n * f.depth * f.columns;
        if (f.b_transposed) {
          multiply({dy, true}, {a, f.a_transposed}, f.columns, f.depth, f.rows, f.alpha, 0, db);
        } else {
          multiply({a, !f.a_transposed}, {dy}, f.depth, f.columns, f.rows, f.alpha, 0, db);
        }
      }
    }
    if (!f.addend_steps.empty() && wanted[2] != 0) {
      std::vector<double> sums(inputs[2]->size(), 0.0);
      for_each_addend([&](size_t i, size_t c) { sums[c] += static_cast<double>(gradients[0]->data[i]); });
      made[2] = FloatTensor(inputs[2]->shape);
      for (size_t c = 0; c < sums.size(); ++c) made[2].data[c] = static_cast<float>(sums[c]) * f.beta;
    }
    return made;
  }

 private:
  template <class Use>
  void for_each_addend(Use use) const {
    const Shape strides = strides_of(output_);
    const auto count = static_cast<size_t>(element_count(output_));
    for (size_t i = 0; i < count; ++i) {
      int64_t from = 0;
      for (size_t axis = 0; axis < strides.size(); ++axis) from += static_cast<int64_t>(i) / strides[axis] % output_[axis] * form_.addend_steps[axis];
      use(i, static_cast<size_t>(from));
    }
  }

  Form form_;
  Shape output_;
};

// y = x where x > 0, else slope * x; a slope for all, or one per channel on axis 1.
class ParametricRelu final : public Differentiable {
 public:
  ParametricRelu(size_t channels, size_t inner) : channels_(channels), inner_(inner) {}
  bool takes_parameter(size_t slot) const override { return slot == 1; }

  Tensors run(const TensorPointers& inputs) const override {
    Tensors results(1, *inputs[0]);
    std::vector<float>& y = results[0].data;
    for (size_t i = 0; i < y.size(); ++i) y[i] = y[i] > 0 ? y[i] : y[i] * inputs[1]->data[channel(i)];
    return results;
  }

  Tensors pull_back(const TensorPointers& inputs, const Tensors&, const TensorPointers& gradients, const std::vector<char>& wanted) const override {
    Tensors made(inputs.size());
    const std::vector<float>& x = inputs[0]->data;
    const std::vector<float>& dy = gradients[0]->data;
    if (wanted[0] != 0) {
      made[0] = *gradients[0];
      for (size_t i = 0; i < x.size(); ++i) made[0].data[i] *= x[i] > 0 ? 1.0F : inputs[1]->data[channel(i)];
    }
    if (wanted[1] != 0) {
      made[1] = FloatTensor(inputs[1]->shape);
      std::vector<double> sums(channels_, 0.0);
      for (size_t i = 0; i < x.size(); ++i) sums[channel(i)] += x[i] > 0 ? 0.0 : static_cast<double>(dy[i] * x[i]);
      for (size_t c = 0; c < channels_; ++c) made[1].data[c] = static_cast<float>(sums[c]);
    }
    return made;
  }

 private:
  size_t channel(size_t element) const { return channels_ == 1 ? 0 : element / inner_ % channels_; }
  size_t channels_, inner_;
};

std::unique_ptr<Differentiable> make_matrix_product(const quant::OnnxNode& node, const std::vector<KernelInput>& inputs, const Shape& output) {
  const Shape &a = inputs[0].shape, &b = inputs[1].shape;
  if (a.size() < 2 || b.size() < 2 || output.size() < 2) return nullptr;
  MatrixProduct::Form form;
  form.columns = output.back();
  if (node.type == "Gemm") {
    form.a_transposed = node.integer("transA", 0) != 0, form.b_transposed = node.integer("transB", 0) != 0;
    form.alpha = node.real("alpha", 1.0F), form.beta = node.real("beta", 1.0F);
    form.rows = output[0], form.depth = form.a_transposed ? a[0] : a[1];
  } else if (b.size() == 2) {
    form.rows = element_count(a) / a.back(), form.depth = a.back();  // all rows of all matrices meet the same b
  } else {
    if (a.size() != b.size() || !std::equal(a.begin(), a.end() - 2, b.begin())) return nullptr;
    form.rows = a[a.size() - 2], form.depth = a.back();
    form.batch = element_count(a) / (form.rows * form.depth);
  }
  if (inputs.size() > 2 && inputs[2].present) form.addend_steps = quant::broadcast_steps(inputs[2].shape, output);
  return std::make_unique<MatrixProduct>(std::move(form), output);
}

}  // namespace

std::unique_ptr<Differentiable> make_product(const Operation& operation, const std::vector<KernelInput>& inputs, const Shape& output) {
  const quant::OnnxNode node{operation.name, operation.type, "", {}, {}, operation.attributes};
  if (inputs.size() < 2 || !inputs[0].present || !inputs[1].present) return nullptr;
  if (node.type == "Conv" || node.type == "ConvTranspose") {
    const bool transposed = node.type == "ConvTranspose";
    Geometry geometry;
    if (inputs[0].shape.size() < 3 || !read_geometry(node, transposed ? output : inputs[0].shape, transposed ? inputs[0].shape : output, inputs[1].shape, geometry)) return nullptr;
    if (transposed && (node.text("auto_pad", "NOTSET") != "NOTSET" || node.has("output_shape"))) return nullptr;
    return std::make_unique<Convolution>(geometry, transposed, output);
  }
  if (node.type == "Gemm" || node.type == "MatMul" || node.type == "PPQBiasFusedMatMul") return make_matrix_product(node, inputs, output);
  if (node.type != "PRelu") return nullptr;
  const Shape& x = inputs[0].shape;
  const auto slopes = static_cast<size_t>(element_count(inputs[1].shape));
  if (slopes != 1 && (x.size() < 2 || static_cast<int64_t>(slopes) != x[1])) return nullptr;
  const size_t outer = slopes == 1 ? 1 : static_cast<size_t>(x[0]) * slopes;
  return std::make_unique<ParametricRelu>(slopes, static_cast<size_t>(element_count(x)) / std::max<size_t>(1, outer));
}

ScaleLayout scale_layout(const Shape& shape, const Configuration& configuration, const ScaleOffset& scale) {
  ScaleLayout layout{scale.scale.size(), 1};
  if (layout.channels <= 1) return {1, 1};
  const size_t last = shape.empty() ? 0 : shape.size() - 1;
  const size_t axis = configuration.policy.per_channel && configuration.channel_axis ? static_cast<size_t>(*configuration.channel_axis) : last;
  for (size_t i = axis + 1; i < shape.size(); ++i) layout.inner *= static_cast<size_t>(shape[i]);
  return layout;
}

void pull_back_fake_quantize(const FloatTensor& x, const Configuration& configuration, const ScaleOffset& scale, FloatTensor& gradient, std::vector<double>* scale_gradient) {
  if (configuration.policy.floating) return;
  const auto low = static_cast<float>(configuration.quant_min), high = static_cast<float>(configuration.quant_max);
  const ScaleLayout layout = scale_layout(x.shape, configuration, scale);
  with_tensor_rounding(configuration.rounding, [&](auto round) {
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t channel = layout.of(i);
      const float t = x.data[i] / scale.scale[channel], offset = scale.offset[channel];
      const float rounded = round(t), code = rounded + offset;
      float step = rounded - t;
      if (code < low || code > high) step = (code < low ? low : high) - offset;
      if (scale_gradient != nullptr) (*scale_gradient)[channel] += static_cast<double>(gradient.data[i] * step);
      if (code < low || code > high) gradient.data[i] = 0;
    }
  });
}

}  // namespace assay::ppq
