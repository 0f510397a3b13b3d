// assay align: the main job. Quantize, run FP32, PPQ simulation and integer emulation over all inputs, tell how they align, write everything down.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/example_target.h"
#include "cli/progress.h"
#include "emu/base/error.h"
#include "emu/base/parallel.h"
#include "reports/report.h"

namespace assay::cli {
namespace {

constexpr const char* kGolden = "/golden";

struct AlignOptions {
  ModelOptions model;
  std::string inputs;
  std::string labels;
  std::string out;
  bool golden = false;
  bool reference = false;
};

// All samples side by side, merged in their order, a few at a time: a large network's columns take memory.
golden::Alignment align_samples(const Pipeline& pipeline, const std::vector<vectors::Sample>& samples, const std::vector<int64_t>& labels, const AlignOptions& options) {
  const Columns columns(pipeline, options.reference ? emu::Engine::reference : emu::Engine::fast);
  const int threads = thread_count(options.model.output);
  golden::Alignment alignment = columns.empty();
  Progress progress("aligning", options.model.output.quiet);
  const size_t block = static_cast<size_t>(threads) * 4;
  for (size_t start = 0; start < samples.size(); start += block) {
    const size_t count = std::min(block, samples.size() - start);
    std::vector<golden::Alignment> parts(count);
    parallel_for(count, threads, [&](size_t i) {
      const vectors::Sample& sample = samples[start + i];
      parts[i] = columns.compare(sample.name, load(sample, pipeline.inputs, pipeline.preprocessing), labels.empty() ? -1 : labels[start + i]);
      progress.advance(samples.size());
    });
    for (const auto& part : parts) golden::merge(alignment, part);
  }
  return alignment;
}

void write_bundle(const Pipeline& pipeline, const std::vector<vectors::Sample>& samples, const AlignOptions& options) {
  golden::BundleWriter writer(options.out + kGolden, pipeline.lowered.program, pipeline.info);
  Progress progress("golden", options.model.output.quiet);
  parallel_for(samples.size(), thread_count(options.model.output), [&](size_t i) {
    writer.write_sample(samples[i].name, quant::quantize_inputs(pipeline.lowered.program, load(samples[i], pipeline.inputs, pipeline.preprocessing)));
    progress.advance(samples.size());
  });
  writer.finish();
}

int align(const AlignOptions& options) {
  if (options.inputs.empty() && options.model.calibration.empty()) throw InputError("neither --inputs nor --calibration is given; there is nothing to align on");
  make_output_folder(options.out);
  if (options.golden) golden::require_free(options.out + kGolden);
  const Pipeline pipeline = prepare(options.model);
  const auto samples = vectors::find_samples(options.inputs.empty() ? options.model.calibration : options.inputs, pipeline.inputs);
  const auto labels = options.labels.empty() ? std::vector<int64_t>{} : vectors::load_labels(options.labels, samples);
  const golden::Alignment alignment = align_samples(pipeline, samples, labels, options);
  if (options.golden) write_bundle(pipeline, samples, options);
  write_program_files(options.out, pipeline);
  vectors::write_file(options.out + "/report.md", reports::markdown(alignment));
  vectors::write_file(options.out + "/report.html", reports::html(alignment));
  vectors::write_file(options.out + "/report.junit.xml", reports::junit(alignment));
  const std::string json = golden::to_json(alignment);
  vectors::write_file(options.out + "/align.json", json);
  if (options.model.output.json) {
    fmt::print("{}\n", json);
  } else if (!options.model.output.quiet) {
    fmt::print("{}\nwritten to {}: align.json report.html report.md report.junit.xml quant.json program.qprog program.txt{}\n",
               reports::terminal(alignment, {.color = isatty(STDOUT_FILENO) != 0}), options.out, options.golden ? " golden/" : "");
  }
  return alignment.exit_code();
}

}  // namespace

void add_align(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("align", "Quantize a model for a target and show how the emulator, the PPQ simulator and FP32 align");
  const auto options = std::make_shared<AlignOptions>();
  add_model_options(*command, options->model);
  command->add_option("-i,--inputs", options->inputs, "Inputs to align on (default: the calibration inputs)")->type_name("PATH");
  command->add_option("-l,--labels", options->labels, "True classes: JSON {\"sample\": class} or lines \"sample class\"")->type_name("FILE");
  command->add_option("-o,--out", options->out, "Folder for align.json, the reports, quant.json and the program")->required()->type_name("DIR");
  command->add_flag("--golden", options->golden, "Also write a golden bundle: every tensor, accumulator and step of every sample as .npy, with hashes");
  command->add_flag("--reference", options->reference, "Run the slow definitions only, no kernels");
  command->footer([] {
    return with_examples(
        "Exit code 0: all three cosines above 0.99; 1: not.\nExamples:\n"
        "  assay align digits.onnx -t {target} -c calibration/ -i inputs/ -l labels.json -o out\n"
        "  assay align digits.onnx -p {platform} -c calibration/ -o out\n"
        "  assay align net.onnx -t my_chip.toml -c photos/ --color bgr --mean 104,117,123 --shape data=1x3x224x224 -o out --golden");
  });
  command->callback([options, &exit_code] { exit_code = align(*options); });
}

}  // namespace assay::cli
