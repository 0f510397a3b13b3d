#include <nlohmann/json.hpp>

#include "verify/check/report_text.h"

namespace assay::verify {
namespace {

using Json = nlohmann::json;

Json operands_json(ArithOp op, const Operands& operands) {
  Json named = Json::object();
  const auto names = vectors::operand_names(op);
  for (size_t i = 0; i < names.size() && i < operands.size(); ++i) named[std::string(names[i])] = operands[i];
  if (operands.size() > names.size()) named[op == ArithOp::dot ? "pairs" : "entries"] = Operands(operands.begin() + static_cast<std::ptrdiff_t>(names.size()), operands.end());
  return named;
}

Json trace_json(const std::vector<vectors::TracePoint>& points) {
  Json list = Json::array();
  for (const auto& point : points) list.push_back({{"name", point.name}, {"value", shown(point.value, point.is_fp32)}});
  return list;
}

Json laws_json(const OpReport& report) {
  Json laws = Json::array();
  for (const LawCount& count : report.laws) {
    Json law = {{"law", to_string(count.law)}, {"sentence", sentence(count.law)}, {"applies", count.applies}, {"broken", count.broken}};
    if (count.example) law["example"] = operands_json(report.op, *count.example);
    if (count.example_partner) law["partner"] = operands_json(report.op, *count.example_partner);
    laws.push_back(std::move(law));
  }
  return laws;
}

Json op_json(const emu::Target& target, const OpReport& report) {
  Json one = {{"op", vectors::to_string(report.op)}, {"verdict", to_string(report.verdict)}, {"tested", report.tested}, {"cannot", report.cannot}, {"different", report.different}};
  if (!report.reason.empty()) one["reason"] = report.reason;
  one["laws"] = laws_json(report);
  Json off_by = Json::object();
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
  Json explanations = Json::array();
  for (const Variation& variation : report.explanation.found) explanations.push_back(variation.words);
  one["explanations"] = explanations;
  one["changes_tried"] = report.explanation.tried;
  return one;
}

}  // namespace

std::string report_json(const emu::Target& target, const DeviceReport& report) {
  Json ops = Json::array();
  for (const OpReport& one : report.ops) ops.push_back(op_json(target, one));
  const Json all = {{"device", report.device}, {"target", report.target}, {"seed", report.seed}, {"level", report.level}, {"ops", ops}};
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace assay::verify
