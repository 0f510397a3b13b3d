// SSDEqualizationPass (ppq.md 6.8; ppq/quantization/optim/ssd.py at e39eecb), between the making of configurations and fusion. Chains Conv, Gemm or ConvTranspose ... the next one
// of them, through Relu MaxPool GlobalMaxPool PRelu AveragePool GlobalAveragePool, where each but the last has one consumer only. Per iteration and chain: the chain alone, on its
// FP32 inputs, is calibrated with every slot by itself and its output compared with FP32 (mean squared error); so it is with each of four scalings of the channels in between; the
// best of them stays where its error is below loss_threshold * the error without. In float32, with e = 1e-8, per channel:
//   r1, r2 = max |w| of the first and last operation        a = mean over the steps of max(relu(output of the first), 0)
//   0: s = sqrt(r2 / (r1 + e)) clamped to [0.1, 10]
// else r1, r2, a are raised to channel_ratio * their largest (a also to 0.01); k1 = max(r1) / (r1 + e), k2 of r2 and ka of a likewise;
//   1: s = min(k1, ka)      2: s = min(k1 / k2, ka / k2, 8), divided by its least, clamped to [1, 2]      3: s = sqrt(ka * sqrt(k1 / k2)) clamped to [1, 2]
// The first weights and bias *= s, the last weights /= s. Errors are summed in double (PPQ's order of float32 sums is its library's), so near ties may go the other way.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

#include "emu/base/error.h"
#include "quant/ppq/executor.h"
#include "quant/ppq/observers_run.h"
#include "quant/ppq/passes/equalization_pairs.h"
#include "quant/ppq/passes/optional.h"
#include "quant/ppq/passes/passes.h"

namespace assay::ppq {
namespace {

constexpr size_t kMostSsdSteps = 200;  // PPQ's limit on images per measurement
constexpr int kAlgorithms = 4;
constexpr float kTiny = 1e-8F, kLeastActivation = 0.01F;
constexpr size_t kKeptElements = size_t{1} << 28;  // of a chain's inputs, kept between measurements

using Values = std::vector<float>;
using Chain = std::vector<OperationId>;

bool is_end(const std::string& type) {
  return type == "Conv" || type == "Gemm" || type == "ConvTranspose";
}

bool is_relay(const std::string& type) {
  return type == "Relu" || type == "MaxPool" || type == "GlobalMaxPool" || type == "PRelu" || type == "AveragePool" || type == "GlobalAveragePool";
}

std::vector<Chain> chains(const Network& network) {
  std::vector<Chain> found;
  for (const OperationId id : network.order) {
    if (!is_end(network.operation(id).type)) continue;
    Chain chain{id};
    for (std::vector<OperationId> next = network.downstream(id); next.size() == 1; next = network.downstream(chain.back())) {
      chain.push_back(next[0]);
      const std::string& type = network.operation(next[0]).type;
      if (is_end(type)) found.push_back(chain);
      if (!is_relay(type)) break;
    }
  }
  return found;
}

// The chain as a network of its own, its parameters and configurations copied as they are.
Network network_of(const Network& whole, const Chain& chain) {
  Network made;
  made.name = whole.name, made.opset = whole.opset;
  std::map<VariableId, VariableId> known;
  const auto copy = [&](VariableId id) {
    if (id == kNone) return kNone;
    const auto [at, is_new] = known.emplace(id, 0);
    if (is_new) {
      const Variable& from = whole.variable(id);
      at->second = made.add_variable(from.name);
      Variable& to = made.variable(at->second);
      to.is_parameter = from.is_parameter, to.value = from.value, to.shape = from.shape;
    }
    return at->second;
  };
  for (const OperationId id : chain) {
    Operation operation = whole.operation(id);
    for (auto* list : {&operation.inputs, &operation.outputs}) std::transform(list->begin(), list->end(), list->begin(), copy);
    for (auto* list : {&operation.input_configs, &operation.output_configs}) {
      for (ConfigId& config : *list) config = made.configurations.add(whole.configurations[config]);
    }
    made.add_operation(std::move(operation));
  }
  made.inputs = {made.operation(made.order.front()).inputs.at(0)};
  made.outputs = {made.operation(made.order.back()).outputs.at(0)};
  return made;
}

// What the first operation of the chain reads in FP32, for every calibration input; kept while there is room.
class ChainInputs {
 public:
  ChainInputs(const Network& whole, OperationId first, const InputSet& inputs) : executor_(whole), first_(first), inputs_(inputs), kept_(inputs.count) {
    set_ = {inputs.count, [this](size_t i) { return get(i); }};
    for (size_t i = 0, elements = 0; i < kept_.size() && elements < kKeptElements; ++i) {
      kept_[i] = made(i);
      elements += kept_[i][0].size();
    }
  }
  const InputSet& set() const { return set_; }

