// The forms that several operators lower to: a table, and a copy of words.
#include "emu/arith/fixed_functions.h"
#include "emu/arith/fixed_operators.h"
#include "emu/base/error.h"
#include "quant/calibrate/fixed_outputs.h"
#include "quant/exact/piecewise.h"
#include "quant/exact/tables.h"
#include "quant/ops/lowering.h"

namespace assay::quant {

namespace {

// Sigmoid or tanh of every word by the fixed-point functions: 8 bits by the polynomial in Q4.27, 16 bits by the interpolated table of 256 entries.
std::vector<int64_t> fixed_point_entries(Function function, const TensorQuantization& from) {
  const bool is_sigmoid = function == Function::sigmoid;
  const emu::IntType type = from.storage.type;
  std::vector<int64_t> entries;
  if (type == emu::kS8) {
    const emu::QScale scale = quantize_multiplier({{from.scale[0]}, {}, 27});
    const emu::ArgumentScale argument{from.zero_point, scale, emu::input_range_radius(4, scale.left)};
    for (int64_t x = -128; x <= 127; ++x) entries.push_back(is_sigmoid ? emu::logistic_8(x, argument) : emu::tanh_8(x, argument));
    return entries;
  }
  // The argument in steps of 2^-12 / 3: a multiplier of at most 15 bits, at most 2^30 with its shift (the source's multiplier and left shift for scales that are no power of two).
  const std::vector<int64_t> table = logistic_table_16();
  double multiplier = static_cast<double>(from.scale[0]) * 4096 * 3;
  uint8_t right = 0;
  while (multiplier <= 32767.0 / 2 && right < 30) multiplier *= 2, ++right;
  const emu::TableArgument argument{round_ratio({{multiplier}, {}}, emu::Round::half_away, 0, INT32_MAX), emu::RightShift{right}};
  for (int64_t x = -32768; x <= 32767; ++x) entries.push_back(is_sigmoid ? emu::logistic_16_from_table(table, x, argument) : emu::tanh_16_from_table(table, x, argument));
  return entries;
}

// Such a table stands for every word, whatever the target's form of other tables.
bool lower_to_fixed_point(const Operator& op, const std::string& function, const Node& node, Lowering& lowering) {
  const auto fixed = fixed_output(node, lowering.target());
  const TensorQuantization& from = lowering.quantization(node.inputs[0]);
  const emu::IntType word = lowering.target().storage.activation.type;  // a quantized model may have others
  if (!fixed || from.storage.type != word || lowering.quantization(node.output).storage.type != word) return false;
  if (lowering.scale_of(node.output) != fixed->scale || lowering.zero_point_of(node.output) != fixed->zero_point) return false;
  const std::vector<int64_t> entries = fixed_point_entries(std::get<Unary>(op).function, from);
  const emu::TableForm direct;
  const emu::Ref table = lowering.constant(function + ".table", emu::Tensor(from.storage.type, {static_cast<int64_t>(entries.size())}, entries));
  lowering.emit(node, emu::TableLookup{lowering.operand(node.inputs[0]), table, function, direct});
  return true;
}

}  // namespace

void lower_to_table(const Operator& op, const std::string& function, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().table, "table");
  if (rule == nullptr || lower_to_fixed_point(op, function, node, lowering)) return;
  const ValueId x = node.inputs[0];
  const TensorQuantization& from = lowering.quantization(x);
  const TensorQuantization& to = lowering.quantization(node.output);
  const bool fits = rule->entries == emu::TableSource::piecewise_linear && has_straight_ends(op);
  if (from.storage.type.is_float() && to.storage.type.is_float()) {
    const emu::ClampBounds own = lowering.bounds(node);
    const emu::Storage output{to.storage.type, own.low, own.high};
    const auto entries =
        fits ? fitted_table_of_words(op, from.storage.type, output, rule->segments, rule->line_format, rule->round) : function_of_words(op, from.storage.type, output, rule->round);
    const emu::Ref table = lowering.constant(function + ".table", emu::Tensor(to.storage.type, {static_cast<int64_t>(entries.size())}, entries));
    return lowering.emit(node, emu::TableLookup{lowering.operand(x), table, function, rule->form});
  }
  if (from.storage.type.bits > 16 || rule->form.fraction_bits >= from.storage.type.bits) {
    lowering.forbid(node, "ops.table with " + std::to_string(rule->form.fraction_bits) + " fraction bits has no entries for '" + lowering.graph().value(x).name + "', which is " +
                              to_string(from.storage.type));
    return;
  }
  const emu::ClampBounds bounds = lowering.bounds(node);
  const TableSpec spec{from.storage.type, rule->form, lowering.scale_of(x), from.zero_point, lowering.scale_of(node.output), to.zero_point, bounds.low, bounds.high, rule->round};
  const auto entries = fits ? fitted_table(op, spec, rule->segments, rule->line_format) : function_table(op, spec);
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
