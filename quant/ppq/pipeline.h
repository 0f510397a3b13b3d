// PPQ's whole way from a loaded and dispatched Network to a quantized one: which passes run, in which order (ppq.md 6.2). What each pass does is its own file's matter.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "quant/ppq/pass.h"

namespace assay::ppq {

// The names of the passes that the platform and the settings ask for, in PPQ's order: first those on the bare graph, then kConfigure, then the quantization passes.
inline constexpr const char* kConfigure = "INIT";
std::vector<std::string> default_passes(const Platform& platform, const Settings& settings);
// Every pass that there is for the platform, in that order, with a line that says what it does.
struct PassDescription {
  std::string name, what;
  bool by_default = false;
};
std::vector<PassDescription> describe_passes(const Platform& platform, const Settings& settings);

// Runs them. `after` (may be empty) sees the network after each pass. InputError where a name is unknown, where kConfigure is missing or where a pass stands on its wrong side.
std::vector<PassReport> run_passes(Network& network, const Context& context, const std::vector<std::string>& passes,
                                   const std::function<void(const PassReport&, const Network&)>& after = nullptr);

// With scales from outside: of `passes` those before the parameters' observers run, then `import`, then what parameters still need (observers for those that got no scale, passive
// ones, baking). Nothing is calibrated, aligned or learned.
std::vector<PassReport> run_import(Network& network, const Context& context, const std::vector<std::string>& passes, const std::function<PassReport(Network&)>& import);

}  // namespace assay::ppq
