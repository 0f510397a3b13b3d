#include "quant/ppq/block_data.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>

#include "emu/base/error.h"
#include "emu/base/parallel.h"

namespace assay::ppq {
namespace {

size_t bytes_of(const Facts& facts, const std::vector<VariableId>& variables) {
  size_t bytes = 0;
  for (const VariableId id : variables) bytes += id == kNone ? 0 : static_cast<size_t>(element_count(facts.shapes[id])) * sizeof(float);
  return bytes;
}

// A hook that copies the wanted variables as it meets them.
std::function<void(OperationId, const Tensors&)> keep(const Network& network, const std::vector<VariableId>& wanted, Tensors& kept) {
  return [&network, &wanted, &kept](OperationId id, const Tensors& outputs) {
    const Operation& operation = network.operation(id);
    for (size_t i = 0; i < wanted.size(); ++i) {
      const auto found = std::find(operation.outputs.begin(), operation.outputs.end(), wanted[i]);
      if (wanted[i] != kNone && found != operation.outputs.end()) kept[i] = outputs.at(static_cast<size_t>(found - operation.outputs.begin()));
    }
  };
}

}  // namespace

Facts observe(const Network& network, const Executor& executor, const Tensors& sample) {
  Facts facts;
  facts.shapes.resize(network.variables.size());
  facts.known.resize(network.variables.size());
  for (size_t i = 0; i < sample.size(); ++i) facts.shapes[network.inputs[i]] = sample[i].shape;
  std::vector<char> runs(network.operations.size(), 0);
  Executor::Hooks hooks;
  hooks.computed = [&](OperationId id, const Tensors& outputs) {
    runs[id] = 1;
    const Operation& operation = network.operation(id);
    for (size_t i = 0; i < outputs.size() && i < operation.outputs.size(); ++i) {
      if (operation.outputs[i] != kNone) facts.shapes[operation.outputs[i]] = outputs[i].shape;
    }
  };
  executor.run(sample, Executor::Mode::quantized, hooks);
  for (const OperationId id : execution_order(network)) {
    if (runs[id] != 0) continue;
    const Operation& operation = network.operation(id);
    std::vector<KernelInput> inputs;
    for (const VariableId input : operation.inputs) {
      if (input == kNone) {
        inputs.emplace_back();
        continue;
      }
      const auto constant = network.variable(input).is_parameter ? network.variable(input).value : facts.known[input];
      inputs.push_back({true, constant ? constant->shape : facts.shapes[input], constant});
    }
    std::vector<quant::Constant> results = evaluate_known(operation, network.opset, inputs);
    ASSAY_ASSERT(results.size() >= operation.outputs.size());
    for (size_t i = 0; i < operation.outputs.size(); ++i) {
      if (operation.outputs[i] == kNone) continue;
      facts.shapes[operation.outputs[i]] = results[i].shape;
      facts.known[operation.outputs[i]] = std::make_shared<const quant::Constant>(std::move(results[i]));
    }
  }
  return facts;
}

std::optional<Block> derivable_part(const Network& network, const Block& block, const Facts& facts, PassReport& report) {
  const OperationId without = BlockFunction(network, block, facts, Executor::Mode::quantized).without_derivative();
  if (without == kNone) return block;
  const Operation& operation = network.operation(without);
  const std::string why = "block " + to_string(network, block) + ": no derivative of operation '" + operation.name + "' (" + operation.type + ") is known; ";
  for (size_t i = block.operations.size(); i-- > 0;) {
    Block part = cut_block(network, block, block.operations[i]);
    // All that leaves the part must leave it through its last operation.
    const auto inside = [&](OperationId id) { return std::find(part.operations.begin(), part.operations.end(), id) != part.operations.end(); };
    bool closed = !inside(without) && inside(block.first);
    for (const OperationId id : part.operations) {
      for (const OperationId reader : network.downstream(id)) closed = closed && (id == part.last || inside(reader));
    }
    if (!closed) continue;
    report.warnings.push_back(why + "it learns only up to '" + network.operation(part.last).name + "'");
    return part;
  }
  report.warnings.push_back(why + "it is left as it is");
  return std::nullopt;
}

BlockData collect(const Network& network, const Executor& executor, const Context& context, const BlockFunction& block, const Facts& facts, const Fp32Outputs& known,
                  PassReport& report) {
  const size_t bytes = bytes_of(facts, block.inputs()) + bytes_of(facts, block.outputs());
  const size_t count = std::min({context.inputs.count, kBlockSamples, std::max<size_t>(1, kBlockBytes / std::max<size_t>(1, bytes))});
  if (count < context.inputs.count) {
    report.warnings.push_back("a block learns from the first " + std::to_string(count) + " of " + std::to_string(context.inputs.count) +
                              " calibration inputs: " + std::to_string(bytes) + " bytes are kept of each");
  }
  BlockData data{std::vector<Tensors>(count, Tensors(block.inputs().size())), std::vector<Tensors>(count, Tensors(block.outputs().size()))};
  std::atomic<bool> stopped = false;
  const bool has_targets = std::all_of(block.outputs().begin(), block.outputs().end(), [&](VariableId id) { return id == kNone || known.count(id) != 0; });
  parallel_for(count, context.threads, [&](size_t n) {
    if (stopped || (context.cancelled && context.cancelled())) {
      stopped = true;
      return;
    }
    const Tensors sample = context.inputs.get(n);
    for (size_t i = 0; i < block.inputs().size(); ++i) {
      const auto found = std::find(network.inputs.begin(), network.inputs.end(), block.inputs()[i]);
      if (found != network.inputs.end()) data.inputs[n][i] = sample.at(static_cast<size_t>(found - network.inputs.begin()));
    }
    Executor::Hooks hooks;
    hooks.after = keep(network, block.inputs(), data.inputs[n]);
    executor.run(sample, Executor::Mode::quantized, hooks);
    if (has_targets) {
      for (size_t i = 0; i < block.outputs().size(); ++i) {
        if (block.outputs()[i] != kNone) data.targets[n][i] = known.at(block.outputs()[i]).at(n);
      }
      return;
    }
    hooks.after = keep(network, block.outputs(), data.targets[n]);
    executor.run(sample, Executor::Mode::fp32, hooks);
  });
  return stopped ? BlockData{} : data;
}

Fp32Outputs collect_fp32(const Network& network, const Executor& executor, const Context& context, const std::vector<Block>& blocks, const Facts& facts) {
  std::vector<VariableId> wanted;
  for (const Block& block : blocks) {
    for (const VariableId output : network.operation(block.last).outputs) {
      if (output != kNone) wanted.push_back(output);
    }
  }
  const size_t count = std::min(context.inputs.count, kBlockSamples);
  if (bytes_of(facts, wanted) > kBlockBytes / count) return {};
  std::vector<Tensors> kept(count, Tensors(wanted.size()));
  std::atomic<bool> stopped = false;
  parallel_for(count, context.threads, [&](size_t n) {
    stopped = stopped || (context.cancelled && context.cancelled());
    if (stopped) return;
    Executor::Hooks hooks;
    hooks.after = keep(network, wanted, kept[n]);
    executor.run(context.inputs.get(n), Executor::Mode::fp32, hooks);
  });
  Fp32Outputs outputs;
  for (size_t i = 0; i < wanted.size() && !stopped; ++i) {
    for (Tensors& of_sample : kept) outputs[wanted[i]].push_back(std::move(of_sample[i]));
  }
  return outputs;
}

double block_error(const BlockFunction& block, const BlockData& data, int threads) {
  std::vector<double> errors(data.inputs.size(), 0.0);
  parallel_for(errors.size(), threads, [&](size_t n) {
    const Tensors outputs = block.run(data.inputs[n]);
    for (size_t i = 0; i < outputs.size(); ++i) {
      double sum = 0;
      for (size_t k = 0; k < outputs[i].size(); ++k) {
        const double difference = static_cast<double>(outputs[i].data[k]) - static_cast<double>(data.targets[n][i].data[k]);
        sum += difference * difference;
      }
      errors[n] += outputs[i].size() == 0 ? 0.0 : sum / static_cast<double>(outputs[i].size());
    }
  });
  double total = 0;
  for (const double error : errors) total += error;
  return total / static_cast<double>(errors.size());
}

Tensors error_gradient(const Tensors& outputs, const Tensors& targets) {
  Tensors gradients = outputs;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const float factor = 2.0F / static_cast<float>(std::max<size_t>(1, outputs[i].size()));
    for (size_t k = 0; k < outputs[i].size(); ++k) gradients[i].data[k] = factor * (outputs[i].data[k] - targets[i].data[k]);
  }
  return gradients;
}

