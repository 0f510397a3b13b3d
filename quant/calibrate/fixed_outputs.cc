#include "quant/calibrate/fixed_outputs.h"

namespace assay::quant {

std::optional<FixedOutput> fixed_output(const Node& node, const emu::Target& target) {
  const emu::Storage& word = target.storage.activation;
  if (!node.fused.empty() || (word.type != emu::kS8 && word.type != emu::kS16)) return std::nullopt;
  const bool is_asymmetric = target.quantize.activation.symmetry == emu::Symmetry::asymmetric;
  if (std::holds_alternative<Softmax>(node.op) && target.softmax_fixed_point && is_asymmetric) {
    return FixedOutput{word.type == emu::kS8 ? 0x1p-8F : 0x1p-16F, static_cast<int64_t>(word.type.min())};
  }
  const auto* unary = std::get_if<Unary>(&node.op);
  const bool has_own_hard_sigmoid = target.table && target.table->hard_sigmoid == emu::HardSigmoid::factor_2731;
  if (unary != nullptr && unary->function == Function::hard_sigmoid && has_own_hard_sigmoid && word.type == emu::kS8) return FixedOutput{0x1p-7F, 0};
  if (unary == nullptr || !target.table || target.table->entries != emu::TableSource::fixed_point) return std::nullopt;
  if (unary->function != Function::sigmoid && unary->function != Function::tanh) return std::nullopt;
  if (word.type == emu::kS16) return FixedOutput{0x1p-15F, 0};
  if (unary->function == Function::tanh) return FixedOutput{0x1p-7F, 0};
  return is_asymmetric ? std::optional(FixedOutput{0x1p-8F, -128}) : std::nullopt;
}

}  // namespace assay::quant
