// Our own arithmetic on trial, for any target file: the kernels against the reference bodies against the oracle of the tests (exact rationals, by another method). This folder
// alone of all rooms may include tests/oracle: the point of the sub-command is that a user can put the judge to work on a target that our tests have never seen.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "emu/target/target.h"

namespace assay::verify {

struct SelfLine {
  std::string what;    // "steps of ops.conv", "conv"
  std::string judges;  // who was compared: "kernel, reference, oracle"
  uint64_t cases = 0;
  uint64_t different = 0;
  std::string first;  // the first that differs, in words
};

// A JSON list of these: what, verdict (EQUAL, NOT_EQUAL or untested), judges, cases, different, first.
std::string self_json(const std::vector<SelfLine>& lines);

struct SelfSettings {
  int level = 1;  // 2: ten times as many cases
  uint64_t seed = 1;
  std::function<void(size_t done, size_t total)> progress;
};

// All that follows, for the target: of integers or of floating-point words.
std::vector<SelfLine> check_self(const emu::Target& target, const SelfSettings& settings);

// Each list of steps that the target has, over drawn scales and accumulators with their ties.
std::vector<SelfLine> check_step_lists(const emu::Target& target, const SelfSettings& settings);
// Each operation that the target has, as programs of one instruction: the fast engine, the reference engine and the oracle.
std::vector<SelfLine> check_operations(const emu::Target& target, const SelfSettings& settings);
// Both, for a target whose words are floating-point numbers.
std::vector<SelfLine> check_numbers(const emu::Target& target, const SelfSettings& settings);

}  // namespace assay::verify
