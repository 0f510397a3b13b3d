#include "emu/target/diff.h"

#include <algorithm>
#include <map>

#include "emu/target/values.h"

namespace assay::emu {
namespace {

// "ops.conv." of "ops.conv.supported"; empty where the key is no `supported`.
std::string section_of_supported(const std::string& key) {
  constexpr std::string_view kWord = ".supported";
  if (!key.ends_with(kWord)) return "";
  return key.substr(0, key.size() - kWord.size() + 1);
}

}  // namespace

std::vector<StepPair> align_steps(const Steps& a, const Steps& b) {
  // costs[i][j]: of aligning what follows a[i] and b[j]. A pair of one kind that differs costs less than two steps without a partner.
  const size_t rows = a.size() + 1, columns = b.size() + 1;
  std::vector<size_t> costs(rows * columns);
  const auto cost = [&](size_t i, size_t j) -> size_t& { return costs[i * columns + j]; };
  const auto beside = [&](size_t i, size_t j) { return cost(i + 1, j + 1) + (a[i] == b[j] ? 0 : 1); };
  const auto may_pair = [&](size_t i, size_t j) { return i < a.size() && j < b.size() && a[i].index() == b[j].index(); };
  for (size_t i = rows; i-- > 0;) {
    for (size_t j = columns; j-- > 0;) {
      if (i == a.size() || j == b.size()) {
        cost(i, j) = (a.size() - i) + (b.size() - j);
        continue;
      }
      cost(i, j) = 1 + std::min(cost(i + 1, j), cost(i, j + 1));
      if (may_pair(i, j)) cost(i, j) = std::min(cost(i, j), beside(i, j));
    }
  }
  std::vector<StepPair> pairs;
  for (size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    if (may_pair(i, j) && cost(i, j) == beside(i, j)) {
      pairs.push_back({to_string(a[i++]), to_string(b[j++])});
    } else if (i < a.size() && (j == b.size() || cost(i, j) == 1 + cost(i + 1, j))) {
      pairs.push_back({to_string(a[i++]), ""});
    } else {
      pairs.push_back({"", to_string(b[j++])});
    }
  }
  return pairs;
}

TargetDiff diff(const Target& a, const Target& b) {
  const std::vector<KeyValue> of_a = values_of(a), of_b = values_of(b);
  std::map<std::string, const KeyValue*> find_b, find_a;
  for (const KeyValue& value : of_a) find_a[value.key] = &value;
  for (const KeyValue& value : of_b) find_b[value.key] = &value;
  TargetDiff result;
  std::vector<std::string> one_sided;  // sections that only one of the two supports
  const auto is_one_sided = [&](const std::string& key) {
    return std::any_of(one_sided.begin(), one_sided.end(), [&](const std::string& section) { return key.compare(0, section.size(), section) == 0; });
  };
  for (const KeyValue& value : of_a) {
    if (is_one_sided(value.key)) continue;
    ++result.compared;
    const auto found = find_b.find(value.key);
    if (found == find_b.end()) {
      result.differences.push_back({value.key, value.text, "", {}});
      continue;
    }
    const KeyValue& other = *found->second;
    if (value.text == other.text) continue;
    KeyDifference difference{value.key, value.text, other.text, {}};
    if (value.steps && other.steps) difference.steps = align_steps(*value.steps, *other.steps);
    result.differences.push_back(std::move(difference));
    const std::string section = section_of_supported(value.key);
    if (!section.empty()) one_sided.push_back(section);
  }
  for (const KeyValue& value : of_b) {
    if (find_a.count(value.key) > 0 || is_one_sided(value.key)) continue;
    ++result.compared;
    result.differences.push_back({value.key, "", value.text, {}});
  }
  return result;
}

}  // namespace assay::emu
