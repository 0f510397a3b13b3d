#include <algorithm>

#include "emu/kernels/conv_sums.h"

namespace assay::emu {

template <class From, class To>
std::vector<To> padded_channels_last(const ConvGeometry& g, const From* x, To fill, int64_t subtract) {
  const bool padded = g.padded_h() != g.height || g.padded_w() != g.width;
  std::vector<To> result(static_cast<size_t>(g.batch * g.padded_h() * g.padded_w() * g.channels), padded ? fill : To{});
  constexpr int64_t kTile = 16;  // channels at a time: their rows stay in the first cache while a row is turned
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t c0 = 0; c0 < g.channels; c0 += kTile) {
      const int64_t c1 = std::min(c0 + kTile, g.channels);
      for (int64_t h = 0; h < g.height; ++h) {
        To* const row = result.data() + ((n * g.padded_h() + h + g.pad_top) * g.padded_w() + g.pad_left) * g.channels;
        for (int64_t c = c0; c < c1; ++c) {
          const From* const from = x + ((n * g.channels + c) * g.height + h) * g.width;
          for (int64_t w = 0; w < g.width; ++w) row[w * g.channels + c] = static_cast<To>(from[w] - subtract);
        }
      }
    }
  }
  return result;
}

template std::vector<uint8_t> padded_channels_last(const ConvGeometry&, const int8_t*, uint8_t, int64_t);
template std::vector<uint8_t> padded_channels_last(const ConvGeometry&, const uint8_t*, uint8_t, int64_t);
template std::vector<int16_t> padded_channels_last(const ConvGeometry&, const int8_t*, int16_t, int64_t);
template std::vector<int16_t> padded_channels_last(const ConvGeometry&, const uint8_t*, int16_t, int64_t);

}  // namespace assay::emu
