// Walking over a result's elements while knowing where each lies in the operands: what broadcasting, slicing, transposing and padding share. Where index i of an axis
// lies does not depend on the other axes, so one table per axis says it all; the offsets of an element are the sums of its axes' entries.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "emu/program/tensor.h"

namespace assay::emu {

// [axis of the result][index on it] -> offset in the operand, in elements; kOutside: no element of the operand.
using AxisOffsets = std::vector<std::vector<int64_t>>;
inline constexpr int64_t kOutside = -1;

// NumPy's broadcasting of `operand` to `result` (aligned at the last axis; an extent of 1 repeats).
AxisOffsets broadcast_offsets(const Shape& operand, const Shape& result);

// The result's elements in row-major order, each copied from x, or `fill` where it lies outside.
Tensor gather(const Tensor& x, const Shape& result, const AxisOffsets& offsets, int64_t fill = 0);

template <size_t kOperands, class Visit>
void walk_axis(const std::array<AxisOffsets, kOperands>& operands, size_t axis, const std::array<int64_t, kOperands>& start, const Visit& visit) {
  if (axis == operands[0].size()) return visit(start);
  for (size_t i = 0; i < operands[0][axis].size(); ++i) {
    std::array<int64_t, kOperands> at = start;
    for (size_t o = 0; o < kOperands; ++o) {
      const int64_t offset = operands[o][axis][i];
      at[o] = at[o] == kOutside || offset == kOutside ? kOutside : at[o] + offset;
    }
    walk_axis(operands, axis + 1, at, visit);
  }
}

// Calls visit(offsets in each operand) for every element of the result, row-major. All tables have the result's extents.
template <size_t kOperands, class Visit>
void walk(const std::array<AxisOffsets, kOperands>& operands, const Visit& visit) {
  walk_axis(operands, 0, std::array<int64_t, kOperands>{}, visit);
}

}  // namespace assay::emu
