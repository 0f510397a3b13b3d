#include "verify/device/layout.h"

#include <algorithm>

namespace assay::verify {
namespace {

constexpr size_t kDotShared = 2;      // zero_point_x zero_point_w
constexpr size_t kShownNumbers = 24;  // of a table or a dot, in messages

}  // namespace

size_t varying_operands(ArithOp op) {
  return op == ArithOp::add || op == ArithOp::mul ? 2 : 1;
}

size_t end_of_batch(ArithOp op, std::span<const Operands> cases, size_t start) {
  const Operands& first = cases[start];
  const size_t from = op == ArithOp::dot ? 0 : varying_operands(op);
  const size_t to = op == ArithOp::dot ? kDotShared : first.size();
  size_t end = start + 1;
  for (; end < cases.size(); ++end) {
    const Operands& other = cases[end];
    if (other.size() != first.size()) break;
    if (!std::equal(first.begin() + static_cast<std::ptrdiff_t>(from), first.begin() + static_cast<std::ptrdiff_t>(to), other.begin() + static_cast<std::ptrdiff_t>(from))) break;
  }
  return end;
}

Operands shared_operands(ArithOp op, const Operands& operands) {
  if (op == ArithOp::dot) return {operands.begin(), operands.begin() + kDotShared};
  return {operands.begin() + static_cast<std::ptrdiff_t>(varying_operands(op)), operands.end()};
}

std::string function_name(ArithOp op) {
  return "assay_dut_" + (op == ArithOp::rounding ? std::string("round_shift") : std::string(vectors::to_string(op)));
}

std::string describe(ArithOp op, std::span<const int64_t> operands) {
  const auto names = vectors::operand_names(op);
  std::string text(vectors::to_string(op));
  for (size_t i = 0; i < operands.size() && i < names.size(); ++i) {
    text += " " + std::string(names[i]) + "=";
    const bool is_mode = op == ArithOp::rounding && names[i] == "mode" && operands[i] >= 0 && operands[i] < static_cast<int64_t>(emu::kAllRounds.size());
    text += is_mode ? std::string(emu::to_string(emu::kAllRounds[static_cast<size_t>(operands[i])])) : std::to_string(operands[i]);
  }
  if (operands.size() <= names.size()) return text;
  const auto rest = operands.subspan(names.size());
  text += op == ArithOp::dot ? " x,w=" : " entries=";
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest.size() > kShownNumbers && i == kShownNumbers / 2) {
      text += " ... (" + std::to_string(rest.size()) + " numbers) ...";
      i = rest.size() - kShownNumbers / 2;
    }
    text += (i == 0 ? "" : (op == ArithOp::dot && i % 2 == 1 ? "*" : " ")) + std::to_string(rest[i]);
  }
  return text;
}

}  // namespace assay::verify
