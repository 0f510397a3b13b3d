#include "vectors/arithmetic/cases.h"

#include <algorithm>

#include "emu/arith/step_words.h"
#include "emu/base/error.h"

namespace assay::vectors {
namespace {

using emu::IntType;
using emu::Target;

// What an operand may be.
enum class Kind : uint8_t { value, shift, mode, word, positive_word, accumulator, bias, multiplier, left, right, first, activation, zero_point, low, high, count };

struct Operand {
  std::string_view name;
  Kind kind;
};

template <size_t N>
constexpr std::array<std::string_view, N> names_of(const std::array<Operand, N>& operands) {
  std::array<std::string_view, N> names{};
  for (size_t i = 0; i < N; ++i) names[i] = operands[i].name;
  return names;
}

constexpr std::array kRounding = {Operand{"value", Kind::value}, Operand{"shift", Kind::shift}, Operand{"mode", Kind::mode}};
constexpr std::array kQuantize = {Operand{"x_fp32", Kind::word}, Operand{"scale_fp32", Kind::positive_word}, Operand{"zero_point", Kind::zero_point}, Operand{"low", Kind::low},
                                  Operand{"high", Kind::high}};
constexpr std::array kRequantize = {Operand{"accumulator", Kind::accumulator}, Operand{"bias", Kind::bias},         Operand{"multiplier", Kind::multiplier},
                                    Operand{"left_shift", Kind::left},         Operand{"right_shift", Kind::right}, Operand{"scale_fp32", Kind::word},
                                    Operand{"bias_fp32", Kind::word},          Operand{"output_fp32", Kind::word},  Operand{"slope_fp32", Kind::word},
                                    Operand{"zero_point", Kind::zero_point},   Operand{"low", Kind::low},           Operand{"high", Kind::high},
                                    Operand{"first_shift", Kind::first}};
constexpr std::array kAdd = {Operand{"a", Kind::activation},
                             Operand{"b", Kind::activation},
                             Operand{"zero_point_a", Kind::zero_point},
                             Operand{"zero_point_b", Kind::zero_point},
                             Operand{"multiplier_a", Kind::multiplier},
                             Operand{"left_shift_a", Kind::left},
                             Operand{"right_shift_a", Kind::right},
                             Operand{"multiplier_b", Kind::multiplier},
                             Operand{"left_shift_b", Kind::left},
                             Operand{"right_shift_b", Kind::right},
                             Operand{"multiplier", Kind::multiplier},
                             Operand{"left_shift", Kind::left},
                             Operand{"right_shift", Kind::right},
                             Operand{"zero_point", Kind::zero_point},
                             Operand{"low", Kind::low},
                             Operand{"high", Kind::high}};
constexpr std::array kMul = {Operand{"a", Kind::activation},
                             Operand{"b", Kind::activation},
                             Operand{"zero_point_a", Kind::zero_point},
                             Operand{"zero_point_b", Kind::zero_point},
                             Operand{"multiplier", Kind::multiplier},
                             Operand{"left_shift", Kind::left},
                             Operand{"right_shift", Kind::right},
                             Operand{"scale_fp32", Kind::word},
                             Operand{"bias_fp32", Kind::word},
                             Operand{"output_fp32", Kind::word},
                             Operand{"slope_fp32", Kind::word},
                             Operand{"zero_point", Kind::zero_point},
                             Operand{"low", Kind::low},
                             Operand{"high", Kind::high}};
constexpr std::array kAveragePool = {
    Operand{"sum", Kind::value},       Operand{"count", Kind::count},       Operand{"zero_point_x", Kind::zero_point}, Operand{"multiplier", Kind::multiplier},
    Operand{"left_shift", Kind::left}, Operand{"right_shift", Kind::right}, Operand{"zero_point", Kind::zero_point},   Operand{"low", Kind::low},
    Operand{"high", Kind::high}};
constexpr std::array kTable = {Operand{"x", Kind::activation}};
constexpr std::array kDot = {Operand{"zero_point_x", Kind::zero_point}, Operand{"zero_point_w", Kind::value}};

template <const auto& kOperands>
constexpr auto kNames = names_of(kOperands);

std::span<const Operand> operands_of(ArithOp op) {
  switch (op) {
    case ArithOp::rounding: return kRounding;
    case ArithOp::quantize: return kQuantize;
    case ArithOp::requantize: return kRequantize;
    case ArithOp::add: return kAdd;
    case ArithOp::mul: return kMul;
    case ArithOp::average_pool: return kAveragePool;
    case ArithOp::table: return kTable;
    case ArithOp::dot: return kDot;
  }
  ASSAY_ASSERT(!"an ArithOp outside its enumeration");
}

struct Range {
  Wide low, high;
};

Range zero_points(const emu::Storage& storage, const emu::QuantizeRule& rule) {
  if (rule.symmetry == emu::Symmetry::symmetric) return {0, 0};
  return {storage.type.min(), storage.type.max()};
}

Range range_of(const Target& target, const emu::MultiplierRule& own, Kind kind) {
  const IntType word = target.storage.activation.type;
  constexpr int64_t kInfinity32 = 0x7f800000;
  switch (kind) {
    case Kind::value: return {INT64_MIN, INT64_MAX};
    case Kind::shift: return {0, emu::kMaxShiftBits};
    case Kind::mode: return {0, static_cast<int64_t>(emu::kAllRounds.size()) - 1};
    case Kind::word: return {0, UINT32_MAX};
    case Kind::positive_word: return {1, kInfinity32 - 1};
    case Kind::accumulator: return {target.accumulate.accumulator.result().min(), target.accumulate.accumulator.result().max()};
    case Kind::bias: return {target.storage.bias.type.min(), target.storage.bias.type.max()};
    case Kind::multiplier: return {1 - (Wide{1} << std::max<int>(own.bits, 1)), (Wide{1} << std::max<int>(own.bits, 1)) - 1};
    case Kind::left: return {0, own.max_left.bits};
    case Kind::right: return {0, own.max_right.bits};
    case Kind::first: return {0, own.max_first.bits};
    case Kind::activation:
    case Kind::low:
    case Kind::high: return {word.min(), word.max()};
    case Kind::zero_point: return zero_points(target.storage.activation, target.quantize.activation);
    case Kind::count: return {1, kMaxPoolCount};
  }
  ASSAY_ASSERT(!"a Kind outside its enumeration");
}

std::optional<std::string> outside(std::string_view name, Wide value, const Range& range) {
  if (value >= range.low && value <= range.high) return std::nullopt;
  const auto text = [](Wide number) { return std::to_string(static_cast<int64_t>(number)); };
  return std::string(name) + " is " + text(value) + "; expected " + text(range.low) + " to " + text(range.high);
}

Wide magnitude(Wide value) {
  return value < 0 ? -value : value;
}

std::optional<std::string> illegal_average(const Target& target, std::span<const int64_t> o) {
  const IntType word = target.storage.activation.type;
  const bool keeps = target.average_pool->zero_point == emu::ZeroPoints::kept;
  const Wide sum = o[0], count = o[1], zero = keeps ? 0 : o[2];
  if (keeps && o[2] != o[6]) return std::string("zero_point_x and zero_point differ, and ops.average_pool.zero_point is kept: they are one");
  if (const auto problem = outside("sum", sum, {count * word.min(), count * word.max()})) return *problem + " for " + std::to_string(o[1]) + " words of " + to_string(word);
  const Wide farthest = std::max(magnitude(word.min() - zero), magnitude(word.max() - zero)) * count;
  if (!emu::fits(target.accumulate.accumulator.alone(), farthest)) return "count is " + std::to_string(o[1]) + "; the sum of so many words can leave the accumulator";
  if (target.average_pool->form != emu::AverageForm::divide) return std::nullopt;
  const Wide limit = Wide{1} << 125;
  if (magnitude(sum - count * zero) * magnitude(o[3]) > limit >> o[4] || count > limit >> o[5]) return std::string("the scale makes a dividend or divisor of more than 126 bits");
  return std::nullopt;
}

std::optional<std::string> illegal_table(const Target& target, std::span<const int64_t> o) {
  const IntType word = target.storage.activation.type;
  const auto expected = static_cast<size_t>(emu::table_entries(word, target.table->form));
  if (o.size() - 1 != expected) return "the table has " + std::to_string(o.size() - 1) + " entries; expected " + std::to_string(expected);
  for (size_t i = 1; i < o.size(); ++i) {
    if (const auto problem = outside("entry", o[i], {word.min(), word.max()})) return problem;
  }
  return std::nullopt;
}

std::optional<std::string> illegal_dot(const Target& target, std::span<const int64_t> o) {
  const IntType x = target.storage.activation.type, w = target.storage.weight.type;
  if (const auto problem = outside("zero_point_w", o[1], zero_points(target.storage.weight, target.quantize.weight))) return problem;
  if (o.size() % 2 != 0) return std::string("the last x has no w");
  if (o.size() > 2 + 2 * static_cast<size_t>(kMaxDotTerms)) return "more than " + std::to_string(kMaxDotTerms) + " products";
  for (size_t i = 2; i < o.size(); i += 2) {
    if (const auto problem = outside("x", o[i], {x.min(), x.max()})) return problem;
    if (const auto problem = outside("w", o[i + 1], {w.min(), w.max()})) return problem;
  }
  return std::nullopt;
}

bool in_fp32(const emu::Steps& steps) {
  return emu::holds<emu::ToFp32>(steps);
}

std::optional<std::string> no_fp32(const std::string& key, const emu::Steps& steps) {
  if (!in_fp32(steps)) return std::nullopt;
  return key + " computes in binary32, and a case of this operation carries integer scales only";
}

}  // namespace

const emu::MultiplierRule& multiplier_of(const Target& target, ArithOp op) {
  switch (op) {
    case ArithOp::add: return emu::multiplier_of(target, "add");
    case ArithOp::mul: return emu::multiplier_of(target, "mul");
    case ArithOp::average_pool: return emu::multiplier_of(target, "average_pool");
    default: return target.multiplier;
  }
}

std::string_view to_string(ArithOp op) {
  switch (op) {
    case ArithOp::rounding: return "rounding";
    case ArithOp::quantize: return "quantize";
    case ArithOp::requantize: return "requantize";
    case ArithOp::add: return "add";
    case ArithOp::mul: return "mul";
    case ArithOp::average_pool: return "average_pool";
    case ArithOp::table: return "table";
    case ArithOp::dot: return "dot";
  }
  ASSAY_ASSERT(!"an ArithOp outside its enumeration");
}

std::optional<ArithOp> parse_arith_op(std::string_view name) {
  if (name == "lut") return ArithOp::table;
  for (const ArithOp op : kAllArithOps) {
    if (to_string(op) == name) return op;
  }
  return std::nullopt;
}

std::span<const std::string_view> operand_names(ArithOp op) {
  switch (op) {
    case ArithOp::rounding: return kNames<kRounding>;
    case ArithOp::quantize: return kNames<kQuantize>;
    case ArithOp::requantize: return kNames<kRequantize>;
    case ArithOp::add: return kNames<kAdd>;
    case ArithOp::mul: return kNames<kMul>;
    case ArithOp::average_pool: return kNames<kAveragePool>;
    case ArithOp::table: return kNames<kTable>;
    case ArithOp::dot: return kNames<kDot>;
  }
  ASSAY_ASSERT(!"an ArithOp outside its enumeration");
}

size_t operand_index(ArithOp op, std::string_view name) {
  const auto names = operand_names(op);
  const auto found = std::find(names.begin(), names.end(), name);
  ASSAY_ASSERT(found != names.end());
  return static_cast<size_t>(found - names.begin());
}

std::optional<std::string> illegal(const Target& target, ArithOp op, std::span<const int64_t> o) {
  const auto expected = operands_of(op);
  const bool open = op == ArithOp::table || op == ArithOp::dot;
  if (o.size() < expected.size() || (!open && o.size() != expected.size())) {
    return std::to_string(o.size()) + " operands; expected " + std::to_string(expected.size()) + (open ? " and more" : "");
  }
  const emu::MultiplierRule& own = multiplier_of(target, op);
  for (size_t i = 0; i < expected.size(); ++i) {
    if (const auto problem = outside(expected[i].name, o[i], range_of(target, own, expected[i].kind))) return problem;
    if (expected[i].kind == Kind::high && o[i - 1] > o[i]) return "low is " + std::to_string(o[i - 1]) + ", above high, which is " + std::to_string(o[i]);
  }
  switch (op) {
    case ArithOp::average_pool: return illegal_average(target, o);
    case ArithOp::table: return illegal_table(target, o);
    case ArithOp::dot: return illegal_dot(target, o);
    default: return std::nullopt;
  }
}

std::optional<std::string> lacks(const Target& target, ArithOp op) {
  const emu::IntType word = target.storage.activation.type;
  if (word.is_float()) return "its words are numbers of " + to_string(word) + ", and these questions are about integers";
  const auto missing = [](const char* key) { return "ops." + std::string(key) + ".supported = false"; };
  switch (op) {
    case ArithOp::rounding:
    case ArithOp::quantize:
    case ArithOp::dot: return std::nullopt;
    case ArithOp::requantize: return target.conv ? std::nullopt : std::optional(missing("conv"));
    case ArithOp::mul: return target.mul ? std::nullopt : std::optional(missing("mul"));
    case ArithOp::table: return target.table ? std::nullopt : std::optional(missing("table"));
    case ArithOp::add:
      if (!target.add) return missing("add");
      if (const auto problem = no_fp32("ops.add.operand_steps", target.add->operand_steps)) return problem;
      return no_fp32("ops.add.steps", target.add->steps);
    case ArithOp::average_pool:
      if (!target.average_pool) return missing("average_pool");
      if (target.average_pool->form == emu::AverageForm::axis_reciprocals) return "ops.average_pool.form is axis_reciprocals, and a case of this operation has no width and height";
      if (target.average_pool->count_scale == emu::CountScale::first_cut_15) {
        return "ops.average_pool.count_scale is first_cut_15, and a case of this operation carries no first cut";
      }
      return no_fp32("ops.average_pool.steps", target.average_pool->steps);
  }
  ASSAY_ASSERT(!"an ArithOp outside its enumeration");
}

std::string to_string(const Flags& flags) {
  std::string text;
  const auto add = [&](bool flag, std::string_view name) {
    if (flag) text += (text.empty() ? "" : ",") + std::string(name);
  };
  add(flags.tie, "tie"), add(flags.inexact, "inexact"), add(flags.intermediate, "intermediate"), add(flags.output, "output");
  add(flags.beyond_32, "beyond_32"), add(flags.beyond_24, "beyond_24"), add(flags.overflowed, "overflowed");
  return text;
}

}  // namespace assay::vectors
