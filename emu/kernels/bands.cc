#include "emu/kernels/bands.h"

#include <algorithm>
#include <cstring>

#include "emu/kernels/transpose_matrix.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

constexpr int64_t kBandSums = int64_t{1} << 15;  // with its operand and a block of rows well inside a megabyte
constexpr int64_t kChannelsAtOnce = 16;          // channels turned into rows at a time: a cache line of sums

ASSAY_VECTORIZE void flip_signs(uint8_t* bytes, int64_t size) {
  for (int64_t i = 0; i < size; ++i) bytes[i] ^= 0x80;
}

const uint8_t* stored_bytes(const Tensor& x) {
  return static_cast<const uint8_t*>(x.bytes());
}

}  // namespace

Bands::Bands(const ConvGeometry& geometry, IntType x_type) : g_(geometry), band_(geometry), x_signed_(x_type.is_signed) {
  band_.batch = 1;
  band_.out_h = std::clamp<int64_t>(kBandSums / std::max<int64_t>(1, g_.out_w * g_.outputs), 1, std::max<int64_t>(1, g_.out_h));
  band_.height = (band_.out_h - 1) * g_.stride_h + (g_.kernel_h - 1) * g_.dilation_h + 1;
  band_.width = g_.padded_w();
  band_.pad_top = band_.pad_left = band_.pad_bottom = band_.pad_right = 0;
}

// Rows first_row ... of the padded image. `unpadded` has room for the band without its padding.
void Bands::gather(const uint8_t* image, int64_t first_row, uint8_t* operand, uint8_t* unpadded) const {
  const int64_t start = first_row - g_.pad_top;  // the image's row that is the band's row 0
  const int64_t begin = std::clamp<int64_t>(start, 0, g_.height), end = std::clamp<int64_t>(start + band_.height, 0, g_.height);
  const int64_t row_bytes = g_.width * g_.channels, padded_row_bytes = band_.width * g_.channels;
  const bool whole_rows = band_.width == g_.width;
  const auto flip = static_cast<uint8_t>(x_signed_ ? 0x80 : 0);
  if (!whole_rows || end - begin < band_.height) std::memset(operand, static_cast<uint8_t>(unsigned_zx()) ^ flip, static_cast<size_t>(operand_size()));
  uint8_t* const inside = operand + (begin - start) * padded_row_bytes + g_.pad_left * g_.channels;
  if (begin < end) {
    uint8_t* const pixels = whole_rows ? inside : unpadded;
    if (g_.x_channels_last) {
      std::memcpy(pixels, image + begin * row_bytes, static_cast<size_t>((end - begin) * row_bytes));
    } else {
      transpose_matrix(image + begin * g_.width, static_cast<size_t>(g_.height * g_.width), static_cast<size_t>(g_.channels), static_cast<size_t>((end - begin) * g_.width), pixels,
                       static_cast<size_t>(g_.channels));
    }
    if (!whole_rows) {
      for (int64_t row = 0; row < end - begin; ++row) std::memcpy(inside + row * padded_row_bytes, unpadded + row * row_bytes, static_cast<size_t>(row_bytes));
    }
  }
  if (flip != 0) flip_signs(operand, operand_size());
}

void Bands::run(const Tensor& x, uint8_t* operand, const int32_t* sums, const std::function<void()>& multiply, const std::function<void(int64_t o, int32_t* row)>& correct,
                const TakeSums& take) const {
  const int64_t pixels = band_.pixels(), outputs = g_.outputs;
  const Scratch<uint8_t> unpadded(band_.height * g_.width * g_.channels);
  const Scratch<int32_t> rows(kChannelsAtOnce * pixels);
  for (int64_t n = 0; n < g_.batch; ++n) {
    const uint8_t* const image = stored_bytes(x) + n * g_.channels * g_.height * g_.width;
    for (int64_t done = 0; done < g_.out_h; done += band_.out_h) {
      // The last band lies over the one before where the rows do not divide evenly; what is known already is not taken again.
      const int64_t first = std::min(done, g_.out_h - band_.out_h), known = (done - first) * g_.out_w;
      gather(image, first * g_.stride_h, operand, unpadded.data());
      multiply();
      for (int64_t o = 0; o < outputs; o += kChannelsAtOnce) {
        const int64_t block = std::min(kChannelsAtOnce, outputs - o);
        transpose_matrix(sums + o, static_cast<size_t>(outputs), static_cast<size_t>(pixels), static_cast<size_t>(block), rows.data(), static_cast<size_t>(pixels));
        for (int64_t i = 0; i < block; ++i) {
          int32_t* const row = rows.data() + i * pixels;
          correct(o + i, row);
          take(n, o + i, done * g_.out_w, pixels - known, row + known);
        }
      }
    }
  }
}

}  // namespace assay::emu
