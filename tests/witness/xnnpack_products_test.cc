// Products of 8-bit words in XNNPACK's compiled kernels against our arithmetic: accumulator, conversion to binary32, one product, rounding to the even neighbour. Every output is
// compared.
#include <algorithm>

#include "tests/witness/xnnpack.h"

namespace assay::witness {
namespace {

#ifndef ASSAY_HAS_XNNPACK

TEST(Xnnpack, IsNotInstalled) {
  GTEST_SKIP() << "XNNPACK is missing: install the Debian packages libxnnpack-dev and libpthreadpool-dev, configure and build again";
}

#else

// Any accumulator of 32 bits: a bias of any size with one product added.
template <class Word>
struct Layer {
  // Biases: of any size, or within 300 output steps (of 1 / scale accumulator steps each).
  Layer(size_t inputs, size_t outputs, size_t rows, float scale, Random& random)
      : x(rows * inputs), w(inputs * outputs), y(rows * outputs), bias(outputs), inputs_(inputs), outputs_(outputs) {
    fill(x, random), fill(w, random);
    const auto reach = static_cast<int64_t>(std::min(300.0F / scale, 2147483000.0F));
    for (int32_t& b : bias) b = static_cast<int32_t>(random.next() % 4 == 0 ? random.word(32) : random.between(-reach, reach));
  }

  int64_t accumulator(size_t row, size_t output, int x_zero_point, int w_zero_point) const {
    uint32_t sum = static_cast<uint32_t>(bias[output]);
    for (size_t i = 0; i < inputs_; ++i) sum += static_cast<uint32_t>((x[row * inputs_ + i] - x_zero_point) * (w[output * inputs_ + i] - w_zero_point));
    return static_cast<int32_t>(sum);
  }

  Padded<Word> x, w, y;
  std::vector<int32_t> bias;

