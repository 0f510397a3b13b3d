// A TOML file as the loader sees it: read with limits, parsed, its problems gathered with their lines.
#pragma once

#include <string>
#include <toml.hpp>
#include <utility>
#include <vector>

namespace assay::emu {

// The text by lines, and the problems found so far, each with the line it is on.
class Report {
 public:
  Report(const std::string& text, std::string origin);

  const std::vector<std::string>& lines() const { return lines_; }
  bool empty() const { return problems_.empty(); }
  void add(size_t line, const std::string& what) { problems_.emplace_back(line, what); }
  // InputError with all problems in line order.
  [[noreturn]] void fail();

 private:
  std::string text_of(size_t line) const;

  std::string origin_;
  std::vector<std::string> lines_;
  std::vector<std::pair<size_t, std::string>> problems_;
};

// InputError where the file cannot be read or has more than 1 MB.
std::string read_target_file(const std::string& path);

// The root table. Report::fail() where the text is not TOML or is shaped as no person writes (nesting, lines and numbers without end).
toml::value parse_toml(const std::string& text, const std::string& origin, Report& report);

size_t line_of(const toml::value& value);
// "text", cut where it is long.
std::string quoted(const std::string& text);
// "found 3": a value for messages.
std::string found(const toml::value& value);

}  // namespace assay::emu
