#include "verify/check/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace assay::verify {
namespace {

constexpr size_t kShownOffs = 8;
constexpr size_t kShownExplanations = 5;
constexpr size_t kShownPoints = 40;

std::string decimal(Wide value) {
  if (value == 0) return "0";
  UnsignedWide rest = value < 0 ? -static_cast<UnsignedWide>(value) : static_cast<UnsignedWide>(value);
  std::string digits;
  for (; rest != 0; rest /= 10) digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  return value < 0 ? "-" + digits : digits;
}

std::string offs(const OpReport& report) {
  std::vector<std::pair<int64_t, size_t>> by_count(report.off_by.begin(), report.off_by.end());
  std::stable_sort(by_count.begin(), by_count.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (size_t i = 0; i < by_count.size() && i < kShownOffs; ++i) text += fmt::format("{}{:+d}: {}", i == 0 ? "" : ", ", by_count[i].first, by_count[i].second);
  if (by_count.size() > kShownOffs) text += fmt::format(", {} other values", by_count.size() - kShownOffs);
  return text;
}

std::string explanation_text(const OpReport& report) {
  const auto& found = report.explanation.found;
  if (found.empty()) return fmt::format("    explanation    no one-word change of the target explains it ({} tried)\n", report.explanation.tried);
  std::string text;
  for (size_t i = 0; i < found.size() && i < kShownExplanations; ++i) text += fmt::format("    {:<14} {}\n", i == 0 ? "explanation" : "or", found[i].words);
  if (found.size() > kShownExplanations) text += fmt::format("    {:<14} {} more changes that give the same on every case\n", "or", found.size() - kShownExplanations);
  return text + fmt::format("                   reproduces all {} results of the device ({} changes of the target tried)\n", report.judged > 0 ? report.judged : report.tested,
                            report.explanation.tried);
}

std::string laws_text(const OpReport& report, Law main) {
  std::string text;
  for (const LawCount& count : report.laws) {
    if (count.beyond_main == 0 || count.law == main) continue;
    text += fmt::format("    also broken    {} ({} of {})\n", to_string(count.law), count.broken, count.applies);
  }
  return text;
}

std::string difference_text(const emu::Target& target, const OpReport& report) {
  const CounterExample& example = *report.counter_example;
  std::string text = fmt::format("    law broken     {}: {}\n", to_string(example.law), sentence(example.law));
  text += fmt::format("    minimal input  {}\n", describe(report.op, example.minimal.operands));
  if (!example.found.reason.empty()) text += fmt::format("    shrunk from    {}\n", example.found.reason);
  if (report.verdict == OpVerdict::crashed) return text + fmt::format("    expected       {}\n    got            {}\n", example.minimal.expected.result, report.reason);
  text += fmt::format("    expected       {}\n    got            {}\n", example.minimal.expected.result, example.minimal.got.value);
  text += side_by_side(target, report.op, example.minimal.operands, report.explanation.found.empty() ? nullptr : &report.explanation.found.front());
  text += fmt::format("    off by         {}\n", offs(report));
  return text + laws_text(report, example.law) + explanation_text(report);
}

// One step of each side; null where a side has none.
using Row = std::pair<const vectors::TracePoint*, const vectors::TracePoint*>;

// A step's words without its number.
std::string words(const std::string& name) {
  const size_t colon = name.find(": ");
  return colon == std::string::npos ? name : name.substr(colon + 2);
}

// Lists of equal length line by line; others by their longest common subsequence of words.
std::vector<Row> aligned(const std::vector<vectors::TracePoint>& a, const std::vector<vectors::TracePoint>& b) {
  std::vector<Row> rows;
  if (a.size() == b.size()) {
    for (size_t i = 0; i < a.size(); ++i) rows.emplace_back(&a[i], &b[i]);
    return rows;
  }
  std::vector<std::vector<size_t>> longest(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t k = b.size(); k-- > 0;) longest[i][k] = words(a[i].name) == words(b[k].name) ? longest[i + 1][k + 1] + 1 : std::max(longest[i + 1][k], longest[i][k + 1]);
  }
  for (size_t i = 0, k = 0; i < a.size() || k < b.size();) {
    if (i < a.size() && k < b.size() && words(a[i].name) == words(b[k].name)) {
      rows.emplace_back(&a[i++], &b[k++]);
    } else if (k == b.size() || (i < a.size() && longest[i + 1][k] >= longest[i][k + 1])) {
      rows.emplace_back(&a[i++], nullptr);
    } else {
      rows.emplace_back(nullptr, &b[k++]);
    }
  }
  return rows;
}

}  // namespace

