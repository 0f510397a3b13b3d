// Sliding windows along one axis of an image: which input positions meet which kernel positions for each output position. Shared by conv, conv_transpose and both
// poolings; positions in the padding are no taps.
//
//   convolution and pooling   in = out * stride - pad_begin + k * dilation
//   transposed convolution    in * stride = out + pad_begin - k * dilation      (where the division is exact)
#pragma once

#include <cstdint>
#include <vector>

#include "emu/ops/check.h"

namespace assay::emu {

struct Tap {
  int64_t k;   // position in the kernel
  int64_t in;  // position in the input
};

// taps[out]: in order of k.
using Taps = std::vector<std::vector<Tap>>;

// One axis of a window. Attributes are checked: 1 <= stride, dilation <= kMaxWindow, 0 <= pads <= kMaxWindow.
struct WindowAxis {
  int64_t in = 0;
  int64_t out = 0;
  int64_t kernel = 0;
  int64_t stride = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;
  int64_t dilation = 1;
};
inline constexpr int64_t kMaxWindow = int64_t{1} << 20;

Taps convolution_taps(const WindowAxis& axis);
Taps transposed_taps(const WindowAxis& axis);

// The same taps seen from one kernel position: outputs out_first, + out_step ... meet inputs in_first, + in_step ..., `count` of them.
struct TapRun {
  int64_t out_first = 0;
  int64_t out_step = 1;
  int64_t in_first = 0;
  int64_t in_step = 1;
  int64_t count = 0;
};
// runs[k]
std::vector<TapRun> runs_of(const Taps& taps, int64_t kernel);

// Axis 0 or 1 (rows or columns) of an image operator's window.
WindowAxis window_axis(size_t which, const Shape& x, const Shape& result, const std::vector<int64_t>& kernel, const std::vector<int64_t>& stride, const std::vector<int64_t>& pads,
                       const std::vector<int64_t>& dilation);

// stride, pads and dilation have the right lengths and values in range.
bool check_window(Check& check, const std::vector<int64_t>& kernel, const std::vector<int64_t>& stride, const std::vector<int64_t>& pads, const std::vector<int64_t>& dilation);

// floor((in + pads - dilation * (kernel - 1) - 1) / stride) + 1; 0 or less where the kernel does not fit. (Rounding up is said by a larger end pad.)
int64_t convolution_extent(const WindowAxis& axis);

// The image that a pooling makes, [N, C, OH, OW], and that each window holds an element of the image (`elements`: one is needed).
void check_pooling(Check& check, const OpContext& context, Ref x, const std::vector<int64_t>& kernel, const std::vector<int64_t>& stride, const std::vector<int64_t>& pads,
                   const std::vector<int64_t>& dilation, bool elements);

}  // namespace assay::emu
