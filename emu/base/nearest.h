// Which known name a person probably meant: the one with the fewest insertions, deletions and substitutions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay {

// The nearest of `names` (the first of equals), or "" where all differ in more than a third of the longer word.
std::string nearest_name(std::string_view word, const std::vector<std::string>& names);

}  // namespace assay
