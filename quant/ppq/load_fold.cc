#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/ppq/load.h"
#include "quant/ppq/load_steps.h"

namespace assay::ppq {
namespace {

using quant::Constant;

bool takes_bias(const Operation& operation) {
  return operation.type == "Conv" || operation.type == "ConvTranspose" || operation.type == "Gemm";
}

const Constant* parameter(const Network& network, const Operation& operation, size_t input) {
  if (input >= operation.inputs.size() || operation.inputs[input] == kNone) return nullptr;
  const Variable& variable = network.variable(operation.inputs[input]);
  return variable.is_parameter ? variable.value.get() : nullptr;
}

// The number of output channels: of a Conv's weight [OC, IC/g, ...], a ConvTranspose's [IC, OC/g, ...], a Gemm's [K, N] or [N, K].
int64_t channels_of(const Loading& loading, OperationId id, const Constant& weight) {
  const Operation& operation = loading.network.operation(id);
  const size_t least = operation.type == "Gemm" ? 2 : 3;
  if (weight.kind != quant::Kind::real || weight.shape.size() < least)
    loading.fail(id, "its weight " + assay::to_string(weight.shape) + " has too few axes or is not of floating point");
  if (operation.type == "Conv") return weight.shape[0];
  if (operation.type == "Gemm") return weight.shape[integer_attribute(loading, id, "transB").value_or(0) != 0 ? 0 : 1];
  const int64_t group = integer_attribute(loading, id, "group").value_or(1);
  if (group < 1 || weight.shape[0] % group != 0) loading.fail(id, "its group " + std::to_string(group) + " does not divide the weight " + assay::to_string(weight.shape));
  return element_count({weight.shape[1], group});
}

// The channel of each element of the weight, one after the other.
std::vector<size_t> channel_of_elements(const Loading& loading, OperationId id, const Constant& weight) {
  const Operation& operation = loading.network.operation(id);
  const auto rows = static_cast<size_t>(weight.shape[0]), columns = static_cast<size_t>(weight.shape[1]);
  const size_t inner = rows * columns == 0 ? 0 : weight.size() / (rows * columns);
  const auto group = static_cast<size_t>(operation.type == "ConvTranspose" ? integer_attribute(loading, id, "group").value_or(1) : 1);
  const bool by_row = operation.type == "Conv" || (operation.type == "Gemm" && integer_attribute(loading, id, "transB").value_or(0) != 0);
  std::vector<size_t> channels;
  channels.reserve(weight.size());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) channels.insert(channels.end(), inner, by_row ? row : row / (rows / group) * columns + column);
  }
  return channels;
}

// y = scale * x + shift of a BatchNormalization: d = sqrt(var + epsilon), scale = gamma / d, shift(b) = (gamma * (b - mean)) / d + beta, every step in float32 (ppq.md 6.0).
struct Normalization {
  std::vector<float> gamma, beta, mean, root;
  float scale(size_t c) const { return gamma[c] / root[c]; }
  float shift(size_t c, float bias) const { return (gamma[c] * (bias - mean[c])) / root[c] + beta[c]; }
};

// nullopt where one of the four is not a constant.
std::optional<Normalization> normalization_of(const Loading& loading, OperationId id) {
  const Operation& operation = loading.network.operation(id);
  std::vector<std::vector<float>> four;
  for (size_t input = 1; input <= 4; ++input) {
    const Constant* values = parameter(loading.network, operation, input);
    if (values == nullptr) return std::nullopt;
    if (values->kind != quant::Kind::real || values->reals.empty() || (!four.empty() && four[0].size() != values->reals.size())) {
      loading.fail(id, "scale, bias, mean and variance must be of floating point and have one entry per channel each");
    }
    four.push_back(values->reals);
  }
  Normalization made{std::move(four[0]), std::move(four[1]), std::move(four[2]), std::move(four[3])};
  const float epsilon = real_attribute(loading, id, "epsilon").value_or(1e-5F);
  for (float& value : made.root) {
    value = std::sqrt(value + epsilon);
    if (!(value > 0)) loading.fail(id, "a variance plus epsilon is not above zero");
  }
  return made;
}

bool only_first_output_is_used(const Loading& loading, const Operation& operation) {
  for (size_t i = 1; i < operation.outputs.size(); ++i) {
    const VariableId output = operation.outputs[i];
    if (output != kNone && (!loading.network.variable(output).readers.empty() || loading.is_output(output))) return false;
  }
  return true;
}

// The constant of a bias Add in one dimension; nullopt where it is no bias.
std::optional<Constant> bias_of(const Loading& loading, OperationId id, const Constant& added) {
  const Operation& operation = loading.network.operation(id);
  const Constant* weight = parameter(loading.network, operation, 1);
  if (operation.type == "Gemm") return added;
  if (weight == nullptr || added.kind != quant::Kind::real || added.shape.size() != weight->shape.size() || added.shape.size() < 2) return std::nullopt;
  const int64_t channels = channels_of(loading, id, *weight);
  if (added.shape[1] != channels || channels < 2 || static_cast<int64_t>(added.size()) != channels) return std::nullopt;
  return reshaped(added, {channels});
}

