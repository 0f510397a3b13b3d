// Recorded networks through the exporters, and how their files are compared.
#pragma once

#include <string>
#include <vector>

#include "tests/ppq/recorded.h"

namespace assay::ppq::test {

std::string read_bytes(const std::string& path);

// A temporary folder that goes with the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& bytes) const;  // the path

 private:
  std::string path_;
};

// The recorded network as it was exported, with what the records leave out: name, opset and the shapes of its inputs and outputs.
Network as_exported(const RecordedRun& run);
std::string exported(const RecordedRun& run, const std::string& exporter, const std::string& suffix);

// Every hash of the file by the order of its first appearance.
std::string without_hashes(const std::string& text);

// Nodes in order (name, type, inputs, outputs, attributes), initializers (shape, type and bits), inputs, outputs and opset; in any order where `ordered` is false.
std::vector<std::string> differences_of_models(const std::string& ours, const std::string& theirs, bool ordered);

}  // namespace assay::ppq::test
