// Channels first, plane by plane: each padded input plane is split by the strides' phases, so that what one weight meets for neighbouring outputs lies side by side. Then
//   sum[p] = sum over taps of weight * phase_of_tap[offset_of_tap + p]      p = oh * phase_width + ow
// for all p at once; the phase_width - out_w sums between two rows mean nothing and are left out. int16 factors (|x - zx|, |w - zw| <= 255), products added in int32.
#include <algorithm>
#include <cstring>

#include "emu/kernels/bands.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

constexpr int64_t kSumsAtOnce = 64;  // sums at a time, in registers

// One weight and where its factors begin.
struct PlaneTap {
  int64_t offset;
  int32_t weight;
};

// Four vectors of sums stay in registers while the taps go by. Factors must be readable up to the end of the last block.
ASSAY_VECTORIZE void correlate(const int16_t* planes, const PlaneTap* taps, size_t tap_count, int64_t blocks, int32_t* sums) {
  using Narrow __attribute__((vector_size(32))) = int16_t;
  using Wide16 __attribute__((vector_size(64))) = int32_t;
  constexpr int64_t kLanes = 16;
  for (int64_t block = 0; block < blocks; ++block, planes += kSumsAtOnce, sums += kSumsAtOnce) {
    Wide16 s0{}, s1{}, s2{}, s3{};
    for (size_t t = 0; t < tap_count; ++t) {
      const int16_t* const x = planes + taps[t].offset;
      const int32_t w = taps[t].weight;
      Narrow x0, x1, x2, x3;
      std::memcpy(&x0, x, sizeof(x0)), std::memcpy(&x1, x + kLanes, sizeof(x1)), std::memcpy(&x2, x + 2 * kLanes, sizeof(x2)), std::memcpy(&x3, x + 3 * kLanes, sizeof(x3));
      s0 += __builtin_convertvector(x0, Wide16) * w, s1 += __builtin_convertvector(x1, Wide16) * w;
      s2 += __builtin_convertvector(x2, Wide16) * w, s3 += __builtin_convertvector(x3, Wide16) * w;
    }
    std::memcpy(sums, &s0, sizeof(s0)), std::memcpy(sums + kLanes, &s1, sizeof(s1)), std::memcpy(sums + 2 * kLanes, &s2, sizeof(s2)),
        std::memcpy(sums + 3 * kLanes, &s3, sizeof(s3));
  }
}

// to[i] = from[i * step] - zero
template <class From>
ASSAY_VECTORIZE void centre_row(const From* from, int64_t step, int64_t size, int16_t zero, int16_t* to) {
  if (step == 1) {
    for (int64_t i = 0; i < size; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
  } else if (step == 2) {
    for (int64_t i = 0; i < size; ++i) to[i] = static_cast<int16_t>(from[i * 2] - zero);
  } else {
    for (int64_t i = 0; i < size; ++i) to[i] = static_cast<int16_t>(from[i * step] - zero);
  }
}

int64_t divided_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

class PlaneConv {
 public:
  PlaneConv(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights)
      : g_(geometry),
        x_signed_(x_type.is_signed),
        phase_w_(divided_up(g_.padded_w(), g_.stride_w)),
        phase_size_(divided_up(g_.padded_h(), g_.stride_h) * phase_w_),
        plane_size_(phase_size_ * g_.stride_h * g_.stride_w) {
    taps_.reserve(weights.size());
    for (int64_t o = 0; o < g_.outputs; ++o) {
      for (int64_t i = 0; i < g_.group_inputs(); ++i) {
        for (int64_t ky = 0; ky < g_.kernel_h; ++ky) {
          for (int64_t kx = 0; kx < g_.kernel_w; ++kx) {
            const int64_t row = ky * g_.dilation_h, column = kx * g_.dilation_w;
            const int64_t offset = i * plane_size_ + phase(row % g_.stride_h, column % g_.stride_w) + row / g_.stride_h * phase_w_ + column / g_.stride_w;
            taps_.push_back({offset, static_cast<int32_t>(weights[taps_.size()] - g_.zw)});
          }
        }
      }
    }
  }

  void run(const Tensor& x, const TakeSums& take) const {
    const int64_t blocks = divided_up((g_.out_h - 1) * phase_w_ + g_.out_w, kSumsAtOnce);
    const Scratch<int16_t> planes(g_.group_inputs() * plane_size_ + kSumsAtOnce);
    const Scratch<int32_t> sums(blocks * kSumsAtOnce);
    std::fill(planes.data(), planes.data() + g_.group_inputs() * plane_size_ + kSumsAtOnce, int16_t{0});  // the padding stays so
    const auto taps = static_cast<size_t>(g_.products());
    for (int64_t n = 0; n < g_.batch; ++n) {
      for (int64_t group = 0; group < g_.groups; ++group) {
        for (int64_t i = 0; i < g_.group_inputs(); ++i) split(x, n * g_.channels + group * g_.group_inputs() + i, planes.data() + i * plane_size_);
        for (int64_t o = group * g_.group_outputs(); o < (group + 1) * g_.group_outputs(); ++o) {
          correlate(planes.data(), taps_.data() + static_cast<size_t>(o) * taps, taps, blocks, sums.data());
          close_ranks(sums.data());
          take(n, o, 0, g_.pixels(), sums.data());
        }
      }
    }
  }

 private:
  int64_t phase(int64_t row, int64_t column) const { return (row * g_.stride_w + column) * phase_size_; }

  // A plane of x into its phases.
  void split(const Tensor& x, int64_t plane, int16_t* to) const {
    if (x_signed_) {
      split(x.data<int8_t>() + plane * g_.height * g_.width, to);
    } else {
      split(x.data<uint8_t>() + plane * g_.height * g_.width, to);
    }
  }
  template <class From>
  void split(const From* x, int16_t* to) const {
    for (int64_t h = 0; h < g_.height; ++h) {
      const int64_t row = h + g_.pad_top;
      for (int64_t column_phase = 0; column_phase < g_.stride_w; ++column_phase) {
        // The first column of the image that belongs to this phase, and its place there.
        const int64_t first = divided_up(std::max<int64_t>(g_.pad_left - column_phase, 0), g_.stride_w) * g_.stride_w + column_phase - g_.pad_left;
        if (first >= g_.width) continue;
        int16_t* const at = to + phase(row % g_.stride_h, column_phase) + row / g_.stride_h * phase_w_ + (first + g_.pad_left) / g_.stride_w;
        centre_row(x + h * g_.width + first, g_.stride_w, divided_up(g_.width - first, g_.stride_w), static_cast<int16_t>(g_.zx), at);
      }
    }
  }

  // Takes the meaningless sums between rows out.
  void close_ranks(int32_t* sums) const {
    if (phase_w_ == g_.out_w) return;
    for (int64_t oh = 1; oh < g_.out_h; ++oh) std::memmove(sums + oh * g_.out_w, sums + oh * phase_w_, static_cast<size_t>(g_.out_w) * sizeof(int32_t));
  }

  ConvGeometry g_;
  bool x_signed_;
  int64_t phase_w_, phase_size_, plane_size_;
  std::vector<PlaneTap> taps_;  // [O][input of the group][ky][kx]
};

}  // namespace

ConvSums plane_conv_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights) {
  const auto conv = std::make_shared<const PlaneConv>(geometry, x_type, weights);
  return [conv](const Tensor& x, const TakeSums& take) { conv->run(x, take); };
}

}  // namespace assay::emu
