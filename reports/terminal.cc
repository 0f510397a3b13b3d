#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "emu/base/error.h"
#include "reports/report.h"
#include "reports/telling.h"

namespace assay::reports {
namespace {

using golden::LayerAlignment;
using golden::Verdict;

constexpr const char* kReset = "\x1b[0m";
// Narrower than this, a paragraph begins below its heading instead of beside it.
constexpr size_t kWide = 80;

std::string colored(const std::string& text, const char* color, bool wanted) {
  return wanted ? color + text + kReset : text;
}

const char* color_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::EQUAL: return "\x1b[32m";
    case Verdict::CLOSE: return "\x1b[33m";
    case Verdict::NOT_EQUAL: return "\x1b[31m";
    case Verdict::NOT_COMPARABLE: return "\x1b[35m";
  }
  throw InternalError("a verdict without a color");
}

std::string padded(const std::string& text, size_t width, bool right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return right ? space + text : text + space;
}

// `text` broken at spaces into lines of at most `columns`; the first begins with `first`, the others are indented as far. A word longer than a line is cut into several.
std::string wrapped(const std::string& first, const std::string& text, size_t columns) {
  const std::string indent(width_of(first), ' ');
  ASSAY_ASSERT(indent.size() < columns);
  const size_t room = columns - indent.size();
  std::string result = first;
  size_t used = 0;
  bool fresh = true;
  const auto put = [&](const std::string& word) {
    if (!fresh && used + 1 + width_of(word) > room) {
      result += "\n" + indent;
      used = 0;
      fresh = true;
    }
    result += (fresh ? "" : " ") + word;
    used += width_of(word) + (fresh ? 0 : 1);
    fresh = false;
  };
  for (size_t at = 0; at <= text.size();) {
    const size_t space = std::min(text.find(' ', at), text.size());
    std::string word = text.substr(at, space - at);
    at = space + 1;
    while (width_of(word) > room) {
      const std::string piece = beginning(word, room);
      put(piece);
      word.erase(0, piece.size());
    }
    put(word);
  }
  return result + "\n";
}

enum Column : size_t { kNumber, kLayer, kOperation, kShape, kPpqFp32, kEmuFp32, kDifference, kOverflows, kColumns };
struct ColumnRule {
  const char* head;
  const char* under;
  size_t least;  // a column shrinks no further; 0: it never shrinks
  bool right;
};
constexpr ColumnRule kRules[kColumns] = {{"#", "", 0, true},
                                         {"layer", "", 24, false},
                                         {"op", "", 14, false},
                                         {"shape", "", 14, false},
                                         {"cos", "ppq,fp32", 0, true},
                                         {"cos", "emu,fp32", 0, true},
                                         {"emulator", "against ppq", 26, false},
                                         {"overflows", "acc/step/out", 0, false}};

using Row = std::array<std::string, kColumns>;

Row row_of(size_t number, const LayerAlignment& layer) {
  return {std::to_string(number),
          (layer.is_output ? "> " : "") + printable(layer.name),
          layer.operation,
          to_string(layer.shape),
          cosine_text(layer.ppq_fp32.cosine()),
          cosine_text(layer.emu_fp32.cosine()),
          difference_text(layer.emu_vs_ppq),
          overflow_text(layer.overflows)};
}

