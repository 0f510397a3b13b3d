// The dense ways to a convolution's sums work channels last, a band of output rows at a time, so that operand and sums stay in the second cache: a band's operand is gathered
// with the padding around it, and its sums are handed on as rows of one channel.
#pragma once

#include <memory>

#include "emu/kernels/conv_sums.h"

namespace assay::emu {

// Memory that is not zeroed first.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t size) : data_(new T[static_cast<size_t>(size)]) {}
  T* data() const { return data_.get(); }

 private:
  std::unique_ptr<T[]> data_;
};

class Bands {
 public:
  Bands(const ConvGeometry& geometry, IntType x_type);

  // A band as a convolution of its own, of one image without padding.
  const ConvGeometry& band() const { return band_; }
  int64_t operand_size() const { return band_.height * band_.width * band_.channels; }
  int64_t sums_size() const { return band_.pixels() * band_.outputs; }
  // The operand is unsigned: x' = x, or x + 128 where x is signed. This is zx', which the padding holds.
  int64_t unsigned_zx() const { return g_.zx + (x_signed_ ? 128 : 0); }

  // For every band: fills `operand` [height, width, C], calls multiply(), which leaves `sums` [pixels, O], and gives each channel's row to correct(o, row) and then to `take`.
  void run(const Tensor& x, uint8_t* operand, const int32_t* sums, const std::function<void()>& multiply, const std::function<void(int64_t o, int32_t* row)>& correct,
           const TakeSums& take) const;

 private:
  void gather(const uint8_t* image, int64_t first_row, uint8_t* operand, uint8_t* unpadded) const;

  ConvGeometry g_, band_;
  bool x_signed_;
};

}  // namespace assay::emu
