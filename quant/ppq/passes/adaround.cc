// AdaroundPass (ppq.md 6.8; ppq/quantization/optim/legacy.py at e39eecb; Nagel et al., Up or Down? Adaptive Rounding for Post-Training Quantization): per block, which way each
// weight is rounded.
//   during learning  code = clamp(floor(w/s) + h + o),  h = clamp(1.2 * sigmoid(r) - 0.1, 0, 1),  at first h = w/s - floor(w/s)
//   then             code = clamp(floor(w/s) + [r >= 0] + o),  w = (code - o) * s
// Adam on r, one calibration input per step, in turn; loss = the block's mean squared error + gamma * 0.01 * sum(1 - |2h - 1|^beta), which drives each h to 0 or 1: beta falls from
// 20 to 2 along a cosine after the first fifth of the steps, in which the term is left out. Before that 900 steps of Adam on the scales of the weights, for mean((w - quantized
// w)^2).
//
// In PPQ the term of h is always 0 (its step is shadowed by another variable and always 0) and a block is judged before its h are rounded. So here with Settings.exact, and
// warnings say what that costs; without it the term is there and a block is judged as it will be.
#include <algorithm>
#include <cmath>
#include <set>

#include "quant/ppq/block_data.h"
#include "quant/ppq/passes/learning.h"

namespace assay::ppq {
namespace {

constexpr float kZeta = 1.1F, kGamma = -0.1F;  // the sigmoid is stretched to this range
constexpr double kAlpha = 0.01, kFirstBeta = 20, kLastBeta = 2, kWarmUp = 0.2;
constexpr size_t kScaleSteps = 900;

// The value whose code under fake quantization is exactly `code`.
float value_of_code(float code, float scale, float offset, const Configuration& configuration, bool& exact) {
  float value = (code - offset) * scale;
  Configuration one = configuration;
  one.policy.per_channel = false;
  for (int trial = 0; trial < 4; ++trial) {
    FloatTensor tensor({1}, {value});
    fake_quantize(tensor, one, {{scale}, {offset}, false});
    if (tensor.data[0] == (code - offset) * scale) return value;
    value = std::nextafter(value, tensor.data[0] > value ? -HUGE_VALF : HUGE_VALF);
  }
  exact = false;
  return value;
}

// A weight whose rounding is learned.
class Rounded {
 public:
  Rounded(const Lesson& lesson, const BlockFunction& block, size_t parameter)
      : parameter_(parameter), configuration_(lesson.network.configurations[block.parameters[parameter].configuration]), adam_(block.parameters[parameter].value.size()) {
    const FloatTensor& w = block.parameters[parameter].value;
    scale_ = block.scale_of(block.parameters[parameter]);
    layout_ = scale_layout(w.shape, configuration_, scale_);
    for (size_t i = 0; i < w.size(); ++i) {
      const float t = w.data[i] / scale_.scale[layout_.of(i)], down = std::floor(t);
      down_.push_back(down);
      r_.push_back(-std::log((kZeta - kGamma) / (t - down - kGamma) - 1.0F));
    }
  }
  size_t parameter() const { return parameter_; }

  // w while learning.
  void soften(FloatTensor& used) const {
    for (size_t i = 0; i < r_.size(); ++i) used.data[i] = real(i, clamped(i, stretched(i)));
  }
  // A step along dL/dw; regularizer: gamma * alpha and beta, 0 where there is none.
  void step(const FloatTensor& gradient, double weight, double beta, double rate) {
    std::vector<float> by_r(r_.size());
    for (size_t i = 0; i < r_.size(); ++i) {
      const float sigmoid = 1.0F / (1.0F + std::exp(-r_[i])), raw = (kZeta - kGamma) * sigmoid + kGamma;
      const float h = stretched(i), code = down_[i] + h + offset(i);
      float by_h = code < low() || code > high() ? 0.0F : gradient.data[i] * scale_.scale[layout_.of(i)];
      if (weight != 0) {
        const double side = 2.0 * static_cast<double>(h) - 1.0;
        by_h -= static_cast<float>(weight * 2.0 * beta * std::pow(std::fabs(side), beta - 1.0) * (side > 0 ? 1.0 : -1.0));
      }
      by_r[i] = raw <= 0 || raw >= 1 ? 0.0F : by_h * (kZeta - kGamma) * sigmoid * (1.0F - sigmoid);
    }
    adam_.step(r_, by_r, rate);
  }
  // The final weight; how many codes are others than rounding to the nearest would give.
  FloatTensor harden(const FloatTensor& w, size_t& moved, bool& exact) const {
    FloatTensor made(w.shape), nearest = w;
    fake_quantize(nearest, configuration_, scale_);
    for (size_t i = 0; i < made.size(); ++i) {
      const float code = clamped(i, r_[i] >= 0 ? 1.0F : 0.0F);
      made.data[i] = value_of_code(code, scale_.scale[layout_.of(i)], offset(i), configuration_, exact);
      moved += real(i, code) != nearest.data[i] ? 1 : 0;
    }
    return made;
  }

