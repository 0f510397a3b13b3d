#include "quant/ppq/execute_functions.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/ops/op.h"
#include "quant/ppq/torch_functions.h"

namespace assay::ppq {
namespace {

using quant::Call;
using quant::FloatTensor;
using Pointers = std::vector<const FloatTensor*>;

RealFunction elementwise(const Call& call, float (*function)(float)) {
  return {call.shape(0), [function](const Pointers& inputs) {
            FloatTensor y = *inputs[0];
            for (float& value : y.data) value = function(value);
            return y;
          }};
}

RealFunction sigmoid(const Call& call) {
  return {call.shape(0), [](const Pointers& inputs) {
            FloatTensor y = *inputs[0];
            torch_sigmoid(y);
            return y;
          }};
}

RealFunction softmax(const Call& call) {
  const int64_t axis = quant::normalized_axis(call.node.integer("axis", -1), call.rank(0));
  return {call.shape(0), [axis](const Pointers& inputs) { return torch_softmax(*inputs[0], axis); }};
}

RealFunction log_softmax(const Call& call) {
  const int64_t axis = quant::normalized_axis(call.node.integer("axis", -1), call.rank(0));
  return {call.shape(0), [axis](const Pointers& inputs) {
            FloatTensor y = torch_softmax(*inputs[0], axis);
            for (float& value : y.data) value = std::log(value);
            return y;
          }};
}

// (x - mean) / sqrt(variance + epsilon) * gamma + beta, the moments in double.
void normalise_row(const float* x, float* y, size_t size, float epsilon, const float* gamma, const float* beta) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < size; ++i) sum += static_cast<double>(x[i]);
  const double mean = sum / static_cast<double>(size);
  for (size_t i = 0; i < size; ++i) squares += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
  const auto inverse = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(size) + static_cast<double>(epsilon)));
  const auto centre = static_cast<float>(mean);
  for (size_t i = 0; i < size; ++i) y[i] = (x[i] - centre) * inverse * (gamma != nullptr ? gamma[i] : 1.0F) + (beta != nullptr ? beta[i] : 0.0F);
}

RealFunction layer_norm(const Call& call) {
  const Shape& shape = call.shape(0);
  if (shape.empty() || quant::normalized_axis(call.node.integer("axis", -1), call.rank(0)) + 1 != call.rank(0)) {
    throw Unsupported("it normalises over other axes than the last of " + assay::to_string(shape), {});
  }
  for (const size_t i : {size_t{1}, size_t{2}}) {
    if (call.has(i) && call.shape(i) != Shape{shape.back()}) throw InputError("its input " + std::to_string(i) + " must have the shape [" + std::to_string(shape.back()) + "]");
  }
  const float epsilon = call.node.real("epsilon", 1e-5F);
  const auto size = static_cast<size_t>(shape.back());
  return {shape, [epsilon, size](const Pointers& inputs) {
            FloatTensor y(inputs[0]->shape);
            const auto parameter = [&](size_t i) { return i < inputs.size() && inputs[i] != nullptr ? inputs[i]->data.data() : nullptr; };
            for (size_t row = 0; row < y.size(); row += size) normalise_row(inputs[0]->data.data() + row, y.data.data() + row, size, epsilon, parameter(1), parameter(2));
            return y;
          }};
}

// For each output position on an axis, the two source positions and how much of each.
struct Between {
  size_t first = 0, second = 0;
  float of_first = 1, of_second = 0;
};

std::vector<Between> between(int64_t in, int64_t out, std::optional<float> given_scale, bool align_corners) {
  std::vector<Between> result;
  const auto span = [](int64_t extent) { return static_cast<float>(extent); };
  const float step = align_corners ? (out > 1 ? span(in - 1) / span(out - 1) : 0.0F) : (given_scale ? 1.0F / *given_scale : span(in) / span(out));
  for (int64_t o = 0; o < out; ++o) {
    const float source = align_corners ? step * span(o) : std::max(0.0F, step * (span(o) + 0.5F) - 0.5F);
    const auto first = std::min(static_cast<int64_t>(source), in - 1);
    const float rest = source - span(first);
    result.push_back({static_cast<size_t>(first), static_cast<size_t>(std::min(first + 1, in - 1)), 1.0F - rest, rest});
  }
  return result;
}

FloatTensor interpolate(const FloatTensor& x, const Shape& shape, const std::vector<Between>& rows, const std::vector<Between>& columns) {
  FloatTensor y(shape);
  const auto height = static_cast<size_t>(x.shape[2]), width = static_cast<size_t>(x.shape[3]);
  float* to = y.data.data();
  for (const float* plane = x.data.data(); plane != x.data.data() + x.size(); plane += height * width) {
    for (const Between& row : rows) {
      const float *top = plane + row.first * width, *bottom = plane + row.second * width;
      for (const Between& column : columns) {
        const float above = column.of_first * top[column.first] + column.of_second * top[column.second];
        const float below = column.of_first * bottom[column.first] + column.of_second * bottom[column.second];
        *to++ = row.of_first * above + row.of_second * below;
      }
    }
  }
  return y;
}

