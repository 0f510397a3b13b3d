// The forms that several operators lower to: a table, and a copy of words.
#include "emu/base/error.h"
#include "quant/exact/tables.h"
#include "quant/ops/lowering.h"

namespace assay::quant {

void lower_to_table(const Operator& op, const std::string& function, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().table, "table");
  if (rule == nullptr) return;
  const ValueId x = node.inputs[0];
  const TensorQuantization& from = lowering.quantization(x);
  const TensorQuantization& to = lowering.quantization(node.output);
  if (from.storage.type.bits > 16 || rule->form.fraction_bits >= from.storage.type.bits) {
    lowering.forbid(node, "ops.table with " + std::to_string(rule->form.fraction_bits) + " fraction bits has no entries for '" + lowering.graph().value(x).name + "', which is " +
                              to_string(from.storage.type));
    return;
  }
  const emu::ClampBounds bounds = lowering.bounds(node);
  const auto entries = function_table(
      op, {from.storage.type, rule->form, lowering.scale_of(x), from.zero_point, lowering.scale_of(node.output), to.zero_point, bounds.low, bounds.high, rule->round});
  const emu::Ref table = lowering.constant(function + ".table", emu::Tensor(to.storage.type, {static_cast<int64_t>(entries.size())}, entries));
  lowering.emit(node, emu::TableLookup{lowering.operand(x), table, function, rule->form});
}

void check_copies(const Node& node, const Lowering& lowering) {
  const ValueId x = node.inputs[0];
  if (lowering.same_words(x, node.output)) return;
  throw InputError(described(node) + " copies words, but '" + lowering.graph().value(x).name + "' and '" + lowering.graph().value(node.output).name +
                   "' do not share type, scale and zero point");
}

}  // namespace assay::quant
