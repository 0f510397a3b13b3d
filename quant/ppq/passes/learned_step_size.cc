// LearnedStepSizePass (ppq.md 6.8; ppq/quantization/optim/training.py at e39eecb; Esser et al., Learned Step Size Quantization): per block, Adam on
//   loss = sum over the block's outputs of mean((y_quantized - y_fp32)^2) [+ gamma * mean((w - quantized w)^2)]
// over weights, biases and slopes, and over the scales of weights and activations, one calibration input per step, in turn. Rounding is passed straight through; a scale's gradient
// is multiplied by 1 / sqrt(elements * quant_max) and |scale| is used. Scales that are powers of two, and passive ones, are not trained; offsets are not either. A block is left as
// it was where its error does not fall.
//
// PPQ ignores is_scale_trainable = false and its gamma has no gradient; so here with Settings.exact, and a warning says so. Without it both do what their names say.
#include <algorithm>
#include <cmath>
#include <set>

#include "quant/ppq/block_data.h"
#include "quant/ppq/passes/learning.h"

namespace assay::ppq {
namespace {

constexpr float kLeastLearnedScale = 1e-8F;

class StepSizeLesson {
 public:
  explicit StepSizeLesson(const Lesson& lesson)
      : lesson_(lesson), setting_(lesson.context.settings.lsq), block_(lesson.network, lesson.block, lesson.facts, Executor::Mode::quantized) {
    const bool scales = setting_.is_scale_trainable || lesson.context.settings.exact;
    std::set<ConfigId> roots;
    if (scales) roots.insert(block_.activation_scales().begin(), block_.activation_scales().end());
    for (size_t i = 0; i < block_.parameters.size(); ++i) {
      const BlockFunction::Parameter& parameter = block_.parameters[i];
      const Operation& operation = lesson.network.operation(parameter.operation);
      if (!operation.quantized || (!is_computing(operation.type) && parameter.configuration == kNone)) continue;
      values_.push_back({i, Adam(parameter.value.size())});
      if (scales && parameter.configuration != kNone && is_trainable_scale(lesson.network.configurations, parameter.configuration)) roots.insert(parameter.configuration);
    }
    for (const ConfigId root : roots) scales_.push_back({root, Adam(block_.scales.at(root).scale.size())});
  }

  void run() {
    if (values_.empty() && scales_.empty()) return;
    const BlockData data = lesson_.data(block_);
    if (data.inputs.empty()) return;
    const double before = block_error(block_, data, lesson_.context.threads);
    const auto steps = static_cast<size_t>(std::max<int64_t>(0, setting_.steps));
    for (size_t step = 0; step < steps && !lesson_.cancelled(); ++step) {
      if (step % 16 == 0) lesson_.show(step, steps);
      learn(data.inputs[step % data.inputs.size()], data.targets[step % data.inputs.size()]);
    }
    keep_if_better(data, before);
    lesson_.show(steps, steps);
  }

 private:
  struct Value {
    size_t parameter;
    Adam adam;
  };
  struct Scale {
    ConfigId root;
    Adam adam;
  };

  void learn(const Tensors& inputs, const Tensors& targets) {
    BlockFunction::Tape tape;
    BlockFunction::Gradients gradients;
    for (const Scale& scale : scales_) gradients.scales[scale.root];
    const Tensors outputs = block_.run(inputs, &tape);
    block_.pull_back(inputs, tape, error_gradient(outputs, targets), gradients);
    for (Value& one : values_) {
      BlockFunction::Parameter& parameter = block_.parameters[one.parameter];
      FloatTensor& gradient = gradients.parameters[one.parameter];
      if (gradient.data.empty()) continue;
      if (parameter.configuration != kNone) through_quantization(parameter, gradient, gradients);
      if (setting_.gamma != 0 && !lesson_.context.settings.exact && parameter.slot == 1) {
        const auto factor = static_cast<float>(2.0 * setting_.gamma / static_cast<double>(gradient.size()));
        for (size_t i = 0; i < gradient.size(); ++i) gradient.data[i] += factor * (parameter.value.data[i] - parameter.used.data[i]);
      }
      one.adam.step(parameter.value.data, gradient.data, setting_.learning_rate);
    }
    for (Scale& one : scales_) {
      std::vector<float>& scale = block_.scales.at(one.root).scale;
      const std::vector<double>& gradient = gradients.scales.at(one.root);
      one.adam.step(scale, std::vector<float>(gradient.begin(), gradient.end()), setting_.learning_rate);
      for (float& value : scale) value = std::max(std::fabs(value), kLeastLearnedScale);
    }
    for (const Value& one : values_) block_.quantize(block_.parameters[one.parameter]);
  }

