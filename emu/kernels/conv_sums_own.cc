// Our own exact sums: int16 factors (|x - zx|, |w - zw| <= 255), products added in int32. The loops have the shape that compilers turn into multiply-add of int16 pairs,
// whose pair sums (below 2^18) cannot saturate.
#include <cstring>

#include "emu/kernels/bands.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

constexpr int64_t kOutputsAtOnce = 4;

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

ASSAY_VECTORIZE void centre_s16(const uint8_t* operand, int64_t size, int16_t zero, int16_t* to) {
  for (int64_t i = 0; i < size; ++i) to[i] = static_cast<int16_t>(operand[i] - zero);
}

class OwnConv {
 public:
  OwnConv(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights) : bands_(geometry, x_type), weights_(weights.size()) {
    const ConvGeometry& g = bands_.band();
    const int64_t taps = g.kernel_h * g.kernel_w;
    for (int64_t o = 0; o < g.outputs; ++o) {
      for (int64_t i = 0; i < g.group_inputs(); ++i) {
        for (int64_t tap = 0; tap < taps; ++tap) {
          weights_[static_cast<size_t>((o * taps + tap) * g.group_inputs() + i)] =
              static_cast<int16_t>(weights[static_cast<size_t>((o * g.group_inputs() + i) * taps + tap)] - g.zw);
        }
      }
    }
  }

  void run(const Tensor& x, const TakeSums& take) const {
    const ConvGeometry& g = bands_.band();
    const Scratch<uint8_t> operand(bands_.operand_size());
    const Scratch<int16_t> centred(bands_.operand_size()), row(g.products());
    const Scratch<int32_t> sums(bands_.sums_size());
    const auto multiply = [&] {
      centre_s16(operand.data(), bands_.operand_size(), static_cast<int16_t>(bands_.unsigned_zx()), centred.data());
      int32_t* to = sums.data();
      for (int64_t oh = 0; oh < g.out_h; ++oh) {
        for (int64_t ow = 0; ow < g.out_w; ++ow, to += g.outputs) {
          const int16_t* const window = centred.data() + (oh * g.stride_h * g.width + ow * g.stride_w) * g.channels;
          for (int64_t group = 0; group < g.groups; ++group) group_window(window, group, row.data(), to);
        }
      }
    };
    bands_.run(
        x, operand.data(), sums.data(), multiply, [](int64_t, int32_t*) {}, take);
  }

 private:
  // The window of one group as a row, against each of the group's outputs.
  void group_window(const int16_t* window, int64_t group, int16_t* row, int32_t* sums) const {
    const ConvGeometry& g = bands_.band();
    const int64_t inputs = g.group_inputs(), outputs = g.group_outputs(), products = g.products();
    for (int64_t ky = 0; ky < g.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < g.kernel_w; ++kx) {
        const int16_t* const tap = window + (ky * g.dilation_h * g.width + kx * g.dilation_w) * g.channels;
        std::memcpy(row + (ky * g.kernel_w + kx) * inputs, tap + group * inputs, static_cast<size_t>(inputs) * sizeof(int16_t));
      }
    }
    const int16_t* weights = weights_.data() + group * outputs * products;
    int32_t* to = sums + group * outputs;
    int64_t o = 0;
    for (; o + kOutputsAtOnce <= outputs; o += kOutputsAtOnce) dot4(row, weights + o * products, products, to + o);
    for (; o < outputs; ++o) {
      to[o] = 0;
      for (int64_t k = 0; k < products; ++k) to[o] += row[k] * weights[o * products + k];
    }
  }

  Bands bands_;
  std::vector<int16_t> weights_;  // [O][tap][input of the group]
};

}  // namespace

ConvSums own_conv_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights) {
  const auto conv = std::make_shared<const OwnConv>(geometry, x_type, weights);
  return [conv](const Tensor& x, const TakeSums& take) { conv->run(x, take); };
}

}  // namespace assay::emu
