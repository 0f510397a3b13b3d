// What `align` and `quantize` share: the options that name a model, a target and its calibration data, and the way from them to a Program.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "golden/bundle.h"
#include "quant/calibrate/calibrate.h"
#include "quant/lower.h"
#include "vectors/inputs.h"

namespace assay::cli {

// "input=1x3x224x224", or "1x3x224x224" for the only input (name "").
std::pair<std::string, Shape> parse_shape(const std::string& text);

// --threads, --json, --quiet.
struct OutputOptions {
  int threads = 0;  // 0: all cores
  bool json = false;
  bool quiet = false;
};
void add_output_options(CLI::App& command, OutputOptions& options);
int thread_count(const OutputOptions& options);

// --preprocess and its single flags: how images become tensors.
struct PreprocessOptions {
  std::string file;
  std::string color, resize, interpolation, layout;
  double scale = 1.0;
  std::vector<double> mean, std;
};
void add_preprocess_options(CLI::App& command, PreprocessOptions& options);
// `shape` of the model's input decides the layout where no option does.
vectors::Preprocessing preprocessing_from(const PreprocessOptions& options, const Shape& shape);

// --platform and what belongs to it (platform.h).
struct PlatformOptions {
  std::string platform;  // "": none, the target's own quantizer works
  std::string platforms_dir;
  std::string preset = "default";
  std::vector<std::string> rewrites;  // of the graph, before dispatching
  std::string dispatcher;
  std::string dispatching;  // a file: JSON {operation: platform}
  std::vector<std::string> passes;
  std::vector<std::string> with, without;  // passes added to, taken from the default ones
  std::vector<std::string> set;            // "lsq.steps=100", over the preset
  size_t steps = 0;                        // 0: one per input, at least 8, at most 512
  std::string import_file;                 // scales from outside
  bool fix_stale_scales = false;
  bool ppq_exact = false;  // the default, said aloud
};

struct ModelOptions {
  std::string model;
  std::string target;  // may be empty where a platform is given, which names one
  PlatformOptions platform;
  std::string targets_dir;
  std::string calibration;
  std::string observer;
  std::vector<std::string> shapes;
  PreprocessOptions preprocess;
  OutputOptions output;
};
void add_model_options(CLI::App& command, ModelOptions& options);
void add_targets_dir_option(CLI::App& command, std::string& dir);
std::string targets_dir_or_default(const std::string& dir);

struct PlatformRun;

// A model that has been imported, calibrated and lowered.
struct Pipeline {
  std::shared_ptr<const PlatformRun> platform;  // with --platform: the network as PPQ quantized it; its simulation and its FP32 are the columns then
  quant::Quantized quantized;
  quant::Lowered lowered;
  golden::BundleInfo info;
  vectors::Preprocessing preprocessing;
  std::vector<vectors::InputDescription> inputs;
};
Pipeline prepare(const ModelOptions& options);

// Inputs of a model by name and shape; samples as the quantizer's tensors.
std::vector<vectors::InputDescription> describe_inputs(const quant::Graph& graph);
std::vector<quant::FloatTensor> load(const vectors::Sample& sample, const std::vector<vectors::InputDescription>& inputs, const vectors::Preprocessing& preprocessing);

// Makes the folder (and its parents); InputError where that fails or it cannot be written to.
void make_output_folder(const std::string& dir);
// quant.json, program.qprog, program.txt.
void write_program_files(const std::string& dir, const Pipeline& pipeline);

}  // namespace assay::cli
