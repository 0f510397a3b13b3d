// BiasCorrectionPass (ppq.md 6.8; ppq/quantization/optim/training.py at e39eecb): quantization moves the mean of a channel; the bias takes it back. Per block, for Conv,
// ConvTranspose and Gemm that have a bias, all measured before any is changed:
//   b[c] += mean(y_fp32[c]) - mean(y_quantized[c])     both runs of the block on its quantized inputs; y as it leaves the operation, the mean over all data
// The block is left as it was where its mean squared error rises. Operations without a bias are passed over, as PPQ passes over them.
#include <algorithm>
#include <optional>

#include "emu/base/parallel.h"
#include "quant/ppq/block_data.h"
#include "quant/ppq/passes/learning.h"

namespace assay::ppq {
namespace {

bool may_have_bias(const Operation& operation) {
  return operation.type == "Conv" || operation.type == "ConvTranspose" || operation.type == "Gemm";
}

// Of one output: the mean of each channel. Gemm's are on the last axis, the others' on axis 1.
std::vector<double> channel_means(const FloatTensor& y, bool last_axis, size_t channels) {
  std::vector<double> sums(channels, 0.0);
  size_t inner = 1;
  for (size_t axis = 2; !last_axis && axis < y.shape.size(); ++axis) inner *= static_cast<size_t>(y.shape[axis]);
  for (size_t i = 0; i < y.size(); ++i) sums[i / inner % channels] += static_cast<double>(y.data[i]);
  for (double& sum : sums) sum *= static_cast<double>(channels) / static_cast<double>(std::max<size_t>(1, y.size()));
  return sums;
}

// The biases of the block, as indices of its parameters.
std::vector<size_t> biases_of(const Lesson& lesson, const BlockFunction& block) {
  std::vector<size_t> found;
  for (size_t i = 0; i < block.parameters.size(); ++i) {
    const BlockFunction::Parameter& parameter = block.parameters[i];
    const Operation& operation = lesson.network.operation(parameter.operation);
    if (parameter.slot != 2 || !may_have_bias(operation)) continue;
    const Shape& y = lesson.facts.shapes[operation.outputs[0]];
    const int64_t channels = operation.type == "Gemm" ? y.back() : y.at(1);
    if (static_cast<int64_t>(parameter.value.size()) == channels) {
      found.push_back(i);
    } else {
      lesson.report.warnings.push_back("the bias of '" + operation.name + "' has not one entry per channel and is left as it is");
    }
  }
  return found;
}

// [bias][channel], the mean over the data.
std::vector<std::vector<double>> means(const Lesson& lesson, const BlockFunction& block, const BlockData& data, const std::vector<size_t>& biases) {
  std::vector<std::vector<std::vector<double>>> each(data.inputs.size(), std::vector<std::vector<double>>(biases.size()));
  parallel_for(data.inputs.size(), lesson.context.threads, [&](size_t n) {
    BlockFunction::Tape tape;
    block.run(data.inputs[n], &tape);
    for (size_t i = 0; i < biases.size(); ++i) {
      const BlockFunction::Parameter& bias = block.parameters[biases[i]];
      const auto at = std::find(lesson.block.operations.begin(), lesson.block.operations.end(), bias.operation) - lesson.block.operations.begin();
      const bool gemm = lesson.network.operation(bias.operation).type == "Gemm";
      each[n][i] = channel_means(tape[static_cast<size_t>(at)].outputs[0], gemm, bias.value.size());
    }
  });
  std::vector<std::vector<double>> all(biases.size());
  for (size_t i = 0; i < biases.size(); ++i) {
    all[i].assign(block.parameters[biases[i]].value.size(), 0.0);
    for (const auto& one : each) {
      for (size_t c = 0; c < all[i].size(); ++c) all[i][c] += one[i][c] / static_cast<double>(each.size());
    }
  }
  return all;
}

void correct(const Lesson& lesson) {
  BlockFunction block(lesson.network, lesson.block, lesson.facts, Executor::Mode::quantized);
  const std::vector<size_t> biases = biases_of(lesson, block);
  if (biases.empty()) return;
  const BlockData data = lesson.data(block);
  if (data.inputs.empty()) return;
  const double before = block_error(block, data, lesson.context.threads);
  const BlockFunction fp32(lesson.network, lesson.block, lesson.facts, Executor::Mode::fp32);
  const auto wanted = means(lesson, fp32, data, biases), found = means(lesson, block, data, biases);
  for (size_t i = 0; i < biases.size(); ++i) {
    BlockFunction::Parameter& bias = block.parameters[biases[i]];
    for (size_t c = 0; c < bias.value.size(); ++c) bias.value.data[c] += static_cast<float>(wanted[i][c] - found[i][c]);
    block.quantize(bias);
  }
  const double after = block_error(block, data, lesson.context.threads);
  if (!(after <= before)) {
    lesson.report.warnings.push_back(lesson.line(before, after) + ": its biases are left as they were");
    return;
  }
  std::string names;
  for (const size_t i : biases) {
    const BlockFunction::Parameter& bias = block.parameters[i];
    names += (names.empty() ? "" : ", ") + lesson.network.operation(bias.operation).name;
    set_value(lesson.network, bias.variable, bias.value);
  }
  lesson.report.changes.push_back(lesson.line(before, after) + ", by the biases of " + names);
}

}  // namespace

PassReport bias_correction(Network& network, const Context& context) {
  PassReport report{"BiasCorrectionPass", {}, {}};
  const BiasCorrectSetting& setting = context.settings.bias_correct;
  for_each_block(network, context, setting.block_size, setting.interested_layers, false, report, [](const Lesson& lesson) {
    correct(lesson);
    lesson.show(1, 1);
  });
  std::string without;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (operation.quantized && may_have_bias(operation) && (operation.inputs.size() < 3 || operation.inputs[2] == kNone)) without += (without.empty() ? "" : ", ") + operation.name;
  }
  if (!without.empty()) report.warnings.push_back("without a bias, so without a correction: " + without);
  return report;
}

}  // namespace assay::ppq
