// Real tensors of the quantizer: row-major float32 under a shape.
#pragma once

#include <vector>

#include "emu/base/shape.h"

namespace assay::quant {

struct FloatTensor {
  Shape shape;
  std::vector<float> data;

  FloatTensor() = default;
  explicit FloatTensor(Shape s) : shape(std::move(s)), data(static_cast<size_t>(element_count(shape))) {}
  FloatTensor(Shape s, std::vector<float> d) : shape(std::move(s)), data(std::move(d)) {}
  size_t size() const { return data.size(); }
  friend bool operator==(const FloatTensor&, const FloatTensor&) = default;
};

}  // namespace assay::quant
