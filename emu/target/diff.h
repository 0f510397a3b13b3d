// Two targets side by side: the keys whose values differ, lists of steps aligned step by step.
#pragma once

#include <string>
#include <vector>

#include "emu/target/target.h"

namespace assay::emu {

// One line of two aligned lists of steps; empty where that list has no such step.
struct StepPair {
  std::string a, b;
  friend bool operator==(const StepPair&, const StepPair&) = default;
};

struct KeyDifference {
  std::string key;
  std::string a, b;             // values as the file spells them; empty where that target has no such key
  std::vector<StepPair> steps;  // of a list of steps: all of both lists, equal ones too
};

// In the order of the schema; `compared` counts the keys. What decides no bit (name, summary, sources, claims) is not compared; of an operator that one of the two lacks only
// `supported` is told.
struct TargetDiff {
  std::vector<KeyDifference> differences;
  size_t compared = 0;
};
TargetDiff diff(const Target& a, const Target& b);

// Fewest steps without a partner; a step stands beside one of its own kind or beside none.
std::vector<StepPair> align_steps(const Steps& a, const Steps& b);

// For people, at most 120 columns: key, value of a, mark, value of b. Marks: | differs, < only a has it, > only b has it.
std::string diff_text(const Target& a, const Target& b, const TargetDiff& diff);

}  // namespace assay::emu
