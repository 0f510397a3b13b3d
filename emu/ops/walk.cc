#include "emu/ops/walk.h"

#include "emu/base/error.h"

namespace assay::emu {

AxisOffsets broadcast_offsets(const Shape& operand, const Shape& result) {
  ASSAY_ASSERT(operand.size() <= result.size());
  const Shape strides = strides_of(operand);
  const size_t missing = result.size() - operand.size();
  AxisOffsets offsets(result.size());
  for (size_t axis = 0; axis < result.size(); ++axis) {
    offsets[axis].assign(static_cast<size_t>(result[axis]), 0);
    if (axis < missing || operand[axis - missing] == 1) continue;
    ASSAY_ASSERT(operand[axis - missing] == result[axis]);
    for (size_t i = 0; i < offsets[axis].size(); ++i) offsets[axis][i] = static_cast<int64_t>(i) * strides[axis - missing];
  }
  return offsets;
}

Tensor gather(const Tensor& x, const Shape& result, const AxisOffsets& offsets, int64_t fill) {
  Tensor y(x.type(), result);
  std::visit(
      [&](const auto& source) {
        using Element = typename std::decay_t<decltype(source)>::value_type;
        Element* next = y.data<Element>();
        walk<1>({offsets}, [&](const std::array<int64_t, 1>& at) { *next++ = at[0] == kOutside ? static_cast<Element>(fill) : source[static_cast<size_t>(at[0])]; });
      },
      x.storage());
  return y;
}

}  // namespace assay::emu
