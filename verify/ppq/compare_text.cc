// A comparison with a recorded run, for people and for machines.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "verify/ppq/compare.h"

namespace assay::verify {
namespace {

using nlohmann::json;

struct Sum {
  uint64_t elements = 0, differ = 0, tensors = 0;
  int64_t most = 0;
  uint64_t floats = 0, float_elements = 0, floats_differ = 0;
  double greatest_error = 0;
};

Sum sum_of(const std::vector<TensorComparison>& tensors) {
  Sum sum;
  for (const TensorComparison& tensor : tensors) {
    if (tensor.has_codes) {
      ++sum.tensors;
      sum.elements += tensor.elements, sum.differ += tensor.differ;
      sum.most = std::max(sum.most, tensor.most);
    } else {
      ++sum.floats;
      sum.float_elements += tensor.elements, sum.floats_differ += tensor.differ;
      sum.greatest_error = std::max(sum.greatest_error, tensor.greatest_error);
    }
  }
  return sum;
}

std::string outputs_text(const std::string& title, const std::vector<TensorComparison>& tensors) {
  if (tensors.empty()) return "";
  const Sum sum = sum_of(tensors);
  std::string text = fmt::format("{}\n  {} quantized tensors: {} of {} codes differ ({:.2f} per million), by at most {}\n", title, sum.tensors, sum.differ, sum.elements,
                                 sum.elements == 0 ? 0.0 : static_cast<double>(sum.differ) * 1e6 / static_cast<double>(sum.elements), sum.most);
  if (sum.floats > 0) {
    text += fmt::format("  {} tensors that no configuration quantizes: {} of {} values differ, by at most {:.1e} of the largest\n", sum.floats, sum.floats_differ,
                        sum.float_elements, sum.greatest_error);
  }
  for (const TensorComparison& tensor : tensors) {
    if (tensor.has_codes && tensor.differ > 0) text += fmt::format("    {}: {} of {} codes, by at most {}\n", tensor.name, tensor.differ, tensor.elements, tensor.most);
  }
  return text;
}

json outputs_json(const std::vector<TensorComparison>& tensors) {
  json list = json::array();
  for (const TensorComparison& tensor : tensors) {
    list.push_back({{"tensor", tensor.name},
                    {"elements", tensor.elements},
                    {"differ", tensor.differ},
                    {"most", tensor.most},
                    {"codes", tensor.has_codes},
                    {"greatest_error", tensor.greatest_error}});
  }
  return list;
}

}  // namespace

std::string to_text(const RunComparison& comparison) {
  std::string text = fmt::format("{}, against the recorded run of PPQ\n\n{:<32} {:>7} {:>8} {:>6} {:>10} {:>9}   scales {:>5} {:>6} {:>7}\n", comparison.platform, "after the pass",
                                 "configs", "missing", "state", "dominator", "rounding", "equal", "close", "differ");
  for (const PassComparison& pass : comparison.passes) {
    text += fmt::format("{:<32} {:>7} {:>8} {:>6} {:>10} {:>9}          {:>5} {:>6} {:>7}\n", pass.pass, pass.configurations, pass.missing, pass.states, pass.dominators,
                        pass.roundings, pass.scales_equal, pass.scales_close, pass.scales_differ);
  }
  const std::vector<std::string>* before = nullptr;
  for (const PassComparison& pass : comparison.passes) {
    const bool same = before != nullptr && *before == pass.examples;
    before = &pass.examples;
    if (pass.examples.empty() || same) continue;
    text += "\n" + pass.pass + "\n";
    for (const std::string& example : pass.examples) text += "  " + example + "\n";
  }
  text += fmt::format("\nbaked parameters: {} equal, {} different\n", comparison.parameters_equal, comparison.parameters_differ);
  for (const std::string& example : comparison.parameter_examples) text += "  " + example + "\n";
  text += outputs_text("simulated outputs, each operation given PPQ's inputs", comparison.given);
  text += outputs_text("simulated outputs, end to end", comparison.end_to_end);
  if (comparison.failures.empty()) return text + "\nwithin the lines\n";
  text += "\nNOT within the lines:\n";
  for (const std::string& failure : comparison.failures) text += "  " + failure + "\n";
  return text;
}

std::string to_json(const RunComparison& comparison) {
  json passes = json::array();
  for (const PassComparison& pass : comparison.passes) {
    passes.push_back({{"pass", pass.pass},
                      {"configurations", pass.configurations},
                      {"missing", pass.missing},
                      {"states_differ", pass.states},
                      {"dominators_differ", pass.dominators},
                      {"roundings_differ", pass.roundings},
                      {"scales", {{"equal", pass.scales_equal}, {"close", pass.scales_close}, {"differ", pass.scales_differ}}},
                      {"examples", pass.examples}});
  }
  const json whole = {{"platform", comparison.platform},
                      {"passes", passes},
                      {"unmatched_passes", comparison.unmatched_passes},
                      {"parameters", {{"equal", comparison.parameters_equal}, {"differ", comparison.parameters_differ}, {"examples", comparison.parameter_examples}}},
                      {"given_inputs", outputs_json(comparison.given)},
                      {"end_to_end", outputs_json(comparison.end_to_end)},
                      {"failures", comparison.failures}};
  return whole.dump(2) + "\n";
}

}  // namespace assay::verify
