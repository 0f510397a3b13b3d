// HorizontalLayerSplitPass (ppq.md 6.8; ppq/quantization/optim/morph.py at e39eecb), before quantization. Of the listed layers only: where |w| > value_threshold, s = w / 2
// ("balance") or w times a random number of [0, 1) ("random"), elsewhere s = 0. The layer keeps w - s and its bias, a new one of the same type and attributes has s, and a new Add
// gives their sum under the old name. PPQ's random numbers differ from run to run; ours are the same every time.
#include <cmath>
#include <random>

#include "emu/base/error.h"
#include "quant/ppq/load.h"
#include "quant/ppq/passes/optional.h"

namespace assay::ppq {
namespace {

constexpr uint64_t kSplitSeed = 10086;

struct SplitWeight {
  quant::Constant rest, part;
  size_t processed = 0;
};

SplitWeight split_weight(const quant::Constant& weight, const WeightSplitSetting& setting) {
  SplitWeight made{weight, weight, 0};
  const auto threshold = static_cast<float>(setting.value_threshold);
  const bool random = setting.method == "random";
  std::mt19937_64 numbers(kSplitSeed);
  for (size_t i = 0; i < weight.reals.size(); ++i) {
    const float value = weight.reals[i];
    const bool chosen = std::fabs(value) > threshold;
    const float part = random ? value * (static_cast<float>(numbers() >> 40) * 0x1p-24F) : value / 2.0F;
    made.part.reals[i] = part * (chosen ? 1.0F : 0.0F);
    made.rest.reals[i] = value - made.part.reals[i];
    made.processed += chosen ? 1 : 0;
  }
  made.rest.given.reset(), made.part.given.reset();
  return made;
}

OperationId find_layer(const Network& network, const std::string& name) {
  const auto found = network.find_operation(name);
  const std::string begin = "HorizontalLayerSplitPass: layer " + name;
  if (!found) throw InputError(begin + " is not in the network; look at the names of its operations");
  const Operation& operation = network.operation(*found);
  const std::string& type = operation.type;
  if (type != "Gemm" && type != "MatMul" && type != "Conv" && type != "ConvTranspose")
    throw InputError(begin + " is a " + type + "; split can be Gemm, MatMul, Conv and ConvTranspose");
  if (operation.quantized) throw InputError(begin + " is quantized already; the split comes before quantization");
  const Variable* weight = operation.inputs.size() > 1 && operation.inputs[1] != kNone ? &network.variable(operation.inputs[1]) : nullptr;
  if (weight == nullptr || !weight->is_parameter || !weight->value || weight->value->kind != quant::Kind::real) throw InputError(begin + " has no constant real weight as input 1");
  return *found;
}

VariableId add_parameter(Network& network, quant::Constant value) {
  const VariableId id = network.add_variable(next_variable_name(network));
  network.variable(id).is_parameter = true;
  network.variable(id).value = std::make_shared<const quant::Constant>(std::move(value));
  return id;
}

// The layer writes to a new variable; the new layer and the sum stand at the end of the order, as PPQ appends them.
void insert_layer(Network& network, OperationId id, quant::Constant part) {
  const Operation first = network.operation(id);
  const VariableId result = first.outputs.at(0), weight = add_parameter(network, std::move(part));
  const auto intermediate = [&] {
    const VariableId made = network.add_variable(next_variable_name(network));
    network.variable(made).shape = network.variable(result).shape;
    return made;
  };
  const VariableId left = intermediate(), right = intermediate();
  network.operation(id).outputs[0] = left;
  network.variable(left).producer = id;
  Operation second{next_operation_name(network), first.type, first.domain, first.attributes, {first.inputs[0], weight}, {right}, first.platform, false, {}, {}};
  network.add_operation(std::move(second));
  network.add_operation(Operation{next_operation_name(network), "Add", first.domain, {}, {left, right}, {result}, first.platform, false, {}, {}});
}

}  // namespace

PassReport weight_split(Network& network, const Context& context) {
  PassReport report{"HorizontalLayerSplitPass", {}, {}};
  const WeightSplitSetting& setting = context.settings.weight_split;
  if (setting.interested_layers.empty()) throw InputError("HorizontalLayerSplitPass needs the names of the layers to split (interested_layers); there is none");
  if (setting.method != "balance" && setting.method != "random") {
    throw InputError("HorizontalLayerSplitPass: method is \"" + setting.method + "\"; there are \"balance\" and \"random\"");
  }
  std::vector<OperationId> layers;
  for (const std::string& name : setting.interested_layers) layers.push_back(find_layer(network, name));
  for (size_t i = 0; i < layers.size(); ++i) {
    if (context.cancelled && context.cancelled()) {
      report.warnings.push_back("cancelled after " + std::to_string(i) + " of " + std::to_string(layers.size()) + " layers; what was done stays");
      break;
    }
    const std::string name = network.operation(layers[i]).name;
    const VariableId weight = network.operation(layers[i]).inputs[1];
    SplitWeight made = split_weight(*network.variable(weight).value, setting);
    if (made.processed != 0) {
      network.variable(weight).value = std::make_shared<const quant::Constant>(std::move(made.rest));
      network.variable(weight).fp32 = nullptr;
      insert_layer(network, layers[i], std::move(made.part));
      report.changes.push_back(name + " is split in two: " + std::to_string(made.processed) + " weights");
    } else {
      report.warnings.push_back(name + " has no weight beyond the threshold and is not split");
    }
    if (context.progress) context.progress(report.name, i + 1, layers.size());
  }
  return report;
}

}  // namespace assay::ppq