void set_value(Network& network, VariableId id, FloatTensor value) {
  Variable& variable = network.variable(id);
  if (!variable.fp32) variable.fp32 = variable.value;
  variable.value = std::make_shared<const quant::Constant>(quant::Constant::of_reals(std::move(value.shape), std::move(value.data)));
}

void Lesson::show(size_t step, size_t steps) const {
  if (context.progress) context.progress(report.name, index * steps + step, count * steps);
}

std::string Lesson::line(double before, double after) const {
  char text[80];
  std::snprintf(text, sizeof text, ": mean squared error %.6g -> %.6g", before, after);
  return "block " + to_string(network, block) + text;
}

void for_each_block(Network& network, const Context& context, int64_t block_size, const std::vector<std::string>& interested, bool derivatives, PassReport& report,
                    const std::function<void(const Lesson&)>& learn) {
  std::vector<Block> blocks = build_blocks(network, block_size, interested);
  if (!context.settings.exact) {
    // PPQ goes in the order of its dictionary, where folded operations are last; data flows otherwise.
    const std::vector<OperationId> order = execution_order(network);
    std::vector<size_t> position(network.operations.size(), 0);
    for (size_t i = 0; i < order.size(); ++i) position[order[i]] = i;
    std::stable_sort(blocks.begin(), blocks.end(), [&](const Block& a, const Block& b) { return position[a.first] < position[b.first]; });
  }
  if (blocks.empty()) return;
  if (context.inputs.count == 0) throw InputError(report.name + " needs calibration inputs: there are none");
  for (const Block& block : blocks) {
    for (const OperationId id : block.operations) {
      for (const ConfigId configuration : network.operation(id).input_configs) {
        const State state = network.configurations[configuration].state;
        if (state == State::baked || state == State::passive_baked) {
          throw InputError(report.name + " must come before ParameterBakingPass: parameters of operation '" + network.operation(id).name + "' are baked");
        }
      }
    }
  }
  const Executor first(network);
  const Facts facts = observe(network, first, context.inputs.get(0));
  std::vector<Block> learned;
  for (const Block& block : blocks) {
    const std::optional<Block> part = derivatives ? derivable_part(network, block, facts, report) : std::optional<Block>(block);
    if (part) learned.push_back(*part);
  }
  const Fp32Outputs fp32 = collect_fp32(network, first, context, learned, facts);
  for (size_t i = 0; i < learned.size(); ++i) {
    if (context.cancelled && context.cancelled()) {
      report.warnings.push_back("stopped by the user before block " + to_string(network, learned[i]) + ": " + std::to_string(learned.size() - i) + " blocks are left as they were");
      return;
    }
    const Executor executor(network);
    learn(Lesson{i, learned.size(), network, context, learned[i], facts, executor, fp32, report});
  }
}

void Adam::step(std::vector<float>& values, const std::vector<float>& gradient, double learning_rate) {
  ASSAY_ASSERT(values.size() == first_.size() && gradient.size() == first_.size());
  constexpr float kFirst = 0.9F, kSecond = 0.999F, kEpsilon = 1e-8F;
  power_first_ *= 0.9, power_second_ *= 0.999;
  const auto rate = static_cast<float>(learning_rate / (1.0 - power_first_)), root = static_cast<float>(std::sqrt(1.0 - power_second_));
  for (size_t i = 0; i < values.size(); ++i) {
    first_[i] = kFirst * first_[i] + (1.0F - kFirst) * gradient[i];
    second_[i] = kSecond * second_[i] + (1.0F - kSecond) * gradient[i] * gradient[i];
    values[i] -= rate * first_[i] / (std::sqrt(second_[i]) / root + kEpsilon);
  }
}

}  // namespace assay::ppq
