// Exact int32 sums of a convolution, sum of (x - zx) * (w - zw), two ways: oneDNN's int8 primitives where the CPU multiplies int8 pairs into 32 bits exactly (VNNI; without it
// their int16 intermediates saturate), and our own int16 products elsewhere. Both leave [N, OH, OW, O]: channels last.
#pragma once

#include <functional>
#include <vector>

#include "emu/program/tensor.h"

namespace assay::emu {

struct ConvGeometry {
  int64_t batch = 1, channels = 1, height = 1, width = 1;       // x: [N, C, H, W]
  int64_t outputs = 1, kernel_h = 1, kernel_w = 1, groups = 1;  // w: [O, C/groups, KH, KW]
  int64_t out_h = 1, out_w = 1;
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t zx = 0, zw = 0;

  int64_t group_inputs() const { return channels / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  int64_t padded_h() const { return height + pad_top + pad_bottom; }
  int64_t padded_w() const { return width + pad_left + pad_right; }
  int64_t products() const { return group_inputs() * kernel_h * kernel_w; }  // per output
  size_t sums() const { return static_cast<size_t>(batch * out_h * out_w * outputs); }
};

// x (8-bit, NCHW) -> sums. Safe to call from several threads.
using ConvSums = std::function<void(const Tensor& x, int32_t* sums)>;

// True where oneDNN's sums with these weights are exact on this CPU as it may be used (ONEDNN_MAX_CPU_ISA included), whatever the input.
bool onednn_is_exact(const ConvGeometry& geometry, IntType w_type, const std::vector<int64_t>& weights);

// Weights are widened values of an at most 8-bit tensor. The caller has proven that no sum of |x - zx| * |w - zw| reaches 2^31.
ConvSums onednn_conv_sums(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights);
ConvSums own_conv_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights);

// x as [N, H, W, C] with the padding around it, filled with zx: what both ways start from.
template <class From, class To>
std::vector<To> padded_channels_last(const ConvGeometry& g, const From* x, To fill, int64_t subtract);

}  // namespace assay::emu
