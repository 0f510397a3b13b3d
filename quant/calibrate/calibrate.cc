#include "quant/calibrate/calibrate.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "emu/base/error.h"
#include "emu/base/parallel.h"
#include "quant/calibrate/encode.h"
#include "quant/calibrate/fit_weights.h"
#include "quant/calibrate/fixed_outputs.h"
#include "quant/calibrate/observer.h"
#include "quant/calibrate/parameters.h"
#include "quant/calibrate/sharing.h"
#include "quant/execute/bake.h"
#include "quant/execute/executor.h"
#include "quant/graph/passes/passes.h"

namespace assay::quant {
namespace {

std::string in_quotes(const std::string& name) {
  return "'" + name + "'";
}

void require_finite(const FloatTensor& tensor, const std::string& name) {
  const auto bad = std::find_if(tensor.data.begin(), tensor.data.end(), [](float value) { return !std::isfinite(value); });
  if (bad == tensor.data.end()) return;
  throw InputError("tensor " + in_quotes(name) + " holds " + (std::isnan(*bad) ? "NaN" : "Inf") + " at element " + std::to_string(bad - tensor.data.begin()) +
                   "; calibrate with inputs for which the FP32 model stays finite");
}

// Measures activations: everything that is the source of a chain and not a constant.
class Measurement {
 public:
  Measurement(const Quantized& quantized, const Sharing& sharing, const InputSet& inputs, const CalibrateOptions& options)
      : graph_(quantized.graph), inputs_(inputs), options_(options), baked_(bake(quantized)), executor_(baked_), observers_(graph_.values.size()) {
    for (ValueId id = 0; id < graph_.values.size(); ++id) {
      const auto& own = quantized.tensors[id];
      if (!own || own->state != State::initial || !sharing.begins(id)) continue;
      observers_[id] = make_observer(own->observer, grid_of(*own));
      phases_ = std::max(phases_, observers_[id]->phases());
    }
  }

  void run() {
    for (phase_ = 0; phase_ < phases_; ++phase_) {
      // So many results are held before they are merged, in order.
      const size_t chunk = 4 * static_cast<size_t>(std::max(options_.threads, 1));
      for (size_t first = 0; first < inputs_.count; first += chunk) measure(first, std::min(chunk, inputs_.count - first));
      for (const auto& observer : observers_) {
        if (takes_part(observer.get())) observer->finish_phase();
      }
    }
  }

  // A value to be measured, if there is one.
  std::optional<ValueId> needs_inputs() const {
    const auto found = std::find_if(observers_.begin(), observers_.end(), [](const auto& observer) { return observer != nullptr; });
    return found == observers_.end() ? std::nullopt : std::optional<ValueId>(static_cast<ValueId>(found - observers_.begin()));
  }

  ScaleAndOffset result(ValueId id) const { return observers_[id]->result(); }

 private:
  using Seen = std::vector<std::pair<ValueId, std::vector<double>>>;

  bool takes_part(const RangeObserver* observer) const { return observer != nullptr && phase_ < observer->phases(); }

  void measure(size_t first, size_t count) {
    std::vector<Seen> seen(count);
    parallel_for(count, options_.threads, [&](size_t i) {
      seen[i] = look_at(first + i);
      report();
    });
    for (const Seen& one : seen) {
      for (const auto& [id, statistics] : one) observers_[id]->merge(statistics);
    }
  }

  Seen look_at(size_t index) const {
    Seen seen;
    try {
      executor_.run(inputs_.get(index), [&](ValueId id, FloatTensor& tensor) {
        if (phase_ == 0) require_finite(tensor, graph_.value(id).name);
        if (takes_part(observers_[id].get())) seen.emplace_back(id, observers_[id]->look(tensor.data.data(), tensor.size()));
      });
    } catch (const InputError& error) {
      throw InputError("calibration input " + std::to_string(index) + ": " + error.what());
    }
    return seen;
  }

  void report() {
    if (!options_.progress) return;
    const std::lock_guard<std::mutex> lock(reporting_);
    options_.progress(++done_, inputs_.count * static_cast<size_t>(phases_));
  }

