// PPQ's QuantizationSetting, as far as it decides numbers; the defaults are PPQ's (its setting, not its passes' constructors).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace assay::ppq {

enum class AlignTo : uint8_t { none, large, output, input };

struct EqualizationSetting {
  bool on = false;
  int64_t opt_level = 1;
  int64_t iterations = 10;
  double value_threshold = 0.5;
  bool including_bias = false;
  double bias_multiplier = 0.5;
  bool including_act = false;
  double act_multiplier = 0.5;
  std::vector<std::string> interested_layers{};
};

struct SsdSetting {
  bool on = false;
  int64_t iterations = 3;
  double channel_ratio = 0.5;
  double loss_threshold = 0.8;
};

struct WeightSplitSetting {
  bool on = false;
  std::vector<std::string> interested_layers{};
  std::string method = "balance";  // or "random"
  double value_threshold = 2.0;
};

struct BiasCorrectSetting {
  bool on = false;
  int64_t block_size = 4;
  std::vector<std::string> interested_layers{};
};

// Learned steps (LSQ) and learned rounding (AdaRound, "blockwise reconstruction").
struct LearningSetting {
  bool on = false;
  int64_t block_size = 4;
  int64_t steps = 500;
  double learning_rate = 1e-5;
  double gamma = 0;
  bool is_scale_trainable = true;
  std::vector<std::string> interested_layers{};
};

struct Settings {
  std::string preset = "default";
  std::vector<std::string> graph_rewrites{};  // before dispatching (graph_rewrites.h); PPQ runs none unless they are called by hand
  std::string dispatcher = "conservative";
  std::map<std::string, std::string> dispatching_table;  // operation -> platform, the user's
  std::optional<std::string> calibration_algorithm;      // instead of every activation's observer
  size_t calibration_steps = 32;
  bool fusion = true;
  bool fuse_activation = true, fuse_passive_op = true, remove_useless_quantization = true, align_quantization = true;
  AlignTo align_elementwise = AlignTo::large, align_concat = AlignTo::output, align_average_pool = AlignTo::none, align_resize = AlignTo::output;
  bool force_alignment_overlap = true;
  bool quantize_activation = true, quantize_parameter = true, quantize_passive_parameter = true, bake_parameter = true;
  // The stale scales of PPQ (ppq.md 9.1) as PPQ has them; false: the scales that tensors really have.
  bool exact = true;
  EqualizationSetting equalization;
  EqualizationSetting channel_split;
  SsdSetting ssd_equalization;
  WeightSplitSetting weight_split;
  BiasCorrectSetting bias_correct;
  LearningSetting lsq;
  LearningSetting blockwise_reconstruction{.steps = 5000, .learning_rate = 1e-3, .gamma = 1.0, .is_scale_trainable = false};
};

// A preset of PPQ by its name ("default" and those of quant/platforms/presets.toml). InputError lists them where there is none of that name.
Settings preset(const std::string& name, const std::string& platforms_dir);

// Assignments as of `--set`: "lsq.steps=100", the keys of a preset (quant/platforms/README.md) and values as in TOML. InputError tells all that is wrong.
void set(Settings& settings, const std::vector<std::string>& assignments);

}  // namespace assay::ppq
