// assay ppq: PPQ's own quantizer by itself: its platforms, its passes, its analysis, and whether it does what recorded runs of the real PPQ did.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/example_target.h"
#include "cli/platform.h"
#include "cli/progress.h"
#include "emu/base/error.h"
#include "quant/ppq/analysis.h"
#include "quant/ppq/pipeline.h"
#include "verify/ppq/compare.h"

namespace assay::cli {
namespace {

struct CompareOptions {
  std::string run, model, calibration, input, platforms_dir;
  PreprocessOptions preprocess;
  OutputOptions output;
};

// Beside the run's folder lies what all runs of the model share.
std::string beside(const std::string& run, const std::string& name) {
  std::string folder = run;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder + "/../" + name;
}

int compare(CompareOptions options) {
  const verify::RecordedSetup setup = verify::read_setup(options.run);
  if (options.model.empty()) options.model = beside(options.run, "model.onnx");
  if (options.calibration.empty()) options.calibration = beside(options.run, "calibration");
  if (options.input.empty()) options.input = beside(options.run, "input.npy");
  PlatformOptions platform_options;
  platform_options.platform = setup.platform, platform_options.platforms_dir = options.platforms_dir;
  platform_options.preset = setup.preset, platform_options.steps = setup.calibration_steps;
  const ppq::Platform platform = platform_of(platform_options);
  const ppq::Settings settings = settings_of(platform_options, 0);
  ModelOptions model;
  model.model = options.model;
  std::vector<ppq::PassReport> reports;
  ppq::Network network = load_network(model, platform, settings, reports);
  const auto inputs = describe_inputs(network);
  const auto preprocessing = preprocessing_from(options.preprocess, inputs.empty() ? Shape{} : inputs[0].shape);
  const auto samples = vectors::find_samples(options.calibration, inputs);
  const ppq::InputSet set{samples.size(), [&](size_t i) { return load(samples[i], inputs, preprocessing); }};
  const auto given = vectors::find_samples(options.input, inputs);
  Progress progress("quantizing as recorded", options.output.quiet);
  const ppq::Context context{platform, settings, set, thread_count(options.output), [&](const std::string&, size_t done, size_t total) { progress.update(done, total); }, {}};
  const verify::RunComparison comparison = verify::compare_run(std::move(network), context, setup, load(given.at(0), inputs, preprocessing));
  fmt::print("{}", options.output.json ? verify::to_json(comparison) : verify::to_text(comparison));
  return comparison.failures.empty() ? 0 : 1;
}

void add_compare(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("compare", "Quantize as a recorded run of PPQ did, and compare every configuration, parameter and simulated output");
  const auto options = std::make_shared<CompareOptions>();
  command->add_option("run", options->run, "Folder of the run: run.json, trace.json, params/, sim/")->required()->type_name("RUN_DIR");
  command->add_option("--model", options->model, "The ONNX model (default: RUN_DIR/../model.onnx)")->type_name("FILE");
  command->add_option("--calibration", options->calibration, "Calibration inputs (default: RUN_DIR/../calibration)")->type_name("PATH");
  command->add_option("--input", options->input, "The input of the recorded outputs (default: RUN_DIR/../input.npy)")->type_name("FILE");
  command->add_option("--platforms", options->platforms_dir, "Folder of platform files, instead of the built-in ones")->type_name("DIR");
  add_preprocess_options(*command, options->preprocess);
  add_output_options(*command, options->output);
  command->footer(
      "Exit code 0: states, dominators, roundings and baked parameters are PPQ's, scales within one millionth, and of a million simulated codes at most ten differ, by one (none "
      "where\n"
      "scales are powers of two); 1: not.\nExample:\n  assay ppq compare runs/net/PLATFORM --model net.onnx --calibration calib/ --input input.npy");
  command->callback([options, &exit_code] { exit_code = compare(*options); });
}

struct ListOptions {
  PlatformOptions platform;
  bool json = false;
};

int list_platforms(const ListOptions& options) {
  const std::string dir = options.platform.platforms_dir.empty() ? ppq::default_platforms_dir() : options.platform.platforms_dir;
  for (const std::string& name : ppq::platform_names(dir)) {
    const ppq::Platform platform = ppq::load_platform(ppq::find_platform(name, dir));
    const ppq::Configuration& activation = platform.activation;
    fmt::print("{:<18} {:>2} bit {:<10} {:<3}  {:<12} {:<24} {:>2} types  -> {}\n", platform.name, activation.bits, activation.policy.asymmetric ? "asymmetric" : "symmetric",
               activation.policy.power_of_two ? "2^n" : "", fmt::format("[{}, {}]", activation.quant_min, activation.quant_max), ppq::to_string(activation.rounding),
               platform.quantized_types.size(), platform.target.empty() ? "(no target)" : platform.target);
  }
  return 0;
}

int list_passes(const ListOptions& options) {
  const ppq::Platform platform = platform_of(options.platform);
  const ppq::Settings settings = settings_of(options.platform, 0);
  for (const auto& pass : ppq::describe_passes(platform, settings)) fmt::print("{} {:<36} {}\n", pass.by_default ? "*" : " ", pass.name, pass.what);
  fmt::print("* runs by default; --with adds others at their place, --without leaves some out\n");
  return 0;
}

struct AnalyseOptions {
  ModelOptions model;
  bool layerwise = false;
  size_t steps = ppq::kAnalysisSteps;
};

nlohmann::json to_json(const std::vector<ppq::OperationErrors>& rows) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& row : rows) list.push_back({{"operation", row.name}, {"snr", row.errors.snr}, {"mse", row.errors.mse}, {"cosine", row.errors.cosine}});
  return list;
}

