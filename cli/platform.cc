#include "cli/platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/progress.h"
#include "emu/base/error.h"
#include "quant/export/import.h"
#include "quant/ppq/dispatch.h"
#include "quant/ppq/graph_rewrites.h"
#include "quant/ppq/load.h"
#include "quant/ppq/pipeline.h"

namespace assay::cli {
namespace {

constexpr size_t kLeastSteps = 8, kMostSteps = 512;  // PPQ's

std::atomic<bool> interrupted{false};

// While this lives, the first Ctrl-C only asks the work to end; a second one ends the program.
class UntilInterrupt {
 public:
  UntilInterrupt() {
    interrupted = false;
    before_ = std::signal(SIGINT, [](int) {
      interrupted = true;
      std::signal(SIGINT, SIG_DFL);
    });
  }
  ~UntilInterrupt() { std::signal(SIGINT, before_); }
  UntilInterrupt(const UntilInterrupt&) = delete;
  UntilInterrupt& operator=(const UntilInterrupt&) = delete;

 private:
  void (*before_)(int) = SIG_DFL;
};

std::map<std::string, std::string> dispatching_table(const std::string& path) {
  try {
    return nlohmann::json::parse(vectors::read_file(path)).get<std::map<std::string, std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw InputError(path + ": expected a JSON object {\"operation\": \"platform\"}: " + error.what());
  }
}

std::vector<std::string> chosen_passes(const PlatformOptions& options, const ppq::Platform& platform, const ppq::Settings& settings) {
  if (!options.passes.empty()) return options.passes;
  const auto all = ppq::describe_passes(platform, settings);
  const auto known = [&](const std::string& name) { return std::any_of(all.begin(), all.end(), [&](const auto& pass) { return pass.name == name; }); };
  std::string names;
  for (const auto& pass : all) names += (names.empty() ? "" : ", ") + pass.name;
  for (const auto* list : {&options.with, &options.without}) {
    for (const std::string& name : *list) {
      if (!known(name)) throw InputError("there is no pass '" + name + "' on platform " + platform.name + "; passes: " + names);
    }
  }
  std::vector<std::string> chosen;
  for (const auto& pass : all) {
    const auto named = [&](const std::vector<std::string>& list) { return std::find(list.begin(), list.end(), pass.name) != list.end(); };
    if ((pass.by_default || named(options.with)) && !named(options.without)) chosen.push_back(pass.name);
  }
  return chosen;
}

}  // namespace

void add_platform_options(CLI::App& command, PlatformOptions& options) {
  const std::string group = "PPQ's own quantizer (see `assay ppq platforms`)";
  command.add_option("-p,--platform", options.platform, "Quantize as PPQ does for this platform; the target defaults to the one that it lowers to")->group(group);
  command.add_option("--platforms", options.platforms_dir, "Folder of platform files, instead of the built-in ones")->type_name("DIR")->group(group);
  command.add_option("--preset", options.preset, "PPQ's setting: default or one of its presets")->group(group);
  command.add_option("--rewrite", options.rewrites, "Rewrite the graph before dispatching: fuse_layernorm, fuse_gelu, fuse_matmul_add")->delimiter(',')->group(group);
  command.add_option("--dispatcher", options.dispatcher, "conservative (default), pplnn, allin or perseus")->group(group);
  command.add_option("--dispatch", options.dispatching, "JSON {\"operation\": \"FP32\" or the platform's name}: overrides the dispatcher")->type_name("FILE")->group(group);
  command.add_option("--passes", options.passes, "Exactly these passes, in this order (see `assay ppq passes`)")->delimiter(',')->group(group);
  command.add_option("--with", options.with, "Also run these passes, each at its place")->delimiter(',')->group(group);
  command.add_option("--without", options.without, "Leave these passes out")->delimiter(',')->group(group);
  command
      .add_option("--set", options.set, "Settings of passes, one each: --set lsq.steps=100 --set 'weight_split.interested_layers=[\"conv1\"]' (keys: quant/platforms/README.md)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--steps", options.steps, "Calibration steps (default: one per input, at least 8)")->check(CLI::Range(kLeastSteps, kMostSteps))->group(group);
  command.add_option("--import", options.import_file, "Take states and scales from this file of PPQ's (or a tool's) and calibrate nothing")->type_name("FILE")->group(group);
  auto* fix = command.add_flag("--fix-stale-scales", options.fix_stale_scales, "Where PPQ records a scale that its tensor no longer has, use the true one")->group(group);
  command.add_flag("--ppq-exact", options.ppq_exact, "Reproduce PPQ's contradictions, and warn of them (default)")->excludes(fix)->group(group);
}

ppq::Platform platform_of(const PlatformOptions& options) {
  const std::string dir = options.platforms_dir.empty() ? ppq::default_platforms_dir() : options.platforms_dir;
  return ppq::load_platform(ppq::find_platform(options.platform, dir));
}

ppq::Settings settings_of(const PlatformOptions& options, size_t inputs) {
  ppq::Settings settings = ppq::preset(options.preset, options.platforms_dir.empty() ? ppq::default_platforms_dir() : options.platforms_dir);
  settings.graph_rewrites = options.rewrites;
  if (!options.dispatcher.empty()) settings.dispatcher = options.dispatcher;
  if (!options.dispatching.empty()) settings.dispatching_table = dispatching_table(options.dispatching);
  if (!options.set.empty()) ppq::set(settings, options.set);
  settings.calibration_steps = options.steps != 0 ? options.steps : std::clamp(inputs, kLeastSteps, kMostSteps);
  settings.exact = !options.fix_stale_scales;
  return settings;
}

ppq::Network load_network(const ModelOptions& model, const ppq::Platform& platform, const ppq::Settings& settings, std::vector<ppq::PassReport>& reports) {
  std::map<std::string, Shape> shapes;
  for (const auto& text : model.shapes) shapes.insert(parse_shape(text));
  ppq::Network network = ppq::load(model.model, shapes);
  for (const std::string& name : settings.graph_rewrites) reports.push_back(ppq::rewrite_graph(network, name));
  if (auto warnings = ppq::dispatch(network, platform, settings); !warnings.empty()) reports.push_back({"dispatch", {}, std::move(warnings)});
  return network;
}

std::vector<vectors::InputDescription> describe_inputs(const ppq::Network& network) {
  std::vector<vectors::InputDescription> inputs;
  for (const ppq::VariableId id : network.inputs) inputs.push_back({network.variable(id).name, network.variable(id).shape});
  return inputs;
}

PlatformRun run_platform(const ModelOptions& model, const PlatformOptions& options) {
  PlatformRun run{platform_of(options), {}, {}, {}};
  run.settings = settings_of(options, 0);
  std::vector<ppq::PassReport> first;
  run.network = load_network(model, run.platform, run.settings, first);
  const auto inputs = describe_inputs(run.network);
  const auto preprocessing = preprocessing_from(model.preprocess, inputs.empty() ? Shape{} : inputs[0].shape);
  std::vector<vectors::Sample> samples;
  if (!model.calibration.empty()) samples = vectors::find_samples(model.calibration, inputs);
  run.settings.calibration_steps = settings_of(options, samples.size()).calibration_steps;
  if (!model.observer.empty()) run.settings.calibration_algorithm = model.observer;
  const ppq::InputSet set{samples.size(), [&](size_t i) { return load(samples[i], inputs, preprocessing); }};

  std::unique_ptr<Progress> bar;
  std::string label;
  std::mutex drawing;
  ppq::Context context{run.platform, run.settings, set, thread_count(model.output), {}, {}};
  context.progress = [&](const std::string& what, size_t done, size_t total) {
    const std::lock_guard lock(drawing);
    if (what != label || bar == nullptr) bar = std::make_unique<Progress>(label = what, model.output.quiet);
    bar->update(done, total);
  };
  context.cancelled = [] { return interrupted.load(); };
  const UntilInterrupt until;
  const std::vector<std::string> passes = chosen_passes(options, run.platform, run.settings);
  if (!options.import_file.empty()) {
    run.reports = ppq::run_import(run.network, context, passes, [&](ppq::Network& network) {
      const ppq::ImportReport imported = ppq::import_quantization(network, options.import_file);
      return ppq::PassReport{"import of " + imported.format, {std::to_string(imported.given) + " configurations got their scale from " + options.import_file}, imported.notes};
    });
    run.reports.insert(run.reports.begin(), first.begin(), first.end());
    return run;
  }
  if (samples.empty()) throw InputError("--platform " + run.platform.name + " calibrates as PPQ does; give --calibration (or --import FILE with scales from outside)");
  run.reports = ppq::run_passes(run.network, context, passes);
  run.reports.insert(run.reports.begin(), first.begin(), first.end());
  return run;
}

std::string to_text(const std::vector<ppq::PassReport>& reports, bool verbose) {
  std::string text;
  for (const ppq::PassReport& report : reports) {
    text += fmt::format("{:<42} ... PASSED{}\n", report.name, report.changes.empty() ? "" : fmt::format("  ({} changes)", report.changes.size()));
    if (verbose) {
      for (const std::string& change : report.changes) text += "    " + change + "\n";
    }
    for (const std::string& warning : report.warnings) text += "    warning: " + warning + "\n";
  }
  return text;
}

}  // namespace assay::cli
