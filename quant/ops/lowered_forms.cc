// The forms that several operators lower to: a table, and a copy of words.
#include <algorithm>

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

// A ratio in binary32 as a multiplier of 15 bits: that of 31 bits, its upper half rounded half up, at most 2^15 - 1.
emu::QScale short_multiplier(float ratio) {
  emu::QScale scale = quantize_multiplier({{static_cast<double>(ratio)}, {}});
  scale.multiplier = std::min<int64_t>((scale.multiplier + (1 << 15)) >> 16, 32767);
  return scale;
}

// HardSwish of every word in the source's fixed point. It has no form for outputs finer than 2^-7 of the input's steps.
std::vector<int64_t> hard_swish_entries(const TensorQuantization& from, const TensorQuantization& to) {
  const float fine = from.scale[0] / 128, reluish = 3.0F / 32768;
  if (!(fine / to.scale[0] < 1) || !(fine / reluish < 0x1p30F)) return {};
  const emu::HardSwishScale scale{from.zero_point, to.zero_point, short_multiplier(fine / to.scale[0]), short_multiplier(fine / reluish)};
  std::vector<int64_t> entries;
  for (int64_t x = -128; x <= 127; ++x) entries.push_back(std::clamp(emu::hard_swish_8(x, scale), to.storage.low, to.storage.high));
  return entries;
}

void emit_direct(const std::vector<int64_t>& entries, const std::string& function, emu::IntType type, const Node& node, Lowering& lowering) {
  const emu::TableForm direct;
  const emu::Ref table = lowering.constant(function + ".table", emu::Tensor(type, {static_cast<int64_t>(entries.size())}, entries));
  lowering.emit(node, emu::TableLookup{lowering.operand(node.inputs[0]), table, function, direct});
}

bool lower_to_fixed_hard_swish(const Operator& op, const std::string& function, const Node& node, Lowering& lowering) {
  const auto* unary = std::get_if<Unary>(&op);
  const TensorQuantization &from = lowering.quantization(node.inputs[0]), &to = lowering.quantization(node.output);
  if (unary == nullptr || unary->function != Function::hard_swish || lowering.target().table->entries != emu::TableSource::fixed_point) return false;
  if (!node.fused.empty() || from.storage.type != emu::kS8 || to.storage.type != emu::kS8) return false;
  const std::vector<int64_t> entries = hard_swish_entries(from, to);
  if (!entries.empty()) emit_direct(entries, function, emu::kS8, node, lowering);
  return !entries.empty();
}

// hard_sigmoid of slope 1/6 as the target has it.
Operator as_target_has_it(const Operator& op, const emu::TableRule& rule) {
  const auto* unary = std::get_if<Unary>(&op);
  if (unary == nullptr || unary->function != Function::hard_sigmoid || rule.hard_sigmoid != emu::HardSigmoid::factor_2731) return op;
  if (unary->alpha != 1.0F / 6 || unary->beta != 0.5F) return op;
  return Unary{Function::hard_sigmoid, 2731.0F / 16384, 3 * 2731.0F / 16384};
}

// Such a table stands for every word, whatever the target's form of other tables.
bool lower_to_fixed_point(const Operator& op, const std::string& function, const Node& node, Lowering& lowering) {
  const auto* unary = std::get_if<Unary>(&op);
  if (unary == nullptr || (unary->function != Function::sigmoid && unary->function != Function::tanh)) return false;
  const auto fixed = fixed_output(node, lowering.target());
  const TensorQuantization& from = lowering.quantization(node.inputs[0]);
  const emu::IntType word = lowering.target().storage.activation.type;  // a quantized model may have others
  if (!fixed || from.storage.type != word || lowering.quantization(node.output).storage.type != word) return false;
  if (lowering.scale_of(node.output) != fixed->scale || lowering.zero_point_of(node.output) != fixed->zero_point) return false;
  const std::vector<int64_t> entries = fixed_point_entries(unary->function, from);
  emit_direct(entries, function, from.storage.type, node, lowering);
  return true;
}

}  // namespace

namespace {

// The entries of one table; none after forbid().
std::vector<int64_t> table_of(const Operator& op, const emu::TableRule& rule, const Node& node, Lowering& lowering) {
  const ValueId x = node.inputs[0];
  const TensorQuantization& from = lowering.quantization(x);
  const TensorQuantization& to = lowering.quantization(node.output);
  const bool fits = rule.entries == emu::TableSource::piecewise_linear && has_straight_ends(op);
  const emu::ClampBounds bounds = lowering.bounds(node);
  if (from.storage.type.is_float() && to.storage.type.is_float()) {
    const emu::Storage output{to.storage.type, bounds.low, bounds.high};
    return fits ? fitted_table_of_words(op, from.storage.type, output, rule.segments, rule.line_format, rule.round) : function_of_words(op, from.storage.type, output, rule.round);
  }
  if (from.storage.type.bits > 16 || rule.form.fraction_bits >= from.storage.type.bits || !emu::has_sound_grids(from.storage.type, rule.form)) {
    lowering.forbid(node, "ops.table with " + std::to_string(rule.form.fraction_bits) + " fraction bits has no entries for '" + lowering.graph().value(x).name + "', which is " +
                              to_string(from.storage.type));
    return {};
  }
  // One table for all channels: only a Relu that keeps their scales has one, and it is that of any scale.
  const bool keeps = std::holds_alternative<Relu>(op) && from.scale.size() > 1 && lowering.same_words(x, node.output);
  const float scale_x = keeps ? 1.0F : lowering.scale_of(x), scale_y = keeps ? 1.0F : lowering.scale_of(node.output);
  const TableSpec spec{from.storage.type, rule.form, scale_x, from.zero_point, scale_y, to.zero_point, bounds.low, bounds.high, rule.round, rule.correction, to.storage.type};
  const Operator own = as_target_has_it(op, rule);
  return fits ? fitted_table(own, spec, rule.segments, rule.line_format) : function_table(own, spec);
}

}  // namespace

void lower_to_table(const Operator& op, const std::string& function, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().table, "table");
  if (rule == nullptr || lower_to_fixed_point(op, function, node, lowering) || lower_to_fixed_hard_swish(op, function, node, lowering)) return;
  lower_to_tables({op}, function, node, lowering);
}

void lower_to_tables(const std::vector<Operator>& by_channel, const std::string& function, const Node& node, Lowering& lowering) {
  const auto* rule = lowering.rule(node, lowering.target().table, "table");
  if (rule == nullptr) return;
  std::vector<int64_t> all;
  Shape shape;
  for (const Operator& op : by_channel) {
    const std::vector<int64_t> entries = table_of(op, *rule, node, lowering);
    if (entries.empty()) return;
    shape = {static_cast<int64_t>(entries.size())};
    all.insert(all.end(), entries.begin(), entries.end());
  }
  if (by_channel.size() > 1) shape.insert(shape.begin(), static_cast<int64_t>(by_channel.size()));
  const emu::Ref table = lowering.constant(function + ".table", emu::Tensor(lowering.quantization(node.output).storage.type, shape, all));
  lowering.emit(node, emu::TableLookup{lowering.operand(node.inputs[0]), table, function, rule->form});
}

void check_copies(const Node& node, const Lowering& lowering) {
  const ValueId x = node.inputs[0];
  if (lowering.copies_words(node)) return;
  throw InputError(described(node) + " copies words, but '" + lowering.graph().value(x).name + "' and '" + lowering.graph().value(node.output).name +
                   "' do not share type, scale and zero point");
}

}  // namespace assay::quant
