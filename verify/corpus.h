// The corpus: counter-examples that once told a right device from a wrong one, one JSON file each (vectors/corpus/README.md has the schema). They are asked first the next time.
#pragma once

#include <string>
#include <vector>

#include "verify/check/check_device.h"

namespace assay::verify {

struct CorpusCase {
  std::string id;      // the file's name without .json: "nxp_int8-requantize-1b2c3d4e"
  std::string target;  // its name; the definition is the target's of that name
  ArithOp op = ArithOp::requantize;
  Operands operands;
  int64_t expected = 0;
  int64_t got = 0;  // what the wrong device gave
  std::string law, note, explanation;
};

// All *.json of a folder, by name. InputError with all problems, each naming its file.
std::vector<CorpusCase> load_corpus(const std::string& dir);

// The counter-examples of a report as cases; the id follows from target, operation and operands alone.
std::vector<CorpusCase> corpus_of(const DeviceReport& report);
// One file per case, in `dir` (made if it isn't there). Returns the paths.
std::vector<std::string> save_corpus(const std::string& dir, const std::vector<CorpusCase>& cases);

// The cases of this target, by operation, for CheckSettings::first. Cases that are illegal for the target are left out.
std::map<ArithOp, std::vector<Operands>> cases_of(const std::vector<CorpusCase>& corpus, const emu::Target& target);

}  // namespace assay::verify
