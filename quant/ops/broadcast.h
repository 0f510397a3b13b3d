// NumPy's broadcasting as indices: which element of an operand each element of the result reads.
#pragma once

#include <vector>

#include "emu/base/error.h"
#include "emu/base/shape.h"

namespace assay::quant {

// For every element of `to`, in order, the element of `from` that it reads. `from` must broadcast to `to` (asserted).
inline std::vector<size_t> broadcast_indices(const Shape& from, const Shape& to) {
  ASSAY_ASSERT(from.size() <= to.size());
  const size_t missing = to.size() - from.size();
  const Shape strides = strides_of(from);
  Shape step(to.size(), 0);
  for (size_t axis = 0; axis < from.size(); ++axis) {
    ASSAY_ASSERT(from[axis] == to[missing + axis] || from[axis] == 1);
    if (from[axis] != 1) step[missing + axis] = strides[axis];
  }
  std::vector<size_t> indices(static_cast<size_t>(element_count(to)));
  Shape position(to.size(), 0);
  int64_t source = 0;
  for (size_t& index : indices) {
    index = static_cast<size_t>(source);
    for (size_t axis = to.size(); axis-- > 0;) {
      source += step[axis];
      if (++position[axis] < to[axis]) break;
      source -= step[axis] * to[axis];
      position[axis] = 0;
    }
  }
  return indices;
}

}  // namespace assay::quant
