// The two-column text of a TargetDiff.
#include <algorithm>
#include <sstream>

#include "emu/target/diff.h"

namespace assay::emu {
namespace {

constexpr size_t kDiffColumns = 120;
constexpr size_t kMark = 3;  // " | "

// The lines of a cell, broken at blanks, and inside words that are longer than the cell.
std::vector<std::string> lines_of(const std::string& text, size_t width) {
  std::vector<std::string> lines{""};
  std::istringstream in(text);
  for (std::string word; in >> word;) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    for (; lines.back().size() + word.size() > width; lines.emplace_back()) {
      const size_t taken = width - lines.back().size();
      lines.back() += word.substr(0, taken);
      word.erase(0, taken);
    }
    lines.back() += word;
  }
  return lines;
}

class Table {
 public:
  explicit Table(size_t key_width) : key_(key_width), cell_((kDiffColumns - key_width - kMark) / 2) {}

  void row(const std::string& key, const std::string& a, const std::string& mark, const std::string& b) {
    const auto left = lines_of(a, cell_ - 1), right = lines_of(b, cell_);
    for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
      const std::string first = i < left.size() ? left[i] : "", second = i < right.size() ? right[i] : "";
      std::string line = padded(i == 0 ? key : "", key_) + padded(first, cell_) + padded(" " + (i == 0 ? mark : ""), kMark) + second;
      line.erase(line.find_last_not_of(' ') + 1);
      text_ << line << "\n";
    }
  }
  std::string take() const { return text_.str(); }

 private:
  static std::string padded(const std::string& text, size_t width) { return text.size() < width ? text + std::string(width - text.size(), ' ') : text; }

  size_t key_, cell_;
  std::ostringstream text_;
};

std::string mark_of(const std::string& a, const std::string& b) {
  return a == b ? "" : a.empty() ? ">" : b.empty() ? "<" : "|";
}

}  // namespace

std::string diff_text(const Target& a, const Target& b, const TargetDiff& diff) {
  if (diff.differences.empty()) {
    return "equal: " + std::to_string(diff.compared) + " keys decide the bits of both, and their values are the same\n";
  }
  size_t key_width = 0;
  for (const KeyDifference& difference : diff.differences) key_width = std::max(key_width, difference.key.size() + 2);
  Table table(key_width);
  table.row("", a.name, "", b.name);
  for (const KeyDifference& difference : diff.differences) {
    if (difference.steps.empty()) {
      table.row(difference.key, difference.a, mark_of(difference.a, difference.b), difference.b);
      continue;
    }
    // Operators often share a list: it is shown once.
    const auto shown = std::find_if(diff.differences.begin(), diff.differences.end(), [&](const KeyDifference& one) { return one.steps == difference.steps; });
    if (shown->key != difference.key) {
      table.row(difference.key, "as " + shown->key, "|", "as " + shown->key);
      continue;
    }
    std::string key = difference.key;
    for (const StepPair& pair : difference.steps) {
      table.row(key, pair.a, mark_of(pair.a, pair.b), pair.b);
      key.clear();
    }
  }
  return table.take() + "\n" + std::to_string(diff.differences.size()) + " of " + std::to_string(diff.compared) +
         " keys differ. Sources and claims are not compared: assay targets explain tells them.\n";
}

}  // namespace assay::emu
