#include "verify/ppq/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "emu/base/error.h"
#include "quant/ppq/executor.h"
#include "quant/ppq/pipeline.h"
#include "vectors/npy.h"

namespace assay::verify {
namespace {

using nlohmann::json;
using ppq::ConfigId, ppq::Network, ppq::OperationId;
using quant::FloatTensor;

constexpr const char* kAtTheEnd = "at the end";
constexpr size_t kExamples = 5;
constexpr double kClose = 1e-6;           // relative, of scales
constexpr double kCodesPerMillion = 10;   // that may differ by one, where the simulation is not exact
constexpr double kFloatTolerance = 1e-5;  // of the largest value, of tensors that have no codes

json read_record(const std::string& path) {
  try {
    return json::parse(vectors::read_file(path));
  } catch (const json::exception& error) {
    throw InputError(path + ": not the JSON of a recorded run: " + error.what());
  }
}

template <class T>
T field(const json& object, const std::string& key, const std::string& path) {
  try {
    return object.at(key).get<T>();
  } catch (const json::exception&) {
    throw InputError(path + ": has no '" + key + "' of the kind that a recorded run has");
  }
}

FloatTensor read_tensor(const std::string& path) {
  vectors::FloatTensor read = vectors::read_npy_float(path);
  return {std::move(read.shape), std::move(read.data)};
}

void add_example(std::vector<std::string>& examples, const std::string& text) {
  if (examples.size() < kExamples) examples.push_back(text);
}

// trace.json keeps no more than this of a list; tqc.json has whole ones, of the end.
constexpr size_t kTraced = 4;

std::vector<float> traced(std::vector<float> list) {
  if (list.size() > kTraced) list.resize(kTraced);
  return list;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) { return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y); });
}

// "conv0:in1" -> id.
std::map<std::string, ConfigId> slots_of(const Network& network) {
  std::map<std::string, ConfigId> slots;
  for (const OperationId id : network.order) {
    const ppq::Operation& operation = network.operation(id);
    for (size_t i = 0; i < operation.input_configs.size(); ++i) slots[operation.name + ":in" + std::to_string(i)] = operation.input_configs[i];
    for (size_t i = 0; i < operation.output_configs.size(); ++i) slots[operation.name + ":out" + std::to_string(i)] = operation.output_configs[i];
  }
  return slots;
}

// One configuration as trace.json has it.
struct Recorded {
  std::string state, dominator, rounding;
  std::vector<float> scale, offset;
};

std::map<std::string, Recorded> recorded_configurations(const json& configurations, const std::string& path) {
  std::map<std::string, Recorded> all;
  for (const auto& [slot, entry] : configurations.items()) {
    Recorded one{field<std::string>(entry, "state", path),
                 entry.contains("dom") && entry["dom"].is_string() ? entry["dom"].get<std::string>() : slot,
                 field<std::string>(entry, "rounding", path),
                 {},
                 {}};
    if (entry.contains("scale") && !entry["scale"].is_null()) {
      one.scale = field<std::vector<float>>(entry, "scale", path);
      one.offset = field<std::vector<float>>(entry, "offset", path);
    }
    all[slot] = std::move(one);
  }
  return all;
}

// The same of tqc.json: as it was at the end, lists whole.
std::map<std::string, Recorded> final_configurations(const std::string& path) {
  std::map<std::string, Recorded> all;
  for (const json& operation : read_record(path)) {
    for (const char* side : {"inputs", "outputs"}) {
      for (const json& entry : field<json>(operation, side, path)) {
        if (!entry.is_object() || !entry.contains("policy")) continue;
        Recorded one{field<std::string>(entry, "state", path), field<std::string>(entry, "dominated_by", path), field<std::string>(entry, "rounding", path), {}, {}};
        if (!field<json>(entry, "scale", path).is_null()) {
          one.scale = field<std::vector<float>>(entry["scale"], "value", path);
          one.offset = field<std::vector<float>>(entry["offset"], "value", path);
        }
        all[field<std::string>(entry, "id", path)] = std::move(one);
      }
    }
  }
  return all;
}

std::string numbers(const std::vector<float>& values) {
  if (values.empty()) return "none";
  char text[64];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(values[0]));
  return values.size() == 1 ? text : std::string(text) + " ... (" + std::to_string(values.size()) + ")";
}

