// All ways to a convolution's sums against the plain sum, on random geometries and on the worst operands: pairs of 255 * 127, which saturate int16 where a CPU lacks VNNI.
#include "emu/kernels/conv_sums.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace assay::emu {
namespace {

using rc::gen::inRange;

std::vector<int32_t> plain_sums(const ConvGeometry& g, const Tensor& x, const std::vector<int64_t>& w) {
  std::vector<int32_t> sums;
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t o = 0; o < g.outputs; ++o) {
      for (int64_t oh = 0; oh < g.out_h; ++oh) {
        for (int64_t ow = 0; ow < g.out_w; ++ow) {
          int64_t sum = 0;
          for (int64_t i = 0; i < g.group_inputs(); ++i) {
            for (int64_t ky = 0; ky < g.kernel_h; ++ky) {
              for (int64_t kx = 0; kx < g.kernel_w; ++kx) {
                const int64_t row = oh * g.stride_h - g.pad_top + ky * g.dilation_h;
                const int64_t column = ow * g.stride_w - g.pad_left + kx * g.dilation_w;
                if (row < 0 || column < 0 || row >= g.height || column >= g.width) continue;
                const int64_t channel = o / g.group_outputs() * g.group_inputs() + i;
                const int64_t place =
                    g.x_channels_last ? ((n * g.height + row) * g.width + column) * g.channels + channel : ((n * g.channels + channel) * g.height + row) * g.width + column;
                const int64_t xv = x.at(static_cast<size_t>(place)) - g.zx;
                sum += xv * (w[static_cast<size_t>(((o * g.group_inputs() + i) * g.kernel_h + ky) * g.kernel_w + kx)] - g.zw);
              }
            }
          }
          sums.push_back(static_cast<int32_t>(sum));
        }
      }
    }
  }
  return sums;
}

// What a way gives, [N, O, pixels]; every sum must come exactly once.
std::vector<int32_t> collect(const ConvGeometry& g, const ConvSums& sums, const Tensor& x) {
  std::vector<int32_t> result(static_cast<size_t>(g.batch * g.outputs * g.pixels()));
  std::vector<int> times(result.size());
  sums(x, [&](int64_t n, int64_t o, int64_t first, int64_t count, const int32_t* row) {
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>((n * g.outputs + o) * g.pixels() + first + i);
      result.at(at) = row[i];
      ++times.at(at);
    }
  });
  for (const int count : times) RC_ASSERT(count == 1);
  return result;
}

struct ConvSumsCase {
  ConvGeometry g;
  IntType x_type, w_type;
  Tensor x;
  std::vector<int64_t> w;
};

int64_t any_of(IntType type, bool extremes) {
  const auto low = static_cast<int64_t>(type.min()), high = static_cast<int64_t>(type.max());
  return extremes ? *rc::gen::element(low, high) : *inRange(low, high + 1);
}

ConvSumsCase any_case() {
  ConvSumsCase c;
  ConvGeometry& g = c.g;
  g.batch = *inRange(1, 3);
  g.groups = *rc::gen::element(1, 1, 2, 4, 16, 17);
  const bool depthwise = g.groups > 4 || *inRange(0, 4) == 0;
  g.channels = g.groups * (depthwise ? 1 : *rc::gen::element(1, 3, 8, 33));
  g.outputs = g.groups * (depthwise ? *inRange(1, 3) : *rc::gen::element(1, 2, 7, 16, 20));
  g.kernel_h = *inRange(1, 4), g.kernel_w = *inRange(1, 4);
  g.stride_h = *inRange(1, 3), g.stride_w = *inRange(1, 3), g.dilation_h = *inRange(1, 3), g.dilation_w = *inRange(1, 3);
  g.pad_top = *inRange(0, 3), g.pad_left = *inRange(0, 3), g.pad_bottom = *inRange(0, 3), g.pad_right = *inRange(0, 3);
  g.out_h = *inRange(1, 6), g.out_w = *inRange(1, 6);
  // The smallest image that gives this output, and sometimes rows and columns that no window reaches.
  g.height = std::max<int64_t>(1, (g.out_h - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1 - g.pad_top - g.pad_bottom + *inRange<int64_t>(0, g.stride_h));
  g.width = std::max<int64_t>(1, (g.out_w - 1) * g.stride_w + (g.kernel_w - 1) * g.dilation_w + 1 - g.pad_left - g.pad_right + *inRange<int64_t>(0, g.stride_w));
  g.out_h = (g.padded_h() - (g.kernel_h - 1) * g.dilation_h - 1) / g.stride_h + 1;
  g.out_w = (g.padded_w() - (g.kernel_w - 1) * g.dilation_w - 1) / g.stride_w + 1;
  c.x_type = *rc::gen::element(kS8, kU8);
  c.w_type = *rc::gen::element(kS8, kU8);
  g.x_channels_last = *inRange(0, 4) == 0;
  const bool extremes = *inRange(0, 2) == 0;
  g.zx = *inRange(0, 2) == 0 ? 0 : any_of(c.x_type, false);
  g.zw = *inRange(0, 2) == 0 ? 0 : any_of(c.w_type, false);
  // Drawn by our own generator: thousands of rapidcheck draws a case would be slow.
  uint64_t state = *rc::gen::arbitrary<uint64_t>();
  const auto draw = [&](IntType type) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto range = static_cast<uint64_t>(type.max() - type.min());
    const uint64_t word = state >> 33;
    return static_cast<int64_t>(type.min()) + static_cast<int64_t>(extremes ? (word & 1) * range : word % (range + 1));
  };
  c.x = Tensor(c.x_type, {g.batch, g.channels, g.height, g.width});
  for (size_t i = 0; i < c.x.size(); ++i) c.x.set(i, draw(c.x_type));
  c.w.resize(static_cast<size_t>(g.outputs * g.products()));
  for (auto& w : c.w) w = draw(c.w_type);
  return c;
}

