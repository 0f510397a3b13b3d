#include "quant/onnx/model.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

template <class T>
T attribute(const OnnxNode& node, const std::string& key, const T& fallback, const char* wanted) {
  const auto found = node.attributes.find(key);
  if (found == node.attributes.end()) return fallback;
  if (const T* value = std::get_if<T>(&found->second)) return *value;
  throw InputError("attribute '" + key + "' must be " + wanted);
}

}  // namespace

std::string OnnxNode::label() const {
  if (!name.empty()) return name;
  const auto named = std::find_if(outputs.begin(), outputs.end(), [](const std::string& output) { return !output.empty(); });
  return named == outputs.end() ? "(no name)" : *named;
}

int64_t OnnxNode::integer(const std::string& key, int64_t fallback) const {
  return attribute<int64_t>(*this, key, fallback, "an integer");
}
float OnnxNode::real(const std::string& key, float fallback) const {
  return attribute<float>(*this, key, fallback, "a float");
}
std::string OnnxNode::text(const std::string& key, const std::string& fallback) const {
  return attribute<std::string>(*this, key, fallback, "a string");
}
std::vector<int64_t> OnnxNode::integers(const std::string& key, const std::vector<int64_t>& fallback) const {
  return attribute<std::vector<int64_t>>(*this, key, fallback, "a list of integers");
}
std::vector<float> OnnxNode::reals(const std::string& key, const std::vector<float>& fallback) const {
  return attribute<std::vector<float>>(*this, key, fallback, "a list of floats");
}
ConstantPtr OnnxNode::tensor(const std::string& key) const {
  return attribute<ConstantPtr>(*this, key, nullptr, "a tensor");
}

namespace {

// Walks from a node that never became ready, always to a producer that did not either: the walk must meet itself.
[[noreturn]] void report_cycle(const OnnxModel& model, const std::unordered_map<std::string, size_t>& producer, const std::vector<size_t>& waiting) {
  size_t at = 0;
  while (waiting[at] == 0) ++at;
  std::vector<size_t> walk;
  std::vector<bool> seen(model.nodes.size());
  while (!seen[at]) {
    seen[at] = true;
    walk.push_back(at);
    for (const std::string& input : model.nodes[at].inputs) {
      const auto found = producer.find(input);
      if (found == producer.end() || waiting[found->second] == 0) continue;
      at = found->second;
      break;
    }
  }
  const auto first = static_cast<size_t>(std::find(walk.begin(), walk.end(), at) - walk.begin());
  std::string text;
  const size_t shown = std::min<size_t>(walk.size() - first, 20);
  for (size_t i = first; i < first + shown; ++i) text += "'" + model.nodes[walk[i]].label() + "' <- ";
  if (shown < walk.size() - first) text += "... <- ";
  throw InputError(model.path + ": the graph has a cycle: " + text + "'" + model.nodes[at].label() + "'");
}

}  // namespace

void sort_nodes(OnnxModel& model) {
  std::unordered_map<std::string, size_t> producer;
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    for (const std::string& output : model.nodes[n].outputs) {
      if (!output.empty()) producer.emplace(output, n);
    }
  }
  std::vector<size_t> waiting(model.nodes.size(), 0);  // inputs that are not made yet
  std::vector<std::vector<size_t>> readers(model.nodes.size());
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    for (const std::string& input : model.nodes[n].inputs) {
      const auto found = producer.find(input);
      if (found == producer.end()) continue;
      ++waiting[n];
      readers[found->second].push_back(n);
    }
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    if (waiting[n] == 0) ready.push(n);
  }
  std::vector<size_t> order;
  while (!ready.empty()) {
    const size_t n = ready.top();
    ready.pop();
    order.push_back(n);
    for (const size_t reader : readers[n]) {
      if (--waiting[reader] == 0) ready.push(reader);
    }
  }
  if (order.size() != model.nodes.size()) report_cycle(model, producer, waiting);
  std::vector<OnnxNode> sorted;
  sorted.reserve(order.size());
  for (const size_t n : order) sorted.push_back(std::move(model.nodes[n]));
  model.nodes = std::move(sorted);
}

}  // namespace assay::quant
