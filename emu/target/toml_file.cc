#include "emu/target/toml_file.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxLineBytes = 2000;
constexpr int kMaxNesting = 8;
constexpr size_t kMaxNumberBytes = 18;  // so that no number is cut to the machine's range unseen

// What the TOML parser must not be given: its recursion follows the text's nesting. Strings of one line only keep this scan exact.
void check_form(Report& report) {
  int depth = 0;
  for (size_t n = 0; n < report.lines().size() && report.empty(); ++n) {
    const std::string& line = report.lines()[n];
    if (line.size() > kMaxLineBytes) report.add(n + 1, "the line has " + std::to_string(line.size()) + " bytes; at most " + std::to_string(kMaxLineBytes) + " are read");
    char quote = 0;
    for (size_t i = 0; i < line.size() && report.empty(); ++i) {
      const char c = line[i];
      if (quote != 0) {
        if (c == '\\' && quote == '"') ++i;
        if (c == quote) quote = 0;
      } else if (c == '#') {
        break;
      } else if (c == '"' || c == '\'') {
        if (line.compare(i, 3, std::string(3, c)) == 0) report.add(n + 1, "strings over several lines are not used in target files");
        quote = c;
      } else if (c == '[' || c == '{') {
        if (++depth > kMaxNesting) report.add(n + 1, "nested deeper than " + std::to_string(kMaxNesting) + " brackets");
      } else if (c == ']' || c == '}') {
        depth = std::max(0, depth - 1);
      } else if (c >= '0' && c <= '9') {
        const size_t end = std::min(line.find_first_not_of("0123456789_abcdefABCDEFxo", i), line.size());
        if (end - i > kMaxNumberBytes) report.add(n + 1, "a number of " + std::to_string(end - i) + " digits is beyond any legal value");
        i = end - 1;
      }
    }
  }
}

// The parser's message, without its own picture of the place.
std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  const std::string prefix = "[error] ";
  if (line.compare(0, prefix.size(), prefix) == 0) line = line.substr(prefix.size());
  return line;
}

}  // namespace

Report::Report(const std::string& text, std::string origin) : origin_(std::move(origin)) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines_.push_back(line);
  }
}

void Report::fail() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (const auto& [line, what] : problems_) texts.push_back("line " + std::to_string(line) + ": " + what + "\n    | " + text_of(line));
  throw InputError(origin_ + ": " + std::to_string(texts.size()) + (texts.size() == 1 ? " problem" : " problems"), texts);
}

std::string Report::text_of(size_t line) const {
  constexpr size_t kShown = 160;
  const std::string text = line >= 1 && line <= lines_.size() ? lines_[line - 1] : "";
  return text.size() > kShown ? text.substr(0, kShown) + "..." : text;
}

std::string read_target_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw InputError(path + ": cannot be opened; is it a target file (*.toml) that exists?");
  std::string text(kMaxFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (in.bad() || (in.fail() && !in.eof())) throw InputError(path + ": cannot be read");
  return text;
}

toml::value parse_toml(const std::string& text, const std::string& origin, Report& report) {
  if (text.size() > kMaxFileBytes) throw InputError(origin + ": is larger than 1 MB, which no target file is");
  check_form(report);
  if (!report.empty()) report.fail();
  try {
    std::istringstream in(text);
    return toml::parse(in, origin);
  } catch (const toml::exception& error) {
    report.add(error.location().line(), "not TOML: " + first_line(error.what()));
  } catch (const std::exception& error) {  // numbers that fit no machine type, among others
    report.add(1, "not TOML: " + first_line(error.what()));
  }
  report.fail();
}

size_t line_of(const toml::value& value) {
  return value.location().line();
}

std::string quoted(const std::string& text) {
  constexpr size_t kShown = 60;
  return "\"" + (text.size() > kShown ? text.substr(0, kShown) + "..." : text) + "\"";
}

std::string found(const toml::value& value) {
  switch (value.type()) {
    case toml::value_t::string: return "found " + quoted(value.as_string().str);
    case toml::value_t::integer: return "found " + std::to_string(value.as_integer());
    case toml::value_t::boolean: return std::string("found ") + (value.as_boolean() ? "true" : "false");
    case toml::value_t::floating: return "found a number with a fraction";
    case toml::value_t::array: return "found an array";
    case toml::value_t::table: return "found a table";
    default: return "found a date or time";
  }
}

}  // namespace assay::emu
