#include "quant/ppq/dispatch.h"

#include <algorithm>
#include <set>

#include "emu/base/error.h"
#include "quant/ppq/dispatch_search.h"
#include "quant/ppq/sockets.h"

namespace assay::ppq {
namespace {

const char* const kUnspecified = "UNSPECIFIED";
const char* const kFp32 = "FP32";
const char* const kSoi = "SOI";

using Types = std::set<std::string>;
// Their inputs after the first are shapes and indices, which carry no values on.
const Types kFirstInputOnly = {"Reshape", "Slice", "Gather", "Pad", "Resize", "Split", "TopK", "Tile", "Expand", "RoiAlign", "MMCVRoiAlign"};
const Types kGenerators = {"Shape", "NonMaxSuppression", "ConstantOfShape", "TopK"};
const Types kFollowInput = {"Shape", "TopK", "NonMaxSuppression"};
const Types kLinearActivations = {"Relu", "Clip"};

// The dispatchers of the older kind: a set Q that may be quantized, and shapes and indices around it.
class Searcher {
 public:
  explicit Searcher(Network& network, const Platform& platform) : network_(network), types_(platform.quantized_types) {}

  void conservative() {
    OperationSet quantable = matching(network_, {computing(), [&](OperationId id) { return !quantizable(id) || is_boundary(network_, id); }, values()});
    for (const OperationId id : network_.order) quantable[id] = quantable[id] && quantizable(id);
    write(quantable);
  }

  // Only what lies between two convolutions.
  void pplnn() {
    const auto convolution = [&](OperationId id) { return type(id) == "Conv"; };
    const auto relay = values();
    write(matching(network_, {convolution, convolution, [&, relay](OperationId from, OperationId to) { return relay(from, to) && quantizable(to); }}));
  }

 private:
  const std::string& type(OperationId id) const { return network_.operation(id).type; }
  bool quantizable(OperationId id) const { return types_.count(type(id)) != 0; }
  bool is_computing_operation(OperationId id) const { return is_computing(type(id)); }
  std::function<bool(OperationId)> computing() const {
    return [&](OperationId id) { return is_computing_operation(id); };
  }

  // Whether the slot of `reader`, counted from the end where negative, is fed by `producer`.
  bool feeds(OperationId producer, OperationId reader, bool last) const {
    const std::vector<VariableId>& inputs = network_.operation(reader).inputs;
    if (inputs.empty()) return false;
    const VariableId variable = last ? inputs.back() : inputs.front();
    return variable != kNone && network_.variable(variable).producer == producer;
  }

  // Along values: not into an operation through an input that is a shape or an index.
  std::function<bool(OperationId, OperationId)> values() const {
    return [&](OperationId from, OperationId to) {
      if (kFirstInputOnly.count(type(to)) != 0) return feeds(from, to, false);
      if (type(to) == "ScatterND") return feeds(from, to, false) || feeds(from, to, true);
      return type(to) != "ConstantOfShape" && type(to) != "Shape" && type(to) != "NonMaxSuppression";
    };
  }
  // The same against the edges.
  std::function<bool(OperationId, OperationId)> values_upwards() const {
    return [&](OperationId from, OperationId to) {
      if (type(to) == "Shape" || type(to) == "TopK") return false;
      if (kFirstInputOnly.count(type(from)) != 0) return feeds(to, from, false);
      if (type(from) == "ScatterND") return feeds(to, from, false) || feeds(to, from, true);
      return type(from) != "NonMaxSuppression" && type(from) != "Shape";
    };
  }

  // Makers of what a socket says is no value.
  OperationSet receivers() const {
    OperationSet found(network_.operations.size());
    for (const OperationId id : network_.order) {
      const Operation& operation = network_.operation(id);
      const Socket socket = socket_of(operation);
      for (size_t i = 0; i < operation.inputs.size(); ++i) {
        if (operation.inputs[i] == kNone || socket.inputs[i] == Flow::value) continue;
        const OperationId producer = network_.variable(operation.inputs[i]).producer;
        if (producer != kNone) found[producer] = true;
      }
    }
    return found;
  }

  // Adds `more`, without what is quantable or computes; whether anything was new.
  bool add(OperationSet& soi, const OperationSet& more, const OperationSet& quantable) const {
    bool grew = false;
    for (const OperationId id : network_.order) {
      if (!more[id] || soi[id] || quantable[id] || is_computing_operation(id)) continue;
      grew = soi[id] = true;
    }
    return grew;
  }

  OperationSet shapes_and_indices(const OperationSet& quantable) const {
    const OperationSet wanted = receivers();
    const auto stops = [&](const OperationSet& set) {
      return [this, &set, &quantable](OperationId id) { return set[id] || quantable[id] || is_boundary(network_, id) || is_computing_operation(id); };
    };
    OperationSet soi = wanted;
    add(soi, matching(network_, {[&](OperationId id) { return kGenerators.count(type(id)) != 0; }, stops(wanted), values()}), quantable);
    while (add(soi, matching(network_, {[&](OperationId id) { return soi[id] && type(id) != "Shape"; }, stops(soi), values_upwards(), false}), quantable)) {
    }
    return soi;
  }

