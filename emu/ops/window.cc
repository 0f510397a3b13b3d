#include "emu/ops/window.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

// Every k of the kernel at every output, kept where source(out, k) is an input position.
template <class Source>
Taps taps_where(const WindowAxis& axis, const Source& source) {
  Taps taps(static_cast<size_t>(axis.out));
  for (int64_t out = 0; out < axis.out; ++out) {
    for (int64_t k = 0; k < axis.kernel; ++k) {
      const int64_t in = source(out, k);
      if (in >= 0 && in < axis.in) taps[static_cast<size_t>(out)].push_back({k, in});
    }
  }
  return taps;
}

}  // namespace

Taps convolution_taps(const WindowAxis& axis) {
  return taps_where(axis, [&](int64_t out, int64_t k) { return out * axis.stride - axis.pad_begin + k * axis.dilation; });
}

Taps transposed_taps(const WindowAxis& axis) {
  return taps_where(axis, [&](int64_t out, int64_t k) {
    const int64_t scaled = out + axis.pad_begin - k * axis.dilation;
    return scaled % axis.stride == 0 ? scaled / axis.stride : int64_t{-1};
  });
}

std::vector<TapRun> runs_of(const Taps& taps, int64_t kernel) {
  std::vector<TapRun> runs(static_cast<size_t>(kernel));
  for (size_t o = 0; o < taps.size(); ++o) {
    const auto out = static_cast<int64_t>(o);
    for (const Tap& tap : taps[o]) {
      TapRun& run = runs[static_cast<size_t>(tap.k)];
      if (run.count == 0) {
        run.out_first = out;
        run.in_first = tap.in;
      } else if (run.count == 1) {
        run.out_step = out - run.out_first;
        run.in_step = tap.in - run.in_first;
      }
      // Both formulas are linear, so the steps never change.
      ASSAY_ASSERT(out == run.out_first + run.count * run.out_step && tap.in == run.in_first + run.count * run.in_step);
      ++run.count;
    }
  }
  return runs;
}

WindowAxis window_axis(size_t which, const Shape& x, const Shape& result, const std::vector<int64_t>& kernel, const std::vector<int64_t>& stride, const std::vector<int64_t>& pads,
                       const std::vector<int64_t>& dilation) {
  return {x[2 + which], result[2 + which], kernel[which], stride[which], pads[which], pads[2 + which], dilation[which]};
}

bool check_window(Check& check, const std::vector<int64_t>& kernel, const std::vector<int64_t>& stride, const std::vector<int64_t>& pads, const std::vector<int64_t>& dilation) {
  bool good = check.attribute(kernel, "kernel", 2, 1, kMaxWindow);
  good &= check.attribute(stride, "stride", 2, 1, kMaxWindow);
  good &= check.attribute(pads, "pad", 4, 0, kMaxWindow);
  return check.attribute(dilation, "dilation", 2, 1, kMaxWindow) && good;
}

int64_t convolution_extent(const WindowAxis& axis) {
  // Extents are at most 2^31 and attributes 2^20: no product or sum leaves 64 bits.
  const int64_t room = axis.in + axis.pad_begin + axis.pad_end - axis.dilation * (axis.kernel - 1) - 1;
  return room < 0 ? 0 : room / axis.stride + 1;
}

void check_pooling(Check& check, const OpContext& context, Ref x, const std::vector<int64_t>& kernel, const std::vector<int64_t>& stride, const std::vector<int64_t>& pads,
                   const std::vector<int64_t>& dilation, bool elements) {
  const bool window = check_window(check, kernel, stride, pads, dilation);
  if (!check.rank_is(x, "x", 4) || !window) return;
  const Shape& in = context.shape(x);
  Shape expected = in;
  for (const size_t which : {0U, 1U}) expected[2 + which] = convolution_extent(window_axis(which, in, in, kernel, stride, pads, dilation));
  if (!check.is_result_shape(expected) || !elements) return;
  for (const size_t which : {0U, 1U}) {
    const Taps taps = convolution_taps(window_axis(which, in, expected, kernel, stride, pads, dilation));
    const bool empty = std::any_of(taps.begin(), taps.end(), [](const std::vector<Tap>& window_taps) { return window_taps.empty(); });
    check.that(!empty, "a window lies in the padding alone: it has no elements");
  }
}

}  // namespace assay::emu