  const Graph& graph_;
  const InputSet& inputs_;
  const CalibrateOptions& options_;
  Graph baked_;
  Executor executor_;
  std::vector<std::unique_ptr<RangeObserver>> observers_;  // by value
  int phases_ = 1;
  int phase_ = 0;
  size_t done_ = 0;
  std::mutex reporting_;
};

// A list belongs to weights, whose axis of channels it keeps.
void state_scale(TensorQuantization& own, const std::string& name, const CalibrateOptions& options) {
  const auto found = options.stated.find(name);
  if (found == options.stated.end() || own.storage.type.is_float()) return;
  const StatedScale& stated = found->second;
  if (stated.scale.size() > 1 && !own.axis) throw InputError("tensor " + in_quotes(name) + ": a scale per channel is stated for it, which the target does not have there");
  if (stated.scale.size() == 1) own.axis.reset();
  if (own.axis && own.scale.size() != stated.scale.size()) {
    throw InputError("tensor " + in_quotes(name) + ": " + std::to_string(stated.scale.size()) + " scales are stated for " + std::to_string(own.scale.size()) + " channels");
  }
  own.state = State::activated;
  own.scale = stated.scale;
  own.zero_point = own.symmetry == emu::Symmetry::symmetric ? 0 : grid_of(own).low + stated.offset;
  own.observer = "stated";
  own.provenance = stated.from.value_or("stated from outside");
}

// Words that the scale's maker had and the target's storage has not: -128 where weights end at -127.
std::string saturated_words(const FloatTensor& constant, const TensorQuantization& own) {
  if (own.storage.type.is_float()) return "";
  TensorQuantization wider = own;
  wider.storage.low *= 2, wider.storage.high *= 2;
  const std::vector<int64_t> words = quantize(constant, wider);
  const auto outside = std::count_if(words.begin(), words.end(), [&](int64_t word) { return word < own.storage.low || word > own.storage.high; });
  if (outside == 0) return "";
  return "; warning: " + std::to_string(outside) + " of " + std::to_string(words.size()) + " values saturate at [" + std::to_string(own.storage.low) + ", " +
         std::to_string(own.storage.high) + "]";
}

void state_parameters(Quantized& quantized, const CalibrateOptions& options) {
  for (ValueId id = 0; id < quantized.tensors.size(); ++id) {
    const Value& value = quantized.graph.value(id);
    if (!quantized.tensors[id] || !value.constant || options.stated.count(value.name) == 0) continue;
    state_scale(*quantized.tensors[id], value.name, options);
    quantized.tensors[id]->provenance += saturated_words(*value.constant, *quantized.tensors[id]);
  }
}

// Gives every activation its rule. A graph input that shares a scale with others is stored as they are.
void set_rules(Quantized& quantized, const Sharing& sharing, const CalibrateOptions& options) {
  const Graph& graph = quantized.graph;
  const emu::Target& target = quantized.target;
  const auto begin = [&](ValueId id, const emu::Storage& storage, const emu::QuantizeRule& rule) {
    if (const auto& given = graph.value(id).given) {
      quantized.tensors[id] = by_model(*given);
      return;
    }
    quantized.tensors[id] = by_rule(storage, rule);
    if (options.observer) quantized.tensors[id]->observer = *options.observer;
    state_scale(*quantized.tensors[id], graph.value(id).name, options);
  };
  for (const Node& node : graph.nodes) begin(node.output, target.storage.activation, target.quantize.activation);
  for (const ValueId id : graph.inputs) {
    bool alone = !sharing.beside[id];
    for (ValueId other = 0; other < graph.values.size(); ++other) alone &= !sharing.begins(other) || other == id || sharing.group[other] != sharing.group[id];
    begin(id, alone ? target.storage.input : target.storage.activation, alone ? target.quantize.input : target.quantize.activation);
    if (!graph.value(id).given) quantized.tensors[id]->round = target.quantize.input.round;
  }
}

// The sources of each group, by the group's name; most have one.
std::vector<std::vector<ValueId>> members_of(const Quantized& quantized, const Sharing& sharing) {
  std::vector<std::vector<ValueId>> members(sharing.group.size());
  for (ValueId id = 0; id < sharing.group.size(); ++id) {
    if (quantized.tensors[id] && sharing.begins(id)) members[sharing.group[id]].push_back(id);
  }
  return members;
}

std::string names_of(const Graph& graph, const std::vector<ValueId>& ids) {
  std::string names;
  for (const ValueId id : ids) names += (names.empty() ? "" : ", ") + in_quotes(graph.value(id).name);
  return names;
}

// Symmetric: the member with the largest scale is the root. Asymmetric: the first one is, with the union of all ranges.
ValueId join(Quantized& quantized, const std::vector<ValueId>& members) {
  const auto own = [&](ValueId id) -> TensorQuantization& { return *quantized.tensors[id]; };
  ValueId root = members[0];
  for (const ValueId id : members) {
    if (quantized.graph.value(id).given) return id;
  }
  if (own(root).symmetry == emu::Symmetry::symmetric) {
    for (const ValueId id : members) root = own(id).scale[0] > own(root).scale[0] ? id : root;
    own(root).provenance += "; the largest among " + names_of(quantized.graph, members);
    return root;
  }
  const Grid grid = grid_of(own(root));
  double low = 0, high = 0;
  for (const ValueId id : members) {
    const auto scale = static_cast<double>(own(id).scale[0]);
    low = std::min(low, scale * static_cast<double>(grid_of(own(id)).low - own(id).zero_point));
    high = std::max(high, scale * static_cast<double>(grid_of(own(id)).high - own(id).zero_point));
  }
  set_scale(own(root), encode(low, high, grid));
  own(root).provenance += "; the union of the ranges of " + names_of(quantized.graph, members);
  return root;
}

void share(Quantized& quantized, ValueId id, ValueId root, const std::string& by) {
  TensorQuantization& own = *quantized.tensors[id];
  const TensorQuantization& from = *quantized.tensors[root];
  own.state = State::overlapped;
  own.scale = from.scale;
  own.zero_point = from.zero_point;
  own.observer = from.observer;
  own.root = root;
  own.provenance = "shared with " + in_quotes(quantized.graph.value(root).name) + " (" + by + ")";
}

// The channels keep the scales of their roots.
void list_scales(Quantized& quantized, ValueId id, const std::vector<ValueId>& roots, const std::string& by) {
  TensorQuantization& own = *quantized.tensors[id];
  own.root.reset();
  own.axis = 1;
  own.scale.clear();
  std::vector<ValueId> named;
  for (const ValueId root : roots) {
    own.scale.push_back(quantized.tensors[root]->scale[0]);
    if (std::find(named.begin(), named.end(), root) == named.end()) named.push_back(root);
  }
  own.provenance = "by channel, shared with " + names_of(quantized.graph, named) + " (" + by + ")";
  const bool equal = std::all_of(own.scale.begin(), own.scale.end(), [&](float scale) { return scale == own.scale[0]; });
  if (equal) own.axis.reset(), own.scale.resize(1);
}

void set_scales(Quantized& quantized, const Sharing& sharing, const Measurement& measured, size_t inputs) {
  const std::string over = " over " + std::to_string(inputs) + (inputs == 1 ? " input" : " inputs");
  for (ValueId id = 0; id < quantized.tensors.size(); ++id) {
    auto& own = quantized.tensors[id];
    if (!own || own->state != State::initial || !sharing.begins(id)) continue;
    set_scale(*own, measured.result(id));
    own->state = State::activated;
    own->provenance = own->observer + over;
  }
  for (const Node& node : quantized.graph.nodes) {
    if (quantized.graph.value(node.output).given) continue;
    if (const auto fixed = fixed_output(node, quantized.target)) {
      TensorQuantization& own = *quantized.tensors[node.output];
      own.scale = {fixed->scale};
      own.zero_point = fixed->zero_point;
      own.provenance = "fixed by the target for " + std::string(operator_name(node.op));
    }
  }
  std::vector<ValueId> root(quantized.tensors.size());
  const std::vector<std::vector<ValueId>> groups = members_of(quantized, sharing);
  for (ValueId name = 0; name < groups.size(); ++name) {
    if (groups[name].empty()) continue;
    root[name] = groups[name].size() == 1 ? groups[name][0] : join(quantized, groups[name]);
    for (const ValueId id : groups[name]) {
      if (id != root[name] && !quantized.graph.value(id).given) share(quantized, id, root[name], sharing.by[id]);
    }
  }
  // Moved words keep all of their source's rule: storage and rounding too.
  for (const Node& node : quantized.graph.nodes) {
    if (!sharing.shares[node.output]) continue;
    const std::vector<ValueId>& sources = sharing.sources[node.output];
    quantized.tensors[node.output] = quantized.tensors[sources[0]];
    std::vector<ValueId> roots;
    for (const ValueId source : sources) roots.push_back(root[sharing.group[source]]);
    share(quantized, node.output, roots[0], sharing.by[node.output]);
    if (std::any_of(roots.begin(), roots.end(), [&](ValueId other) { return other != roots[0]; })) list_scales(quantized, node.output, roots, sharing.by[node.output]);
  }
}

}  // namespace

Quantized calibrate(Graph graph, const emu::Target& target, const InputSet& inputs, const CalibrateOptions& options) {
  unshare_constants(graph);
  fuse_leaky_relu(graph, target);
  Quantized quantized{std::move(graph), target, {}};
  quantized.tensors.resize(quantized.graph.values.size());
  const Sharing sharing = find_sharing(quantized.graph, target);
  quantize_parameters(quantized);
  state_parameters(quantized, options);
  // As PPQ measures: weights already fake-quantized, biases and activations still real.
  set_rules(quantized, sharing, options);
  Measurement measurement(quantized, sharing, inputs, options);
  if (inputs.count == 0 && measurement.needs_inputs()) {
    throw InputError("no calibration inputs; give at least one, because '" + quantized.graph.value(*measurement.needs_inputs()).name + "' has no scale yet");
  }
  measurement.run();
  set_scales(quantized, sharing, measurement, inputs.count);
  normalise_weights(quantized);
  fit_weights_to_multiplier(quantized);
  quantize_biases(quantized);
  return quantized;
}

}  // namespace assay::quant
