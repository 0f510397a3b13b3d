#include "emu/base/nearest.h"

#include <algorithm>

namespace assay {
namespace {

constexpr size_t kLongestWord = 128;  // longer ones are nobody's misspelling, and the distance is quadratic

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& names) {
  if (word.size() > kLongestWord) return "";
  std::string best;
  size_t best_distance = kLongestWord;
  for (const std::string& name : names) {
    if (name.size() > kLongestWord) continue;
    const size_t d = distance(word, name);
    if (d < best_distance && 3 * d <= std::max(word.size(), name.size())) {
      best = name;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace assay