void fold(Loading& loading, OperationId id, OperationId normalization, const Normalization& numbers) {
  Network& network = loading.network;
  Constant weight = *parameter(network, network.operation(id), 1);
  const int64_t channels = channels_of(loading, id, weight);
  if (static_cast<int64_t>(numbers.gamma.size()) != channels) {
    loading.fail(normalization, "normalizes " + std::to_string(numbers.gamma.size()) + " channels, '" + network.operation(id).name + "' makes " + std::to_string(channels));
  }
  const std::vector<size_t> channel = channel_of_elements(loading, id, weight);
  weight.given.reset();
  for (size_t i = 0; i < weight.reals.size(); ++i) weight.reals[i] *= numbers.scale(channel[i]);
  const Constant* given = parameter(network, network.operation(id), 2);
  if (given != nullptr && given->size() != numbers.gamma.size()) loading.fail(id, "its bias " + assay::to_string(given->shape) + " does not have one entry per output channel");
  std::vector<float> bias(numbers.gamma.size());
  for (size_t c = 0; c < bias.size(); ++c) bias[c] = numbers.shift(c, given == nullptr ? 0.0F : given->real(c));

  Operation folded = network.operation(id);
  const VariableId result = network.operation(normalization).outputs[0];
  network.remove_operation(id), network.remove_operation(normalization);
  const VariableId weight_id = loading.parameter(std::move(weight), folded.name + "_weight");
  const VariableId bias_id = loading.parameter(Constant::of_reals({channels}, std::move(bias)), folded.name + "_bias");
  folded.inputs = {folded.inputs[0], weight_id, bias_id};
  folded.outputs = {result};
  network.add_operation(std::move(folded));
}

// Only a constant weight and bias, and nobody else who reads what lies between the two.
bool may_fold(const Loading& loading, OperationId id, OperationId normalization) {
  const Network& network = loading.network;
  const Operation &operation = network.operation(id), &next = network.operation(normalization);
  if (next.inputs.empty() || next.inputs[0] != operation.outputs[0] || loading.is_output(operation.outputs[0])) return false;
  if (network.upstream(normalization).size() != 1 || !only_first_output_is_used(loading, next)) return false;
  if (parameter(network, operation, 1) == nullptr) return false;
  return operation.inputs.size() < 3 || operation.inputs[2] == kNone || parameter(network, operation, 2) != nullptr;
}

}  // namespace

void fuse_bias_adds(Loading& loading) {
  Network& network = loading.network;
  const std::vector<OperationId> order = network.order;
  for (const OperationId id : order) {
    if (!takes_bias(network.operation(id)) || network.operation(id).inputs.size() != 2 || loading.is_output(network.operation(id).outputs.at(0))) continue;
    const std::vector<OperationId> next = network.downstream(id);
    if (next.size() != 1 || network.operation(next[0]).type != "Add" || network.operation(next[0]).inputs.size() != 2) continue;
    const Operation& add = network.operation(next[0]);
    const size_t constant = add.inputs[0] == network.operation(id).outputs[0] ? 1 : 0;
    const Constant* added = parameter(network, add, constant);
    if (added == nullptr) continue;
    std::optional<Constant> bias = bias_of(loading, id, *added);
    if (!bias) continue;
    network.set_input(next[0], constant, kNone);
    network.set_input(next[0], 0, network.operation(id).outputs[0]);  // the bypassed side first
    network.set_input(id, 2, loading.parameter(std::move(*bias)));
    bypass(network, next[0]);
  }
}

void fold_normalizations(Loading& loading) {
  Network& network = loading.network;
  const std::vector<OperationId> order = network.order;
  for (const OperationId id : order) {
    if (!takes_bias(network.operation(id)) || network.operation(id).outputs.empty()) continue;
    const std::vector<OperationId> next = network.downstream(id);
    if (next.size() != 1 || network.operation(next[0]).type != "BatchNormalization" || !may_fold(loading, id, next[0])) continue;
    if (const auto numbers = normalization_of(loading, next[0])) fold(loading, id, next[0], *numbers);
  }
}

// Those that are left become depthwise 1 x 1 convolutions, where they are not known to work on matrices.
void normalizations_to_convolutions(Loading& loading) {
  Network& network = loading.network;
  for (const OperationId id : network.order) {
    if (network.operation(id).type != "BatchNormalization" || !only_first_output_is_used(loading, network.operation(id))) continue;
    const VariableId source = network.operation(id).inputs.at(0);
    if (source == kNone) continue;
    const Variable& input = network.variable(source);
    if (!input.shape.empty() && input.shape.size() != 4) continue;
    const std::string before = input.producer == kNone ? "" : network.operation(input.producer).type;
    if (before == "Gemm" || before == "MatMul" || before == "Flatten") continue;
    const auto numbers = normalization_of(loading, id);
    if (!numbers) continue;
    const auto channels = static_cast<int64_t>(numbers->gamma.size());
    std::vector<float> weight(numbers->gamma.size()), bias(numbers->gamma.size());
    for (size_t c = 0; c < weight.size(); ++c) weight[c] = numbers->scale(c), bias[c] = numbers->shift(c, 0.0F);
    for (size_t i = 1; i <= 4; ++i) network.set_input(id, i, kNone);
    network.set_input(id, 1, loading.parameter(Constant::of_reals({channels, 1, 1, 1}, std::move(weight))));
    network.set_input(id, 2, loading.parameter(Constant::of_reals({channels}, std::move(bias))));
    Operation& operation = network.operation(id);
    operation.type = "Conv", operation.domain.clear();
    operation.inputs.resize(3), operation.outputs.resize(1);
    const std::vector<int64_t> one = {1, 1};
    operation.attributes = {{"kernel_shape", one}, {"strides", one}, {"dilations", one}, {"pads", std::vector<int64_t>(4, 0)}, {"group", channels}};
  }
}

}  // namespace assay::ppq