 private:
  Tensors get(size_t i) const { return kept_.at(i).empty() ? made(i) : kept_[i]; }
  Tensors made(size_t i) const {
    Tensors found;
    Executor::Hooks hooks;
    hooks.before = [&](OperationId id, const std::vector<const FloatTensor*>& values) {
      if (id == first_) found = {*values.at(0)};
    };
    executor_.run(inputs_.get(i), Executor::Mode::fp32, hooks);
    ASSAY_ASSERT(!found.empty());
    return found;
  }

  Executor executor_;
  OperationId first_;
  const InputSet& inputs_;
  std::vector<Tensors> kept_;
  InputSet set_;
};

void settle_watched(Network& chain, const std::vector<Watched*>& watched) {
  for (const Watched* one : watched) {
    chain.configurations.set_scale(one->configuration, one->observer->result());
    chain.configurations.set_state(one->configuration, State::activated);
  }
}

// Every INITIAL slot by itself, parameters too; then the biases.
void calibrate_chain(Network& chain, const Executor& executor, const Context& context, size_t steps) {
  std::vector<Watched> watched;
  for (const OperationId id : chain.order) {
    const Operation& operation = chain.operation(id);
    const auto add = [&](const std::vector<ConfigId>& configs, const std::vector<VariableId>& variables, bool is_output) {
      for (size_t i = 0; i < configs.size(); ++i) {
        const Configuration& configuration = chain.configurations[configs[i]];
        if (configuration.state == State::initial && variables[i] != kNone) watched.push_back({id, is_output, i, configs[i], make_observer(configuration)});
      }
    };
    add(operation.input_configs, operation.inputs, false);
    add(operation.output_configs, operation.outputs, true);
  }
  std::vector<Watched*> all, once, twice;
  for (Watched& one : watched) {
    all.push_back(&one);
    (one.observer->phases() > 1 ? twice : once).push_back(&one);
  }
  observe(chain, executor, context, steps, "", all);
  for (const Watched* one : all) one->observer->finish_phase();
  settle_watched(chain, once);
  if (!twice.empty()) {
    observe(chain, executor, context, steps, "", twice);
    for (const Watched* one : twice) one->observer->finish_phase();
    settle_watched(chain, twice);
  }
  passive_parameter_quantize(chain, context);
}

// Mean squared difference of the chain's quantized from its FP32 output, over all inputs.
double loss_of(Network chain, const Context& context, size_t steps) {
  const Executor executor(chain);
  calibrate_chain(chain, executor, context, steps);
  double loss = 0;
  for (size_t i = 0; i < context.inputs.count; ++i) {
    const Tensors input = context.inputs.get(i);
    const FloatTensor real = executor.run(input, Executor::Mode::fp32).at(0), quantized = executor.run(input, Executor::Mode::quantized).at(0);
    double sum = 0;
    for (size_t e = 0; e < real.size(); ++e) {
      const double difference = static_cast<double>(real.data[e]) - static_cast<double>(quantized.data[e]);
      sum += difference * difference;
    }
    loss += sum / static_cast<double>(std::max<size_t>(real.size(), 1));
  }
  return loss / static_cast<double>(context.inputs.count);
}

// Mean over the steps of the greatest positive output per channel.
Values activation_range(const Network& chain, const InputSet& inputs, size_t steps) {
  const Executor executor(chain);
  std::vector<Values> of_input(std::min(inputs.count, steps));
  for (size_t i = 0; i < of_input.size(); ++i) {
    Executor::Hooks hooks;
    hooks.computed = [&](OperationId id, const Tensors& outputs) {
      if (id != chain.order.front()) return;
      const FloatTensor& output = outputs.at(0);
      size_t inner = 1;
      for (size_t axis = 2; axis < output.shape.size(); ++axis) inner *= static_cast<size_t>(output.shape[axis]);
      of_input[i].assign(output.shape.size() < 2 ? 1 : static_cast<size_t>(output.shape[1]), 0.0F);
      for (size_t e = 0; e < output.size(); ++e) {
        float& greatest = of_input[i][e / inner % of_input[i].size()];
        greatest = std::max(greatest, output.data[e]);
      }
    };
    executor.run(inputs.get(i), Executor::Mode::fp32, hooks);
  }
  Values sum(of_input.at(0).size(), 0.0F);
  for (size_t step = 0; step < steps; ++step) {
    for (size_t c = 0; c < sum.size(); ++c) sum[c] += of_input[step % of_input.size()][c];
  }
  for (float& value : sum) value /= static_cast<float>(steps);
  return sum;
}

float largest_of(const Values& values) {
  return *std::max_element(values.begin(), values.end());
}

void raise_to(Values& values, float least) {
  for (float& value : values) value = value < least ? least : value;
}

Values reach(const Values& values) {
  const float largest = largest_of(values);
  Values made;
  for (const float value : values) made.push_back(largest / (value + kTiny));
  return made;
}

Values scaling(int algorithm, Values first, Values last, Values activation, float ratio) {
  Values made(first.size());
  if (algorithm == 0) {
    for (size_t c = 0; c < made.size(); ++c) made[c] = std::clamp(std::sqrt(last[c] / (first[c] + kTiny)), 0.1F, 10.0F);
    return made;
  }
  for (Values* values : {&first, &last, &activation}) raise_to(*values, largest_of(*values) * ratio);
  raise_to(activation, kLeastActivation);
  const Values k1 = reach(first), k2 = reach(last), ka = reach(activation);
  for (size_t c = 0; c < made.size(); ++c) {
    if (algorithm == 1) made[c] = std::min(k1[c], ka[c]);
    if (algorithm == 2) made[c] = std::min(std::min(k1[c] / k2[c], ka[c] / k2[c]), 8.0F);
    if (algorithm == 3) made[c] = std::clamp(std::sqrt(ka[c] * std::sqrt(k1[c] / k2[c])), 1.0F, 2.0F);
  }
  if (algorithm != 2) return made;
  const float least = *std::min_element(made.begin(), made.end());
  for (float& value : made) value = std::clamp(value / least, 1.0F, 2.0F);
  return made;
}

// One chain as its own network, and how its parameters are read and scaled.
struct SsdChain {
  Network network;
  EqualizationLayer first, last;

