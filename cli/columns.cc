#include "cli/columns.h"

#include <algorithm>

#include "cli/platform.h"
#include "emu/base/error.h"
#include "quant/fake_quantize.h"
#include "quant/ppq/to_graph.h"

namespace assay::cli {
namespace {

using Tensors = std::vector<quant::FloatTensor>;

// Keeps every value of a float column, by ValueId.
Tensors keep_all(const std::function<void(const quant::Executor::OnValue&)>& run, size_t values) {
  Tensors kept(values);
  run([&](quant::ValueId id, quant::FloatTensor& tensor) { kept[id] = tensor; });
  return kept;
}

class KeepOutputs : public emu::Observer {
 public:
  explicit KeepOutputs(size_t instructions) : results(instructions), overflows(instructions) {}
  void on_output(size_t instruction, const emu::Tensor& result, const emu::OverflowCounts& counts) override {
    results[instruction] = result;
    overflows[instruction] = counts;
  }
  std::vector<emu::Tensor> results;
  std::vector<emu::OverflowCounts> overflows;
};

int64_t largest(const std::vector<float>& scores) {
  return std::max_element(scores.begin(), scores.end()) - scores.begin();
}

}  // namespace

Columns::Columns(const Pipeline& pipeline, emu::Engine engine)
    : pipeline_(pipeline), machine_(pipeline.lowered.program, engine), fp32_(pipeline.quantized.graph), simulator_(pipeline.quantized) {
  const auto& program = pipeline.lowered.program;
  const auto& values = pipeline.quantized.graph.values;
  std::vector<bool> compared(values.size(), true);
  if (pipeline.platform) {
    const ppq::Network& network = pipeline.platform->network;
    network_.emplace(network);
    compared.assign(values.size(), false);
    for (const ppq::Variable& variable : network.variables) {
      const auto found = std::find_if(values.begin(), values.end(), [&](const quant::Value& value) { return value.name == variable.name; });
      value_of_.push_back(found == values.end() ? std::nullopt : std::optional(static_cast<quant::ValueId>(found - values.begin())));
      if (value_of_.back()) compared[*value_of_.back()] = true;
    }
  }
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const auto& map = pipeline.lowered.program_value;
    const auto found = std::find(map.begin(), map.end(), static_cast<int64_t>(program.instructions[i].result));
    if (found == map.end()) continue;
    const auto value = static_cast<quant::ValueId>(found - map.begin());
    if (compared[value]) layers_.push_back({i, value});
  }
}

Tensors Columns::run_network(const Tensors& inputs, ppq::Executor::Mode mode) const {
  Tensors kept(pipeline_.quantized.graph.values.size());
  ppq::Executor::Hooks hooks;
  hooks.after = [&](ppq::OperationId id, const Tensors& outputs) {
    const auto& variables = pipeline_.platform->network.operation(id).outputs;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (variables[i] != ppq::kNone && value_of_[variables[i]]) kept[*value_of_[variables[i]]] = outputs[i];
    }
  };
  network_->run(inputs, mode, hooks);
  return kept;
}

Tensors Columns::fp32_column(const Tensors& inputs) const {
  if (network_) return run_network(inputs, ppq::Executor::Mode::fp32);
  return keep_all([&](const auto& on_value) { fp32_.run(inputs, on_value); }, pipeline_.quantized.graph.values.size());
}

Tensors Columns::ppq_column(const Tensors& inputs) const {
  if (network_) return run_network(inputs, ppq::Executor::Mode::quantized);
  return keep_all([&](const auto& on_value) { simulator_.run(inputs, on_value); }, pipeline_.quantized.graph.values.size());
}

