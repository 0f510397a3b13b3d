// A platform of PPQ: which types of operations its quantizer quantizes, and with which configuration each slot begins (ppq.md 4). A platform is a file, quant/platforms/<name>.toml
// (the README there is its dictionary), never C++.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "quant/ppq/configuration.h"

namespace assay::ppq {

// How a parameter of an operation type begins. `state` other than initial: as it is (FP32, PASSIVE_INIT).
struct ParameterRule {
  std::vector<std::string> types;  // "Conv", "Gemm"
  size_t input = 1;
  Configuration configuration;
  std::optional<size_t> exact_inputs;  // only where the operation has exactly so many inputs ...
  std::optional<size_t> least_inputs;  // ... or at least so many; else the default configuration stays
  bool constant = false;               // only where the input is a parameter
  bool windows_3x3 = false;            // only Conv with a 3 x 3 kernel, one group, stride 1, dilation 1
};

// A rewrite before quantization or a pass of the platform's own.
struct PlatformStep {
  std::string kind;  // "format_gemm" "split_gemm" "input_rounding" "resize_nearest" "recalibrate"
  std::string name;  // PPQ's class name, as logs print it
  std::optional<Rounding> rounding;
};

struct Platform {
  std::string name;                // "PPL_DSP_INT8": as PPQ spells it
  std::string summary;             // one line for lists
  std::string source;              // where the arithmetic stands in PPQ
  std::string target;              // the file of emu/targets that it lowers to; "": none computes it
  std::string exporter;            // the class of PPQ's that writes its files (quant/export); "": PPQ has none
  std::string operation_platform;  // what PPQ marks its operations with: nearly always `name`
  std::set<std::string> quantized_types;
  std::set<std::string> fused_activations;
  Configuration activation;
  bool inputs_only = false;               // outputs of computing operations begin as FP32
  std::vector<ParameterRule> parameters;  // a later one replaces what an earlier one said of the same slot
  std::vector<PlatformStep> rewrites;     // before quantization
  std::vector<PlatformStep> refine;       // first of the quantization passes
  std::vector<PlatformStep> finish;       // after baking
  std::string preset = "default";         // the setting that PPQ recommends for it; "default" runs unless the user asks
};

// Reads a file; InputError names the file and every wrong key at once.
Platform load_platform(const std::string& path);
// A name ("TRT_INT8", any case) or a path of a file. InputError lists the names that there are.
std::string find_platform(const std::string& name_or_path, const std::string& dir);
std::string default_platforms_dir();
std::vector<std::string> platform_names(const std::string& dir);

}  // namespace assay::ppq
