// The sub-commands of `assay`, one file each. Each adds its options and help to the application and, when chosen, runs and sets the exit code:
// 0 aligned / done, 1 mismatch. Exceptions become 2 (bad input), 3 (unsupported) and 4 (our bug) in main.cc.
#pragma once

#include <CLI/CLI.hpp>

namespace assay::cli {

void add_align(CLI::App& app, int& exit_code);
void add_quantize(CLI::App& app, int& exit_code);
void add_ppq(CLI::App& app, int& exit_code);
void add_run(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_targets(CLI::App& app, int& exit_code);
void add_verify(CLI::App& app, int& exit_code);
void add_vectors(CLI::App& app, int& exit_code);

}  // namespace assay::cli
