// Exact int32 sums of a convolution, sum of (x - zx) * (w - zw), three ways:
//   oneDNN's int8 primitives, where the CPU multiplies int8 pairs into 32 bits exactly (VNNI; without it their int16 intermediates saturate);
//   our own int16 dot products, elsewhere;
//   planes, where a group has few inputs (depthwise convolutions, first layers): one weight at a time over a whole plane, on any CPU.
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
  bool x_channels_last = false;  // x lies as [N, H, W, C]

  int64_t group_inputs() const { return channels / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  int64_t padded_h() const { return height + pad_top + pad_bottom; }
  int64_t padded_w() const { return width + pad_left + pad_right; }
  int64_t products() const { return group_inputs() * kernel_h * kernel_w; }  // per output
  int64_t pixels() const { return out_h * out_w; }
};

// `count` sums of batch element n and output channel o, from its pixel `first` on (row-major). Lies in memory of the giver's, until it returns.
using TakeSums = std::function<void(int64_t n, int64_t o, int64_t first, int64_t count, const int32_t* sums)>;

// x (8-bit) -> every sum once, in pieces of one channel. Safe to call from several threads.
using ConvSums = std::function<void(const Tensor& x, const TakeSums& take)>;

// True where oneDNN's sums with these weights are exact on this CPU as it may be used (ONEDNN_MAX_CPU_ISA included), whatever the input.
bool onednn_is_exact(const ConvGeometry& geometry, IntType w_type, const std::vector<int64_t>& weights);

// Weights are widened values of an at most 8-bit tensor. The caller has proven that no sum of any of an output's products reaches 2^31 in
// magnitude.
ConvSums onednn_conv_sums(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights);
ConvSums own_conv_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights);
// x channels first.
ConvSums plane_conv_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights);

// The quickest of the three that is exact.
ConvSums conv_sums(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights);

}  // namespace assay::emu