class PassCheck {
 public:
  // `whole`: the record has all entries of its lists.
  PassCheck(const std::string& pass, const Network& network, bool whole) : network_(network), ours_(slots_of(network)), whole_(whole) {
    result_.pass = pass;
    for (const auto& [slot, id] : ours_) names_[id] = slot;
  }

  PassComparison against(const std::map<std::string, Recorded>& recorded) {
    result_.configurations = recorded.size();
    for (const auto& [slot, entry] : recorded) {
      const auto found = ours_.find(slot);
      if (found == ours_.end()) {
        ++result_.missing;
        add_example(result_.examples, slot + ": recorded, and we have no such configuration");
        continue;
      }
      compare(slot, found->second, entry);
    }
    for (const auto& [slot, id] : ours_) {
      if (recorded.count(slot) != 0) continue;
      ++result_.missing;
      add_example(result_.examples, slot + ": not recorded");
    }
    return result_;
  }

 private:
  void differ(size_t& count, const std::string& slot, const std::string& what, const std::string& ours, const std::string& theirs) {
    if (ours == theirs) return;
    ++count;
    add_example(result_.examples, slot + ": " + what + " " + ours + ", PPQ's " + theirs);
  }

  void compare(const std::string& slot, ConfigId id, const Recorded& recorded) {
    const auto& all = network_.configurations;
    differ(result_.states, slot, "state", std::string(ppq::to_string(all[id].state)), recorded.state);
    differ(result_.roundings, slot, "rounding", std::string(ppq::to_string(all[id].rounding)), recorded.rounding);
    differ(result_.dominators, slot, "dominator", names_.at(all.root(id)), recorded.dominator);
    ppq::ScaleOffset own = all.scale(id);
    if (!whole_) own.scale = traced(own.scale), own.offset = traced(own.offset);
    if (own.scale.empty() && recorded.scale.empty()) return;
    if (same_bits(own.scale, recorded.scale) && same_bits(own.offset, recorded.offset)) {
      ++result_.scales_equal;
    } else if (is_close(own.scale, recorded.scale) && same_bits(own.offset, recorded.offset)) {
      ++result_.scales_close;
      add_example(result_.examples, slot + ": scale " + numbers(own.scale) + ", PPQ's " + numbers(recorded.scale));
    } else {
      ++result_.scales_differ;
      add_example(result_.examples,
                  slot + ": scale " + numbers(own.scale) + " offset " + numbers(own.offset) + ", PPQ's " + numbers(recorded.scale) + " and " + numbers(recorded.offset));
    }
  }

  static bool is_close(const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) { return std::fabs(x - y) <= kClose * std::fabs(static_cast<double>(y)); });
  }

  const Network& network_;
  std::map<std::string, ConfigId> ours_;
  std::map<ConfigId, std::string> names_;
  bool whole_;
  PassComparison result_;
};

// The records' names of files.
std::string file_name(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_' && c != '-') c = '_';
  }
  return name;
}

void compare_parameters(const Network& network, const std::string& folder, RunComparison& result) {
  for (const OperationId id : network.order) {
    const ppq::Operation& operation = network.operation(id);
    for (size_t i = 0; i < operation.inputs.size(); ++i) {
      const std::string path = folder + "params/" + file_name(operation.name) + "_in" + std::to_string(i) + ".baked.npy";
      if (operation.inputs[i] == ppq::kNone || !std::filesystem::exists(path)) continue;
      const auto& value = network.variable(operation.inputs[i]).value;
      const FloatTensor recorded = read_tensor(path);
      std::vector<float> held;
      for (size_t k = 0; value != nullptr && k < value->size(); ++k) held.push_back(value->real(k));
      if (same_bits(held, recorded.data)) {
        ++result.parameters_equal;
        continue;
      }
      ++result.parameters_differ;
      add_example(result.parameter_examples, operation.name + ":in" + std::to_string(i) + " as baked");
    }
  }
}

