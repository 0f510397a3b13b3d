// --platform: PPQ's own quantizer in place of the target's. What `align`, `quantize` and `ppq` share of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/pipeline.h"
#include "quant/ppq/pass.h"

namespace assay::cli {

void add_platform_options(CLI::App& command, PlatformOptions& options);

// A network that PPQ's passes went over.
struct PlatformRun {
  ppq::Platform platform;
  ppq::Settings settings;
  ppq::Network network;
  std::vector<ppq::PassReport> reports;
};

ppq::Platform platform_of(const PlatformOptions& options);
ppq::Settings settings_of(const PlatformOptions& options, size_t inputs);
// Loaded, rewritten where asked, and dispatched, not quantized. What a user should know of it goes to `reports`.
ppq::Network load_network(const ModelOptions& model, const ppq::Platform& platform, const ppq::Settings& settings, std::vector<ppq::PassReport>& reports);
std::vector<vectors::InputDescription> describe_inputs(const ppq::Network& network);

// Loads, dispatches, runs the passes (or takes the imported scales) with progress bars; Ctrl-C ends a learning pass with the best so far.
PlatformRun run_platform(const ModelOptions& model, const PlatformOptions& options);

// PPQ's lines: "[..:..] QuantizeFusionPass ... PASSED", what changed where `verbose`, and every warning.
std::string to_text(const std::vector<ppq::PassReport>& reports, bool verbose);

}  // namespace assay::cli