// Over all computing operations.
ppq::Errors mean_of(const std::vector<ppq::OperationErrors>& rows) {
  ppq::Errors mean{0, 0, 0};
  for (const auto& row : rows) {
    mean.snr += row.errors.snr / static_cast<double>(rows.size());
    mean.mse += row.errors.mse / static_cast<double>(rows.size());
    mean.cosine += row.errors.cosine / static_cast<double>(rows.size());
  }
  return mean;
}

// Processor seconds are those of all threads; other programs do not lengthen them.
class Stopwatch {
 public:
  nlohmann::json seconds() const {
    return {{"wall", std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_).count()},
            {"processor", static_cast<double>(std::clock() - processor_) / CLOCKS_PER_SEC}};
  }

 private:
  std::chrono::steady_clock::time_point wall_ = std::chrono::steady_clock::now();
  std::clock_t processor_ = std::clock();
};

// Of every output of the network as it was before any pass, the mean over the inputs; the worst of them.
ppq::Errors output_errors(const PlatformRun& run, const ModelOptions& model, const ppq::InputSet& set, size_t count) {
  std::vector<ppq::PassReport> ignored;
  const ppq::Network untouched = load_network(model, run.platform, run.settings, ignored);
  const ppq::Executor real(untouched), simulated(run.network);
  std::vector<ppq::OperationErrors> outputs;
  for (size_t i = 0; i < std::min(count, set.count); ++i) {
    const auto input = set.get(i);
    const ppq::Tensors wanted = real.run(input, ppq::Executor::Mode::fp32), found = simulated.run(input, ppq::Executor::Mode::quantized);
    outputs.resize(wanted.size(), {ppq::kNone, "", {0, 0, 0}});
    for (size_t k = 0; k < wanted.size(); ++k) {
      const ppq::Errors one = ppq::errors_of(found.at(k), wanted[k]);
      const auto part = static_cast<double>(std::min(count, set.count));
      outputs[k].errors.snr += one.snr / part, outputs[k].errors.mse += one.mse / part, outputs[k].errors.cosine += one.cosine / part;
    }
  }
  const auto worst = std::min_element(outputs.begin(), outputs.end(), [](const auto& a, const auto& b) { return a.errors.cosine < b.errors.cosine; });
  return worst == outputs.end() ? ppq::Errors{} : worst->errors;
}

