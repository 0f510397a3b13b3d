// assay inspect: what a file holds. An ONNX model as the typed graph, a program as text, a golden bundle checked against its manifest.
#include <fmt/format.h>

#include <filesystem>

#include "cli/commands.h"
#include "cli/pipeline.h"
#include "emu/program/file.h"
#include "emu/program/text.h"
#include "quant/graph/passes/passes.h"
#include "quant/onnx/import_onnx.h"

namespace assay::cli {
namespace {

struct InspectOptions {
  std::string file;
  std::vector<std::string> shapes;
  bool as_imported = false;
  bool constants = false;
};

int inspect(const InspectOptions& options) {
  if (std::filesystem::is_directory(options.file)) {
    golden::verify_bundle(options.file);
    fmt::print("{}: every file is there and has the hash that manifest.json says\n", options.file);
    return 0;
  }
  if (options.file.ends_with(".qprog")) {
    fmt::print("{}", emu::print(emu::deserialize(vectors::read_file(options.file), options.file), options.constants));
    return 0;
  }
  quant::ImportOptions import_options;
  for (const auto& text : options.shapes) import_options.shapes.insert(parse_shape(text));
  quant::Graph graph = quant::import_onnx(options.file, import_options);
  if (!options.as_imported) quant::simplify(graph);
  fmt::print("{}", quant::print(graph));
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("inspect", "Show an ONNX model's graph or a program's text; check a golden bundle");
  const auto options = std::make_shared<InspectOptions>();
  command->add_option("file", options->file, "An ONNX model, a .qprog, or the folder of a golden bundle")->required()->type_name("FILE");
  command->add_option("--shape", options->shapes, "Shape of an input that the model leaves open, as input=1x3x224x224 (repeatable)")->type_name("NAME=SHAPE");
  command->add_flag("--as-imported", options->as_imported, "The graph before batch norms, biases and activations are folded");
  command->add_flag("--constants", options->constants, "Print a program's constants whole");
  command->footer("Examples:\n  assay inspect model.onnx\n  assay inspect out/program.qprog\n  assay inspect out/golden");
  command->callback([options, &exit_code] { exit_code = inspect(*options); });
}

}  // namespace assay::cli
