// What add, sub and mul share: two operands that broadcast to the result.
#pragma once

#include "emu/ops/check.h"
#include "emu/ops/register.h"
#include "emu/ops/walk.h"

namespace assay::emu {

// Widths, and that the result has the shape to which a and b broadcast.
void check_elementwise(Check& check, const OpContext& context, Ref a, Ref b);

// Calls visit(index in a, index in b) for each element of the result, in order.
template <class Visit>
void walk_elementwise(const OpContext& context, Ref a, Ref b, const Visit& visit) {
  const Shape& result = context.result().shape;
  walk<2>({broadcast_offsets(context.shape(a), result), broadcast_offsets(context.shape(b), result)},
          [&](const std::array<int64_t, 2>& at) { visit(static_cast<size_t>(at[0]), static_cast<size_t>(at[1])); });
}

}  // namespace assay::emu
