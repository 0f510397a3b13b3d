// Golden bundles: a folder with manifest.json (schema golden/schema/manifest.json) and one .npy per tensor: inputs, every instruction's accumulator and steps, every output.
// Everything in it is integers of the emulator; a test bench needs nothing else. Written beside and renamed, so a bundle that looks complete is complete.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "emu/machine.h"
#include "emu/program/program.h"

namespace assay::golden {

// Hex SHA-256 of bytes (FIPS 180-4).
std::string sha256(const std::string& bytes);

struct BundleInfo {
  std::string tool_version;
  std::string model_file, model_sha256;
  std::string target, target_sha256;
};

// Collects one sample's tensors as the machine runs and writes them under dir/<sample>/.
class BundleWriter {
 public:
  // Creates `dir` + ".partial"; finish() writes manifest.json and renames it to `dir`. InputError where `dir` cannot be made or already holds something.
  BundleWriter(std::string dir, const emu::Program& program, BundleInfo info);
  ~BundleWriter();  // removes the partial folder where finish() was not reached
  BundleWriter(const BundleWriter&) = delete;
  BundleWriter& operator=(const BundleWriter&) = delete;

  // Runs the program on the inputs and writes every tensor of the sample. May be called from several threads for different samples.
  void write_sample(const std::string& sample, const std::vector<emu::Tensor>& inputs);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Checks a bundle against its manifest: every file there, hashes right, shapes and types as said. InputError with all problems.
void verify_bundle(const std::string& dir);

}  // namespace assay::golden