RealFunction linear_resize(const Call& call) {
  const Shape& from = call.shape(0);
  if (from.size() != 4) throw Unsupported("mode 'linear' of an input " + assay::to_string(from) + "; supported are 4 axes", {});
  const bool by_sizes = call.has(3) && call.constant(3, "sizes").size() != 0;
  const std::vector<float> scales = by_sizes ? std::vector<float>{} : call.constant(2, "scales").reals;
  const Shape sizes = by_sizes ? call.integers(3, "sizes") : Shape{};
  if (scales.size() + sizes.size() != 4) throw InputError("it must have 4 scales or sizes");
  Shape to = from;
  std::vector<std::optional<float>> given(4);
  for (size_t i = 0; i < 4; ++i) {
    if (!by_sizes) given[i] = scales[i];
    const double extent = by_sizes ? static_cast<double>(sizes[i]) : std::floor(static_cast<double>(from[i]) * static_cast<double>(scales[i]));
    if (!(extent >= 1 && extent <= 0x1p20)) throw InputError("cannot resize axis " + std::to_string(i) + " of " + assay::to_string(from));
    to[i] = static_cast<int64_t>(extent);
  }
  if (to[0] != from[0] || to[1] != from[1]) throw Unsupported("it resizes batch or channels: " + assay::to_string(from) + " to " + assay::to_string(to), {});
  const bool corners = call.node.text("coordinate_transformation_mode", "half_pixel") == "align_corners";
  element_count(to);
  return {to, [to, rows = between(from[2], to[2], given[2], corners), columns = between(from[3], to[3], given[3], corners)](const Pointers& inputs) {
            return interpolate(*inputs[0], to, rows, columns);
          }};
}

// The source index of a padded index: mirrored at the edges without repeating them, or the edge itself.
int64_t inside(int64_t at, int64_t extent, bool reflect) {
  if (!reflect) return std::clamp<int64_t>(at, 0, extent - 1);
  if (extent == 1) return 0;
  const int64_t period = 2 * (extent - 1);
  at = ((at % period) + period) % period;
  return std::min(at, period - at);
}

RealFunction mirror_pad(const Call& call, bool reflect) {
  const Shape& from = call.shape(0);
  const auto pads = quant::list_argument(call, "pads", 1, 11);
  if (!pads || pads->size() != 2 * from.size()) throw InputError("it must have two pads for each axis of " + assay::to_string(from));
  Shape to = from;
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t before = (*pads)[i], after = (*pads)[i + from.size()];
    const int64_t most = reflect ? from[i] - 1 : kMaxElements;
    if (before < 0 || after < 0 || before > most || after > most) throw InputError("cannot pad axis " + std::to_string(i) + " of " + assay::to_string(from) + " in this mode");
    to[i] += before + after;
  }
  element_count(to);
  return {to, [to, begins = std::vector<int64_t>(pads->begin(), pads->begin() + static_cast<std::ptrdiff_t>(from.size())), reflect](const Pointers& inputs) {
            FloatTensor y(to);
            const FloatTensor& x = *inputs[0];
            const Shape x_strides = strides_of(x.shape), y_strides = strides_of(to);
            for (size_t element = 0; element < y.size(); ++element) {
              int64_t source = 0;
              for (size_t i = 0; i < to.size(); ++i) {
                const int64_t at = static_cast<int64_t>(element) / y_strides[i] % to[i];
                source += inside(at - begins[i], x.shape[i], reflect) * x_strides[i];
              }
              y.data[element] = x.data[static_cast<size_t>(source)];
            }
            return y;
          }};
}

}  // namespace

std::optional<RealFunction> own_function(const Call& call) {
  const std::string& type = call.node.type;
  if (type == "Softplus") return elementwise(call, [](float x) { return std::log(std::exp(x) + 1.0F); });
  if (type == "Sigmoid") return sigmoid(call);
  if (type == "Softmax") return softmax(call);
  if (type == "Exp") return elementwise(call, torch_exp);
  if (type == "LogSoftmax") return log_softmax(call);
  if (type == "LayerNormalization" || type == "LayerNorm") return layer_norm(call);
  const std::string mode = call.node.text("mode", "");
  if (type == "Resize" && mode == "linear") return linear_resize(call);
  if (type == "Pad" && (mode == "reflect" || mode == "edge")) return mirror_pad(call, mode == "reflect");
  return std::nullopt;
}

}  // namespace assay::ppq
