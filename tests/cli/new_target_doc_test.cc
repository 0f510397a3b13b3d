// docs/new_target.md is true: its commands run, they print what it shows, and the file that it quotes is the one in docs/examples/targets.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "tests/cli/process.h"

namespace assay::testing {
namespace {

const std::string kSource = ASSAY_SOURCE_DIR;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(line);
  }
  return lines;
}

// What stands between "```kind" and "```", each block's lines.
std::vector<std::vector<std::string>> blocks(const std::string& kind) {
  std::vector<std::vector<std::string>> found;
  bool inside = false;
  for (const std::string& line : lines_of(read(kSource + "/docs/new_target.md"))) {
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      found.back().push_back(line);
    } else if (line == "```" + kind) {
      inside = true;
      found.emplace_back();
    }
  }
  return found;
}

// A line without its numbers: sums in float32 may differ in their last digits between CPUs.
std::string without_numbers(const std::string& line) {
  return std::regex_replace(std::regex_replace(line, std::regex("[0-9]+(\\.[0-9]+)?"), "0"), std::regex(" +"), " ");
}

// Whether `printed` is what is shown; "..." stands for any lines, none too. `from` and `at`: what is left of each.
bool shows(const std::vector<std::string>& shown, size_t from, const std::vector<std::string>& printed, size_t at) {
  if (from == shown.size()) return at == printed.size();
  if (shown[from] == "...") {
    for (size_t next = at; next <= printed.size(); ++next) {
      if (shows(shown, from + 1, printed, next)) return true;
    }
    return false;
  }
  return at < printed.size() && shown[from] == printed[at] && shows(shown, from + 1, printed, at + 1);
}

// The repository's folder as a reader has it, where files may be written.
class Reader {
 public:
  Reader() {
    for (const char* name : {"docs", "vectors", "emu"}) std::filesystem::create_symlink(kSource + "/" + name, folder_ / name);
    std::filesystem::create_directories(folder_ / "bin");
    std::filesystem::create_symlink(ASSAY_BINARY, folder_ / "bin/assay");
  }
  std::vector<std::string> run(const std::string& command) const {
    const std::string script = "cd '" + (folder_ / "") + "' && PATH=\"$PWD/bin:$PATH\" && " + command;
    write(folder_ / "script", script);
    std::string output;
    FILE* pipe = popen(("bash '" + (folder_ / "script") + "' 2>&1").c_str(), "r");
    char buffer[4096];
    while (const size_t count = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
    pclose(pipe);
    return lines_of(output);
  }

 private:
  TemporaryFolder folder_;
};

TEST(NewTargetDoc, ItsCommandsPrintWhatItShows) {
  const auto all = blocks("console");
  ASSERT_GE(all.size(), 6U);
  const Reader reader;
  for (const auto& block : all) {
    ASSERT_FALSE(block.empty());
    ASSERT_EQ(block[0].substr(0, 2), "$ ");
    const std::string command = block[0].substr(2);
    std::vector<std::string> shown(block.begin() + 1, block.end()), printed = reader.run(command);
    if (command.find("assay align") == 0) {
      for (auto* list : {&shown, &printed}) std::transform(list->begin(), list->end(), list->begin(), without_numbers);
    }
    std::string text;
    for (const std::string& line : printed) text += line + "\n";
    EXPECT_TRUE(shows(shown, 0, printed, 0)) << command << " prints\n" << text;
  }
}

TEST(NewTargetDoc, ItsExampleIsTheFile) {
  const std::string file = read(kSource + "/docs/examples/targets/kestrel_k2.toml");
  const auto all = blocks("toml");
  ASSERT_EQ(all.size(), 1U);
  std::string paragraph;
  std::vector<std::string> lines = all[0];
  lines.emplace_back();
  for (const std::string& line : lines) {
    if (line.empty()) {
      EXPECT_NE(file.find(paragraph), std::string::npos) << paragraph;
      paragraph.clear();
    } else {
      paragraph += line + "\n";
    }
  }
}

TEST(NewTargetDoc, APatternOfShownLinesMatchesOnlyWhatItShould) {
  EXPECT_TRUE(shows({"a", "...", "c"}, 0, {"a", "b", "b", "c"}, 0));
  EXPECT_TRUE(shows({"a", "...", "c"}, 0, {"a", "c"}, 0));
  EXPECT_TRUE(shows({"..."}, 0, {}, 0));
  EXPECT_FALSE(shows({"a", "...", "c"}, 0, {"a", "b"}, 0));
  EXPECT_FALSE(shows({"a"}, 0, {"a", "b"}, 0));
  EXPECT_EQ(without_numbers(" 0  x 0.9998  CLOSE 64 (+1:33)"), " 0 x 0 CLOSE 0 (+0:0)");
}

}  // namespace
}  // namespace assay::testing
