// Our own exact sums: int16 factors (|x - zx|, |w - zw| <= 255), products added in int32. The loops have the shape that compilers turn into multiply-add of int16 pairs,
// whose pair sums (below 2^18) cannot saturate.
#include <cstring>
#include <memory>

#include "emu/kernels/conv_sums.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

constexpr int64_t kBlock = 4;

// Four outputs at once: sums[j] = row . weights[j].
ASSAY_VECTORIZE void dot4(const int16_t* row, const int16_t* weights, int64_t size, int32_t* sums) {
  const int16_t *w0 = weights, *w1 = weights + size, *w2 = weights + 2 * size, *w3 = weights + 3 * size;
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (int64_t k = 0; k < size; ++k) {
    s0 += row[k] * w0[k];
    s1 += row[k] * w1[k];
    s2 += row[k] * w2[k];
    s3 += row[k] * w3[k];
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

// A channel multiplier: every channel its own weight, one tap of the kernel.
ASSAY_VECTORIZE void multiply_add(const int16_t* x, const int16_t* weights, int64_t channels, int32_t* sums) {
  for (int64_t c = 0; c < channels; ++c) sums[c] += x[c] * weights[c];
}

class OwnConv {
 public:
  OwnConv(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights) : g_(geometry), x_signed_(x_type.is_signed) {
    if (depthwise()) {
      repack(weights, [&](int64_t o, int64_t, int64_t tap) { return tap * g_.outputs + o; });
    } else {
      repack(weights, [&](int64_t o, int64_t i, int64_t tap) { return o * g_.products() + tap * g_.group_inputs() + i; });
    }
  }

  void run(const Tensor& x, int32_t* sums) const {
    const auto padded = x_signed_ ? padded_channels_last<int8_t, int16_t>(g_, x.data<int8_t>(), 0, g_.zx) : padded_channels_last<uint8_t, int16_t>(g_, x.data<uint8_t>(), 0, g_.zx);
    std::vector<int16_t> row(static_cast<size_t>(g_.products()));
    for (int64_t n = 0; n < g_.batch; ++n) {
      for (int64_t oh = 0; oh < g_.out_h; ++oh) {
        for (int64_t ow = 0; ow < g_.out_w; ++ow, sums += g_.outputs) {
          const int16_t* const window = padded.data() + ((n * g_.padded_h() + oh * g_.stride_h) * g_.padded_w() + ow * g_.stride_w) * g_.channels;
          if (depthwise()) {
            depthwise_window(window, sums);
          } else {
            for (int64_t group = 0; group < g_.groups; ++group) group_window(window, group, row, sums);
          }
        }
      }
    }
  }

 private:
  bool depthwise() const { return g_.groups == g_.channels && g_.groups == g_.outputs && g_.groups > 1; }

  template <class Place>
  void repack(const std::vector<int64_t>& weights, const Place& place) {
    weights_.resize(weights.size());
    const int64_t taps = g_.kernel_h * g_.kernel_w;
    for (int64_t o = 0; o < g_.outputs; ++o) {
      for (int64_t i = 0; i < g_.group_inputs(); ++i) {
        for (int64_t tap = 0; tap < taps; ++tap) {
          weights_[static_cast<size_t>(place(o, i, tap))] = static_cast<int16_t>(weights[static_cast<size_t>((o * g_.group_inputs() + i) * taps + tap)] - g_.zw);
        }
      }
    }
  }

  const int16_t* tap_of(const int16_t* window, int64_t ky, int64_t kx) const { return window + (ky * g_.dilation_h * g_.padded_w() + kx * g_.dilation_w) * g_.channels; }

  void depthwise_window(const int16_t* window, int32_t* sums) const {
    std::fill(sums, sums + g_.outputs, 0);
    for (int64_t ky = 0; ky < g_.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < g_.kernel_w; ++kx) multiply_add(tap_of(window, ky, kx), weights_.data() + (ky * g_.kernel_w + kx) * g_.outputs, g_.channels, sums);
    }
  }

  // The window of one group as a row, against each of the group's outputs.
  void group_window(const int16_t* window, int64_t group, std::vector<int16_t>& row, int32_t* sums) const {
    const int64_t inputs = g_.group_inputs(), outputs = g_.group_outputs(), products = g_.products();
    for (int64_t ky = 0; ky < g_.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < g_.kernel_w; ++kx) {
        std::memcpy(row.data() + (ky * g_.kernel_w + kx) * inputs, tap_of(window, ky, kx) + group * inputs, static_cast<size_t>(inputs) * sizeof(int16_t));
      }
    }
    const int16_t* weights = weights_.data() + group * outputs * products;
    int32_t* to = sums + group * outputs;
    int64_t o = 0;
    for (; o + kBlock <= outputs; o += kBlock) dot4(row.data(), weights + o * products, products, to + o);
    for (; o < outputs; ++o) {
      to[o] = 0;
      for (int64_t k = 0; k < products; ++k) to[o] += row[static_cast<size_t>(k)] * weights[o * products + k];
    }
  }

  ConvGeometry g_;
  bool x_signed_;
  std::vector<int16_t> weights_;  // [O][tap][input of the group]; depthwise: [tap][O]
};

}  // namespace

ConvSums own_conv_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights) {
  const auto conv = std::make_shared<const OwnConv>(geometry, x_type, weights);
  return [conv](const Tensor& x, int32_t* sums) { conv->run(x, sums); };
}

}  // namespace assay::emu
