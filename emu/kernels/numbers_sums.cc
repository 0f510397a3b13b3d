// Convolutions and matrix products of floating-point words. The numbers that 64 neighbouring outputs meet are laid side by side, term by term in the order of the sum; then each
// output channel's weights run down the terms, and every lane is one output's register.
#include <algorithm>
#include <array>
#include <bit>

#include "emu/base/error.h"
#include "emu/kernels/fpu.h"
#include "emu/kernels/numbers.h"
#include "emu/kernels/vectorize.h"
#include "emu/ops/walk.h"

namespace assay::emu {
namespace {

std::string no_kernel(const Accumulator& accumulator) {
  return "sums in the order " + to_string(accumulator) + " have no kernel on numbers";
}

// [terms][kBlock] of what a block of outputs meets; pixels from `first` on of the image [channels, height, width], for one group.
struct Columns {
  const Conv& op;
  int64_t channels, height, width, kernel_h, kernel_w, out_w;

  void fill(const float* image, int64_t first, int64_t count, float* to) const {
    std::fill_n(to, static_cast<size_t>(channels * kernel_h * kernel_w) * kNumbersBlock, 0.0F);
    for (int64_t done = 0; done < count;) {
      const int64_t oy = (first + done) / out_w, ox = (first + done) % out_w, size = std::min(count - done, out_w - ox);
      fill_row(image, oy, ox, size, to + done);
      done += size;
    }
  }

  void fill_row(const float* image, int64_t oy, int64_t ox, int64_t size, float* to) const {
    const int64_t taps = kernel_h * kernel_w;
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t row = oy * op.stride[0] - op.pads[0] + tap / kernel_w * op.dilation[0];
      if (row < 0 || row >= height) continue;
      const int64_t left = ox * op.stride[1] - op.pads[1] + tap % kernel_w * op.dilation[1];
      // The outputs whose column lies in the image.
      const int64_t begin = left >= 0 ? 0 : (-left + op.stride[1] - 1) / op.stride[1];
      const int64_t end = left >= width ? 0 : std::min(size, (width - 1 - left) / op.stride[1] + 1);
      for (int64_t i = 0; i < channels; ++i) {
        const int64_t term = op.order == SumOrder::ky_kx_ic ? tap * channels + i : i * taps + tap;
        const float* const from = image + (i * height + row) * width + left;
        float* const lanes = to + term * static_cast<int64_t>(kNumbersBlock);
        if (op.stride[1] == 1) {
          if (begin < end) std::copy(from + begin, from + end, lanes + begin);
        } else {
          for (int64_t j = begin; j < end; ++j) lanes[j] = from[j * op.stride[1]];
        }
      }
    }
  }
};

template <class Result>
void store_row(const float* sums, size_t size, const FastSteps& steps, size_t channel, size_t channels, Result* results, OverflowCounts& overflows) {
  FastSteps::RowCounts counts;
  steps.run(sums, size, channel, results, counts);
  add_counts(overflows, counts, channel, channels);
  const auto infinite = static_cast<uint64_t>(size) - static_cast<uint64_t>(std::count_if(sums, sums + size, is_finite));
  if (infinite == 0) return;
  overflows.accumulator.resize(channels);
  overflows.accumulator[channel] += infinite;
}

struct ConvOfNumbers {
  Conv op;
  std::vector<float> weights;  // [outputs][terms], terms in the order of the sum
  FastSteps steps;

  Tensor operator()(const OpContext& context, OpRun& run) const {
    ASSAY_ASSERT(fpu::is_ieee());
    Tensor result(context.result().type, context.result().shape);
    const std::vector<float> x = numbers_of(context.tensor(op.x));
    std::visit([&](const auto& storage) { fill(context, x, result.data<typename std::decay_t<decltype(storage)>::value_type>(), run.overflows); }, result.storage());
    return result;
  }

  template <class Result>
  void fill(const OpContext& context, const std::vector<float>& x, Result* results, OverflowCounts& overflows) const {
    const Shape &in = context.shape(op.x), &w = context.shape(op.w), &out = context.result().shape;
    const int64_t outputs = w[0] / op.groups, pixels = out[2] * out[3], plane = in[2] * in[3];
    const auto terms = static_cast<size_t>(w[1] * w[2] * w[3]);
    const Columns columns{op, w[1], in[2], in[3], w[2], w[3], out[3]};
    std::vector<float> lanes(terms * kNumbersBlock);
    alignas(64) std::array<float, kNumbersBlock> sums{};
    for (int64_t image = 0; image < in[0] * op.groups; ++image) {
      const int64_t group = image % op.groups;
      for (int64_t first = 0; first < pixels; first += static_cast<int64_t>(kNumbersBlock)) {
        const int64_t count = std::min(static_cast<int64_t>(kNumbersBlock), pixels - first);
        columns.fill(x.data() + image * w[1] * plane, first, count, lanes.data());
        for (int64_t o = group * outputs; o < (group + 1) * outputs; ++o) {
          sums_in_order(weights.data() + static_cast<size_t>(o) * terms, lanes.data(), terms, sums.data());
          Result* const to = results + (image / op.groups * w[0] + o) * pixels + first;
          store_row(sums.data(), static_cast<size_t>(count), steps, static_cast<size_t>(o), static_cast<size_t>(w[0]), to, overflows);
        }
      }
    }
  }
};

struct MatMulOfNumbers {
  MatMul op;
  FastSteps steps;

