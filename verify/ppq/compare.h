// Holds our PPQ quantizer and simulator against one recorded run of the real PPQ: a folder with trace.json (every configuration after each pass), tqc.json, run.json, params/ and,
// for some, sim/ (every operation's simulated output). What is compared, and within which lines it counts as the same, is decided here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "quant/ppq/pass.h"

namespace assay::verify {

// What the folder itself says of the run.
struct RecordedSetup {
  std::string folder;            // ends in '/'
  std::string platform, preset;  // as PPQ names them
  size_t calibration_steps = 0;
  double seconds = 0;  // of PPQ's quantization there; 0: not recorded
};
// InputError where the folder is no recorded run.
RecordedSetup read_setup(const std::string& folder);

struct PassComparison {
  std::string pass;
  size_t configurations = 0;
  size_t missing = 0;                                            // recorded ones that we do not have, and ours that are not recorded
  size_t states = 0, dominators = 0, roundings = 0;              // that differ
  size_t scales_equal = 0, scales_close = 0, scales_differ = 0;  // bit for bit; within 1e-6 of the value; the rest. Offsets too, which are never close.
  std::vector<std::string> examples;                             // the first few differences
};

struct TensorComparison {
  std::string name;  // the operation's output
  uint64_t elements = 0;
  uint64_t differ = 0;  // codes, or bits where the tensor has no scale
  int64_t most = 0;     // steps between two codes
  bool has_codes = false;
  double greatest_error = 0;  // without codes: of the largest absolute value recorded
};

struct RunComparison {
  std::string platform;
  bool power_of_two = false;  // then the simulation is exact and any difference counts
  std::vector<PassComparison> passes;
  std::vector<std::string> unmatched_passes;  // recorded, and not run by us
  size_t parameters_equal = 0, parameters_differ = 0;
  std::vector<std::string> parameter_examples;
  std::vector<TensorComparison> given;       // each operation fed with PPQ's own inputs
  std::vector<TensorComparison> end_to_end;  // from the input of the run; shown, not judged
  std::vector<std::string> failures;         // the lines that are crossed; empty: all is within them
};

// Quantizes the network (loaded, not yet dispatched) as recorded and compares. `input`: the tensor per graph input that sim/ was made from; empty: outputs are not compared.
RunComparison compare_run(ppq::Network network, const ppq::Context& context, const RecordedSetup& setup, const std::vector<quant::FloatTensor>& input);

std::string to_text(const RunComparison& comparison);
std::string to_json(const RunComparison& comparison);

}  // namespace assay::verify
