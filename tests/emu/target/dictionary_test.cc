// emu/targets/README.md is the dictionary of target files: it must explain every key that the loader knows, and none that it does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "emu/target/load_target.h"

namespace assay::emu {
namespace {

// The first cell of every table row that is one `quoted.key`, and the row.
std::vector<std::pair<std::string, std::string>> entries() {
  std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/README.md");
  std::vector<std::pair<std::string, std::string>> found;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("| `", 0) != 0) continue;
    const std::string cell = line.substr(3, line.find('`', 3) - 3);
    if (cell.find(' ') == std::string::npos && (cell == "name" || cell == "summary" || cell.find('.') != std::string::npos)) found.emplace_back(cell, line);
  }
  return found;
}

TEST(Dictionary, ExplainsEveryKeyThatTheLoaderKnows) {
  std::set<std::string> explained;
  for (const auto& [key, row] : entries()) explained.insert(key);
  for (const std::string& key : known_keys()) EXPECT_EQ(explained.count(key), 1u) << key << " has no entry in emu/targets/README.md";
}

TEST(Dictionary, ExplainsNoKeyTwiceAndNoneThatDoesNotExist) {
  const auto known = known_keys();
  std::set<std::string> seen;
  for (const auto& [key, row] : entries()) {
    EXPECT_TRUE(seen.insert(key).second) << key;
    EXPECT_TRUE(key.rfind("claim.", 0) == 0 || std::count(known.begin(), known.end(), key) == 1) << key << " is no key";
  }
}

TEST(Dictionary, EveryEntryHasATypeAndAMeaning) {
  for (const auto& [key, row] : entries()) {
    std::istringstream in(row);
    std::vector<std::string> cells;
    for (std::string cell; std::getline(in, cell, '|');) cells.push_back(cell);
    ASSERT_GE(cells.size(), 5u) << row;
    EXPECT_GT(cells[2].size(), 3u) << row;
    EXPECT_GT(cells[4].size(), 4u) << row;
  }
}

}  // namespace
}  // namespace assay::emu
