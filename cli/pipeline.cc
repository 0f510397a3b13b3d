#include "cli/pipeline.h"

#include <filesystem>
#include <thread>

#include "cli/platform.h"
#include "cli/progress.h"
#include "emu/base/error.h"
#include "emu/program/file.h"
#include "emu/program/text.h"
#include "emu/target/load_target.h"
#include "quant/graph/passes/passes.h"
#include "quant/onnx/import_onnx.h"
#include "quant/ppq/to_graph.h"

namespace assay::cli {
namespace {

template <class Enum>
Enum choice(const std::string& option, const std::string& word, const std::vector<std::pair<std::string, Enum>>& choices) {
  std::string legal;
  for (const auto& [name, value] : choices) {
    if (name == word) return value;
    legal += (legal.empty() ? "" : ", ") + name;
  }
  throw InputError(option + " " + word + ": expected one of " + legal);
}

std::vector<vectors::Sample> samples_or_error(const std::string& path, const std::vector<vectors::InputDescription>& inputs, const std::string& option) {
  try {
    return vectors::find_samples(path, inputs);
  } catch (const InputError& error) {
    throw InputError(option + ": " + error.what());
  }
}

}  // namespace

std::pair<std::string, Shape> parse_shape(const std::string& text) {
  const size_t equals = text.rfind('=');
  const std::string name = equals == std::string::npos ? "" : text.substr(0, equals);
  const std::string extents = equals == std::string::npos ? text : text.substr(equals + 1);
  Shape shape;
  for (size_t start = 0; start <= extents.size();) {
    const size_t end = std::min(extents.find('x', start), extents.size());
    const std::string extent = extents.substr(start, end - start);
    if (extent.empty() || extent.size() > 9 || extent.find_first_not_of("0123456789") != std::string::npos) {
      throw InputError("--shape " + text + ": expected extents joined by x, as in input=1x3x224x224");
    }
    shape.push_back(std::stoll(extent));
    start = end + 1;
  }
  return {name, shape};
}

void add_output_options(CLI::App& command, OutputOptions& options) {
  command.add_option("--threads", options.threads, "Threads to use; the results do not depend on it (default: all cores)")->check(CLI::Range(1, 1024));
  command.add_flag("--json", options.json, "Print the result as JSON on standard output");
  command.add_flag("--quiet", options.quiet, "No progress bars and no table");
}

int thread_count(const OutputOptions& options) {
  return options.threads > 0 ? options.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void add_preprocess_options(CLI::App& command, PreprocessOptions& options) {
  const std::string group = "Images (y = (x * scale - mean) / std per channel, x in 0..255)";
  command.add_option("--preprocess", options.file, "TOML file with color, resize, interpolation, short_side, scale, mean, std, pad_value, layout")->group(group);
  command.add_option("--color", options.color, "rgb, bgr or gray")->group(group);
  command.add_option("--resize", options.resize, "none, stretch, short_side_then_center_crop, center_crop, letterbox_top_left or keep_ratio_pad_right")->group(group);
  command.add_option("--interpolation", options.interpolation, "nearest, bilinear, bicubic or lanczos")->group(group);
  command.add_option("--layout", options.layout, "nchw or nhwc (default: from the input's shape)")->group(group);
  command.add_option("--scale", options.scale, "Factor on 0..255 (default 1)")->group(group);
  command.add_option("--mean", options.mean, "Mean per channel, after --scale")->delimiter(',')->group(group);
  command.add_option("--std", options.std, "Standard deviation per channel")->delimiter(',')->group(group);
}

vectors::Preprocessing preprocessing_from(const PreprocessOptions& options, const Shape& shape) {
  using vectors::ColorOrder, vectors::Interpolation, vectors::Layout, vectors::ResizeMethod;
  vectors::Preprocessing result;
  if (!options.file.empty()) {
    result = vectors::load_preprocessing(options.file);
  } else {
    const bool channels_last = shape.size() == 4 && shape[1] != 1 && shape[1] != 3 && (shape[3] == 1 || shape[3] == 3);
    result.layout = channels_last ? Layout::nhwc : Layout::nchw;
    if (shape.size() == 4 && shape[channels_last ? 3 : 1] == 1) result.color = ColorOrder::gray;
  }
  if (!options.color.empty()) result.color = choice<ColorOrder>("--color", options.color, {{"rgb", ColorOrder::rgb}, {"bgr", ColorOrder::bgr}, {"gray", ColorOrder::gray}});
  if (!options.resize.empty()) {
    result.resize = choice<ResizeMethod>("--resize", options.resize,
                                         {{"none", ResizeMethod::none},
                                          {"stretch", ResizeMethod::stretch},
                                          {"short_side_then_center_crop", ResizeMethod::short_side_then_center_crop},
                                          {"center_crop", ResizeMethod::center_crop},
                                          {"letterbox_top_left", ResizeMethod::letterbox_top_left},
                                          {"keep_ratio_pad_right", ResizeMethod::keep_ratio_pad_right}});
  }
  if (!options.interpolation.empty()) {
    result.interpolation = choice<Interpolation>(
        "--interpolation", options.interpolation,
        {{"nearest", Interpolation::nearest}, {"bilinear", Interpolation::bilinear}, {"bicubic", Interpolation::bicubic}, {"lanczos", Interpolation::lanczos}});
  }
  if (!options.layout.empty()) result.layout = choice<Layout>("--layout", options.layout, {{"nchw", Layout::nchw}, {"nhwc", Layout::nhwc}});
  if (options.scale != 1.0) result.scale = options.scale;
  if (!options.mean.empty()) result.mean = options.mean;
  if (!options.std.empty()) result.std = options.std;
  return result;
}

void add_targets_dir_option(CLI::App& command, std::string& dir) {
  command.add_option("--targets", dir, "Folder of target files, instead of the built-in ones")->type_name("DIR");
}

std::string targets_dir_or_default(const std::string& dir) {
  return dir.empty() ? emu::default_targets_dir() : dir;
}

void add_model_options(CLI::App& command, ModelOptions& options) {
  command.add_option("model", options.model, "The ONNX model")->required()->type_name("MODEL");
  command.add_option("-t,--target", options.target, "A built-in target's name (see `assay targets list`) or a path ending in .toml");
  add_targets_dir_option(command, options.targets_dir);
  command
      .add_option("-c,--calibration", options.calibration,
                  "Calibration inputs: a folder, a file, or a list file of .npy, raw float32 or images (an already quantized model needs none)")
      ->type_name("PATH");
  command.add_option("--observer", options.observer, "Calibrate activations with minmax, percentile, kl or mse (default: the target's)");
  command.add_option("--shape", options.shapes, "Shape of an input that the model leaves open, as input=1x3x224x224 (repeatable)")->type_name("NAME=SHAPE");
  add_platform_options(command, options.platform);
  add_preprocess_options(command, options.preprocess);
  add_output_options(command, options.output);
}

std::vector<vectors::InputDescription> describe_inputs(const quant::Graph& graph) {
  std::vector<vectors::InputDescription> inputs;
  for (const quant::ValueId id : graph.inputs) inputs.push_back({graph.value(id).name, graph.value(id).shape});
  return inputs;
}

std::vector<quant::FloatTensor> load(const vectors::Sample& sample, const std::vector<vectors::InputDescription>& inputs, const vectors::Preprocessing& preprocessing) {
  std::vector<quant::FloatTensor> tensors;
  for (auto& tensor : vectors::load_sample(sample, inputs, preprocessing)) tensors.emplace_back(std::move(tensor.shape), std::move(tensor.data));
  return tensors;
}

namespace {

emu::Target target_of(const ModelOptions& options, const PlatformRun* platform) {
  if (options.target.empty() && platform == nullptr)
    throw InputError("neither --target nor --platform is given; `assay targets list` and `assay ppq platforms` show what there is");
  if (options.target.empty() && platform->platform.target.empty()) {
    throw Unsupported("platform " + platform->platform.name + " has no target whose words are its own; give --target, or use `assay ppq analyse` for the simulation alone", {});
  }
  return emu::load_target(emu::find_target(options.target.empty() ? platform->platform.target : options.target, targets_dir_or_default(options.targets_dir)));
}

quant::Graph graph_of(const ModelOptions& options, const PlatformRun* platform) {
  if (platform != nullptr) return ppq::to_graph(platform->network);
  quant::ImportOptions import_options;
  for (const auto& text : options.shapes) import_options.shapes.insert(parse_shape(text));
  return quant::import_onnx(options.model, import_options);
}

}  // namespace

Pipeline prepare(const ModelOptions& options) {
  Pipeline pipeline;
  if (!options.platform.platform.empty()) pipeline.platform = std::make_shared<const PlatformRun>(run_platform(options, options.platform));
  const emu::Target target = target_of(options, pipeline.platform.get());
  quant::Graph graph = graph_of(options, pipeline.platform.get());
  quant::simplify(graph);

  pipeline.inputs = describe_inputs(graph);
  pipeline.preprocessing = preprocessing_from(options.preprocess, pipeline.inputs.empty() ? Shape{} : pipeline.inputs[0].shape);
  const auto samples = options.calibration.empty() ? std::vector<vectors::Sample>{} : samples_or_error(options.calibration, pipeline.inputs, "--calibration");
  quant::CalibrateOptions calibrate_options;
  calibrate_options.threads = thread_count(options.output);
  if (!options.observer.empty()) calibrate_options.observer = options.observer;
  if (pipeline.platform) calibrate_options.stated = ppq::stated_scales(pipeline.platform->network, graph);
  {
    Progress progress("calibrating", options.output.quiet);
    calibrate_options.progress = [&](size_t done, size_t total) { progress.update(done, total); };
    const quant::InputSet inputs{samples.size(), [&](size_t i) { return load(samples[i], pipeline.inputs, pipeline.preprocessing); }};
    pipeline.quantized = quant::calibrate(std::move(graph), target, inputs, calibrate_options);
  }
  pipeline.lowered = quant::lower(pipeline.quantized);
  pipeline.info = {ASSAY_VERSION, std::filesystem::path(options.model).filename().string(), golden::sha256(vectors::read_file(options.model)), target.name,
                   golden::sha256(vectors::read_file(target.file))};
  return pipeline;
}

void make_output_folder(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) throw InputError("the output folder " + dir + " cannot be made: " + error.message());
  const std::string probe = dir + "/.assay-probe";
  vectors::write_file(probe, "");
  std::filesystem::remove(probe, error);
}

void write_program_files(const std::string& dir, const Pipeline& pipeline) {
  vectors::write_file(dir + "/quant.json", quant::to_json(pipeline.quantized));
  vectors::write_file(dir + "/program.qprog", emu::serialize(pipeline.lowered.program));
  vectors::write_file(dir + "/program.txt", emu::print(pipeline.lowered.program));
}

}  // namespace assay::cli
