// The operators that only move elements: a walk over the output's positions, with the source of each worked out by the operator.
#pragma once

#include <functional>

#include "quant/graph/tensor.h"

namespace assay::quant {

// Calls visit(element, position) for every element of `shape`, in order.
inline void for_each_position(const Shape& shape, const std::function<void(size_t, const Shape&)>& visit) {
  const auto count = static_cast<size_t>(element_count(shape));
  Shape position(shape.size(), 0);
  for (size_t element = 0; element < count; ++element) {
    visit(element, position);
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++position[axis] < shape[axis]) break;
      position[axis] = 0;
    }
  }
}

}  // namespace assay::quant
