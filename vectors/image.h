// Images as 8-bit pixels: reading them whole or not at all, and Pillow's resampling. What becomes of the pixels is decided in preprocess.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vectors/inputs.h"

namespace assay::vectors {

// Rows from the top, channels interleaved.
struct Image {
  int64_t width = 0;
  int64_t height = 0;
  int64_t channels = 0;  // 1: gray; 3: red, green, blue
  std::vector<uint8_t> pixels;
};

// No larger image is decoded: 2^28 pixels.
inline constexpr int64_t kMaxPixels = int64_t{1} << 28;

// The largest short_side: far above every network's input, and products of extents stay in 64 bits.
inline constexpr int64_t kMaxShortSide = int64_t{1} << 20;

// PNG, JPEG, BMP or binary PGM/PPM, told by their first bytes. InputError: another format, damaged or cut off, larger than kMaxPixels. Gray is Y = 0.299 R + 0.587 G + 0.114 B
// of ITU-R 601 in 16-bit fixed point, as Pillow's mode L. An alpha channel is dropped.
Image read_image(const std::string& path, int64_t channels);

// Throws InputError where the bytes do not hold a whole image of one of the four formats: decoders fill what is missing with anything. read_image calls it.
void check_image_is_whole(const std::string& bytes, const std::string& path);

// y[i] = sum over x of w(x, i) * in[x], w = filter((x + 0.5 - centre_i) / stretch) normalised to sum 1, centre_i = (i + 0.5) * in_extent / out_extent, stretch = max(1, in / out):
// columns first, then rows. Weights are rounded to 22 fraction bits and each pass to 8 bits (half up), as Pillow does; an axis that keeps its extent is not touched.
Image resample(const Image& image, int64_t width, int64_t height, Interpolation interpolation);

Image crop(const Image& image, int64_t left, int64_t top, int64_t width, int64_t height);

}  // namespace assay::vectors
