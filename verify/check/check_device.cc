#include "verify/check/check_device.h"

#include <algorithm>

#include "vectors/arithmetic/stimuli.h"
#include "verify/check/random_cases.h"
#include "verify/check/shrink.h"

namespace assay::verify {
namespace {

constexpr size_t kCasesAtOnce = 16384;              // cases asked at a time
constexpr size_t kMostCasesKept = size_t{1} << 20;  // cases in memory; those that differ go on being kept

void count_differences(OpReport& report, const std::vector<Tested>& tested);

// Asks block by block, until the device crashes.
class Asking {
 public:
  Asking(const emu::Target& target, const Device& device, ArithOp op) : target_(target), device_(device), op_(op) { counts_.op = op; }

  // False: no more cases are wanted.
  bool take(const Operands& operands, const std::string& reason) {
    cases_.push_back(operands);
    reasons_.push_back(reason);
    if (cases_.size() == kCasesAtOnce) flush();
    return !crashed_;
  }
  void flush() {
    if (cases_.empty() || crashed_) return;
    auto tested = test_cases(target_, device_, op_, std::move(cases_));
    count_differences(counts_, tested);
    for (size_t i = 0; i < tested.size(); ++i) {
      crashed_ |= tested[i].crashed();
      const bool telling = tested[i].differs() || tested[i].crashed();
      if (telling) tested[i].reason = std::move(reasons_[i]);
      if (kept_.size() < kMostCasesKept || (telling && kept_.size() < 2 * kMostCasesKept)) kept_.push_back(std::move(tested[i]));
    }
    cases_.clear();
    reasons_.clear();
  }

  const std::vector<Tested>& kept() const { return kept_; }
  const OpReport& counts() const { return counts_; }

 private:
  const emu::Target& target_;
  const Device& device_;
  ArithOp op_;
  std::vector<Operands> cases_;
  std::vector<std::string> reasons_;
  std::vector<Tested> kept_;
  OpReport counts_;
  bool crashed_ = false;
};

void count_differences(OpReport& report, const std::vector<Tested>& tested) {
  for (const Tested& t : tested) {
    if (t.got.kind == AnswerKind::cannot) ++report.cannot;
    if (!t.answered()) continue;
    ++report.tested;
    if (!t.differs()) continue;
    ++report.different;
    const Wide off = Wide{t.got.value} - t.expected.result;
    ++report.off_by[static_cast<int64_t>(saturate(off, emu::kS64))];
  }
}

CounterExample shrunk_example(const emu::Target& target, const Device& device, ArithOp op, Law law, const Tested& failing, const std::function<bool(const Tested&)>& fails) {
  Shrunk result = shrink(target, device, op, failing, fails);
  return {law, std::move(result.minimal), result.candidates, failing};
}

// What differs, by its law, in its simplest form, and why.
void describe_difference(OpReport& report, const emu::Target& target, const Device& device, const std::vector<Tested>& tested) {
  const ArithOp op = report.op;
  const Law law = main_law(target, op, tested, report.laws);
  const auto breaks = [&](const Tested& t) { return t.differs() && is_about(law, target, op, t); };
  for (LawCount& count : report.laws) {
    const auto beyond = [&](const Tested& t) { return t.differs() && is_about(count.law, target, op, t) && !is_about(law, target, op, t); };
    count.beyond_main = count.example_partner ? count.broken : static_cast<size_t>(std::count_if(tested.begin(), tested.end(), beyond));
  }
  const auto first = std::find_if(tested.begin(), tested.end(), breaks);
  report.counter_example = shrunk_example(target, device, op, law, *first, breaks);
  // The simplest case often tells apart what the others do not.
  std::vector<Tested> all = tested;
  all.push_back(report.counter_example->minimal);
  report.explanation = explain_device(target, op, all);
}

}  // namespace

std::string_view to_string(OpVerdict verdict) {
  switch (verdict) {
    case OpVerdict::equal: return "equal";
    case OpVerdict::differs: return "differs";
    case OpVerdict::crashed: return "crashed";
    case OpVerdict::not_tested: return "not_tested";
    case OpVerdict::target_lacks: return "target_lacks";
  }
  return "";
}

size_t DeviceReport::count(OpVerdict verdict) const {
  return static_cast<size_t>(std::count_if(ops.begin(), ops.end(), [&](const OpReport& report) { return report.verdict == verdict; }));
}

OpReport judge(const emu::Target& target, const Device& device, ArithOp op, const std::vector<Tested>& tested) {
  OpReport report;
  report.op = op;
  count_differences(report, tested);
  const auto crash = std::find_if(tested.begin(), tested.end(), [](const Tested& t) { return t.crashed(); });
  if (crash != tested.end()) {
    report.verdict = OpVerdict::crashed;
    report.reason = "the device crashed: " + device.last_crash();
    report.counter_example = shrunk_example(target, device, op, Law::does_not_crash, *crash, [](const Tested& t) { return t.crashed(); });
    report.laws = count_laws(target, device, op, tested);
    report.laws.push_back({Law::does_not_crash, report.tested + 1, 1, 1, report.counter_example->minimal.operands, std::nullopt});
    return report;
  }
  if (report.tested == 0) {
    report.verdict = OpVerdict::not_tested;
    report.reason = "the device answered none of " + std::to_string(report.cannot) + " cases: it says that it cannot";
    return report;
  }
  report.laws = count_laws(target, device, op, tested);
  if (report.different == 0) return report;
  report.verdict = OpVerdict::differs;
  describe_difference(report, target, device, tested);
  return report;
}

namespace {

OpReport check_op(const emu::Target& target, const Device& device, ArithOp op, const CheckSettings& settings) {
  Asking asking(target, device, op);
  bool more = true;
  if (const auto first = settings.first.find(op); first != settings.first.end()) {
    for (const Operands& operands : first->second) more = more && asking.take(operands, "from the corpus");
  }
  if (more && settings.level > 0) {
    vectors::make_cases(target, op, {settings.level, settings.seed}, [&](const vectors::Case& one) { return more = asking.take(one.operands, one.reason); });
  }
  for (const Operands& operands : random_cases(target, op, settings.seed, settings.random_cases)) more = more && asking.take(operands, "random");
  asking.flush();
  OpReport report = judge(target, device, op, asking.kept());
  report.judged = report.tested;
  report.tested = asking.counts().tested;
  report.cannot = asking.counts().cannot;
  report.different = asking.counts().different;
  report.off_by = asking.counts().off_by;
  return report;
}

}  // namespace

DeviceReport check_device(const emu::Target& target, const Device& device, const CheckSettings& settings) {
  DeviceReport report{device.name, target.name, settings.seed, settings.level, {}};
  const std::vector<ArithOp> ops = settings.ops.empty() ? std::vector<ArithOp>(vectors::kAllArithOps.begin(), vectors::kAllArithOps.end()) : settings.ops;
  for (const ArithOp op : ops) {
    if (settings.progress) settings.progress(report.ops.size(), ops.size());
    OpReport& one = report.ops.emplace_back();
    one.op = op;
    if (const auto lacking = vectors::lacks(target, op)) {
      one.verdict = OpVerdict::target_lacks;
      one.reason = *lacking;
    } else if (!device.has(op)) {
      one.verdict = OpVerdict::not_tested;
      one.reason = "the device has no function for it";
    } else {
      one = check_op(target, device, op, settings);
    }
  }
  if (settings.progress) settings.progress(ops.size(), ops.size());
  return report;
}

}  // namespace assay::verify
