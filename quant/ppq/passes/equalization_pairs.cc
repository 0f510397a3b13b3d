#include "quant/ppq/passes/equalization_pairs.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/ppq/executor.h"

namespace assay::ppq {
namespace {

constexpr size_t kCollectedInputs = 18;

bool can_equalize(const std::string& type) {
  return type == "Conv" || type == "Gemm" || type == "ConvTranspose";
}

struct PairSearch {
  const Network& network;
  const std::set<std::string>& relays;
  std::set<OperationId> upstream, downstream, between;

  // Ends of all ways from `from` through relays; those relays go into `passed`.
  template <class Next>
  std::set<OperationId> ends(const std::set<OperationId>& from, Next next, std::set<OperationId>& passed) const {
    std::vector<OperationId> waiting(from.begin(), from.end());
    std::set<OperationId> seen, found;
    while (!waiting.empty()) {
      const OperationId at = waiting.back();
      waiting.pop_back();
      for (const OperationId each : next(at)) {
        if (relays.count(network.operation(each).type) == 0) {
          found.insert(each);
        } else if (seen.insert(each).second) {
          waiting.push_back(each);
        }
      }
    }
    passed.insert(seen.begin(), seen.end());
    return found;
  }
  void down(const std::set<OperationId>& from) {
    downstream = ends(
        from, [&](OperationId at) { return network.downstream(at); }, between);
  }
  void up() {
    upstream = ends(
        downstream, [&](OperationId at) { return network.upstream(at); }, between);
  }
  // An operation that reads the channels of the upstream ones, but is not among the downstream ones; kNone where there is none.
  OperationId overlooked() const {
    std::set<OperationId> ignored;
    for (const OperationId end : ends(
             upstream, [&](OperationId at) { return network.downstream(at); }, ignored)) {
      if (downstream.count(end) == 0) return end;
    }
    return kNone;
  }
};

std::vector<OperationId> interesting(const Network& network, const std::vector<std::string>& names, PassReport& report) {
  if (names.empty()) return network.order;
  std::vector<OperationId> found;
  for (const std::string& name : names) {
    if (const auto id = network.find_operation(name)) found.push_back(*id);
    if (!network.find_operation(name)) report.warnings.push_back("interested layer " + name + " is not in the network");
  }
  return found;
}

void warn_of_outputs(const Network& network, const EqualizationPair& pair, PassReport& report) {
  const auto check = [&](OperationId id) {
    for (const VariableId output : network.operation(id).outputs) {
      if (std::find(network.outputs.begin(), network.outputs.end(), output) == network.outputs.end()) continue;
      report.warnings.push_back("output " + network.variable(output).name + " of the network changes: its channels are scaled with those of " + text_of(network, pair) +
                                ", and nothing behind it scales them back (PPQ does the same)");
    }
  };
  std::for_each(pair.upstream.begin(), pair.upstream.end(), check);
  std::for_each(pair.relays.begin(), pair.relays.end(), check);
}

// The parameter as a real constant; null where it is none.
const quant::Constant* real_parameter(const Network& network, VariableId id) {
  const Variable& variable = network.variable(id);
  return variable.is_parameter && variable.value && variable.value->kind == quant::Kind::real ? variable.value.get() : nullptr;
}

int64_t integer_or(const Operation& operation, const std::string& key, int64_t otherwise) {
  const auto found = operation.attributes.find(key);
  const int64_t* value = found == operation.attributes.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return value == nullptr ? otherwise : *value;
}

}  // namespace

const std::set<std::string>& equalization_relays(int64_t level) {
  static const std::set<std::string> kFirst = {"Relu", "MaxPool", "GlobalMaxPool", "PRelu", "AveragePool", "GlobalAveragePool", "LeakyRelu", "Identity"};
  static const std::set<std::string> kSecond = {"Relu", "MaxPool", "GlobalMaxPool", "PRelu", "AveragePool", "GlobalAveragePool", "LeakyRelu", "Identity", "Add", "Sub"};
  if (level != 1 && level != 2)
    throw InputError("opt_level of equalization is " + std::to_string(level) + "; there are 1 (through activations and pools) and 2 (through Add and Sub too)");
  return level == 1 ? kFirst : kSecond;
}

std::vector<EqualizationPair> equalization_pairs(const Network& network, const Context& context, const EqualizationSetting& setting, PassReport& report) {
  std::set<OperationId> visited;
  std::vector<EqualizationPair> pairs;
  const auto good = [&](OperationId end) { return can_equalize(network.operation(end).type); };
  for (const OperationId id : interesting(network, setting.interested_layers, report)) {
    if (visited.count(id) != 0 || !good(id)) continue;
    PairSearch search{network, equalization_relays(setting.opt_level), {}, {}, {}};
    search.down({id});
    search.up();
    while (!context.settings.exact && search.overlooked() != kNone) search.down(search.upstream), search.up();
    visited.insert(search.upstream.begin(), search.upstream.end());
    if (!std::all_of(search.upstream.begin(), search.upstream.end(), good) || !std::all_of(search.downstream.begin(), search.downstream.end(), good)) continue;
    if (search.upstream.empty() || search.downstream.empty()) continue;
    pairs.push_back({{search.upstream.begin(), search.upstream.end()}, {search.downstream.begin(), search.downstream.end()}, {search.between.begin(), search.between.end()}});
    warn_of_outputs(network, pairs.back(), report);
    if (const OperationId missed = search.overlooked(); missed != kNone) {
      report.warnings.push_back("the network's function changes: " + network.operation(missed).name + " reads channels that are scaled in " + text_of(network, pairs.back()) +
                                " and is not scaled back, as in PPQ; exact = false includes it");
    }
  }
  return pairs;
}

std::optional<EqualizationLayer> EqualizationLayer::of(const Network& network, OperationId id, std::string& why) {
  const Operation& operation = network.operation(id);
  EqualizationLayer layer;
  layer.weight_ = operation.inputs.size() > 1 ? operation.inputs[1] : kNone;
  layer.bias_ = operation.inputs.size() > 2 ? operation.inputs[2] : kNone;
  const quant::Constant* weight = layer.weight_ == kNone ? nullptr : real_parameter(network, layer.weight_);
  const quant::Constant* bias = layer.bias_ == kNone ? nullptr : real_parameter(network, layer.bias_);
  if (weight == nullptr || weight->shape.size() < 2 || weight->size() == 0 || (layer.has_bias() && bias == nullptr)) {
    why = operation.type + " " + operation.name + " has a weight or a bias that is not a constant";
    return std::nullopt;
  }
  layer.is_gemm_ = operation.type == "Gemm", layer.transposed_ = operation.type == "ConvTranspose";
  layer.trans_b_ = integer_or(operation, "transB", 0) != 0;
  layer.groups_ = layer.is_gemm_ ? 1 : integer_or(operation, "group", 1);
  layer.rows_ = weight->shape[0], layer.columns_ = weight->shape[1];
  for (size_t axis = 2; axis < weight->shape.size(); ++axis) layer.inner_ *= weight->shape[axis];
  if (layer.groups_ < 1 || layer.rows_ % layer.groups_ != 0 || (bias != nullptr && static_cast<int64_t>(bias->size()) != layer.outputs())) {
    why = operation.type + " " + operation.name + " has a weight, groups and a bias that do not fit one another";
    return std::nullopt;
  }
  return layer;
}

int64_t EqualizationLayer::output_key(int64_t element) const {
  return transposed_ ? column(element) * groups_ + row(element) / (rows_ / groups_) : output_channel(element);
}

int64_t EqualizationLayer::output_channel(int64_t element) const {
  if (transposed_) return row(element) / (rows_ / groups_) * columns_ + column(element);
  return is_gemm_ && !trans_b_ ? column(element) : row(element);
}

int64_t EqualizationLayer::input_key(int64_t element) const {
  return is_gemm_ || transposed_ ? input_channel(element) : column(element) * groups_ + row(element) / (rows_ / groups_);
}

int64_t EqualizationLayer::input_channel(int64_t element) const {
  if (transposed_) return row(element);
  if (is_gemm_) return trans_b_ ? column(element) : row(element);
  return row(element) / (rows_ / groups_) * columns_ + column(element);
}

std::optional<PairLayers> layers_of(const Network& network, const EqualizationPair& pair, PassReport& report) {
  PairLayers layers;
  std::string why;
  const auto add = [&](const std::vector<OperationId>& ids, std::vector<EqualizationLayer>& list) {
    for (const OperationId id : ids) {
      const auto layer = EqualizationLayer::of(network, id, why);
      if (layer) list.push_back(*layer);
    }
  };
  add(pair.upstream, layers.upstream);
  add(pair.downstream, layers.downstream);
  if (why.empty()) {
    layers.channels = layers.upstream[0].outputs();
    const auto differs = [&](const EqualizationLayer& layer) { return layer.outputs() != layers.channels; };
    const auto differs_below = [&](const EqualizationLayer& layer) { return layer.inputs() != layers.channels; };
    if (std::any_of(layers.upstream.begin(), layers.upstream.end(), differs) || std::any_of(layers.downstream.begin(), layers.downstream.end(), differs_below)) {
      why = "their numbers of channels differ";
    }
  }
  if (why.empty()) return layers;
  report.warnings.push_back(text_of(network, pair) + " is left as it is: " + why);
  return std::nullopt;
}

std::vector<float>& reals_of(std::map<VariableId, quant::Constant>& working, const Network& network, VariableId id) {
  const auto found = working.find(id);
  return (found == working.end() ? working.emplace(id, *network.variable(id).value).first : found)->second.reals;
}

void store(Network& network, const std::map<VariableId, quant::Constant>& working) {
  for (const auto& [id, constant] : working) {
    network.variable(id).value = std::make_shared<const quant::Constant>(constant);
    network.variable(id).fp32 = nullptr;
  }
}

std::string text_of(const Network& network, const EqualizationPair& pair) {
  const auto names = [&](const std::vector<OperationId>& ids) {
    std::string text;
    for (const OperationId id : ids) text += (text.empty() ? "" : ", ") + network.operation(id).name;
    return text;
  };
  return names(pair.upstream) + " -> " + names(pair.downstream);
}

std::map<OperationId, std::vector<float>> activation_maxima(const Network& network, const Context& context, const std::string& pass) {
  if (context.inputs.count == 0 || !context.inputs.get) throw InputError(pass + ": including_act needs calibration inputs, and there are none");
  std::map<OperationId, std::vector<float>> maxima;
  Executor::Hooks hooks;
  hooks.computed = [&](OperationId id, const Tensors& outputs) {
    if (!can_equalize(network.operation(id).type) || outputs.empty() || outputs[0].shape.size() < 2) return;
    const FloatTensor& output = outputs[0];
    const auto channels = static_cast<size_t>(output.shape[1]);
    size_t inner = 1;
    for (size_t axis = 2; axis < output.shape.size(); ++axis) inner *= static_cast<size_t>(output.shape[axis]);
    std::vector<float>& largest = maxima[id];
    largest.resize(channels, 0.0F);
    for (size_t i = 0; i < output.size(); ++i) largest[i / inner % channels] = std::max(largest[i / inner % channels], std::fabs(output.data[i]));
  };
  const Executor executor(network);
  const size_t total = std::min(context.inputs.count, kCollectedInputs);
  for (size_t i = 0; i < total; ++i) {
    if (context.cancelled && context.cancelled()) return {};
    executor.run(context.inputs.get(i), Executor::Mode::fp32, hooks);
    if (context.progress) context.progress(pass + ": activations", i + 1, total);
  }
  return maxima;
}

}  // namespace assay::ppq
