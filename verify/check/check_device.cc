#include "verify/check/check_device.h"

#include <algorithm>

#include "verify/check/random_cases.h"
#include "verify/check/shrink.h"

namespace assay::verify {
namespace {

constexpr size_t kBlock = 16384;  // cases between two reports of progress

// Until the device crashes.
std::vector<Tested> ask_all(const emu::Target& target, const Device& device, ArithOp op, std::vector<Operands> cases, const CheckSettings& settings, size_t done, size_t total) {
  std::vector<Tested> all;
  all.reserve(cases.size());
  bool crashed = false;
  for (size_t start = 0; start < cases.size() && !crashed; start += kBlock) {
    const auto from = cases.begin() + static_cast<std::ptrdiff_t>(start);
    const auto to = cases.begin() + static_cast<std::ptrdiff_t>(std::min(cases.size(), start + kBlock));
    for (Tested& t : test_cases(target, device, op, {std::make_move_iterator(from), std::make_move_iterator(to)})) {
      crashed |= t.crashed();
      all.push_back(std::move(t));
    }
    if (settings.progress) settings.progress(done + all.size(), total);
  }
  return all;
}

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

std::vector<Operands> cases_to_ask(const emu::Target& target, ArithOp op, const CheckSettings& settings) {
  std::vector<Operands> cases;
  if (const auto first = settings.first.find(op); first != settings.first.end()) cases = first->second;
  auto random = random_cases(target, op, settings.seed, settings.random_cases);
  cases.insert(cases.end(), std::make_move_iterator(random.begin()), std::make_move_iterator(random.end()));
  return cases;
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

DeviceReport check_device(const emu::Target& target, const Device& device, const CheckSettings& settings) {
  DeviceReport report{device.name, target.name, settings.seed, settings.level, {}};
  std::vector<std::vector<Operands>> cases;
  size_t total = 0, done = 0;
  for (const ArithOp op : vectors::kAllArithOps) {
    cases.emplace_back();
    if (!settings.ops.empty() && std::find(settings.ops.begin(), settings.ops.end(), op) == settings.ops.end()) continue;
    OpReport& one = report.ops.emplace_back();
    one.op = op;
    if (const auto lacking = vectors::lacks(target, op)) {
      one.verdict = OpVerdict::target_lacks;
      one.reason = *lacking;
    } else if (!device.has(op)) {
      one.verdict = OpVerdict::not_tested;
      one.reason = "the device has no function for it";
    } else {
      cases.back() = cases_to_ask(target, op, settings);
      total += cases.back().size();
    }
  }
  for (OpReport& one : report.ops) {
    auto& own = cases[static_cast<size_t>(one.op)];
    if (own.empty()) continue;
    const size_t count = own.size();
    one = judge(target, device, one.op, ask_all(target, device, one.op, std::move(own), settings, done, total));
    done += count;
  }
  return report;
}

}  // namespace assay::verify
