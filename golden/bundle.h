// Golden bundles: a folder with manifest.json (schema golden/schema/manifest.json), the program (program.qprog, and program.txt to read) and one .npy per tensor:
//
//   constants/k0003_<name>.npy                     weights, biases, tables
//   <sample>/input_00_<name>.npy                   what goes in
//   <sample>/0012_<name>_accumulator.npy           per instruction: the accumulator, each requantization step,
//   <sample>/0012_<name>_step1_multiply.npy        ...
//   <sample>/0012_<name>_output.npy                and the result
//
// Everything in it is integers of the emulator; a test bench needs nothing else. Written beside and renamed, so a bundle that looks complete is complete. The same program and
// inputs give the same bytes, in whatever order samples are written.
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

// InputError where a bundle cannot be written to `dir` because something is there already, or a ".partial" beside it: to be asked before a long run.
void require_free(const std::string& dir);

// Collects one sample's tensors as the machine runs and writes them under dir/<sample>/.
class BundleWriter {
 public:
  // Creates `dir` + ".partial" with the program and its constants; finish() writes manifest.json and renames it to `dir`. InputError where `dir` cannot be made or already holds
  // something, and where another writer's ".partial" is there.
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

// Checks a bundle against its manifest: every file there and no other, hashes right, shapes and types as said, the program readable. InputError with all problems.
void verify_bundle(const std::string& dir);

}  // namespace assay::golden