 private:
  float low() const { return static_cast<float>(configuration_.quant_min); }
  float high() const { return static_cast<float>(configuration_.quant_max); }
  float offset(size_t i) const { return scale_.offset[layout_.of(i)]; }
  float stretched(size_t i) const { return std::clamp((kZeta - kGamma) / (1.0F + std::exp(-r_[i])) + kGamma, 0.0F, 1.0F); }
  float clamped(size_t i, float h) const { return std::clamp(down_[i] + h + offset(i), low(), high()); }
  float real(size_t i, float code) const { return (code - offset(i)) * scale_.scale[layout_.of(i)]; }

  size_t parameter_;
  const Configuration& configuration_;
  ScaleOffset scale_;
  ScaleLayout layout_;
  std::vector<float> down_, r_;
  Adam adam_;
};

double weight_error(const FloatTensor& value, const FloatTensor& used) {
  double sum = 0;
  for (size_t i = 0; i < value.size(); ++i) sum += std::pow(static_cast<double>(value.data[i]) - static_cast<double>(used.data[i]), 2);
  return sum / static_cast<double>(std::max<size_t>(1, value.size()));
}

class RoundingLesson {
 public:
  explicit RoundingLesson(const Lesson& lesson)
      : lesson_(lesson),
        setting_(lesson.context.settings.blockwise_reconstruction),
        exact_(lesson.context.settings.exact),
        block_(lesson.network, lesson.block, lesson.facts, Executor::Mode::quantized) {}

  void run() {
    std::vector<size_t> weights;
    for (size_t i = 0; i < block_.parameters.size(); ++i) {
      const ConfigId id = block_.parameters[i].configuration;
      if (id == kNone) continue;
      const Configuration& configuration = lesson_.network.configurations[id];
      if (configuration.state == State::activated && !configuration.policy.floating && !configuration.policy.dynamic) weights.push_back(i);
    }
    if (weights.empty()) return;
    const BlockData data = lesson_.data(block_);
    if (data.inputs.empty()) return;
    const double before = block_error(block_, data, lesson_.context.threads);
    for (const size_t i : weights) tune_scale(block_.parameters[i]);
    for (const size_t i : weights) rounded_.emplace_back(lesson_, block_, i);
    if (setting_.is_scale_trainable) {
      for (const ConfigId root : block_.activation_scales()) scales_.push_back({root, Adam(block_.scales.at(root).scale.size())});
    }
    const auto steps = static_cast<size_t>(std::max<int64_t>(0, setting_.steps));
    for (size_t step = 0; step < steps && !lesson_.cancelled(); ++step) {
      if (step % 16 == 0) lesson_.show(step, steps);
      learn(data.inputs[step % data.inputs.size()], data.targets[step % data.inputs.size()], step, steps);
    }
    for (const Rounded& one : rounded_) one.soften(block_.parameters[one.parameter()].used);
    const double soft = exact_ ? block_error(block_, data, lesson_.context.threads) : before;
    keep_if_better(data, before, soft);
    lesson_.show(steps, steps);
  }

 private:
  struct Scale {
    ConfigId root;
    Adam adam;
  };

  // mean((w - quantized w)^2) by the scale; as it was where that does not fall.
  void tune_scale(BlockFunction::Parameter& parameter) {
    const Configurations& all = lesson_.network.configurations;
    if (parameter.slot != 1 || !is_computing(lesson_.network.operation(parameter.operation).type) || !is_trainable_scale(all, parameter.configuration)) return;
    const Configuration& configuration = all[parameter.configuration];
    ScaleOffset& scale = block_.scales.at(parameter.configuration);
    const ScaleOffset old = scale;
    const double before = weight_error(parameter.value, parameter.used);
    Adam adam(scale.scale.size());
    const auto count = static_cast<double>(parameter.value.size());
    const double factor = 1.0 / std::sqrt(count * static_cast<double>(configuration.quant_max));
    for (size_t step = 0; step < kScaleSteps && !lesson_.cancelled(); ++step) {
      FloatTensor gradient = parameter.used;
      for (size_t i = 0; i < gradient.size(); ++i) gradient.data[i] = static_cast<float>(2.0 / count) * (gradient.data[i] - parameter.value.data[i]);
      std::vector<double> sums(scale.scale.size(), 0.0);
      pull_back_fake_quantize(parameter.value, configuration, scale, gradient, &sums);
      std::vector<float> by_scale;
      for (const double sum : sums) by_scale.push_back(static_cast<float>(sum * factor));
      adam.step(scale.scale, by_scale, setting_.learning_rate * (step < kScaleSteps / 2 ? 1.0 : (step < kScaleSteps * 2 / 3 ? 0.1 : 0.01)));
      for (float& value : scale.scale) value = std::max(std::fabs(value), 1e-8F);
      block_.quantize(parameter);
    }
    if (weight_error(parameter.value, parameter.used) < before) return;
    scale = old;
    block_.quantize(parameter);
  }