  void write(const OperationSet& quantable) {
    const auto ends = [&](OperationId id) { return kFollowInput.count(type(id)) != 0 || is_boundary(network_, id); };
    const OperationSet behind_computing = matching(network_, {computing(), ends, values()});
    const OperationSet soi = shapes_and_indices(quantable);
    for (const OperationId id : network_.order) {
      network_.operation(id).platform = soi[id] && !behind_computing[id] ? kSoi : quantable[id] ? kUnspecified : kFp32;
    }
    for (const OperationId id : network_.order) {
      Operation& operation = network_.operation(id);
      const bool follows = kFollowInput.count(operation.type) != 0;
      if (!follows && kLinearActivations.count(operation.type) == 0) continue;
      const VariableId source = operation.inputs.empty() ? kNone : operation.inputs[0];
      const OperationId producer = source == kNone ? kNone : network_.variable(source).producer;
      if (producer != kNone) {
        operation.platform = network_.operation(producer).platform;
      } else if (follows) {
        operation.platform = kFp32;
      }
    }
  }

  Network& network_;
  const Types& types_;
};

void all_in(Network& network, const Platform& platform) {
  for (const OperationId id : network.order) {
    network.operation(id).platform = platform.quantized_types.count(network.operation(id).type) != 0 ? kUnspecified : kFp32;
  }
}

// Everything that values connect, in either direction, with one of the sources (Perseus.solve_transitive_closure).
OperationSet closure(const Network& network, const std::vector<Socket>& sockets, const OperationSet& sources) {
  std::vector<std::vector<OperationId>> linked(network.operations.size());
  for (const OperationId id : network.order) {
    for (const auto& [input, output] : sockets[id].links) {
      const VariableId variable = network.operation(id).inputs[input];
      const OperationId producer = variable == kNone ? kNone : network.variable(variable).producer;
      if (producer == kNone) continue;
      linked[producer].push_back(id), linked[id].push_back(producer);
    }
  }
  OperationSet found = sources;
  std::vector<OperationId> open;
  for (const OperationId id : network.order) {
    if (found[id]) open.push_back(id);
  }
  while (!open.empty()) {
    const OperationId id = open.back();
    open.pop_back();
    for (const OperationId next : linked[id]) {
      if (found[next]) continue;
      found[next] = true;
      open.push_back(next);
    }
  }
  return found;
}

// Who makes what a socket takes as no value, and who takes as a value what a socket gives as none.
OperationSet sources_of_shapes(const Network& network, const std::vector<Socket>& sockets) {
  OperationSet found(network.operations.size());
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    for (size_t o = 0; o < operation.outputs.size(); ++o) {
      if (operation.outputs[o] == kNone || sockets[id].outputs[o] == Flow::value) continue;
      for (const Reader& reader : network.variable(operation.outputs[o]).readers) {
        const size_t slot = input_slot(network.operation(reader.operation), operation.outputs[o]);
        if (sockets[reader.operation].inputs[slot] == Flow::value) found[reader.operation] = true;
      }
    }
    for (size_t i = 0; i < operation.inputs.size(); ++i) {
      if (operation.inputs[i] == kNone || sockets[id].inputs[i] == Flow::value) continue;
      const OperationId producer = network.variable(operation.inputs[i]).producer;
      if (producer != kNone) found[producer] = true;
    }
  }
  return found;
}

void perseus(Network& network) {
  std::vector<Socket> sockets(network.operations.size());
  OperationSet computing(network.operations.size());
  for (const OperationId id : network.order) {
    sockets[id] = socket_of(network.operation(id));
    computing[id] = is_computing(network.operation(id).type);
  }
  const OperationSet quantable = closure(network, sockets, computing), soi = closure(network, sockets, sources_of_shapes(network, sockets));
  for (const OperationId id : network.order) network.operation(id).platform = quantable[id] == soi[id] ? kFp32 : quantable[id] ? kUnspecified : kSoi;
}

std::vector<std::string> override(Network& network, const Platform& platform, const Settings& settings) {
  std::vector<std::string> unknown, problems;
  for (const auto& [name, wanted] : settings.dispatching_table) {
    const auto operation = network.find_operation(name);
    const bool known = wanted == kFp32 || wanted == kSoi || wanted == kUnspecified || wanted == platform.name || wanted == platform.operation_platform;
    if (!known) {
      problems.push_back("operation '" + name + "': '" + wanted + "' is none of FP32, SOI, UNSPECIFIED, " + platform.name);
    } else if (!operation) {
      unknown.push_back("the dispatching table names '" + name + "', which is no operation of the network");
    } else {
      network.operation(*operation).platform = wanted == platform.name ? platform.operation_platform : wanted;
    }
  }
  if (!problems.empty()) throw InputError("the dispatching table", problems);
  return unknown;
}

}  // namespace

std::vector<std::string> dispatch(Network& network, const Platform& platform, const Settings& settings) {
  const std::string& name = settings.dispatcher;
  if (name == "conservative") {
    Searcher(network, platform).conservative();
  } else if (name == "pplnn") {
    Searcher(network, platform).pplnn();
  } else if (name == "allin") {
    all_in(network, platform);
  } else if (name == "perseus") {
    perseus(network);
  } else if (name == "aggresive" || name == "aggressive") {
    throw InputError(
        "dispatcher 'aggresive': PPQ's own fails on it (KeyError, as soon as a Relu or Clip stands before its producer in its dictionary, which is so after every folded "
        "BatchNormalization), so that there is nothing to follow; 'allin' quantizes every type that the platform knows");
  } else if (name == "pointwise") {
    throw InputError(
        "dispatcher 'pointwise': PPQ's own always fails on it (TypeError), so that there is nothing to follow; give a dispatching table with the operations to quantize");
  } else {
    throw InputError("there is no dispatcher '" + name + "'; there are conservative, pplnn, allin, perseus");
  }
  return override(network, platform, settings);
}

}  // namespace assay::ppq
