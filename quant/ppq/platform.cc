#include "quant/ppq/platform.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "emu/base/error.h"
#include "quant/ppq/toml_section.h"

namespace assay::ppq {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kExtension = ".toml";
constexpr std::string_view kPresets = "presets";  // lies in the same folder and is no platform
constexpr int64_t kMostLimit = int64_t{1} << 32;
constexpr size_t kMostInput = 15;

const Words<Rounding> kRoundingWords = {{"half_even", Rounding::half_even},
                                        {"half_up", Rounding::half_up},
                                        {"half_down", Rounding::half_down},
                                        {"half_towards_zero", Rounding::half_towards_zero},
                                        {"half_far_from_zero", Rounding::half_far_from_zero},
                                        {"to_near_int", Rounding::to_near_int},
                                        {"up", Rounding::up}};
const Words<std::string> kObservers = {{"minmax", "minmax"},     {"percentile", "percentile"}, {"kl", "kl"}, {"mse", "mse"}, {"isotone", "isotone"},
                                       {"constant", "constant"}, {"floating", "floating"}};

// The keys of a configuration. In [activation] all that have no default are needed; in a rule what is missing is the activation's.
void read_configuration(TomlSection& section, Configuration& made, bool needed) {
  Policy& policy = made.policy;
  section.word<bool>("symmetry", policy.asymmetric, {{"symmetric", false}, {"asymmetric", true}}, needed);
  section.word<bool>("scale", policy.power_of_two, {{"real", false}, {"power_of_two", true}}, needed);
  section.word<bool>("format", policy.floating, {{"linear", false}, {"floating", true}});
  section.integer("bits", made.bits, 2, 32, needed);
  section.integer("exponent_bits", made.exponent_bits, 1, 8);
  section.integer("low", made.quant_min, -kMostLimit, kMostLimit, needed);
  section.integer("high", made.quant_max, -kMostLimit, kMostLimit, needed);
  section.word("rounding", made.rounding, kRoundingWords, needed);
  section.word("observer", made.observer, kObservers, needed);
}

void check_configuration(TomlSection& section, const Configuration& made) {
  const Policy& policy = made.policy;
  if (made.quant_min >= made.quant_max) section.problem("low must be below high");
  if (policy.floating != (made.exponent_bits != 0)) section.problem("exponent_bits belong to format = \"floating\", and to nothing else");
  if (policy.floating && (policy.asymmetric || !policy.power_of_two)) section.problem("a floating format is symmetric, with scales that are powers of two");
  if (made.channel_axis && !policy.per_channel) section.problem("channel_axis belongs to granularity = \"per_channel\"");
  const bool measured = made.state == State::initial || made.state == State::activated;
  if (policy.per_channel && !made.channel_axis && made.state != State::fp32) section.problem("granularity = \"per_channel\" needs channel_axis");
  const bool one_scale = made.observer == "percentile" || made.observer == "kl" || made.observer == "mse" || made.observer == "isotone";
  if (policy.per_channel && measured && one_scale) section.problem("observer \"" + made.observer + "\" measures whole tensors only; \"minmax\" measures channels");
  if (policy.asymmetric && made.observer == "kl") section.problem("observer \"kl\" is symmetric only");
}

void read_rule(TomlSection& section, const Configuration& activation, std::vector<ParameterRule>& rules) {
  ParameterRule rule;
  rule.configuration = activation;
  Configuration& made = rule.configuration;
  std::vector<size_t> inputs;
  section.texts("types", rule.types, true);
  section.integers("inputs", inputs, kMostInput);
  size_t count = 0;
  if (section.integer("exact_inputs", count, 1, kMostInput + 1)) rule.exact_inputs = count;
  if (section.integer("least_inputs", count, 1, kMostInput + 1)) rule.least_inputs = count;
  section.flag("constant", rule.constant);
  section.flag("windows_3x3", rule.windows_3x3);
  section.word<bool>("granularity", made.policy.per_channel, {{"per_tensor", false}, {"per_channel", true}});
  int64_t axis = 0;
  if (section.integer("channel_axis", axis, 0, 7)) made.channel_axis = axis;
  section.word<State>("state", made.state, {{"initial", State::initial}, {"fp32", State::fp32}, {"passive_init", State::passive_init}});
  section.word<Visibility>("visibility", made.visibility,
                           {{"export_when_active", Visibility::export_when_active}, {"internal", Visibility::internal}, {"force_export", Visibility::force_export}});
  read_configuration(section, made, false);
  check_configuration(section, made);
  for (const size_t input : inputs) {
    rule.input = input;
    rules.push_back(rule);
  }
}

void read_steps(TomlSection& root, const std::string& key, const Words<std::string>& kinds, std::vector<PlatformStep>& steps) {
  root.sections(key, [&](TomlSection& section) {
    PlatformStep step;
    section.word("kind", step.kind, kinds, true);
    section.text("name", step.name, true);
    Rounding rounding = Rounding::half_even;
    if (section.word("rounding", rounding, kRoundingWords, step.kind == "input_rounding")) step.rounding = rounding;
    steps.push_back(std::move(step));
  });
}

void read_types(TomlSection& section, const std::string& key, std::set<std::string>& types) {
  std::vector<std::string> list;
  section.texts(key, list, true);
  types.insert(list.begin(), list.end());
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

bool is_file_name(const std::string& text) {
  return text.size() > kExtension.size() && text.compare(text.size() - kExtension.size(), kExtension.size(), kExtension) == 0;
}

std::vector<std::string> files_of(const std::string& dir) {
  std::error_code error;
  fs::directory_iterator entries(dir, error);
  if (error) throw InputError(dir + ": cannot be read as a folder of platforms (" + error.message() + "); set ASSAY_PLATFORMS or name a folder");
  std::vector<std::string> paths;
  for (const auto& entry : entries) {
    if (is_file_name(entry.path().filename().string()) && entry.path().stem() != kPresets) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

Platform load_platform(const std::string& path) {
  Platform made;
  read_toml(path, [&](TomlSection& root) {
    root.text("name", made.name, true);
    root.text("summary", made.summary, true), root.text("source", made.source, true);
    root.text("target", made.target), root.text("exporter", made.exporter);
    if (!root.text("operation_platform", made.operation_platform)) made.operation_platform = made.name;
    root.text("preset", made.preset);
    read_types(root, "quantized_types", made.quantized_types);
    read_types(root, "fused_activations", made.fused_activations);
    root.flag("inputs_only", made.inputs_only);
    root.section(
        "activation",
        [&](TomlSection& section) {
          read_configuration(section, made.activation, true);
          check_configuration(section, made.activation);
        },
        true);
    root.sections("parameter", [&](TomlSection& section) { read_rule(section, made.activation, made.parameters); });
    read_steps(root, "rewrite", {{"format_gemm", "format_gemm"}, {"split_gemm", "split_gemm"}}, made.rewrites);
    read_steps(root, "refine", {{"input_rounding", "input_rounding"}, {"resize_nearest", "resize_nearest"}}, made.refine);
    read_steps(root, "finish", {{"recalibrate", "recalibrate"}}, made.finish);
  });
  return made;
}

std::string default_platforms_dir() {
  const char* const set = std::getenv("ASSAY_PLATFORMS");
  if (set != nullptr && *set != '\0') return set;
  std::error_code error;
  if (fs::is_directory(ASSAY_SOURCE_PLATFORMS, error)) return ASSAY_SOURCE_PLATFORMS;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  return (executable.parent_path().parent_path() / "share" / "assay" / "platforms").string();
}

std::vector<std::string> platform_names(const std::string& dir) {
  std::vector<std::string> names;
  for (const std::string& path : files_of(dir)) names.push_back(upper(fs::path(path).stem().string()));
  return names;
}

std::string find_platform(const std::string& name_or_path, const std::string& dir) {
  if (is_file_name(name_or_path)) {
    std::error_code error;
    if (fs::exists(name_or_path, error)) return name_or_path;
    throw InputError(name_or_path + ": there is no such platform file");
  }
  const std::string wanted = upper(name_or_path);
  std::string all;
  for (const std::string& path : files_of(dir)) {
    const std::string name = upper(fs::path(path).stem().string());
    if (name == wanted) return path;
    all += (all.empty() ? "" : ", ") + name;
  }
  const std::string near = nearest_name(wanted, platform_names(dir));
  throw InputError("there is no platform '" + name_or_path + "' in " + dir + (near.empty() ? "" : "; did you mean '" + near + "'?") +
                   (all.empty() ? "; the folder holds no *.toml" : "; there are: " + all) + "; or give the path of a .toml file");
}

}  // namespace assay::ppq