// Natural widths, then one character at a time from the column that is widest above its least, until the table fits.
std::array<size_t, kColumns> widths_of(const std::vector<Row>& rows, size_t columns) {
  std::array<size_t, kColumns> widths{};
  for (size_t c = 0; c < kColumns; ++c) {
    widths[c] = std::max(width_of(kRules[c].head), width_of(kRules[c].under));
    for (const Row& row : rows) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  const auto total = [&] { return std::accumulate(widths.begin(), widths.end(), size_t{2} * (kColumns - 1)); };
  while (total() > columns) {
    size_t victim = kColumns;
    for (size_t c = 0; c < kColumns; ++c) {
      if (kRules[c].least == 0 || widths[c] <= kRules[c].least) continue;
      if (victim == kColumns || widths[c] - kRules[c].least > widths[victim] - kRules[victim].least) victim = c;
    }
    if (victim == kColumns) break;
    --widths[victim];
  }
  return widths;
}

bool worth_showing(const LayerAlignment& layer) {
  const bool cosines = layer.ppq_fp32.cosine() > golden::kAlignedCosine && layer.emu_fp32.cosine() > golden::kAlignedCosine;
  return layer.is_output || !cosines || layer.emu_vs_ppq.verdict != Verdict::EQUAL;
}

std::string line_of(const Row& cells, const std::array<size_t, kColumns>& widths, size_t columns, const char* color) {
  std::string line;
  for (size_t c = 0; c < kColumns; ++c) line += (c == 0 ? "" : "  ") + padded(shortened(cells[c], widths[c]), widths[c], kRules[c].right);
  line.erase(line.find_last_not_of(' ') + 1);
  if (width_of(line) > columns) line = shortened(line, columns);
  return (color == nullptr ? line : colored(line, color, true)) + "\n";
}

std::string table(const golden::Alignment& alignment, const TerminalOptions& options, size_t columns) {
  std::vector<Row> rows;
  std::vector<const LayerAlignment*> layers;
  for (size_t i = 0; i < alignment.layers.size(); ++i) {
    if (!options.all_layers && !worth_showing(alignment.layers[i])) continue;
    layers.push_back(&alignment.layers[i]);
    rows.push_back(row_of(i, alignment.layers[i]));
  }
  const auto widths = widths_of(rows, columns);
  Row heads;
  Row unders;
  for (size_t c = 0; c < kColumns; ++c) {
    heads[c] = kRules[c].head;
    unders[c] = kRules[c].under;
  }
  std::string text = line_of(heads, widths, columns, nullptr) + line_of(unders, widths, columns, nullptr);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i][kDifference] = difference_text(layers[i]->emu_vs_ppq, widths[kDifference]);
    text += line_of(rows[i], widths, columns, options.color ? color_of(layers[i]->emu_vs_ppq.verdict) : nullptr);
  }
  const size_t hidden = alignment.layers.size() - rows.size();
  if (hidden > 0) text += counted(hidden, "layer") + " EQUAL with good cosines not shown\n";
  return text;
}

}  // namespace

std::string terminal(const golden::Alignment& alignment, const TerminalOptions& options) {
  const auto columns = static_cast<size_t>(std::max(options.columns, 40));
  std::string text = wrapped("", fmt::format("model {}  target {}  {}", printable(alignment.model), printable(alignment.target), counted(alignment.samples, "input")), columns);
  if (!alignment.assumed.empty()) {
    text += wrapped(
        "",
        counted(alignment.assumed.size(), "claim") + " about this target " + (alignment.assumed.size() == 1 ? "is" : "are") + " assumed, not documented by its maker:", columns);
    for (const emu::Claim& claim : alignment.assumed) text += wrapped("  ", printable(claim.key) + ": " + printable(claim.note), columns);
  }
  text += "\n" + table(alignment, options, columns);
  text +=
      wrapped("overflows: ",
              "elements whose sum left the accumulator / that a step before the last changed / that were limited to their type (a Relu that ends at its limit included)", columns) +
      "\n";

  text += wrapped("", "verdicts, of the worst output (a cosine must be above 0.99):", columns);
  for (const VerdictLine& line : verdict_lines(alignment)) {
    const std::string head = fmt::format("  {:<11}{:<15}= {:<9} ", line.question, line.formula, cosine_text(line.cosine));
    const std::string word = colored(line.word, color_of(line.good ? Verdict::EQUAL : Verdict::NOT_EQUAL), options.color);
    if (columns < kWide) {
      text += head + "\n    " + word + ".\n" + wrapped("    ", line.meaning, columns);
      continue;
    }
    std::string paragraph = wrapped(head, line.word + ". " + line.meaning, columns);
    text += paragraph.replace(head.size(), line.word.size(), word);
  }
  text += "\n";
  for (const ErrorKind& kind : error_kinds(alignment))
    text += columns < kWide ? wrapped("", kind.name + ": " + kind.text, columns) : wrapped(fmt::format("{:<22}", kind.name), kind.text, columns);
  if (const std::string first = first_difference(alignment); !first.empty()) text += wrapped("", first, columns);
  if (alignment.accuracy) text += wrapped("", accuracy_text(*alignment.accuracy), columns);
  for (const std::string& note : note_lines(alignment)) text += wrapped("note: ", note, columns);
  return text;
}

}  // namespace assay::reports