std::string shown(Wide value, bool is_fp32) {
  if (!is_fp32) return decimal(value);
  const auto bits = static_cast<uint32_t>(value);
  return fmt::format("0x{:08x} ({})", bits, std::bit_cast<float>(bits));
}

std::string side_by_side(const emu::Target& target, ArithOp op, const Operands& operands, const Variation* variation) {
  const auto ours = vectors::trace(target, op, operands);
  const auto theirs = variation != nullptr ? trace_under(*variation, op, operands) : std::vector<vectors::TracePoint>{};
  size_t width = 10;
  for (const auto& point : ours) width = std::max(width, point.name.size());
  for (const auto& point : theirs) width = std::max(width, point.name.size());
  std::string text = fmt::format("    {:<{}}  {:>22}{}\n", "value after", width, "by the target", theirs.empty() ? "" : fmt::format("  {:>22}", "as explained"));
  const auto rows = theirs.empty() ? std::vector<Row>{} : aligned(ours, theirs);
  const size_t count = theirs.empty() ? ours.size() : rows.size();
  for (size_t i = 0; i < count; ++i) {
    if (count > kShownPoints && i == kShownPoints / 2) {
      text += fmt::format("    ... {} more ...\n", count - kShownPoints);
      i = count - kShownPoints / 2;
    }
    if (theirs.empty()) {
      text += fmt::format("    {:<{}}  {:>22}\n", ours[i].name, width, shown(ours[i].value, ours[i].is_fp32));
      continue;
    }
    const auto [a, b] = rows[i];
    const std::string left = a != nullptr ? shown(a->value, a->is_fp32) : "", right = b != nullptr ? shown(b->value, b->is_fp32) : "";
    const std::string instead = a != nullptr && b != nullptr && words(a->name) != words(b->name) ? words(b->name) + " instead" : "";
    text += fmt::format("    {:<{}}  {:>22}  {:>22}{}\n", (a != nullptr ? a : b)->name, width, left, right, left == right ? "" : instead.empty() ? "  <" : "  < " + instead);
  }
  return text;
}

std::string op_text(const emu::Target& target, const OpReport& one) {
  const auto name = vectors::to_string(one.op);
  switch (one.verdict) {
    case OpVerdict::equal:
      return fmt::format("{:<14} EQUAL      all {} results{}\n", name, one.tested, one.cannot > 0 ? fmt::format("; {} cases that the device cannot", one.cannot) : "");
    case OpVerdict::differs: return fmt::format("{:<14} NOT_EQUAL  {} of {} results differ\n", name, one.different, one.tested) + difference_text(target, one);
    case OpVerdict::crashed: return fmt::format("{:<14} CRASHED    {} results before it\n", name, one.tested) + difference_text(target, one);
    case OpVerdict::not_tested: return fmt::format("{:<14} not tested: {}\n", name, one.reason);
    case OpVerdict::target_lacks: return fmt::format("{:<14} the target lacks it: {}\n", name, one.reason);
  }
  return "";
}

std::string report_text(const emu::Target& target, const DeviceReport& report) {
  std::string text = fmt::format("device {} against target {} (level {}, seed {})\n", report.device, report.target, report.level, report.seed);
  for (const OpReport& one : report.ops) text += op_text(target, one);
  return text + fmt::format("{} operations equal, {} differ, {} not tested\n", report.count(OpVerdict::equal), report.count(OpVerdict::differs) + report.count(OpVerdict::crashed),
                            report.count(OpVerdict::not_tested) + report.count(OpVerdict::target_lacks));
}

}  // namespace assay::verify
