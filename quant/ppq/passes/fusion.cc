// QuantizeFusionPass (ppq.md 6.3; ppq/quantization/optim/refine.py at e39eecb). In this order, over operations that are quantized and run on one platform:
//   1. computing operation -> one of the platform's activations: the output of the first and the input of the second follow the output of the second;
//   2. where the platform fuses Swish: computing -> Sigmoid -> Mul with computing -> Mul; where it fuses Mish: computing -> Softplus -> Tanh -> Mul likewise: all inside follows
//   the
//      output of Mul;
//   3. operations that pass values on: their outputs follow their first input;
//   4. any operation -> Relu or Clip: as 1.
// Patterns 1, 2 and 4 are matched exclusively: nothing else feeds their later operations, nothing else reads what lies inside.
#include <algorithm>

#include "quant/ppq/passes/passes.h"
#include "quant/ppq/passes/slots.h"

namespace assay::ppq {
namespace {

using Match = std::vector<OperationId>;

struct Pattern {
  std::vector<std::function<bool(const Operation&)>> operations;
  std::vector<std::pair<size_t, size_t>> edges;  // every operation but the first has one from an earlier one
};

bool contains(const std::vector<OperationId>& list, OperationId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

// The edges that end at operation `last` exist.
bool edges_exist(const Network& network, const Pattern& pattern, const Match& match, size_t last) {
  return std::all_of(pattern.edges.begin(), pattern.edges.end(),
                     [&](const auto& edge) { return edge.second != last || contains(network.downstream(match[edge.first]), match[last]); });
}

bool is_exclusive(const Network& network, const Pattern& pattern, const Match& match) {
  const auto inside = [&](const std::vector<OperationId>& list) { return std::all_of(list.begin(), list.end(), [&](OperationId id) { return contains(match, id); }); };
  for (size_t i = 0; i < match.size(); ++i) {
    const auto enter = std::count_if(pattern.edges.begin(), pattern.edges.end(), [&](const auto& edge) { return edge.second == i; });
    const bool leaf = std::none_of(pattern.edges.begin(), pattern.edges.end(), [&](const auto& edge) { return edge.first == i; });
    const std::vector<OperationId> producers = network.upstream(match[i]);
    if (enter != 0 && (!inside(producers) || producers.size() != static_cast<size_t>(enter))) return false;
    if (!leaf && !inside(network.downstream(match[i]))) return false;
  }
  return true;
}

void extend(const Network& network, const Pattern& pattern, Match& match, std::vector<Match>& found) {
  const size_t next = match.size();
  if (next == pattern.operations.size()) {
    if (is_exclusive(network, pattern, match)) found.push_back(match);
    return;
  }
  const auto edge = std::find_if(pattern.edges.begin(), pattern.edges.end(), [&](const auto& each) { return each.second == next; });
  for (const OperationId candidate : network.downstream(match[edge->first])) {
    if (contains(match, candidate) || !pattern.operations[next](network.operation(candidate))) continue;
    match.push_back(candidate);
    if (edges_exist(network, pattern, match, next)) extend(network, pattern, match, found);
    match.pop_back();
  }
}

std::vector<Match> matches(const Network& network, const Pattern& pattern) {
  std::vector<Match> found;
  for (const OperationId id : network.order) {
    Match match{id};
    if (pattern.operations[0](network.operation(id))) extend(network, pattern, match, found);
  }
  return found;
}

std::function<bool(const Operation&)> is(const std::string& type) {
  return [type](const Operation& operation) { return operation.type == type; };
}

bool computes(const Operation& operation) {
  return is_computing(operation.type);
}

// Quantized, and on one platform; a pattern that is only partly so is told.
bool is_fusible(const Network& network, const Match& match, PassReport& report) {
  const Operation& first = network.operation(match[0]);
  size_t quantized = 0;
  bool one_platform = true;
  for (const OperationId id : match) {
    quantized += network.operation(id).quantized ? 1 : 0;
    one_platform = one_platform && network.operation(id).platform == first.platform;
  }
  if (quantized == match.size() && one_platform) return true;
  if (quantized != 0) {
    const Operation& last = network.operation(match.back());
    report.warnings.push_back(first.name + " (" + first.platform + ") and " + last.name + " (" + last.platform + ") would be fused, but are not quantized on one platform");
  }
  return false;
}

void fuse_activation(Network& network, const Match& match, PassReport& report) {
  if (!is_fusible(network, match, report)) return;
  const ConfigId result = network.operation(match[1]).output_configs.at(0);
  dominate(network, network.operation(match[0]).output_configs.at(0), result, report);
  dominate(network, network.operation(match[1]).input_configs.at(0), result, report);
}

// computing -> one or more -> Mul, with computing -> Mul.
void fuse_gate(Network& network, const Match& match, PassReport& report) {
  if (!is_fusible(network, match, report)) return;
  const Operation multiply = network.operation(match.back());
  const ConfigId result = multiply.output_configs.at(0);
  dominate(network, network.operation(match[0]).output_configs.at(0), result, report);
  for (size_t i = 1; i + 1 < match.size(); ++i) {
    dominate(network, network.operation(match[i]).input_configs.at(0), result, report);
    dominate(network, network.operation(match[i]).output_configs.at(0), result, report);
  }
  dominate(network, multiply.input_configs.at(0), result, report);
  dominate(network, multiply.input_configs.at(1), result, report);
}

// "Slice" and "Dropout" are missing in PPQ too: there they are one word.
bool is_passive(const std::string& type) {
  static const std::set<std::string> kPassive = {"MaxPool", "GlobalMaxPool", "Reshape", "Flatten", "Identity", "Pad", "Split", "Transpose", "Interp", "Squeeze", "Unsqueeze"};
  return kPassive.count(type) != 0;
}

void fuse_passive(Network& network, OperationId id, PassReport& report) {
  const Operation& operation = network.operation(id);
  if (!is_passive(operation.type) || !operation.quantized || operation.inputs.empty() || operation.inputs[0] == kNone) return;
  const OperationId producer = network.variable(operation.inputs[0]).producer;
  if (producer == kNone || network.operation(producer).platform != operation.platform) return;
  for (const ConfigId output : operation.output_configs) dominate(network, output, operation.input_configs.at(0), report);
}

}  // namespace

PassReport quantize_fusion(Network& network, const Context& context) {
  PassReport report{"QuantizeFusionPass", {}, {}};
  const std::set<std::string>& activations = context.platform.fused_activations;
  const auto fused = [&](const Operation& operation) { return activations.count(operation.type) != 0; };
  if (context.settings.fuse_activation) {
    for (const Match& match : matches(network, {{computes, fused}, {{0, 1}}})) fuse_activation(network, match, report);
    if (activations.count("Swish") != 0) {
      for (const Match& match : matches(network, {{computes, is("Sigmoid"), is("Mul")}, {{0, 1}, {1, 2}, {0, 2}}})) fuse_gate(network, match, report);
    }
    if (activations.count("Mish") != 0) {
      for (const Match& match : matches(network, {{computes, is("Softplus"), is("Tanh"), is("Mul")}, {{0, 1}, {1, 2}, {2, 3}, {0, 3}}})) fuse_gate(network, match, report);
    }
  }
  if (context.settings.fuse_passive_op) {
    for (const OperationId id : network.order) fuse_passive(network, id, report);
  }
  const auto any = [](const Operation&) { return true; };
  const auto clamps = [](const Operation& operation) { return operation.type == "Relu" || operation.type == "Clip"; };
  for (const Match& match : matches(network, {{any, clamps}, {{0, 1}}})) fuse_activation(network, match, report);
  return report;
}

}  // namespace assay::ppq
