#include "emu/ops/elementwise.h"

namespace assay::emu {

void check_elementwise(Check& check, const OpContext& context, Ref a, Ref b) {
  check.operand(a, "a");
  check.operand(b, "b");
  check.is_result_shape(broadcast(context.shape(a), context.shape(b)));
}

}  // namespace assay::emu
