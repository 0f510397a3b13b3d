#include "verify/comparison_text.h"

#include <algorithm>
#include <sstream>

namespace assay::verify {
namespace {

constexpr size_t kColumns = 120;

// Wrapped at blanks; further lines begin with `hang` blanks.
void paragraph(std::ostringstream& text, const std::string& first, const std::string& words, size_t hang) {
  std::string line = first;
  bool filled = false;
  std::istringstream in(words);
  for (std::string word; in >> word;) {
    if (filled && line.size() + 1 + word.size() > kColumns) {
      text << line << "\n";
      line = std::string(hang, ' ');
      filled = false;
    }
    line += (filled ? " " : "") + word;
    filled = true;
  }
  text << line << "\n";
}

}  // namespace

int64_t relative_answer(const vectors::Pair& pair, bool of_a) {
  const auto names = operand_names(pair.op);
  const int64_t result = of_a ? pair.of_a.result : pair.of_b.result;
  if (std::find(names.begin(), names.end(), "zero_point") == names.end()) return result;
  return result - (of_a ? pair.a : pair.b)[operand_index(pair.op, "zero_point")];
}

std::string comparison_text(const emu::Target& a, const emu::Target& b, const Comparison& comparison) {
  std::ostringstream text;
  for (const std::string& statement : comparison.statements) {
    paragraph(text, "", statement, 4);
    const std::string op = statement.substr(0, statement.find(':'));
    for (const vectors::Pair& pair : comparison.pairs) {
      if (to_string(pair.op) != op) continue;
      paragraph(text, "  - ",
                pair.asked + ": " + a.name + " gives " + std::to_string(relative_answer(pair, true)) + ", " + b.name + " gives " + std::to_string(relative_answer(pair, false)) +
                    ". " + pair.reason,
                4);
    }
  }
  text << (comparison.pairs.empty()
               ? std::string("No input was found that tells them apart.")
               : std::to_string(comparison.pairs.size()) + " inputs that tell them apart; answers are less the zero points. assay vectors --against writes all.")
       << "\n";
  return text.str();
}

}  // namespace assay::verify