 private:
  size_t inputs_, outputs_;
};

// scale: what one step of the accumulator is in output steps, as the library forms it: (input scale * kernel scale) / output scale, each rounded to binary32.
template <class Word>
void check_layer(Compared& compared, const Layer<Word>& layer, size_t rows, size_t outputs, int x_zero_point, int w_zero_point, const std::vector<float>& scales,
                 const Bounds& bounds) {
  std::vector<Steps> steps;
  for (const float scale : scales) steps.push_back(requantized_by_float(scale, bounds));
  for (size_t row = 0; row < rows; row += kStride) {
    for (size_t output = 0; output < outputs; ++output) {
      const int64_t accumulator = layer.accumulator(row, output, x_zero_point, w_zero_point);
      const int64_t found = steps[output % steps.size()](accumulator);
      compared.check(found, layer.y[row * outputs + output], bounds, [&](auto& out) {
        out << "accumulator " << accumulator << ", scale " << to_string(fp32(scales[output % scales.size()])) << ", zero point " << bounds.zero_point;
      });
    }
  }
}

TEST(Xnnpack, FullyConnectedSignedWords) {
  ASSAY_NEEDS_XNNPACK();
  constexpr size_t kOutputs = 512, kRows = 256;
  Random random(kSeed);
  Compared compared;
  for (int round = 0; round < 32; ++round) {
    const size_t inputs = round % 4 == 3 ? 67 : 1;
    const Bounds bounds = random_bounds<int8_t>(random);
    const int zero_point = static_cast<int>(random.between(-128, 127));
    const float sx = random_scale(random, -8, 0), sw = random_scale(random, -10, -1), sy = random_scale(random, -6, 13);
    Layer<int8_t> layer(inputs, kOutputs, kRows, sx * sw / sy, random);
    Operator op;
    ASSERT_EQ(xnn_create_fully_connected_nc_qs8(inputs, kOutputs, inputs, kOutputs, static_cast<int8_t>(zero_point), sx, sw, layer.w.data(), layer.bias.data(),
                                                static_cast<int8_t>(bounds.zero_point), sy, static_cast<int8_t>(bounds.low), static_cast<int8_t>(bounds.high), 0, &op.handle),
              xnn_status_success);
    ASSERT_EQ(xnn_setup_fully_connected_nc_qs8(op.handle, kRows, layer.x.data(), layer.y.data(), nullptr), xnn_status_success);
    op.run();
    check_layer(compared, layer, kRows, kOutputs, zero_point, 0, {sx * sw / sy}, bounds);
  }
  compared.expect_all_equal(32 * kOutputs * kRows);
}

TEST(Xnnpack, FullyConnectedUnsignedWords) {
  ASSAY_NEEDS_XNNPACK();
  constexpr size_t kOutputs = 512, kRows = 256;
  Random random(kSeed + 1);
  Compared compared;
  for (int round = 0; round < 16; ++round) {
    const size_t inputs = round % 4 == 3 ? 67 : 1;
    const Bounds bounds = random_bounds<uint8_t>(random);
    const int x_zero_point = static_cast<int>(random.between(0, 255)), w_zero_point = static_cast<int>(random.between(0, 255));
    const float sx = random_scale(random, -8, 0), sw = random_scale(random, -10, -1), sy = random_scale(random, -6, 13);
    Layer<uint8_t> layer(inputs, kOutputs, kRows, sx * sw / sy, random);
    Operator op;
    ASSERT_EQ(xnn_create_fully_connected_nc_qu8(inputs, kOutputs, inputs, kOutputs, static_cast<uint8_t>(x_zero_point), sx, static_cast<uint8_t>(w_zero_point), sw, layer.w.data(),
                                                layer.bias.data(), static_cast<uint8_t>(bounds.zero_point), sy, static_cast<uint8_t>(bounds.low), static_cast<uint8_t>(bounds.high),
                                                0, &op.handle),
              xnn_status_success);
    ASSERT_EQ(xnn_setup_fully_connected_nc_qu8(op.handle, kRows, layer.x.data(), layer.y.data(), nullptr), xnn_status_success);
    op.run();
    check_layer(compared, layer, kRows, kOutputs, x_zero_point, w_zero_point, {sx * sw / sy}, bounds);
  }
  compared.expect_all_equal(16 * kOutputs * kRows);
}

TEST(Xnnpack, PointwiseConvolutionWithAScalePerChannel) {
  ASSAY_NEEDS_XNNPACK();
  constexpr size_t kChannels = 300, kSide = 20;
  Random random(kSeed + 2);
  Compared compared;
  for (int round = 0; round < 12; ++round) {
    const size_t inputs = round % 4 == 3 ? 24 : 1;
    const Bounds bounds = random_bounds<int8_t>(random);
    const int zero_point = static_cast<int>(random.between(-128, 127));
    const float sx = random_scale(random, -8, 0), sy = random_scale(random, -6, 10);
    std::vector<float> sw(kChannels), scales(kChannels);
    for (size_t c = 0; c < kChannels; ++c) sw[c] = random_scale(random, -12, -1), scales[c] = sx * sw[c] / sy;
    Layer<int8_t> layer(inputs, kChannels, kSide * kSide, scales[0], random);
    Operator op;
    ASSERT_EQ(xnn_create_convolution2d_nhwc_qc8(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, inputs, kChannels, inputs, kChannels, static_cast<int8_t>(zero_point), sx, sw.data(),
                                                layer.w.data(), layer.bias.data(), static_cast<int8_t>(bounds.zero_point), sy, static_cast<int8_t>(bounds.low),
                                                static_cast<int8_t>(bounds.high), 0, &op.handle),
              xnn_status_success);
    ASSERT_EQ(xnn_setup_convolution2d_nhwc_qc8(op.handle, 1, kSide, kSide, layer.x.data(), layer.y.data(), nullptr), xnn_status_success);
    op.run();
    check_layer(compared, layer, kSide * kSide, kChannels, zero_point, 0, scales, bounds);
  }
  compared.expect_all_equal(12 * kChannels * kSide * kSide);
}

// 3 x 3, one input channel each, zero padding of one pixel: padding is the input's zero point.
TEST(Xnnpack, DepthwiseConvolutionWithPadding) {
  ASSAY_NEEDS_XNNPACK();
  constexpr size_t kChannels = 40, kSide = 24;
  Random random(kSeed + 3);
  Compared compared;
  for (int round = 0; round < 8; ++round) {
    Padded<int8_t> x(kSide * kSide * kChannels), w(9 * kChannels), y(kSide * kSide * kChannels);
    fill(x, random), fill(w, random);
    std::vector<int32_t> bias(kChannels);
    for (int32_t& b : bias) b = static_cast<int32_t>(random.between(-100000, 100000));
    const Bounds bounds = random_bounds<int8_t>(random);
    const int zero_point = static_cast<int>(random.between(-128, 127));
    const float sx = random_scale(random, -6, 0), sw = random_scale(random, -8, -4), sy = random_scale(random, -3, 3);
    Operator op;
    ASSERT_EQ(xnn_create_convolution2d_nhwc_qs8(1, 1, 1, 1, 3, 3, 1, 1, 1, 1, kChannels, 1, 1, kChannels, kChannels, static_cast<int8_t>(zero_point), sx, sw, w.data(), bias.data(),
                                                static_cast<int8_t>(bounds.zero_point), sy, static_cast<int8_t>(bounds.low), static_cast<int8_t>(bounds.high), 0, &op.handle),
              xnn_status_success);
    ASSERT_EQ(xnn_setup_convolution2d_nhwc_qs8(op.handle, 1, kSide, kSide, x.data(), y.data(), nullptr), xnn_status_success);
    op.run();
    const Steps steps = requantized_by_float(sx * sw / sy, bounds);
    for (size_t i = 0; i < kSide; ++i) {
      for (size_t j = 0; j < kSide; ++j) {
        for (size_t c = 0; c < kChannels; ++c) {
          int64_t accumulator = bias[c];
          for (size_t k = 0; k < 9; ++k) {
            const size_t row = i + k / 3 - 1, column = j + k % 3 - 1;
            if (row < kSide && column < kSide) accumulator += (x[(row * kSide + column) * kChannels + c] - zero_point) * w[c * 9 + k];
          }
          const int64_t found = steps(accumulator);
          compared.check(found, y[(i * kSide + j) * kChannels + c], bounds, [&](auto& out) { out << "accumulator " << accumulator; });
        }
      }
    }
  }
  compared.expect_all_equal(8 * kSide * kSide * kChannels);
}

// half_even((a - za) * (b - zb) * ((sa * sb) / sy)) + zy.
template <class Word, class Create, class Setup>
void check_elementwise_product(uint64_t seed, const Create& create, const Setup& setup) {
  check_all_pairs<Word>(seed, {-8, 0}, {-8, 0}, create, setup, [](const PairCase& one) {
    return [steps = requantized_by_float(one.scale_a * one.scale_b / one.scale_y, one.bounds)](int a, int b) { return steps(a * b); };
  });
}

TEST(Xnnpack, ElementwiseProductOfAllPairsOfSignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_elementwise_product<int8_t>(kSeed + 4, xnn_create_multiply_nd_qs8, xnn_setup_multiply_nd_qs8);
}

TEST(Xnnpack, ElementwiseProductOfAllPairsOfUnsignedWords) {
  ASSAY_NEEDS_XNNPACK();
  check_elementwise_product<uint8_t>(kSeed + 5, xnn_create_multiply_nd_qu8, xnn_setup_multiply_nd_qu8);
}

// Sum over the pixels less its zero points, requantized with input scale / (output scale * pixels).
TEST(Xnnpack, GlobalAverageOfSignedWords) {
  ASSAY_NEEDS_XNNPACK();
  constexpr size_t kChannels = 100, kBatch = 50;
  Random random(kSeed + 20);
  Compared compared;
  for (int round = 0; round < 200; round += kStride) {
    const auto pixels = static_cast<size_t>(random.between(1, 60));
    Padded<int8_t> x(kBatch * pixels * kChannels), y(kBatch * kChannels);
    fill(x, random);
    const Bounds bounds = random_bounds<int8_t>(random);
    const int zero_point = static_cast<int>(random.between(-128, 127));
    const float sx = random_scale(random, -3, 3), sy = random_scale(random, -3, 3);
    Operator op;
    ASSERT_EQ(xnn_create_global_average_pooling_nwc_qs8(kChannels, kChannels, kChannels, static_cast<int8_t>(zero_point), sx, static_cast<int8_t>(bounds.zero_point), sy,
                                                        static_cast<int8_t>(bounds.low), static_cast<int8_t>(bounds.high), 0, &op.handle),
              xnn_status_success);
    ASSERT_EQ(xnn_setup_global_average_pooling_nwc_qs8(op.handle, kBatch, pixels, x.data(), y.data(), nullptr), xnn_status_success);
    op.run();
    const float scale = sx / (sy * static_cast<float>(pixels));
    const Steps steps = requantized_by_float(scale, bounds);
    for (size_t n = 0; n < kBatch; ++n) {
      for (size_t c = 0; c < kChannels; ++c) {
        int64_t sum = 0;
        for (size_t i = 0; i < pixels; ++i) sum += x[(n * pixels + i) * kChannels + c] - zero_point;
        compared.check(steps(sum), y[n * kChannels + c], bounds, [&](auto& out) { out << "sum " << sum << " of " << pixels << ", scale " << scale; });
      }
    }
  }
  compared.expect_all_equal(200 * kBatch * kChannels);
}

#endif

}  // namespace
}  // namespace assay::witness