  Tensor operator()(const OpContext& context, OpRun& run) const {
    ASSAY_ASSERT(fpu::is_ieee());
    Tensor result(context.result().type, context.result().shape);
    std::visit([&](const auto& storage) { fill(context, result.data<typename std::decay_t<decltype(storage)>::value_type>(), run.overflows); }, result.storage());
    return result;
  }

  template <class Result>
  void fill(const OpContext& context, Result* results, OverflowCounts& overflows) const {
    const Shape &a_shape = context.shape(op.a), &b_shape = context.shape(op.b), &y = context.result().shape;
    const std::vector<float> a = numbers_of(context.tensor(op.a)), b = numbers_of(context.tensor(op.b));
    const auto rows = static_cast<size_t>(y[y.size() - 2]), terms = static_cast<size_t>(a_shape.back()), outputs = static_cast<size_t>(y.back());
    const auto leading = [](const Shape& shape) { return Shape(shape.begin(), shape.end() - 2); };
    std::vector<float> lanes(terms * kNumbersBlock);
    alignas(64) std::array<float, kNumbersBlock> sums{};
    walk<2>({broadcast_offsets(leading(a_shape), leading(y)), broadcast_offsets(leading(b_shape), leading(y))}, [&](const std::array<int64_t, 2>& at) {
      const float* const left = a.data() + static_cast<size_t>(at[0]) * rows * terms;
      const float* const right = b.data() + static_cast<size_t>(at[1]) * terms * outputs;
      for (size_t first = 0; first < outputs; first += kNumbersBlock) {
        const size_t count = std::min(kNumbersBlock, outputs - first);
        for (size_t k = 0; k < terms; ++k) std::copy_n(right + k * outputs + first, count, lanes.data() + k * kNumbersBlock);
        for (size_t m = 0; m < rows; ++m) {
          sums_in_order(left + m * terms, lanes.data(), terms, sums.data());
          for (size_t i = 0; i < count; ++i) store_row(&sums[i], 1, steps, first + i, outputs, results + m * outputs + first + i, overflows);
        }
      }
      results += rows * outputs;
    });
  }
};

}  // namespace

ASSAY_VECTORIZE void sums_in_order(const float* w, const float* x, size_t terms, float* sums) {
  float registers[kNumbersBlock] = {};
  for (size_t k = 0; k < terms; ++k) {
    const float weight = w[k];
    const float* const row = x + k * kNumbersBlock;
    for (size_t p = 0; p < kNumbersBlock; ++p) registers[p] += row[p] * weight;
  }
  std::copy_n(registers, kNumbersBlock, sums);
}

PreparedKernel prepare_numbers(const Conv& op, const OpContext& context) {
  if (!op.w.is_constant) return {nullptr, "the weights are no constant"};
  if (op.acc.fp32->order != Fp32Order::sequential) return {nullptr, no_kernel(op.acc)};
  const Shape& w = context.shape(op.w);
  auto steps = steps_on_numbers(op.requant, op.requant.scale, static_cast<size_t>(w[0]), context);
  if (!steps) return {nullptr, "the steps on numbers have no kernel"};
  std::vector<float> weights = numbers_of(context.tensor(op.w));
  if (op.order == SumOrder::ky_kx_ic) {
    const std::vector<float> given = weights;
    const auto taps = static_cast<size_t>(w[2] * w[3]), inputs = static_cast<size_t>(w[1]);
    for (size_t i = 0; i < given.size(); ++i) {
      const size_t output = i / (taps * inputs), input = i / taps % inputs, tap = i % taps;
      weights[(output * taps + tap) * inputs + input] = given[i];
    }
  }
  return {ConvOfNumbers{op, std::move(weights), std::move(*steps)}, ""};
}

PreparedKernel prepare_numbers(const MatMul& op, const OpContext& context) {
  if (op.acc.fp32->order != Fp32Order::sequential) return {nullptr, no_kernel(op.acc)};
  auto steps = steps_on_numbers(op.requant, op.requant.scale, static_cast<size_t>(context.result().shape.back()), context);
  if (!steps) return {nullptr, "the steps on numbers have no kernel"};
  return {MatMulOfNumbers{op, std::move(*steps)}, ""};
}

}  // namespace assay::emu
