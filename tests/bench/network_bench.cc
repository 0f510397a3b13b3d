// How fast whole networks run on one thread: FP32 execution, the PPQ simulator and the emulator on the same input in the same run. The columns take turns image by image, each is
// timed by the CPU time of its thread (what else the machine does counts little), and the median of all turns is told: ratios of one table can be trusted further than its numbers.
#include <fmt/core.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "emu/machine.h"
#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/execute/simulate.h"
#include "quant/graph/passes/passes.h"
#include "quant/lower.h"
#include "quant/onnx/import_onnx.h"
#include "vectors/inputs.h"

namespace assay {
namespace {

struct Network {
  std::string name;
  std::string model, inputs;  // files; inputs is a folder of samples
  Shape shape;                // of the input where the model leaves it open
  bool reference = false;     // small enough for the reference engine
};

std::vector<Network> networks() {
  const std::string own = ASSAY_SOURCE_DIR "/vectors/models/", shared = ASSAY_SHARED_DIR "/models/";
  const auto from_shared = [&](const std::string& name, const Shape& shape, bool reference) {
    return Network{name, shared + "onnx/" + name + ".onnx", shared + "calib/" + name, shape, reference};
  };
  return {{"digits", own + "digits.onnx", own + "inputs", {}, true}, from_shared("resnet8_cifar10", {}, true), from_shared("mobilenetv2_dequant_fp32", {1, 3, 224, 224}, false)};
}

struct Options {
  bool json = false;
  bool profile = false;                                   // a line per kind of instruction
  double seconds = 2.0;                                   // CPU time to spend on each column but the reference
  std::string only;                                       // a network's name, or all
  std::string targets = ASSAY_SOURCE_DIR "/emu/targets";  // a folder of them
};

using Sample = std::vector<quant::FloatTensor>;

// Seconds of CPU time that this thread has used.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// One way to run an image, and what each turn took.
struct Column {
  std::string name;
  std::function<void(const Sample&)> run;
  size_t turns = 0;  // at most; 0: as many as the time allows
  std::vector<double> seconds;

