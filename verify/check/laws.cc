#include "verify/check/laws.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::verify {
namespace {

using vectors::operand_index;

bool has_operand(ArithOp op, std::string_view name) {
  const auto names = vectors::operand_names(op);
  return std::find(names.begin(), names.end(), name) != names.end();
}

int64_t operand(ArithOp op, const Operands& operands, std::string_view name) {
  return has_operand(op, name) ? operands[operand_index(op, name)] : 0;
}

bool at_a_limit(const emu::Target& target, ArithOp op, const Tested& tested) {
  if (!has_operand(op, "low")) return false;
  const int64_t result = tested.expected.result;
  const emu::IntType word = target.storage.activation.type;
  return tested.expected.flags.output || result == operand(op, tested.operands, "low") || result == operand(op, tested.operands, "high") || result == word.min() ||
         result == word.max();
}

// -128 * -128 on a target of 8 signed bits: the one product whose magnitude needs a bit more than all others.
bool multiplies_the_lowest(const emu::Target& target, ArithOp op, const Operands& o) {
  const auto is_lowest = [](const emu::Storage& storage, int64_t value) { return storage.type.is_signed && value == storage.type.min(); };
  const emu::Storage& word = target.storage.activation;
  if (op == ArithOp::mul) return is_lowest(word, o[0]) && is_lowest(word, o[1]);
  if (op != ArithOp::dot) return false;
  for (size_t i = 2; i + 1 < o.size(); i += 2) {
    if (is_lowest(word, o[i]) && is_lowest(target.storage.weight, o[i + 1])) return true;
  }
  return false;
}

bool negate(Operands& operands, std::initializer_list<size_t> places) {
  for (const size_t place : places) {
    if (operands[place] == INT64_MIN) return false;
    operands[place] = -operands[place];
  }
  return true;
}

std::optional<Operands> mirrored(ArithOp op, Operands o) {
  for (const char* name : {"zero_point", "zero_point_a", "zero_point_b", "zero_point_x"}) {
    if (operand(op, o, name) != 0) return std::nullopt;
  }
  const bool done = op == ArithOp::requantize                    ? negate(o, {0, 1})
                    : op == ArithOp::add                         ? negate(o, {0, 1})
                    : op == ArithOp::quantize                    ? (o[0] ^= int64_t{1} << 31, true)
                    : op == ArithOp::table || op == ArithOp::dot ? false
                                                                 : negate(o, {0});
  if (!done) return std::nullopt;
  return o;
}

}  // namespace

std::string_view to_string(Law law) {
  switch (law) {
    case Law::equals_the_definition: return "equals_the_definition";
    case Law::ties_go_where_the_target_says: return "ties_go_where_the_target_says";
    case Law::saturates_at_the_limits: return "saturates_at_the_limits";
    case Law::no_33_bit_overflow: return "no_33_bit_overflow";
    case Law::product_of_the_lowest_is_exact: return "product_of_the_lowest_is_exact";
    case Law::table_entry_is_exact: return "table_entry_is_exact";
    case Law::zero_point_after_rounding: return "zero_point_after_rounding";
    case Law::monotone: return "monotone";
    case Law::symmetric: return "symmetric";
    case Law::same_answer_twice: return "same_answer_twice";
    case Law::does_not_crash: return "does_not_crash";
  }
  return "";
}

std::string_view sentence(Law law) {
  switch (law) {
    case Law::equals_the_definition: return "The result is the one that the target's definition gives, bit for bit.";
    case Law::ties_go_where_the_target_says: return "A value exactly between two integers goes to the one that the target's rounding mode names.";
    case Law::saturates_at_the_limits: return "What lies at or beyond the limits of the type or of the clamp becomes the limit itself.";
    case Law::no_33_bit_overflow: return "A value on the way that needs more than 32 bits is kept whole.";
    case Law::product_of_the_lowest_is_exact: return "The product of the lowest values, as -128 x -128, is exact: its magnitude needs one bit more than any other.";
    case Law::table_entry_is_exact: return "The word selects its own entry, and the entry comes out unchanged (or interpolated as the target says).";
    case Law::zero_point_after_rounding: return "Where the zero point rises by one, a result within the limits rises by one: it is added after rounding.";
    case Law::monotone: return "A larger accumulator never gives a smaller result (with a negative multiplier, never a larger one).";
    case Law::symmetric: return "Where the definition gives the negated result for the negated input, so does the device.";
    case Law::same_answer_twice: return "The same case gives the same result when it is asked again.";
    case Law::does_not_crash: return "A legal case does not kill the device.";
  }
  return "";
}

bool is_about(Law law, const emu::Target& target, ArithOp op, const Tested& tested) {
  switch (law) {
    case Law::equals_the_definition: return true;
    case Law::ties_go_where_the_target_says: return tested.expected.flags.tie;
    case Law::saturates_at_the_limits: return at_a_limit(target, op, tested);
    case Law::no_33_bit_overflow: return tested.expected.flags.beyond_32;
    case Law::product_of_the_lowest_is_exact: return multiplies_the_lowest(target, op, tested.operands);
    case Law::table_entry_is_exact: return op == ArithOp::table;
    case Law::zero_point_after_rounding: return operand(op, tested.operands, "zero_point") != 0 && !at_a_limit(target, op, tested);
    case Law::monotone:
    case Law::symmetric:
    case Law::same_answer_twice:
    case Law::does_not_crash: return false;
  }
  return false;
}

std::optional<Operands> partner_of(Law law, const emu::Target&, ArithOp op, const Operands& operands) {
  Operands partner = operands;
  switch (law) {
    case Law::zero_point_after_rounding:
      if (!has_operand(op, "zero_point")) return std::nullopt;
      ++partner[operand_index(op, "zero_point")];
      return partner;
    case Law::monotone:
      if (op == ArithOp::quantize || op == ArithOp::table || op == ArithOp::dot || op == ArithOp::mul || operands[0] == INT64_MAX) return std::nullopt;
      ++partner[0];
      return partner;
    case Law::symmetric: return mirrored(op, partner);
    case Law::same_answer_twice: return partner;
    default: return std::nullopt;
  }
}

bool keeps(Law law, ArithOp op, const Tested& first, const Tested& second) {
  if (!first.answered() || !second.answered()) return true;
  const int64_t e1 = first.expected.result, e2 = second.expected.result, g1 = first.got.value, g2 = second.got.value;
  switch (law) {
    case Law::zero_point_after_rounding: {
      const auto inside = [&](const Tested& t) {
        return !t.expected.flags.output && t.expected.result > operand(op, t.operands, "low") && t.expected.result < operand(op, t.operands, "high");
      };
      return !inside(first) || !inside(second) || e2 != e1 + 1 || g2 == g1 + 1;
    }
    case Law::monotone: {
      const bool falling = operand(op, first.operands, "multiplier") < 0 || operand(op, first.operands, "multiplier_a") < 0;
      return falling ? e2 > e1 || g2 <= g1 : e2 < e1 || g2 >= g1;
    }
    case Law::symmetric: return e2 != -e1 || g2 == -g1;
    case Law::same_answer_twice: return g1 == g2;
    default: return true;
  }
}

}  // namespace assay::verify
