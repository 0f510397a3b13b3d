// First the largest of each column over the window's rows, then the largest of those over its columns.
#include <algorithm>
#include <limits>

#include "emu/kernels/pools.h"
#include "emu/kernels/vectorize.h"
#include "emu/ops/window.h"

namespace assay::emu {
namespace {

template <class T>
ASSAY_VECTORIZE void keep_larger(const T* row, int64_t size, T* largest) {
  for (int64_t i = 0; i < size; ++i) largest[i] = std::max(largest[i], row[i]);
}

template <class T>
ASSAY_VECTORIZE void keep_larger(const T* row, const TapRun& run, T* largest) {
  T* const to = largest + run.out_first;
  const T* const from = row + run.in_first;
  const int64_t count = run.count, in_step = run.in_step, out_step = run.out_step;
  if (out_step == 1 && in_step == 1) {
    for (int64_t j = 0; j < count; ++j) to[j] = std::max(to[j], from[j]);
  } else if (out_step == 1 && in_step == 2) {
    for (int64_t j = 0; j < count; ++j) to[j] = std::max(to[j], from[2 * j]);
  } else {
    for (int64_t j = 0; j < count; ++j) to[j * out_step] = std::max(to[j * out_step], from[j * in_step]);
  }
}

struct MaxPoolKernel {
  Ref x;
  Taps rows;
  std::vector<TapRun> columns;  // by kernel position
  int64_t planes, height, width, out_w;

  Tensor operator()(const OpContext& context, OpRun& /*run*/) const {
    Tensor result(context.result().type, context.result().shape);
    std::visit(
        [&](const auto& storage) {
          using T = typename std::decay_t<decltype(storage)>::value_type;
          pool(storage.data(), result.data<T>());
        },
        context.tensor(x).storage());
    return result;
  }

  template <class T>
  void pool(const T* images, T* results) const {
    std::vector<T> largest(static_cast<size_t>(width));
    for (int64_t plane = 0; plane < planes; ++plane) {
      const T* const image = images + plane * height * width;
      for (const auto& window : rows) {
        std::copy_n(image + window.front().in * width, width, largest.data());
        for (size_t tap = 1; tap < window.size(); ++tap) keep_larger(image + window[tap].in * width, width, largest.data());
        std::fill_n(results, out_w, std::numeric_limits<T>::lowest());
        for (const TapRun& run : columns) keep_larger(largest.data(), run, results);
        results += out_w;
      }
    }
  }
};

}  // namespace

PreparedKernel prepare(const MaxPool& op, const OpContext& context) {
  const Shape &in = context.shape(op.x), &out = context.result().shape;
  return {MaxPoolKernel{op.x, convolution_taps(window_axis(0, in, out, op.kernel, op.stride, op.pads, op.dilation)),
                        runs_of(convolution_taps(window_axis(1, in, out, op.kernel, op.stride, op.pads, op.dilation)), op.kernel[1]), in[0] * in[1], in[2], in[3], out[3]},
          ""};
}

}  // namespace assay::emu