// The recorded outputs: sim/012_<operation>_out0.npy.
class Simulated {
 public:
  explicit Simulated(const std::string& folder) {
    if (!std::filesystem::is_directory(folder)) return;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.size() > 8 && name.ends_with(".npy")) files_[name.substr(4, name.size() - 8)] = entry.path().string();
    }
  }
  bool any() const { return !files_.empty(); }
  std::optional<FloatTensor> of(const ppq::Operation& operation, size_t output) const {
    const auto found = files_.find(file_name(operation.name) + "_out" + std::to_string(output));
    if (found == files_.end()) return std::nullopt;
    return read_tensor(found->second);
  }

 private:
  std::map<std::string, std::string> files_;
};

TensorComparison compare_tensor(const std::string& name, const FloatTensor& ours, const FloatTensor& recorded, const ppq::Configuration* configuration,
                                const ppq::ScaleOffset* scale) {
  TensorComparison result{name, recorded.size(), 0, 0, configuration != nullptr, 0};
  if (ours.size() != recorded.size())
    throw InputError("'" + name + "' has " + std::to_string(ours.size()) + " elements here and " + std::to_string(recorded.size()) + " in the record");
  double largest = 0, error = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double a = static_cast<double>(ours.data[i]), b = static_cast<double>(recorded.data[i]);
    largest = std::max(largest, std::fabs(b));
    error = std::max(error, std::fabs(a - b));
    if (configuration == nullptr) {
      result.differ += a == b ? 0 : 1;
      continue;
    }
    const double step = static_cast<double>(scale->scale[0]);
    const auto steps = std::llabs(std::llround(a / step) - std::llround(b / step));
    result.differ += steps != 0 ? 1 : 0;
    result.most = std::max<int64_t>(result.most, steps);
  }
  result.greatest_error = largest > 0 ? error / largest : error;
  return result;
}

class Outputs {
 public:
  Outputs(const Network& network, const Simulated& simulated) : network_(network), simulated_(simulated), executor_(network) {}

  // Every operation whose inputs and output are recorded.
  std::vector<TensorComparison> given(const std::vector<FloatTensor>& input) const {
    std::vector<TensorComparison> results;
    for (const OperationId id : ppq::execution_order(network_)) {
      const ppq::Operation& operation = network_.operation(id);
      std::vector<std::optional<FloatTensor>> held;
      bool complete = true;
      for (const ppq::VariableId variable : operation.inputs) {
        held.push_back(input_of(variable, input));
        complete &= held.back().has_value() || variable == ppq::kNone || network_.variable(variable).is_parameter;
      }
      if (!complete) continue;
      std::vector<const FloatTensor*> inputs;
      for (const auto& tensor : held) inputs.push_back(tensor ? &*tensor : nullptr);
      add(id, executor_.run_operation(id, inputs), results);
    }
    return results;
  }

  std::vector<TensorComparison> end_to_end(const std::vector<FloatTensor>& input) const {
    std::vector<TensorComparison> results;
    ppq::Executor::Hooks hooks;
    hooks.after = [&](OperationId id, const ppq::Tensors& outputs) { add(id, outputs, results); };
    executor_.run(input, ppq::Executor::Mode::quantized, hooks);
    return results;
  }

 private:
  std::optional<FloatTensor> input_of(ppq::VariableId variable, const std::vector<FloatTensor>& input) const {
    if (variable == ppq::kNone) return std::nullopt;
    const auto found = std::find(network_.inputs.begin(), network_.inputs.end(), variable);
    if (found != network_.inputs.end()) return input.at(static_cast<size_t>(found - network_.inputs.begin()));
    const OperationId producer = network_.variable(variable).producer;
    if (producer == ppq::kNone) return std::nullopt;
    const auto& outputs = network_.operation(producer).outputs;
    return simulated_.of(network_.operation(producer), static_cast<size_t>(std::find(outputs.begin(), outputs.end(), variable) - outputs.begin()));
  }

  void add(OperationId id, const ppq::Tensors& outputs, std::vector<TensorComparison>& results) const {
    const ppq::Operation& operation = network_.operation(id);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto recorded = simulated_.of(operation, i);
      if (!recorded) continue;
      const ppq::Configuration* configuration = nullptr;
      const ppq::ScaleOffset* scale = nullptr;
      if (i < operation.output_configs.size()) {
        const ConfigId config = operation.output_configs[i];
        if (ppq::quantizes(network_.configurations[config].state)) {
          configuration = &network_.configurations[config];
          scale = &network_.configurations.scale(config);
        }
      }
      results.push_back(compare_tensor(network_.variable(operation.outputs[i]).name, outputs[i], *recorded, configuration, scale));
    }
  }

  const Network& network_;
  const Simulated& simulated_;
  ppq::Executor executor_;
};