  Values ranges(const EqualizationLayer& layer, bool of_outputs) const {
    Values largest(static_cast<size_t>(of_outputs ? layer.outputs() : layer.inputs()), 0.0F);
    const Values& weight = network.variable(layer.weight()).value->reals;
    for (size_t e = 0; e < weight.size(); ++e) {
      const auto at = static_cast<int64_t>(e);
      float& value = largest[static_cast<size_t>(of_outputs ? layer.output_channel(at) : layer.input_channel(at))];
      value = std::max(value, std::fabs(weight[e]));
    }
    return largest;
  }

  SsdChain scaled(const Values& scale) const {
    SsdChain made = *this;
    std::map<VariableId, quant::Constant> working;
    Values& weight = reals_of(working, network, first.weight());
    for (size_t e = 0; e < weight.size(); ++e) weight[e] *= scale[static_cast<size_t>(first.output_channel(static_cast<int64_t>(e)))];
    if (first.has_bias()) {
      Values& bias = reals_of(working, network, first.bias());
      for (size_t c = 0; c < bias.size(); ++c) bias[c] *= scale[c];
    }
    Values& behind = reals_of(working, network, last.weight());
    for (size_t e = 0; e < behind.size(); ++e) behind[e] /= scale[static_cast<size_t>(last.input_channel(static_cast<int64_t>(e)))];
    store(made.network, working);
    return made;
  }
};

std::optional<SsdChain> chain_of(const Network& whole, const Chain& chain, PassReport& report) {
  SsdChain made{network_of(whole, chain), {}, {}};
  std::string why;
  const auto first = EqualizationLayer::of(made.network, made.network.order.front(), why), last = EqualizationLayer::of(made.network, made.network.order.back(), why);
  if (first && last && first->outputs() != last->inputs()) why = "their numbers of channels differ";
  if (why.empty()) {
    made.first = *first, made.last = *last;
    return made;
  }
  report.warnings.push_back(whole.operation(chain.front()).name + " -> " + whole.operation(chain.back()).name + " are left as they are: " + why);
  return std::nullopt;
}

// The parameters of the first and last operation go back into the whole network.
void write_back(Network& whole, const Chain& chain, const SsdChain& made) {
  const auto copy = [&](OperationId to, OperationId from) {
    for (size_t slot = 1; slot < whole.operation(to).inputs.size(); ++slot) {
      const VariableId id = whole.operation(to).inputs[slot];
      if (id == kNone || !whole.variable(id).is_parameter) continue;
      whole.variable(id).value = made.network.variable(made.network.operation(from).inputs[slot]).value;
      whole.variable(id).fp32 = nullptr;
    }
  };
  copy(chain.front(), made.network.order.front());
  copy(chain.back(), made.network.order.back());
}

std::string error_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

void equalize_chain(Network& whole, const Chain& chain, const Context& context, PassReport& report) {
  const std::optional<SsdChain> original = chain_of(whole, chain, report);
  if (!original) return;
  const ChainInputs inputs(whole, chain.front(), context.inputs);
  const size_t steps = std::min(context.settings.calibration_steps, kMostSsdSteps);
  Context own{context.platform, context.settings, inputs.set(), context.threads, {}, {}};
  Network start = original->network;
  start.variable(start.inputs[0]).shape = inputs.set().get(0).at(0).shape;
  SsdChain base{std::move(start), original->first, original->last};
  const SsdSetting& setting = context.settings.ssd_equalization;
  const Values activation = activation_range(base.network, inputs.set(), steps), first = base.ranges(base.first, true), last = base.ranges(base.last, false);
  const double basic = loss_of(base.network, own, steps);
  double best = basic;
  std::optional<SsdChain> kept;
  int chosen = 0;
  for (int algorithm = 0; algorithm < kAlgorithms && !(context.cancelled && context.cancelled()); ++algorithm) {
    SsdChain tried = base.scaled(scaling(algorithm, first, last, activation, static_cast<float>(setting.channel_ratio)));
    const double loss = loss_of(tried.network, own, steps);
    if (!(loss < basic * setting.loss_threshold && loss < best)) continue;
    best = loss, chosen = algorithm, kept = std::move(tried);
  }
  const std::string names = whole.operation(chain.front()).name + " -> " + whole.operation(chain.back()).name;
  if (!kept) return;
  write_back(whole, chain, *kept);
  report.changes.push_back(names + " are equalized by algorithm " + std::to_string(chosen) + ": mean squared error " + error_text(basic) + " -> " + error_text(best));
}

}  // namespace

PassReport ssd_equalization(Network& network, const Context& context) {
  PassReport report{"SSDEqualizationPass", {}, {}};
  if (context.inputs.count == 0 || !context.inputs.get) throw InputError("SSDEqualizationPass needs calibration inputs, and there are none");
  if (context.settings.calibration_steps == 0) throw InputError("SSDEqualizationPass needs calibration_steps of at least 1");
  const std::vector<Chain> all = chains(network);
  const auto total = static_cast<size_t>(std::max<int64_t>(context.settings.ssd_equalization.iterations, 0)) * all.size();
  size_t done = 0;
  for (; done < total && !(context.cancelled && context.cancelled()); ++done) {
    equalize_chain(network, all[done % all.size()], context, report);
    if (context.progress) context.progress(report.name, done + 1, total);
  }
  std::sort(report.warnings.begin(), report.warnings.end());
  report.warnings.erase(std::unique(report.warnings.begin(), report.warnings.end()), report.warnings.end());
  if (done < total) report.warnings.push_back("cancelled after " + std::to_string(done) + " of " + std::to_string(total) + " chains; what was done stays");
  return report;
}

}  // namespace assay::ppq
