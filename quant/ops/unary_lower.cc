// A function of one value becomes a table.
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {

void lower(const Unary& op, const Node& node, Lowering& lowering) {
  lower_to_table(op, std::string(to_string(op.function)), node, lowering);
}

}  // namespace assay::quant
