// The parts of `assay targets`.
#pragma once

#include <CLI/CLI.hpp>

namespace assay::cli {

void add_targets_diff(CLI::App& targets, int& exit_code);
void add_targets_check(CLI::App& targets, int& exit_code);

}  // namespace assay::cli
