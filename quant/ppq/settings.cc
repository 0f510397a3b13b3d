#include "quant/ppq/settings.h"

#include "emu/base/error.h"
#include "quant/ppq/toml_section.h"

namespace assay::ppq {
namespace {

constexpr int64_t kMost = 1000000;

void read_equalization(TomlSection& section, EqualizationSetting& setting) {
  section.flag("on", setting.on);
  section.integer("opt_level", setting.opt_level, 1, 2), section.integer("iterations", setting.iterations, 1, kMost);
  section.real("value_threshold", setting.value_threshold);
  section.flag("including_bias", setting.including_bias), section.real("bias_multiplier", setting.bias_multiplier);
  section.flag("including_act", setting.including_act), section.real("act_multiplier", setting.act_multiplier);
  section.texts("interested_layers", setting.interested_layers);
}

void read_learning(TomlSection& section, LearningSetting& setting) {
  section.flag("on", setting.on);
  section.integer("block_size", setting.block_size, 1, kMost), section.integer("steps", setting.steps, 1, kMost);
  section.real("learning_rate", setting.learning_rate), section.real("gamma", setting.gamma);
  section.flag("is_scale_trainable", setting.is_scale_trainable);
  section.texts("interested_layers", setting.interested_layers);
}

// Every key that a preset or a user may set; what is missing stays as it is.
void read_settings(TomlSection& section, Settings& s) {
  const Words<AlignTo> align = {{"none", AlignTo::none}, {"large", AlignTo::large}, {"output", AlignTo::output}, {"input", AlignTo::input}};
  std::string algorithm;
  section.text("dispatcher", s.dispatcher);
  if (section.text("calibration_algorithm", algorithm)) s.calibration_algorithm = algorithm;
  section.flag("fusion", s.fusion), section.flag("fuse_activation", s.fuse_activation), section.flag("fuse_passive_op", s.fuse_passive_op);
  section.flag("remove_useless_quantization", s.remove_useless_quantization), section.flag("align_quantization", s.align_quantization);
  section.word("align_elementwise", s.align_elementwise, align), section.word("align_concat", s.align_concat, align);
  section.word("align_average_pool", s.align_average_pool, align), section.word("align_resize", s.align_resize, align);
  section.flag("force_alignment_overlap", s.force_alignment_overlap);
  section.flag("quantize_activation", s.quantize_activation), section.flag("quantize_parameter", s.quantize_parameter);
  section.flag("quantize_passive_parameter", s.quantize_passive_parameter), section.flag("bake_parameter", s.bake_parameter);
  section.section("equalization", [&](TomlSection& inner) { read_equalization(inner, s.equalization); });
  section.section("channel_split", [&](TomlSection& inner) { read_equalization(inner, s.channel_split); });
  section.section("ssd_equalization", [&](TomlSection& inner) {
    inner.flag("on", s.ssd_equalization.on), inner.integer("iterations", s.ssd_equalization.iterations, 1, kMost);
    inner.real("channel_ratio", s.ssd_equalization.channel_ratio), inner.real("loss_threshold", s.ssd_equalization.loss_threshold);
  });
  section.section("weight_split", [&](TomlSection& inner) {
    inner.flag("on", s.weight_split.on), inner.texts("interested_layers", s.weight_split.interested_layers);
    inner.word<std::string>("method", s.weight_split.method, {{"balance", "balance"}, {"random", "random"}});
    inner.real("value_threshold", s.weight_split.value_threshold);
  });
  section.section("bias_correct", [&](TomlSection& inner) {
    inner.flag("on", s.bias_correct.on), inner.integer("block_size", s.bias_correct.block_size, 1, kMost);
    inner.texts("interested_layers", s.bias_correct.interested_layers);
  });
  section.section("lsq", [&](TomlSection& inner) { read_learning(inner, s.lsq); });
  section.section("blockwise_reconstruction", [&](TomlSection& inner) { read_learning(inner, s.blockwise_reconstruction); });
}

// A bare word is a string, so that a shell needs no quotes within quotes.
std::string as_toml(const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos) throw InputError("--set " + assignment + ": expected KEY=VALUE, as lsq.steps=100");
  const std::string value = assignment.substr(equals + 1);
  const bool is_word = !value.empty() && value.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos && value != "true" && value != "false";
  return is_word ? assignment.substr(0, equals) + "=\"" + value + "\"" : assignment;
}

}  // namespace

void set(Settings& settings, const std::vector<std::string>& assignments) {
  std::string text;
  for (const std::string& assignment : assignments) text += as_toml(assignment) + "\n";
  const std::string where = "--set";
  emu::Report report(text, where);
  const toml::value root = emu::parse_toml(text, where, report);
  TomlSection section(root, "", report);
  read_settings(section, settings);
  section.refuse_unknown();
  if (!report.empty()) report.fail();
}

Settings preset(const std::string& name, const std::string& platforms_dir) {
  if (name == "default") return {};
  std::string all = "default";
  std::optional<Settings> found;
  read_toml(platforms_dir + "/presets.toml", [&](TomlSection& root) {
    for (const std::string& key : root.keys()) {
      Settings settings;
      settings.preset = key;
      root.section(key, [&](TomlSection& section) {
        std::string source;
        section.text("source", source, true);
        read_settings(section, settings);
      });
      all += ", " + key;
      if (key == name) found = settings;
    }
  });
  if (!found) throw InputError("there is no preset '" + name + "'; there are: " + all);
  return *found;
}

}  // namespace assay::ppq
