// What `align` and `quantize` share: the options that name a model, a target and its calibration data, and the way from them to a Program.
#pragma once

#include <CLI/CLI.hpp>
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

struct ModelOptions {
  std::string model;
  std::string target;
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

// A model that has been imported, calibrated and lowered.
struct Pipeline {
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