  void learn(const Tensors& inputs, const Tensors& targets, size_t step, size_t steps) {
    for (const Rounded& one : rounded_) one.soften(block_.parameters[one.parameter()].used);
    BlockFunction::Tape tape;
    BlockFunction::Gradients gradients;
    for (const Scale& scale : scales_) gradients.scales[scale.root];
    const Tensors outputs = block_.run(inputs, &tape);
    block_.pull_back(inputs, tape, error_gradient(outputs, targets), gradients);
    const double warm = kWarmUp * static_cast<double>(steps), at = (static_cast<double>(step) - warm) / std::max(1.0, static_cast<double>(steps) - warm);
    const bool regular = !exact_ && at >= 0;
    const double beta = kLastBeta + 0.5 * (kFirstBeta - kLastBeta) * (1.0 + std::cos(at * 3.14159265358979323846));
    for (Rounded& one : rounded_) {
      if (!gradients.parameters[one.parameter()].data.empty())
        one.step(gradients.parameters[one.parameter()], regular ? setting_.gamma * kAlpha : 0.0, beta, setting_.learning_rate);
    }
    for (Scale& one : scales_) {
      std::vector<float>& scale = block_.scales.at(one.root).scale;
      const std::vector<double>& gradient = gradients.scales.at(one.root);
      one.adam.step(scale, std::vector<float>(gradient.begin(), gradient.end()), setting_.learning_rate);
      for (float& value : scale) value = std::max(std::fabs(value), 1e-8F);
    }
  }

  void keep_if_better(const BlockData& data, double before, double soft) {
    Network& network = lesson_.network;
    std::vector<std::pair<VariableId, Variable>> variables;
    std::vector<std::pair<ConfigId, ScaleOffset>> scales;
    size_t moved = 0, all = 0;
    bool exact = true;
    for (const Rounded& one : rounded_) {
      const BlockFunction::Parameter& parameter = block_.parameters[one.parameter()];
      variables.emplace_back(parameter.variable, network.variable(parameter.variable));
      set_value(network, parameter.variable, one.harden(parameter.value, moved, exact));
      all += parameter.value.size();
    }
    if (!exact) lesson_.report.warnings.push_back("block " + to_string(network, lesson_.block) + ": some codes have more bits than float32 and baking will move them");
    for (const auto& [root, scale] : block_.scales) {
      if (!is_trainable_scale(network.configurations, root) || network.configurations.own_scale(root) == scale) continue;
      scales.emplace_back(root, network.configurations.own_scale(root));
      network.configurations.set_scale(root, scale);
    }
    const double hard = block_error(BlockFunction(network, lesson_.block, lesson_.facts, Executor::Mode::quantized), data, lesson_.context.threads);
    if (exact_ ? soft <= before : hard < before) {
      lesson_.report.changes.push_back(lesson_.line(before, hard) + "; " + std::to_string(moved) + " of " + std::to_string(all) + " weights are not rounded to the nearest, " +
                                       std::to_string(scales.size()) + " scales are others");
      if (hard > before) lesson_.report.warnings.push_back(lesson_.line(before, hard) + ": it is worse, but PPQ judges it before its weights are rounded and keeps it");
      return;
    }
    for (auto& [id, variable] : variables) network.variable(id) = std::move(variable);
    for (auto& [root, scale] : scales) network.configurations.set_scale(root, scale);
    lesson_.report.warnings.push_back(lesson_.line(before, hard) + ": it is left as it was");
  }

  const Lesson& lesson_;
  const LearningSetting& setting_;
  bool exact_;
  BlockFunction block_;
  std::vector<Rounded> rounded_;
  std::vector<Scale> scales_;
};

}  // namespace

PassReport adaround(Network& network, const Context& context) {
  PassReport report{"AdaroundPass", {}, {}};
  const LearningSetting& setting = context.settings.blockwise_reconstruction;
  if (context.settings.exact && setting.gamma != 0) {
    report.warnings.push_back("gamma has no effect: PPQ's rounding term is always 0, so that weights end between two codes and are then rounded without having learned it");
  }
  for_each_block(network, context, setting.block_size, setting.interested_layers, true, report, [](const Lesson& lesson) { RoundingLesson(lesson).run(); });
  return report;
}

}  // namespace assay::ppq