void judge(RunComparison& result) {
  const auto fail = [&](const std::string& line) { result.failures.push_back(line); };
  for (const PassComparison& pass : result.passes) {
    const size_t wrong = pass.missing + pass.states + pass.dominators + pass.roundings + pass.scales_differ;
    if (wrong > 0) fail(pass.pass + ": " + std::to_string(wrong) + " differences of configurations");
  }
  for (const std::string& pass : result.unmatched_passes) fail(pass + ": recorded, and not run here");
  if (result.parameters_differ > 0) fail(std::to_string(result.parameters_differ) + " parameters differ as baked");
  uint64_t elements = 0, differ = 0;
  for (const TensorComparison& tensor : result.given) {
    if (tensor.has_codes) {
      elements += tensor.elements;
      differ += tensor.differ;
      if (tensor.most > 1) fail("'" + tensor.name + "': a simulated code differs by " + std::to_string(tensor.most));
    } else if (tensor.greatest_error > kFloatTolerance) {
      fail("'" + tensor.name + "': simulated values differ by " + std::to_string(tensor.greatest_error) + " of the largest");
    }
  }
  const double allowed = result.power_of_two ? 0 : kCodesPerMillion * static_cast<double>(elements) / 1e6;
  if (static_cast<double>(differ) > allowed) fail(std::to_string(differ) + " of " + std::to_string(elements) + " simulated codes differ, given PPQ's inputs");
}

}  // namespace

RecordedSetup read_setup(const std::string& folder) {
  RecordedSetup setup;
  setup.folder = folder.ends_with('/') ? folder : folder + "/";
  const std::string path = setup.folder + "run.json";
  if (!std::filesystem::exists(path) || !std::filesystem::exists(setup.folder + "trace.json")) {
    throw InputError(setup.folder + ": not a recorded run; expected run.json and trace.json in it");
  }
  const json run = read_record(path);
  setup.platform = field<std::string>(run, "platform", path);
  setup.calibration_steps = field<size_t>(run, "calib_steps", path);
  setup.preset = "default";
  if (run.contains("argv")) {
    const auto words = field<std::vector<std::string>>(run, "argv", path);
    const auto found = std::find(words.begin(), words.end(), "--setting");
    if (found != words.end() && found + 1 != words.end()) setup.preset = *(found + 1);
  }
  if (run.contains("seconds") && run["seconds"].contains("quantize")) setup.seconds = run["seconds"]["quantize"].get<double>();
  return setup;
}

RunComparison compare_run(ppq::Network network, const ppq::Context& context, const RecordedSetup& setup, const std::vector<FloatTensor>& input) {
  RunComparison result;
  result.platform = setup.platform;
  result.power_of_two = context.platform.activation.policy.power_of_two;
  const std::string path = setup.folder + "trace.json";
  const json trace = read_record(path);
  std::map<std::string, const json*> recorded;
  for (const json& entry : trace) recorded[field<std::string>(entry, "after", path)] = &entry;
  std::set<std::string> run;
  ppq::run_passes(network, context, ppq::default_passes(context.platform, context.settings), [&](const ppq::PassReport& report, const Network& now) {
    run.insert(report.name);
    const auto found = recorded.find(report.name);
    if (found != recorded.end()) result.passes.push_back(PassCheck(report.name, now, false).against(recorded_configurations(found->second->at("configs"), path)));
  });
  for (const auto& [name, entry] : recorded) {
    if (run.count(name) == 0) result.unmatched_passes.push_back(name);
  }
  result.passes.push_back(PassCheck(kAtTheEnd, network, true).against(final_configurations(setup.folder + "tqc.json")));
  compare_parameters(network, setup.folder, result);
  const Simulated simulated(setup.folder + "sim");
  if (simulated.any() && !input.empty()) {
    const Outputs outputs(network, simulated);
    result.given = outputs.given(input);
    result.end_to_end = outputs.end_to_end(input);
  }
  judge(result);
  return result;
}

}  // namespace assay::verify
