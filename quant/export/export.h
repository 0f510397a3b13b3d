// The files that PPQ writes for its platforms (ppq.md 4.3), from a Network after baking. This file decides which exporter makes which files; README.md beside it says what each
// file carries and what it leaves out. Exporters are PPQ's classes by their names: a platform's file (quant/platforms) says which one is its own.
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/network.h"

namespace assay::ppq {

struct ExportedFile {
  std::string suffix;  // ".onnx" ".json" ".table" ".scale" ".txt" ".wts" ".prototxt"
  std::string bytes;
};

struct Export {
  std::vector<ExportedFile> files;
  // What a file cannot say and what is not written, each a sentence that names the tensor or the file.
  std::vector<std::string> warnings;
};

// Unsupported where the format cannot hold this network (as PPQ raises there), or where it is one that only PPQ's own program can write. InputError lists the exporters where there
// is none of that name. Shapes of graph inputs are written where they are known; the formats that need one say so.
Export export_network(const Network& network, const std::string& exporter);

// "OnnxExporter", "NxpExporter" ...
std::vector<std::string> exporter_names();

}  // namespace assay::ppq