  // dL/d value from dL/d used, and the share of the scale.
  void through_quantization(const BlockFunction::Parameter& parameter, FloatTensor& gradient, BlockFunction::Gradients& gradients) const {
    const Configuration& configuration = lesson_.network.configurations[parameter.configuration];
    const auto learned = gradients.scales.find(parameter.configuration);
    std::vector<double> sums(learned == gradients.scales.end() ? 0 : learned->second.size(), 0.0);
    pull_back_fake_quantize(parameter.value, configuration, block_.scale_of(parameter), gradient, sums.empty() ? nullptr : &sums);
    const double factor = 1.0 / std::sqrt(static_cast<double>(gradient.size()) * static_cast<double>(configuration.quant_max));
    for (size_t c = 0; c < sums.size(); ++c) learned->second[c] += sums[c] * factor;
  }

  // Judged by the network as it then is: limits of Clip follow scales too.
  void keep_if_better(const BlockData& data, double before) {
    Network& network = lesson_.network;
    std::vector<Variable> variables;
    std::vector<ScaleOffset> old_scales;
    for (const Value& one : values_) {
      const BlockFunction::Parameter& parameter = block_.parameters[one.parameter];
      variables.push_back(network.variable(parameter.variable));
      set_value(network, parameter.variable, parameter.value);
    }
    for (const Scale& one : scales_) {
      old_scales.push_back(network.configurations.own_scale(one.root));
      network.configurations.set_scale(one.root, block_.scales.at(one.root));
    }
    const double after = block_error(BlockFunction(network, lesson_.block, lesson_.facts, Executor::Mode::quantized), data, lesson_.context.threads);
    if (after < before) {
      lesson_.report.changes.push_back(lesson_.line(before, after) + ", by " + std::to_string(values_.size()) + " parameters and " + std::to_string(scales_.size()) + " scales");
      return;
    }
    for (size_t i = 0; i < values_.size(); ++i) network.variable(block_.parameters[values_[i].parameter].variable) = variables[i];
    for (size_t i = 0; i < scales_.size(); ++i) network.configurations.set_scale(scales_[i].root, old_scales[i]);
    lesson_.report.warnings.push_back(lesson_.line(before, after) + ": it is left as it was");
  }

  const Lesson& lesson_;
  const LearningSetting& setting_;
  BlockFunction block_;
  std::vector<Value> values_;
  std::vector<Scale> scales_;
};

}  // namespace

PassReport learned_step_size(Network& network, const Context& context) {
  PassReport report{"LearnedStepSizePass", {}, {}};
  const LearningSetting& setting = context.settings.lsq;
  if (context.settings.exact && !setting.is_scale_trainable) report.warnings.push_back("scales are trained although is_scale_trainable is false: PPQ ignores it");
  if (context.settings.exact && setting.gamma != 0) report.warnings.push_back("gamma has no effect: in PPQ its term has no gradient");
  for_each_block(network, context, setting.block_size, setting.interested_layers, true, report, [](const Lesson& lesson) { StepSizeLesson(lesson).run(); });
  return report;
}

}  // namespace assay::ppq
