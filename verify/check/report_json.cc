#include <nlohmann/json.hpp>

#include "verify/check/report_text.h"

namespace assay::verify {
namespace {

using SortedJson = nlohmann::json;

SortedJson operands_json(ArithOp op, const Operands& operands) {
  SortedJson named = SortedJson::object();
  const auto names = vectors::operand_names(op);
  for (size_t i = 0; i < names.size() && i < operands.size(); ++i) named[std::string(names[i])] = operands[i];
  if (operands.size() > names.size()) named[op == ArithOp::dot ? "pairs" : "entries"] = Operands(operands.begin() + static_cast<std::ptrdiff_t>(names.size()), operands.end());
  return named;
}

SortedJson trace_json(const std::vector<vectors::TracePoint>& points) {
  SortedJson list = SortedJson::array();
  for (const auto& point : points) list.push_back({{"name", point.name}, {"value", shown(point.value, point.is_fp32)}});
  return list;
}

SortedJson laws_json(const OpReport& report) {
  SortedJson laws = SortedJson::array();
  for (const LawCount& count : report.laws) {
    SortedJson law = {{"law", to_string(count.law)}, {"sentence", sentence(count.law)}, {"applies", count.applies}, {"broken", count.broken}};
    if (count.example) law["example"] = operands_json(report.op, *count.example);
    if (count.example_partner) law["partner"] = operands_json(report.op, *count.example_partner);
    laws.push_back(std::move(law));
  }
  return laws;
}

SortedJson op_json(const emu::Target& target, const OpReport& report) {
  SortedJson one = {
      {"op", vectors::to_string(report.op)}, {"verdict", to_string(report.verdict)}, {"tested", report.tested}, {"cannot", report.cannot}, {"different", report.different}};
  if (!report.reason.empty()) one["reason"] = report.reason;
  one["laws"] = laws_json(report);
  SortedJson off_by = SortedJson::object();
  for (const auto& [off, count] : report.off_by) off_by[std::to_string(off)] = count;
  one["off_by"] = off_by;
  if (report.counter_example) {
    const CounterExample& example = *report.counter_example;
    one["law"] = to_string(example.law);
    one["minimal"] = {{"operands", operands_json(report.op, example.minimal.operands)}, {"expected", example.minimal.expected.result}};
    if (example.minimal.answered()) one["minimal"]["got"] = example.minimal.got.value;
    one["minimal"]["trace"] = trace_json(vectors::trace(target, report.op, example.minimal.operands));
    one["shrunk_with"] = example.candidates;
  }
  SortedJson explanations = SortedJson::array();
  for (const Variation& variation : report.explanation.found) explanations.push_back(variation.words);
  one["explanations"] = explanations;
  one["changes_tried"] = report.explanation.tried;
  return one;
}

}  // namespace

std::string report_json(const emu::Target& target, const DeviceReport& report) {
  SortedJson ops = SortedJson::array();
  for (const OpReport& one : report.ops) ops.push_back(op_json(target, one));
  const SortedJson all = {{"device", report.device}, {"target", report.target}, {"seed", report.seed}, {"level", report.level}, {"ops", ops}};
  return all.dump(1, ' ', false, SortedJson::error_handler_t::replace) + "\n";
}

}  // namespace assay::verify
