// Where the windows of convolutions and pools lie: attributes checked, auto_pad resolved. Spatial axes only, any number of them.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/onnx/call.h"

namespace assay::quant {

struct Windows {
  std::vector<int64_t> kernel, stride, dilation;
  std::vector<int64_t> pads;  // all begins, then all ends
  Shape output;               // extents

  size_t axes() const { return kernel.size(); }
  int64_t begin(size_t i) const { return pads[i]; }
  int64_t end(size_t i) const { return pads[axes() + i]; }
  // From the first to the last element that a window reads, both included.
  int64_t reach(size_t i) const { return (kernel[i] - 1) * dilation[i] + 1; }
};

// For Conv and pools. `spatial`: the input's extents. InputError where a window does not fit.
Windows read_windows(const Call& call, const Shape& spatial, const std::vector<int64_t>& kernel);

// For ConvTranspose: output_padding and output_shape too. The pads are those of the equivalent Conv, as ONNX defines them.
struct TransposedWindows {
  Windows windows;
  std::vector<int64_t> output_padding;
};
TransposedWindows read_transposed_windows(const Call& call, const Shape& spatial, const std::vector<int64_t>& kernel);

// The same windows on an image of one row: how 1-D operators become 2-D.
Windows as_2d(const Windows& windows);

}  // namespace assay::quant
