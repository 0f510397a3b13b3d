// assay run: a program on inputs. Needs neither ONNX nor TOML.
#include <fmt/format.h>

#include <filesystem>

#include "cli/commands.h"
#include "cli/pipeline.h"
#include "cli/progress.h"
#include "emu/base/error.h"
#include "emu/base/parallel.h"
#include "emu/program/file.h"
#include "emu/program/text.h"

namespace assay::cli {
namespace {

struct RunOptions {
  std::string program;
  std::string inputs;
  std::string out;
  bool golden = false;
  bool reference = false;
  PreprocessOptions preprocess;
  OutputOptions output;
};

class CountOverflows : public emu::Observer {
 public:
  void on_output(size_t /*instruction*/, const emu::Tensor& /*result*/, const emu::OverflowCounts& counts) override {
    accumulator += emu::total(counts.accumulator);
    intermediate += emu::total(counts.intermediate);
    output += emu::total(counts.output);
  }
  uint64_t accumulator = 0, intermediate = 0, output = 0;
};

emu::Program load_program(const std::string& path) {
  const std::string bytes = vectors::read_file(path);
  return path.ends_with(".txt") ? emu::parse_program(bytes) : emu::deserialize(bytes, path);
}

// A value's name as a file name.
std::string file_name(const std::string& name) {
  std::string result = name;
  for (char& c : result) {
    if (c == '/' || c == ':' || c == '\\') c = '_';
  }
  return result;
}

int run(const RunOptions& options) {
  const emu::Program program = load_program(options.program);
  make_output_folder(options.out);
  std::vector<vectors::InputDescription> inputs;
  for (const auto& input : program.inputs) inputs.push_back({program.values[input.value].name, program.values[input.value].shape});
  const auto preprocessing = preprocessing_from(options.preprocess, inputs.empty() ? Shape{} : inputs[0].shape);
  const auto samples = vectors::find_samples(options.inputs, inputs);
  const emu::Machine machine(program, options.reference ? emu::Engine::reference : emu::Engine::fast);
  std::vector<CountOverflows> counts(samples.size());
  std::optional<golden::BundleWriter> bundle;
  if (options.golden) bundle.emplace(options.out + "/golden", program, golden::BundleInfo{ASSAY_VERSION, program.model, "", program.target, ""});
  {
    Progress progress("running", options.output.quiet);
    parallel_for(samples.size(), thread_count(options.output), [&](size_t i) {
      const auto integers = quant::quantize_inputs(program, load(samples[i], inputs, preprocessing));
      const auto results = machine.run(integers, counts[i]);
      for (size_t k = 0; k < results.size(); ++k) {
        const std::string name = file_name(program.values[program.outputs[k]].name);
        vectors::write_file(options.out + "/" + samples[i].name + "." + name + ".npy", vectors::npy_bytes(results[k]));
      }
      if (bundle) bundle->write_sample(samples[i].name, integers);
      progress.advance(samples.size());
    });
  }
  if (bundle) bundle->finish();
  CountOverflows all;
  for (const auto& count : counts) all.accumulator += count.accumulator, all.intermediate += count.intermediate, all.output += count.output;
  if (options.output.json) {
    fmt::print("{{\"samples\": {}, \"outputs\": {}, \"overflows\": {{\"accumulator\": {}, \"intermediate\": {}, \"output\": {}}}}}\n", samples.size(), program.outputs.size(),
               all.accumulator, all.intermediate, all.output);
  } else if (!options.output.quiet) {
    fmt::print("{} for {}: {} samples, {} outputs each (integers, .npy) in {}\n", program.model, program.target, samples.size(), program.outputs.size(), options.out);
    fmt::print("overflows: {} in accumulators, {} in intermediate steps, {} outputs saturated\n", all.accumulator, all.intermediate, all.output);
  }
  return 0;
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("run", "Run an integer program (.qprog, or its text) on inputs");
  const auto options = std::make_shared<RunOptions>();
  command->add_option("program", options->program, "program.qprog, or program.txt")->required()->type_name("PROGRAM");
  command->add_option("-i,--inputs", options->inputs, "Real inputs: a folder, a file, or a list file of .npy, raw float32 or images")->required()->type_name("PATH");
  command->add_option("-o,--out", options->out, "Folder for the outputs")->required()->type_name("DIR");
  command->add_flag("--golden", options->golden, "Also write a golden bundle with every intermediate");
  command->add_flag("--reference", options->reference, "Run the slow definitions only, no kernels");
  add_preprocess_options(*command, options->preprocess);
  add_output_options(*command, options->output);
  command->footer("Example:\n  assay run out/program.qprog --inputs inputs/ -o integers");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace assay::cli
