#include <algorithm>

#include "emu/base/error.h"
#include "quant/onnx/convert.h"
#include "quant/onnx/windows.h"

namespace assay::quant {
namespace {

Shape spatial_of(const Call& call) {
  const Shape& x = call.shape(0);
  if (x.size() < 3) throw InputError("its input " + to_string(x) + " must have at least 3 axes");
  if (x.size() > 4) throw Unsupported("it has " + std::to_string(x.size() - 2) + " spatial axes; 1 and 2 are supported", {});
  return Shape(x.begin() + 2, x.end());
}

// Larger end pads where the last window (ceil_mode) reaches past the padded input; less where it does not need them all stays as it is.
// Returns whether any pad grew.
bool stretch_to_last_window(Windows& w, const Shape& spatial) {
  bool grew = false;
  for (size_t i = 0; i < spatial.size(); ++i) {
    const int64_t needed = (w.output[i] - 1) * w.stride[i] + w.reach(i) - spatial[i] - w.begin(i);
    if (needed <= w.end(i)) continue;
    w.pads[w.axes() + i] = needed;
    grew = true;
  }
  return grew;
}

// A window that sees nothing but padding has no maximum and no average.
void check_windows_see_input(const Windows& w, const Shape& spatial) {
  for (size_t i = 0; i < spatial.size(); ++i) {
    for (int64_t o = 0; o < w.output[i]; ++o) {
      const int64_t first = o * w.stride[i] - w.begin(i);
      const int64_t skipped = first >= 0 ? 0 : (-first + w.dilation[i] - 1) / w.dilation[i];
      if (skipped >= w.kernel[i] || first + skipped * w.dilation[i] >= spatial[i]) {
        throw Unsupported("window " + std::to_string(o) + " of spatial axis " + std::to_string(i) + " lies in the padding altogether", {});
      }
      if (first >= 0 && o + 1 < w.output[i]) o = w.output[i] - 2;  // from here on only the last one can fail
    }
  }
}

// On 2-D inputs; a 1-D one between two Reshapes.
void emit(const Call& call, Builder& builder, Operator op, const Windows& w) {
  const Shape& x = call.shape(0);
  const ValueId input = builder.input(call, 0);
  const Shape out = {x[0], x[1], w.output[0], w.output[1]};
  if (x.size() == 4) return builder.result(call, 0, std::move(op), {input}, out);
  const ValueId image = builder.step(call, Reshape{}, {input}, {x[0], x[1], 1, x[2]});
  builder.result(call, 0, Reshape{}, {builder.step(call, std::move(op), {image}, out)}, {out[0], out[1], out[3]});
}

Windows pool_windows(const Call& call, const Shape& spatial) {
  const std::vector<int64_t> kernel = call.node.integers("kernel_shape", {});
  if (kernel.size() != spatial.size()) throw InputError("kernel_shape " + to_string(kernel) + " must have one number per spatial axis of " + to_string(call.shape(0)));
  return read_windows(call, spatial, kernel);
}

void convert_max_pool(const Call& call, Builder& builder) {
  const Shape spatial = spatial_of(call);
  Windows w = pool_windows(call, spatial);
  check_windows_see_input(w, spatial);
  stretch_to_last_window(w, spatial);
  w = as_2d(w);
  emit(call, builder, MaxPool{w.kernel, w.stride, w.pads, w.dilation}, w);
}

void convert_average_pool(const Call& call, Builder& builder) {
  const Shape spatial = spatial_of(call);
  Windows w = pool_windows(call, spatial);
  check_windows_see_input(w, spatial);
  const bool include_pad = call.node.integer("count_include_pad", 0) != 0;
  if (call.node.has("dilations") && std::any_of(w.dilation.begin(), w.dilation.end(), [](int64_t d) { return d != 1; })) throw Unsupported("it has dilations", {});
  if (stretch_to_last_window(w, spatial) && include_pad) {
    throw Unsupported("with ceil_mode and count_include_pad its last window counts some of its padding and not the rest", {});
  }
  w = as_2d(w);
  // Without any padding the two ways to count are one.
  const bool padded = std::any_of(w.pads.begin(), w.pads.end(), [](int64_t p) { return p != 0; });
  emit(call, builder, AveragePool{w.kernel, w.stride, w.pads, include_pad && padded}, w);
}

// The whole image in one window.
Windows whole(const Shape& spatial) {
  const std::vector<int64_t> ones(spatial.size(), 1);
  return as_2d({spatial, ones, ones, std::vector<int64_t>(2 * spatial.size(), 0), ones});
}

void convert_global_average_pool(const Call& call, Builder& builder) {
  const Windows w = whole(spatial_of(call));
  emit(call, builder, AveragePool{w.kernel, w.stride, w.pads, false}, w);
}

void convert_global_max_pool(const Call& call, Builder& builder) {
  const Windows w = whole(spatial_of(call));
  emit(call, builder, MaxPool{w.kernel, w.stride, w.pads, w.dilation}, w);
}

// Over H, W of an image, or over H or W alone: a pool. Over any other run of neighbouring axes: the same, with the axes before and after them flattened around.
void convert_reduce_mean(const Call& call, Builder& builder) {
  const Shape& x = call.shape(0);
  const auto given = list_argument(call, "axes", 1, 18);
  std::vector<int64_t> axes;
  if (given && !given->empty()) {
    axes = normalized_axes(*given, call.rank(0));
  } else if (call.node.integer("noop_with_empty_axes", 0) != 0) {
    return builder.alias(call, 0, builder.input(call, 0));
  } else {
    for (int64_t i = 0; i < call.rank(0); ++i) axes.push_back(i);
  }
  if (axes.empty()) return builder.alias(call, 0, builder.input(call, 0));
  if (axes.back() - axes.front() + 1 != static_cast<int64_t>(axes.size())) throw Unsupported("its axes " + to_string(axes) + " are not neighbours", {});
  Shape kept = x, dropped;
  for (int64_t i = 0; i < call.rank(0); ++i) {
    if (std::binary_search(axes.begin(), axes.end(), i)) {
      kept[static_cast<size_t>(i)] = 1;
    } else {
      dropped.push_back(x[static_cast<size_t>(i)]);
    }
  }
  const Shape& out = call.node.integer("keepdims", 1) != 0 ? kept : dropped;
  const bool image = x.size() == 4 && axes.front() >= 2;
  Shape around = x, pooled = kept;
  if (!image) {
    const int64_t before = element_count(Shape(x.begin(), x.begin() + axes.front()));
    const int64_t after = element_count(Shape(x.begin() + axes.back() + 1, x.end()));
    around = {1, before, element_count(x) / before / after, after};
    pooled = {1, before, 1, after};
  }
  const AveragePool pool{{around[2] / pooled[2], around[3] / pooled[3]}, {1, 1}, {0, 0, 0, 0}, false};
  ValueId value = builder.input(call, 0);
  if (around != x) value = builder.step(call, Reshape{}, {value}, around);
  if (pooled == out) return builder.result(call, 0, pool, {value}, out);
  builder.result(call, 0, Reshape{}, {builder.step(call, pool, {value}, pooled)}, out);
}

}  // namespace

const std::map<std::string, Converter>& pool_converters() {
  static const std::map<std::string, Converter> table = {{"MaxPool", convert_max_pool},
                                                         {"AveragePool", convert_average_pool},
                                                         {"GlobalAveragePool", convert_global_average_pool},
                                                         {"GlobalMaxPool", convert_global_max_pool},
                                                         {"ReduceMean", convert_reduce_mean}};
  return table;
}

}  // namespace assay::quant
