// A device held against a target: every operation that it has is asked the systematic cases and the random ones, what differs is named by the law that it breaks, shrunk to the
// simplest case that still breaks it, and explained where one change of the target's words explains it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "verify/check/laws.h"
#include "verify/explain/explain_device.h"

namespace assay::verify {

struct CheckSettings {
  std::vector<ArithOp> ops;                                 // empty: all
  int level = 1;                                            // of the systematic cases
  uint64_t seed = 1;                                        // of both kinds
  size_t random_cases = 4096;                               // per operation
  std::map<ArithOp, std::vector<Operands>> first;           // asked before all others: a corpus
  std::function<void(size_t done, size_t total)> progress;  // operations
};

enum class OpVerdict : uint8_t {
  equal,         // on every case
  differs,       // on some
  crashed,       // the device died
  not_tested,    // the device has no such function, or cannot do any of the cases
  target_lacks,  // the target cannot be asked
};
std::string_view to_string(OpVerdict verdict);

struct LawCount {
  Law law = Law::equals_the_definition;
  size_t applies = 0;  // cases, or pairs of cases
  size_t broken = 0;
  size_t beyond_main = 0;                   // broken cases that the main law is not about (pairs: all)
  std::optional<Operands> example;          // one that breaks it
  std::optional<Operands> example_partner;  // with its partner, for a law of two cases
};

struct CounterExample {
  Law law = Law::equals_the_definition;
  Tested minimal;
  size_t candidates = 0;  // asked while shrinking
  Tested found;           // before shrinking
};

struct OpReport {
  ArithOp op = ArithOp::requantize;
  OpVerdict verdict = OpVerdict::equal;
  std::string reason;  // of not_tested, target_lacks, crashed
  size_t tested = 0;   // answered with a value
  size_t judged = 0;   // of these, kept for laws and explanations: all, but for very many
  size_t cannot = 0;
  size_t different = 0;
  std::map<int64_t, size_t> off_by;  // got - expected, of those that differ
  std::vector<LawCount> laws;        // those that apply
  std::optional<CounterExample> counter_example;
  Explanation explanation;
};

struct DeviceReport {
  std::string device;
  std::string target;
  uint64_t seed = 0;
  int level = 1;
  std::vector<OpReport> ops;

  size_t count(OpVerdict verdict) const;
};

DeviceReport check_device(const emu::Target& target, const Device& device, const CheckSettings& settings);

// What was tested, as a report: verdict, laws, the simplest case, the explanation.
OpReport judge(const emu::Target& target, const Device& device, ArithOp op, const std::vector<Tested>& tested);

// The laws as counted on what was tested: of one case each, then, where something differs, of two cases (the partners are asked now).
std::vector<LawCount> count_laws(const emu::Target& target, const Device& device, ArithOp op, const std::vector<Tested>& tested);
// The broken law that says most about what differs: broken by most of what differs, and little else is in it.
Law main_law(const emu::Target& target, ArithOp op, const std::vector<Tested>& tested, const std::vector<LawCount>& laws);

}  // namespace assay::verify
