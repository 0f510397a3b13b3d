#include <algorithm>
#include <cmath>
#include <numbers>

#include "emu/base/error.h"
#include "vectors/image.h"

namespace assay::vectors {
namespace {

// 8 bits of pixel, 22 of weight and room for a sign and for weights that sum to more than 1 in absolute value fill 32 bits: Pillow's choice, so ours.
constexpr int kWeightBits = 22;

double triangle(double x) {
  return std::max(0.0, 1.0 - std::abs(x));
}

// Keys' cubic with a = -1/2.
double cubic(double x) {
  const double t = std::abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  if (t < 2) return ((-0.5 * t + 2.5) * t - 4) * t + 2;
  return 0;
}

double sinc(double x) {
  return x == 0 ? 1.0 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
}

double lanczos3(double x) {
  return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0.0;
}

struct Filter {
  double (*weight)(double);
  double support;
};

Filter filter_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::bilinear: return {triangle, 1.0};
    case Interpolation::bicubic: return {cubic, 2.0};
    case Interpolation::lanczos: return {lanczos3, 3.0};
    case Interpolation::nearest: break;
  }
  throw InternalError("nearest has no filter");
}

// What one output pixel takes from its line: pixels first, first + 1, ... times the weights.
struct Taps {
  int64_t first = 0;
  std::vector<int64_t> weights;
};

Taps taps_of(int64_t i, int64_t in, int64_t out, const Filter& filter) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(1.0, step);
  const double support = filter.support * stretch;
  const double centre = (static_cast<double>(i) + 0.5) * step;
  Taps taps;
  taps.first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
  const int64_t end = std::min(in, static_cast<int64_t>(centre + support + 0.5));
  std::vector<double> real;
  double sum = 0;
  for (int64_t x = taps.first; x < end; ++x) {
    real.push_back(filter.weight((static_cast<double>(x) - centre + 0.5) * (1.0 / stretch)));
    sum += real.back();
  }
  for (const double w : real) taps.weights.push_back(std::llround((sum == 0 ? w : w / sum) * (1 << kWeightBits)));
  return taps;
}

// One pass along an axis: `lines` lines of `in` pixels, each pixel `inner` bytes that do not mix.
std::vector<uint8_t> pass(const std::vector<uint8_t>& from, int64_t lines, int64_t in, int64_t out, int64_t inner, const Filter& filter) {
  std::vector<uint8_t> to(static_cast<size_t>(lines * out * inner));
  std::vector<int64_t> sums(static_cast<size_t>(inner));
  for (int64_t i = 0; i < out; ++i) {
    const Taps taps = taps_of(i, in, out, filter);
    for (int64_t line = 0; line < lines; ++line) {
      std::fill(sums.begin(), sums.end(), int64_t{1} << (kWeightBits - 1));
      const uint8_t* x = from.data() + (line * in + taps.first) * inner;
      for (const int64_t w : taps.weights) {
        for (size_t c = 0; c < sums.size(); ++c) sums[c] += w * x[c];
        x += inner;
      }
      uint8_t* y = to.data() + (line * out + i) * inner;
      for (size_t c = 0; c < sums.size(); ++c) y[c] = static_cast<uint8_t>(std::clamp<int64_t>(sums[c] >> kWeightBits, 0, 255));
    }
  }
  return to;
}

Image nearest(const Image& image, int64_t width, int64_t height) {
  Image result{width, height, image.channels, {}};
  result.pixels.reserve(static_cast<size_t>(width * height * image.channels));
  const auto source = [](int64_t i, int64_t in, int64_t out) {
    return std::min(in - 1, static_cast<int64_t>((static_cast<double>(i) + 0.5) * (static_cast<double>(in) / static_cast<double>(out))));
  };
  for (int64_t y = 0; y < height; ++y) {
    const int64_t row = source(y, image.height, height) * image.width;
    for (int64_t x = 0; x < width; ++x) {
      const uint8_t* pixel = image.pixels.data() + (row + source(x, image.width, width)) * image.channels;
      result.pixels.insert(result.pixels.end(), pixel, pixel + image.channels);
    }
  }
  return result;
}

}  // namespace

Image resample(const Image& image, int64_t width, int64_t height, Interpolation interpolation) {
  ASSAY_ASSERT(width > 0 && height > 0 && width <= kMaxPixels / height && image.width > 0 && image.height > 0);
  if (interpolation == Interpolation::nearest) return nearest(image, width, height);
  const Filter filter = filter_of(interpolation);
  Image result = image;
  if (width != image.width) result.pixels = pass(result.pixels, image.height, image.width, width, image.channels, filter);
  result.width = width;
  if (height != image.height) result.pixels = pass(result.pixels, 1, image.height, height, width * image.channels, filter);
  result.height = height;
  return result;
}

Image crop(const Image& image, int64_t left, int64_t top, int64_t width, int64_t height) {
  ASSAY_ASSERT(left >= 0 && top >= 0 && left + width <= image.width && top + height <= image.height);
  Image result{width, height, image.channels, {}};
  result.pixels.reserve(static_cast<size_t>(width * height * image.channels));
  for (int64_t y = top; y < top + height; ++y) {
    const auto row = image.pixels.begin() + (y * image.width + left) * image.channels;
    result.pixels.insert(result.pixels.end(), row, row + width * image.channels);
  }
  return result;
}

}  // namespace assay::vectors