RC_GTEST_PROP(ConvSums, OursEqualThePlainSum, ()) {
  const ConvSumsCase c = any_case();
  RC_ASSERT(collect(c.g, own_conv_sums(c.g, c.x_type, c.w), c.x) == plain_sums(c.g, c.x, c.w));
}

RC_GTEST_PROP(ConvSums, PlanesEqualThePlainSum, ()) {
  ConvSumsCase c = any_case();
  c.g.x_channels_last = false;
  RC_ASSERT(collect(c.g, plane_conv_sums(c.g, c.x_type, c.w), c.x) == plain_sums(c.g, c.x, c.w));
}

RC_GTEST_PROP(ConvSums, OneDnnsEqualThePlainSumWhereItSaysSo, ()) {
  const ConvSumsCase c = any_case();
  if (!onednn_is_exact(c.g, c.w_type, c.w)) return;
  RC_ASSERT(collect(c.g, onednn_conv_sums(c.g, c.x_type, c.w_type, c.w), c.x) == plain_sums(c.g, c.x, c.w));
}

// Large enough for several bands, the last of which lies over the one before.
TEST(ConvSums, ABandTakenTwiceInPartIsGivenOnce) {
  for (const int64_t stride : {1, 2}) {
    ConvGeometry g;
    g.batch = 2, g.channels = 3, g.outputs = 18, g.kernel_h = g.kernel_w = 3, g.stride_h = g.stride_w = stride, g.height = 53 * stride, g.width = 71, g.zx = 5, g.zw = -3;
    g.pad_top = g.pad_left = g.pad_bottom = g.pad_right = 1;
    g.out_h = (g.height - 1) / stride + 1, g.out_w = (g.width - 1) / stride + 1;
    Tensor x(kS8, {2, 3, g.height, g.width});
    for (size_t i = 0; i < x.size(); ++i) x.set(i, static_cast<int64_t>(i * 2654435761U >> 7 & 255) - 128);
    std::vector<int64_t> w(static_cast<size_t>(g.outputs * g.products()));
    for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<int64_t>(i * 40503U >> 3 & 255) - 128;
    const auto expected = plain_sums(g, x, w);
    EXPECT_EQ(collect(g, own_conv_sums(g, kS8, w), x), expected);
    EXPECT_EQ(collect(g, plane_conv_sums(g, kS8, w), x), expected);
    if (!onednn_is_exact(g, kS8, w)) continue;
    EXPECT_EQ(collect(g, onednn_conv_sums(g, kS8, kS8, w), x), expected);
  }
}

// Beyond 2^24, where a library that passes its sums through float32 would round them.
TEST(ConvSums, AreExactUpTo31Bits) {
  for (const int64_t kernel : {1, 3}) {
    ConvGeometry g;
    g.channels = 4001, g.outputs = 17, g.kernel_h = g.kernel_w = kernel, g.height = g.width = 5, g.out_h = g.out_w = 6 - kernel;
    Tensor x(kU8, {1, g.channels, 5, 5});
    for (size_t i = 0; i < x.size(); ++i) x.set(i, i % 7 == 0 ? 254 : 255);
    std::vector<int64_t> w(static_cast<size_t>(g.outputs * g.products()));
    for (size_t i = 0; i < w.size(); ++i) w[i] = i % 5 == 0 ? 126 : 127;
    const auto expected = plain_sums(g, x, w);
    EXPECT_EQ(collect(g, own_conv_sums(g, kU8, w), x), expected);
    EXPECT_EQ(collect(g, plane_conv_sums(g, kU8, w), x), expected);
    if (!onednn_is_exact(g, kS8, w)) continue;
    EXPECT_EQ(collect(g, onednn_conv_sums(g, kU8, kS8, w), x), expected);
  }
}

}  // namespace
}  // namespace assay::emu
