#include "quant/ppq/torch_functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace assay::ppq {
namespace {

constexpr size_t kSoftmaxLanes = 8;

// ln 2 in two parts: the first has trailing zeros, so that its multiples are exact.
constexpr float kLn2High = 0.693145751953125F, kLn2Low = 1.428606765330187045e-06F;
constexpr float kLog2OfE = 1.442695040888963407F;
// Of (exp(s) - 1 - s) / s^2 on |s| <= ln(2) / 2, from the highest power down.
constexpr std::array<float, 6> kPolynomial = {0.000198527617612853646F, 0.00139304355252534151F, 0.00833336077630519867F, 0.0416664853692054749F, 0.166666671633720398F, 0.5F};

float power_of_two(int exponent) {
  return std::ldexp(1.0F, exponent);
}

// exp of row[i * step] - max, and their sum.
float softmax_sum(float* row, size_t count, size_t step, bool in_lanes) {
  float max = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < count; ++i) max = std::max(max, row[i * step]);
  for (size_t i = 0; i < count; ++i) row[i * step] = torch_exp(row[i * step] - max);
  if (!in_lanes || count < kSoftmaxLanes) {
    float sum = row[0];
    for (size_t i = 1; i < count; ++i) sum += row[i * step];
    return sum;
  }
  std::array<float, kSoftmaxLanes> lanes;
  std::copy_n(row, kSoftmaxLanes, lanes.begin());
  for (size_t i = kSoftmaxLanes; i < count; ++i) lanes[i % kSoftmaxLanes] += row[i];
  for (size_t half = kSoftmaxLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace

float torch_exp(float x) {
  const float q = std::nearbyint(x * kLog2OfE);
  float s = std::fma(q, -kLn2High, x);
  s = std::fma(q, -kLn2Low, s);
  float u = kPolynomial[0];
  for (size_t i = 1; i < kPolynomial.size(); ++i) u = std::fma(u, s, kPolynomial[i]);
  u = 1.0F + std::fma(s * s, u, s);
  if (x < -104.0F) return 0.0F;
  if (x > 100.0F) return std::numeric_limits<float>::infinity();
  if (std::isnan(x)) return x;
  // In two steps, because 2^q alone may be beyond the range where the product is not.
  const int exponent = static_cast<int>(q), half = exponent >> 1;
  return u * power_of_two(half) * power_of_two(exponent - half);
}

void torch_sigmoid(quant::FloatTensor& tensor) {
  for (float& value : tensor.data) value = 1.0F / (1.0F + torch_exp(0.0F - value));
}

quant::FloatTensor torch_softmax(const quant::FloatTensor& x, int64_t axis) {
  quant::FloatTensor y = x;
  const auto count = static_cast<size_t>(x.shape.at(static_cast<size_t>(axis)));
  size_t step = 1;
  for (size_t i = static_cast<size_t>(axis) + 1; i < x.shape.size(); ++i) step *= static_cast<size_t>(x.shape[i]);
  for (size_t first = 0; first < y.size(); first += count * step) {
    for (size_t inner = 0; inner < step; ++inner) {
      float* row = y.data.data() + first + inner;
      const float sum = softmax_sum(row, count, step, step == 1);
      for (size_t i = 0; i < count; ++i) row[i * step] /= sum;
    }
  }
  return y;
}

}  // namespace assay::ppq