int analyse(const AnalyseOptions& options) {
  if (options.model.platform.platform.empty()) throw InputError("--platform is missing; `assay ppq platforms` shows what there is");
  const Stopwatch quantizing;
  const PlatformRun run = run_platform(options.model, options.model.platform);
  const nlohmann::json seconds = quantizing.seconds();
  const auto inputs = describe_inputs(run.network);
  const auto preprocessing = preprocessing_from(options.model.preprocess, inputs.empty() ? Shape{} : inputs[0].shape);
  const auto samples = vectors::find_samples(options.model.calibration, inputs);
  const ppq::InputSet set{samples.size(), [&](size_t i) { return load(samples[i], inputs, preprocessing); }};
  Progress progress("analysing", options.model.output.quiet);
  const ppq::Context context{
      run.platform, run.settings, set, thread_count(options.model.output), [&](const std::string&, size_t done, size_t total) { progress.update(done, total); }, {}};
  const auto graphwise = ppq::graphwise_analysis(run.network, context, options.steps);
  const auto layerwise = options.layerwise ? ppq::layerwise_analysis(run.network, context, options.steps) : std::vector<ppq::OperationErrors>{};
  const ppq::Errors mean = mean_of(graphwise), output = output_errors(run, options.model, set, options.steps + 1);
  if (options.model.output.json) {
    nlohmann::json whole = {{"platform", run.platform.name},
                            {"graphwise", to_json(graphwise)},
                            {"graphwise_mean", {{"snr", mean.snr}, {"mse", mean.mse}, {"cosine", mean.cosine}}},
                            {"output", {{"snr", output.snr}, {"mse", output.mse}, {"cosine", output.cosine}}},
                            {"seconds", seconds},
                            {"passes", nlohmann::json::array()}};
    for (const auto& report : run.reports) whole["passes"].push_back({{"name", report.name}, {"changes", report.changes}, {"warnings", report.warnings}});
    if (options.layerwise) whole["layerwise"] = to_json(layerwise);
    fmt::print("{}\n", whole.dump(2));
    return 0;
  }
  fmt::print("{}\ngraphwise: all is quantized\n{}", to_text(run.reports, false), ppq::table_of(graphwise, ppq::Measure::snr));
  fmt::print("mean: noise to signal {:.6f}, mse {:.6g}, cosine {:.6f}\n", mean.snr, mean.mse, mean.cosine);
  fmt::print("worst output of the network: noise to signal {:.6f}, mse {:.6g}, cosine {:.6f}\n", output.snr, output.mse, output.cosine);
  if (options.layerwise) fmt::print("\nlayerwise: only that operation is quantized\n{}", ppq::table_of(layerwise, ppq::Measure::snr));
  return 0;
}

void add_analyse(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("analyse", "Quantize as PPQ does and show how far each computing operation is from FP32, as PPQ's log does");
  const auto options = std::make_shared<AnalyseOptions>();
  add_model_options(*command, options->model);
  command->add_flag("--layerwise", options->layerwise, "Also the network's error when only one operation is quantized, for each");
  command->add_option("--batches", options->steps, "Inputs to look at, less one as PPQ counts")->check(CLI::Range(1, 1000000));
  command->footer([] { return with_examples("Example:\n  assay ppq analyse digits.onnx -p {platform} -c calibration/ --layerwise"); });
  command->callback([options, &exit_code] { exit_code = analyse(*options); });
}

}  // namespace

void add_ppq(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("ppq", "PPQ's quantizer by itself: platforms, passes, and recorded runs of PPQ as judges");
  command->require_subcommand(1);
  command->footer([] { return with_examples("Examples:\n  assay ppq platforms\n  assay ppq passes {platform}\n  assay ppq compare runs/net/{platform}"); });
  add_compare(*command, exit_code);
  add_analyse(*command, exit_code);
  const auto options = std::make_shared<ListOptions>();
  auto* platforms = command->add_subcommand("platforms", "Every platform: activations, rounding, quantized types, the target that it lowers to");
  platforms->add_option("--platforms", options->platform.platforms_dir, "Folder of platform files, instead of the built-in ones")->type_name("DIR");
  platforms->footer("Example:\n  assay ppq platforms");
  platforms->callback([options, &exit_code] { exit_code = list_platforms(*options); });
  auto* passes = command->add_subcommand("passes", "The passes of a platform, in their order");
  passes->add_option("platform", options->platform.platform, "The platform")->required();
  passes->add_option("--preset", options->platform.preset, "PPQ's setting");
  passes->footer([] { return with_examples("Example:\n  assay ppq passes {platform}"); });
  passes->callback([options, &exit_code] { exit_code = list_passes(*options); });
}

}  // namespace assay::cli