golden::Alignment Columns::empty() const {
  const auto& graph = pipeline_.quantized.graph;
  const auto& program = pipeline_.lowered.program;
  golden::Alignment alignment;
  alignment.model = pipeline_.info.model_file;
  alignment.model_sha256 = pipeline_.info.model_sha256;
  alignment.target = pipeline_.info.target;
  for (const auto& claim : pipeline_.quantized.target.claims) {
    if (claim.evidence == emu::Evidence::assumed) alignment.assumed.push_back(claim);
  }
  if (pipeline_.platform) {
    alignment.notes.push_back("scales are PPQ's for platform " + pipeline_.platform->platform.name);
    for (const std::string& weight : ppq::weights_along_inputs(pipeline_.platform->network))
      alignment.notes.push_back("PPQ has a scale per input channel of '" + weight + "', which no chip has; the target measures that weight itself");
    for (size_t id = 0; id < graph.values.size(); ++id) {
      const auto& tensor = pipeline_.quantized.tensors[id];
      const size_t warning = tensor && graph.values[id].constant ? tensor->provenance.find("warning: ") : std::string::npos;
      if (warning != std::string::npos) alignment.notes.push_back("'" + graph.values[id].name + "': " + tensor->provenance.substr(warning + 9));
    }
    for (const auto& report : pipeline_.platform->reports) alignment.notes.insert(alignment.notes.end(), report.warnings.begin(), report.warnings.end());
  }
  for (const auto& note : pipeline_.lowered.notes) {
    alignment.notes.push_back("the accumulator of '" + note.node + "' (" + note.accumulator + ") can overflow: its worst case needs " + std::to_string(note.bits_needed) + " bits");
  }
  for (const Layer& layer : layers_) {
    const auto& instruction = program.instructions[layer.instruction];
    golden::LayerAlignment row;
    row.name = graph.value(layer.value).name;
    row.node = graph.nodes.at(pipeline_.lowered.node_of[layer.instruction]).name;
    row.operation = std::string(emu::operation_name(instruction.operation));
    row.shape = graph.value(layer.value).shape;
    row.is_output = std::count(graph.outputs.begin(), graph.outputs.end(), layer.value) > 0;
    row.engine_note = machine_.why_reference(layer.instruction);
    alignment.layers.push_back(std::move(row));
  }
  return alignment;
}

golden::Alignment Columns::compare(const std::string& sample, const Tensors& inputs, int64_t label) const {
  const auto& graph = pipeline_.quantized.graph;
  const auto& program = pipeline_.lowered.program;
  const Tensors fp32 = fp32_column(inputs);
  const Tensors ppq = ppq_column(inputs);
  KeepOutputs emulated(program.instructions.size());
  machine_.run(quant::quantize_inputs(program, inputs), emulated);

  golden::Alignment alignment = empty();
  alignment.samples = 1;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const emu::Tensor& codes = emulated.results[layer.instruction];
    const emu::ValueInfo& info = program.values[program.instructions[layer.instruction].result];
    const auto& quantization = pipeline_.quantized.tensors[layer.value];
    ASSAY_ASSERT(quantization.has_value());
    const quant::FloatTensor real = quant::dequantize(codes, info);
    golden::LayerAlignment& row = alignment.layers[i];
    row.ppq_fp32.add(ppq[layer.value].data, fp32[layer.value].data);
    row.emu_fp32.add(real.data, fp32[layer.value].data);
    row.emu_ppq.add(real.data, ppq[layer.value].data);
    row.emu_vs_ppq.add(sample, codes, emu::Tensor(info.type, info.shape, quant::quantize(ppq[layer.value], *quantization)));
    row.overflows = emulated.overflows[layer.instruction];
    if (label >= 0 && !graph.outputs.empty() && layer.value == graph.outputs[0]) {
      alignment.accuracy = golden::Accuracy{1, static_cast<uint64_t>(largest(fp32[layer.value].data) == label), static_cast<uint64_t>(largest(ppq[layer.value].data) == label),
                                            static_cast<uint64_t>(largest(real.data) == label)};
    }
  }
  return alignment;
}

}  // namespace assay::cli
