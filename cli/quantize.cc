// assay quantize: a model and calibration data to an integer program, without running it.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/example_target.h"
#include "cli/platform.h"
#include "emu/base/error.h"
#include "quant/export/export.h"
#include "quant/onnx/export_onnx.h"

namespace assay::cli {
namespace {

struct QuantizeOptions {
  ModelOptions model;
  std::string out;
  std::string qdq, qlinear;
  bool every_value = false;
  std::vector<std::string> exporters;
  bool verbose = false;
};

// Files of PPQ's, OUT/<exporter><suffix>; what to print of them.
std::string write_ppq_files(const PlatformRun& run, const std::vector<std::string>& exporters, const std::string& out) {
  std::string text;
  for (const std::string& asked : exporters) {
    const std::string exporter = asked == "platform" ? run.platform.exporter : asked;
    if (exporter.empty()) throw Unsupported("platform " + run.platform.name + " has no exporter of its own in PPQ; name one of those that there are", ppq::exporter_names());
    const ppq::Export written = ppq::export_network(run.network, exporter);
    for (const auto& file : written.files) {
      vectors::write_file(out + "/" + exporter + file.suffix, file.bytes);
      text += "written: " + out + "/" + exporter + file.suffix + "\n";
    }
    for (const std::string& warning : written.warnings) text += "warning: " + warning + "\n";
  }
  return text;
}

std::string write_onnx(const Pipeline& pipeline, quant::OnnxForm form, const std::string& path, bool every_value) {
  if (path.empty()) return "";
  vectors::write_file(path, quant::export_onnx(pipeline.quantized, {form, every_value}).bytes);
  return "written: " + path + "\n";
}

int quantize(const QuantizeOptions& options) {
  make_output_folder(options.out);
  if (!options.exporters.empty() && options.model.platform.platform.empty()) throw InputError("--export writes PPQ's files of a platform; give --platform too");
  const Pipeline pipeline = prepare(options.model);
  write_program_files(options.out, pipeline);
  const std::string exported =
      write_onnx(pipeline, quant::OnnxForm::qdq, options.qdq, options.every_value) + write_onnx(pipeline, quant::OnnxForm::qlinear, options.qlinear, options.every_value);
  const std::string files = pipeline.platform ? write_ppq_files(*pipeline.platform, options.exporters, options.out) : "";
  const auto& program = pipeline.lowered.program;
  if (options.model.output.json) {
    fmt::print("{}", quant::to_json(pipeline.quantized));
  } else if (!options.model.output.quiet) {
    if (pipeline.platform) fmt::print("{}\n", to_text(pipeline.platform->reports, options.verbose));
    fmt::print("{} for {}: {} instructions, {} constants\n", program.model, program.target, program.instructions.size(), program.constants.size());
    for (const auto& note : pipeline.lowered.notes)
      fmt::print("note: the accumulator of '{}' ({}) can overflow: its worst case needs {} bits\n", note.node, note.accumulator, note.bits_needed);
    fmt::print("written to {}: quant.json program.qprog program.txt\n{}{}", options.out, exported, files);
  }
  return 0;
}

}  // namespace

void add_quantize(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("quantize", "Quantize a model for a target: quant.json and the integer program");
  const auto options = std::make_shared<QuantizeOptions>();
  add_model_options(*command, options->model);
  command->add_option("-o,--out", options->out, "Folder for quant.json, program.qprog and program.txt")->required()->type_name("DIR");
  command->add_option("--export-qdq", options->qdq, "Also write the quantized network as ONNX with QuantizeLinear and DequantizeLinear")->type_name("FILE");
  command->add_option("--export-qlinear", options->qlinear, "Also write it as ONNX with integer operators (QLinearConv ...)")->type_name("FILE");
  command->add_flag("--every-value", options->every_value, "Give the exported models the integers of every value as outputs too");
  command->add_option("--export", options->exporters, "With --platform: files of PPQ's, \"platform\" for the platform's own or an exporter's name (repeatable)");
  command->add_flag("--verbose", options->verbose, "With --platform: every change that each pass made");
  command->footer([] {
    return with_examples(
        "Examples:\n"
        "  assay quantize digits.onnx -t {target} -c calibration/ --observer mse -o out\n"
        "  assay quantize digits.onnx -t my_chip.toml -c calibration/ -o out --export-qdq digits_qdq.onnx --export-qlinear digits_qlinear.onnx\n"
        "  assay quantize net.onnx -p {platform} -c calibration/ -o out --export platform --with LayerwiseEqualizationPass\n"
        "  assay quantize net.onnx -p {platform} --import ppq.json -o out");
  });
  command->callback([options, &exit_code] { exit_code = quantize(*options); });
}

}  // namespace assay::cli
