#include "quant/ppq/pipeline.h"

#include <algorithm>

#include "emu/base/error.h"
#include "quant/ppq/passes/calibration.h"
#include "quant/ppq/passes/learning.h"
#include "quant/ppq/passes/optional.h"
#include "quant/ppq/passes/passes.h"
#include "quant/ppq/passes/platform_steps.h"
#include "quant/ppq/quantizer.h"

namespace assay::ppq {
namespace {

using Function = std::function<PassReport(Network&, const Context&)>;

// Whether a pass works on the bare graph or on its configurations.
enum class Side : uint8_t { graph, configure, configurations };

struct Entry {
  std::string name, what;
  bool by_default = true;
  Side side = Side::configurations;
  Function run;
  bool after_import = false;  // what parameters need although their activations' scales came from outside
};

PassReport configure(Network& network, const Context& context) {
  PassReport report;
  create_configurations(network, context.platform);
  report.changes.push_back(std::to_string(network.configurations.size()) + " configurations");
  return report;
}

// What learns changes scales and biases, so passive parameters are quantized anew.
Function then_passive(Function learn) {
  return [learn = std::move(learn)](Network& network, const Context& context) {
    PassReport report = learn(network, context);
    const PassReport passive = passive_parameter_quantize(network, context);
    report.changes.insert(report.changes.end(), passive.changes.begin(), passive.changes.end());
    report.warnings.insert(report.warnings.end(), passive.warnings.begin(), passive.warnings.end());
    return report;
  };
}

void add_steps(std::vector<Entry>& all, const std::vector<PlatformStep>& steps, Side side) {
  for (const PlatformStep& step : steps) {
    all.push_back({step.name, describe_step(step), true, side, [step](Network& network, const Context& context) { return run_step(step, network, context); }, false});
  }
}

// PPQ's order (ppq.md 6.2).
std::vector<Entry> entries(const Platform& platform, const Settings& set) {
  std::vector<Entry> all;
  const auto add = [&](bool by_default, Side side, const char* name, const char* what, Function run) { all.push_back({name, what, by_default, side, std::move(run), false}); };
  const Side graph = Side::graph, late = Side::configurations;
  add_steps(all, platform.rewrites, graph);
  add(set.weight_split.on, graph, "HorizontalLayerSplitPass", "listed layers: large weights become a second layer beside the first", weight_split);
  add(set.channel_split.on, graph, "ChannelwiseSplitPass", "channels with large weights on both sides are doubled, each half as strong", channel_split);
  add(set.equalization.on, graph, "LayerwiseEqualizationPass", "scales of channels move between layers until their weights' ranges are even", layerwise_equalization);
  add(true, Side::configure, kConfigure, "every slot of every quantized operation gets its configuration", configure);
  add(set.ssd_equalization.on, late, "SSDEqualizationPass", "as equalization, with activations: three ways, the best is kept", ssd_equalization);
  add_steps(all, platform.refine, late);
  add(set.fusion, late, "QuantizeFusionPass", "operations that a back end fuses are quantized once, at their end", quantize_fusion);
  add(set.fusion && set.remove_useless_quantization, late, "QuantizeSimplifyPass", "a consumer does not quantize what its producer has quantized the same way", quantize_simplify);
  add(set.quantize_parameter, late, "ParameterQuantizePass", "weights get scales of their own values", parameter_quantize);
  add(set.quantize_activation, late, "RuntimeCalibrationPass", "activations get scales of the calibration inputs", runtime_calibration);
  add(set.fusion && set.align_quantization, late, "QuantAlignmentPass", "inputs of Add, Concat, Resize ... share a scale", quant_alignment);
  add(set.quantize_passive_parameter, late, "PassiveParameterQuantizePass", "biases, limits of Clip and values of Pad take scales of others", passive_parameter_quantize);
  add(set.bias_correct.on, late, "BiasCorrectionPass", "mean errors of blocks go into biases", then_passive(bias_correction));
  add(set.lsq.on, late, "LearnedStepSizePass", "weights and scales by gradient steps", then_passive(learned_step_size));
  add(set.blockwise_reconstruction.on, late, "AdaroundPass", "which way each weight is rounded, by gradient steps", then_passive(adaround));
  add(set.bake_parameter, late, "ParameterBakingPass", "parameters are replaced by their quantized values", parameter_baking);
  for (Entry& entry : all) entry.after_import = entry.name == "ParameterQuantizePass" || entry.name == "PassiveParameterQuantizePass" || entry.name == "ParameterBakingPass";
  add_steps(all, platform.finish, late);
  return all;
}

const Entry& find(const std::vector<Entry>& all, const std::string& name, const Platform& platform) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Entry& entry) { return entry.name == name; });
  if (found != all.end()) return *found;
  std::string names;
  for (const Entry& entry : all) names += (names.empty() ? "" : ", ") + entry.name;
  throw InputError("there is no pass '" + name + "' on platform " + platform.name + "; passes: " + names);
}

void check_sides(const std::vector<const Entry*>& chosen) {
  const auto is_configure = [](const Entry* entry) { return entry->side == Side::configure; };
  if (std::count_if(chosen.begin(), chosen.end(), is_configure) != 1) throw InputError("the passes must hold " + std::string(kConfigure) + " once; it makes the configurations");
  bool configured = false;
  for (const Entry* entry : chosen) {
    configured = configured || is_configure(entry);
    if (entry->side == Side::graph && configured) throw InputError("pass " + entry->name + " changes the graph and must stand before " + kConfigure);
    if (entry->side == Side::configurations && !configured) throw InputError("pass " + entry->name + " works on configurations and must stand after " + kConfigure);
  }
}

}  // namespace

std::vector<PassDescription> describe_passes(const Platform& platform, const Settings& settings) {
  std::vector<PassDescription> described;
  for (const Entry& entry : entries(platform, settings)) described.push_back({entry.name, entry.what, entry.by_default});
  return described;
}

std::vector<std::string> default_passes(const Platform& platform, const Settings& settings) {
  std::vector<std::string> names;
  for (const Entry& entry : entries(platform, settings)) {
    if (entry.by_default) names.push_back(entry.name);
  }
  return names;
}

std::vector<PassReport> run_import(Network& network, const Context& context, const std::vector<std::string>& passes, const std::function<PassReport(Network&)>& import) {
  const std::vector<Entry> all = entries(context.platform, context.settings);
  std::vector<std::string> before;
  std::vector<const Entry*> after;
  for (const std::string& name : passes) {
    const Entry& entry = find(all, name, context.platform);
    if (entry.after_import) after.push_back(&entry);
    if (after.empty()) before.push_back(name);
  }
  std::vector<PassReport> reports = run_passes(network, context, before);
  reports.push_back(import(network));
  for (const Entry* entry : after) {
    reports.push_back(entry->run(network, context));
    reports.back().name = entry->name;
  }
  return reports;
}

std::vector<PassReport> run_passes(Network& network, const Context& context, const std::vector<std::string>& passes,
                                   const std::function<void(const PassReport&, const Network&)>& after) {
  const std::vector<Entry> all = entries(context.platform, context.settings);
  std::vector<const Entry*> chosen;
  for (const std::string& name : passes) chosen.push_back(&find(all, name, context.platform));
  check_sides(chosen);
  std::vector<PassReport> reports;
  for (const Entry* entry : chosen) {
    reports.push_back(entry->run(network, context));
    reports.back().name = entry->name;
    if (after) after(reports.back(), network);
  }
  return reports;
}

}  // namespace assay::ppq
