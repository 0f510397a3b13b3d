// The parts of `assay targets`.
#pragma once

#include <CLI/CLI.hpp>

#include "emu/target/target.h"

namespace assay::cli {

void add_targets_diff(CLI::App& targets, int& exit_code);
void add_targets_check(CLI::App& targets, int& exit_code);

int64_t claims_of(const emu::Target& target, emu::Evidence evidence);

}  // namespace assay::cli