  double median() const {
    std::vector<double> sorted = seconds;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<int64_t>(sorted.size() / 2), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

void take_turns(std::vector<Column>& columns, const std::vector<Sample>& samples, double seconds) {
  for (auto& column : columns) column.run(samples[0]);  // caches warm, memory taken
  double spent = 0;
  for (size_t turn = 0; turn < 3 || spent < seconds; ++turn) {
    for (auto& column : columns) {
      if (column.turns != 0 && turn >= column.turns) continue;
      const double start = cpu_seconds();
      column.run(samples[turn % samples.size()]);
      column.seconds.push_back(cpu_seconds() - start);
    }
    spent += columns[0].seconds.back();
  }
}

// Adds up the time between results, by operation.
class Profile : public emu::Observer {
 public:
  explicit Profile(const emu::Program& program) : program_(program) {}
  void start() { last_ = cpu_seconds(); }
  void on_output(size_t instruction, const emu::Tensor&, const emu::OverflowCounts&) override {
    const double now = cpu_seconds();
    seconds_[std::string(emu::operation_name(program_.instructions[instruction].operation))] += now - last_;
    last_ = cpu_seconds();
  }
  void print(size_t runs) const {
    for (const auto& [operation, seconds] : seconds_) fmt::print("    {:<16}{:>10.3f} ms an image\n", operation, 1e3 * seconds / static_cast<double>(runs));
  }

 private:
  const emu::Program& program_;
  double last_ = 0;
  std::map<std::string, double> seconds_;
};

std::vector<Sample> load_samples(const Network& network, const quant::Graph& graph, size_t count) {
  std::vector<vectors::InputDescription> inputs;
  for (const auto id : graph.inputs) inputs.push_back({graph.value(id).name, graph.value(id).shape});
  auto found = vectors::find_samples(network.inputs, inputs);
  if (found.size() > count) found.resize(count);
  std::vector<Sample> samples;
  for (const auto& sample : found) {
    auto& tensors = samples.emplace_back();
    for (auto& tensor : vectors::load_sample(sample, inputs, {})) tensors.emplace_back(tensor.shape, tensor.data);
  }
  return samples;
}

nlohmann::json measure(const Network& network, const emu::Target& target, const Options& options) {
  quant::ImportOptions import_options;
  if (!network.shape.empty()) import_options.shapes[""] = network.shape;
  quant::Graph graph = quant::import_onnx(network.model, import_options);
  quant::simplify(graph);
  const auto samples = load_samples(network, graph, 4);
  const quant::InputSet set{samples.size(), [&](size_t i) { return samples[i]; }};
  const quant::Quantized quantized = quant::calibrate(std::move(graph), target, set, {});
  const quant::Lowered lowered = quant::lower(quantized);

  const quant::Executor fp32(quantized.graph);
  const quant::Simulator simulator(quantized);
  const emu::Machine fast(lowered.program, emu::Engine::fast), reference(lowered.program, emu::Engine::reference);
  emu::Observer nobody;
  const auto emulate = [&](const emu::Machine& machine) { return [&](const Sample& sample) { machine.run(quant::quantize_inputs(lowered.program, sample), nobody); }; };
  std::vector<Column> columns{
      {"fp32", [&](const Sample& sample) { fp32.run(sample); }, 0, {}}, {"ppq", [&](const Sample& sample) { simulator.run(sample); }, 0, {}}, {"emulation", emulate(fast), 0, {}}};
  if (network.reference) columns.push_back({"reference", emulate(reference), 5, {}});
  take_turns(columns, samples, options.seconds);

  nlohmann::json row{{"network", network.name}, {"target", target.name}};
  for (const auto& column : columns) row[column.name + "_per_second"] = 1 / column.median();
  row["emulation_to_fp32"] = columns[0].median() / columns[2].median();
  row["emulation_to_ppq"] = columns[1].median() / columns[2].median();
  if (network.reference) row["emulation_to_reference"] = columns[3].median() / columns[2].median();
  auto& slow = row["instructions_by_reference"] = nlohmann::json::object();
  for (size_t i = 0; i < lowered.program.instructions.size(); ++i) {
    if (!fast.why_reference(i).empty()) slow[std::string(emu::operation_name(lowered.program.instructions[i].operation))] = fast.why_reference(i);
  }
  if (options.profile) {
    Profile profile(lowered.program);
    const size_t runs = columns[2].seconds.size();
    for (size_t i = 0; i < runs; ++i) {
      const auto inputs = quant::quantize_inputs(lowered.program, samples[i % samples.size()]);
      profile.start();
      fast.run(inputs, profile);
    }
    fmt::print("  {} on {}\n", network.name, target.name);
    profile.print(runs);
  }
  return row;
}

std::string cell(const nlohmann::json& row, const std::string& key, int digits) {
  return row.contains(key) ? fmt::format("{:.{}f}", row[key].get<double>(), digits) : "-";
}

void print_row(const nlohmann::json& row) {
  fmt::print("{:<26}{:<10}{:>11}{:>11}{:>11}{:>11}{:>10}{:>10}{:>15}\n", row["network"].get<std::string>(), row["target"].get<std::string>(), cell(row, "fp32_per_second", 1),
             cell(row, "ppq_per_second", 1), cell(row, "emulation_per_second", 1), cell(row, "reference_per_second", 2), cell(row, "emulation_to_fp32", 2),
             cell(row, "emulation_to_ppq", 2), cell(row, "emulation_to_reference", 1));
  for (const auto& [operation, why] : row["instructions_by_reference"].items()) fmt::print("    {} runs by its reference: {}\n", operation, why.get<std::string>());
}

void run(const Options& options) {
  if (!options.json) {
    fmt::print("Images per second of one thread's CPU time (median of turns), and ratios within the run.\n\n");
    fmt::print("{:<26}{:<10}{:>11}{:>11}{:>11}{:>11}{:>10}{:>10}{:>15}\n", "network", "target", "FP32", "PPQ", "emulation", "reference", "emu/FP32", "emu/PPQ", "emu/reference");
  }
  nlohmann::json rows = nlohmann::json::array(), skipped = nlohmann::json::array();
  for (const Network& network : networks()) {
    if (!options.only.empty() && options.only != network.name) continue;
    if (!std::filesystem::exists(network.model)) {
      skipped.push_back(network.name);
      if (!options.json) fmt::print("{:<26}skipped: the model is not among this tree's files\n", network.name);
      continue;
    }
    for (const auto& file : emu::list_targets(options.targets)) {
      rows.push_back(measure(network, emu::load_target(file), options));
      if (!options.json) print_row(rows.back());
    }
  }
  if (options.json) fmt::print("{}\n", nlohmann::json{{"networks", rows}, {"skipped", skipped}}.dump(2));
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  assay::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      options.json = true;
    } else if (argument == "--profile") {
      options.profile = true;
    } else if (argument == "--seconds" && i + 1 < argc) {
      options.seconds = std::atof(argv[++i]);
    } else if (argument == "--only" && i + 1 < argc) {
      options.only = argv[++i];
    } else if (argument == "--targets" && i + 1 < argc) {
      options.targets = argv[++i];
    } else {
      fmt::print(stderr, "network_bench [--json] [--profile] [--seconds N] [--only NETWORK] [--targets FOLDER]\n");
      return 2;
    }
  }
  try {
    assay::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "network_bench: {}\n", error.what());
    return 2;
  }
  return 0;
}
