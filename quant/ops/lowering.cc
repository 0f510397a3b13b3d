#include "quant/ops/lowering.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/channels.h"
#include "quant/exact/fp32_constants.h"
#include "quant/fake_quantize.h"

namespace assay::quant {
namespace {

// A limit of an activation in the output's steps: PPQ's quantization is monotone, so clamping words is the same as quantizing the clamped real.
int64_t limit_of(float limit, const TensorQuantization& to) {
  if (std::isinf(limit)) return limit < 0 ? to.storage.low : to.storage.high;
  return word_of(limit, to);
}

// The word, or the bound that it lies beyond.
int64_t kept_between(int64_t word, int64_t low, int64_t high, emu::IntType type) {
  if (emu::is_smaller(word, low, type)) return low;
  return emu::is_smaller(high, word, type) ? high : word;
}

// Whether the bounds leave out anything that the type holds.
bool narrows(const emu::ClampBounds& bounds, emu::IntType type) {
  if (!type.is_float()) return bounds.low > type.min() || bounds.high < type.max();
  return std::isfinite(number_of_word(bounds.low, type)) || std::isfinite(number_of_word(bounds.high, type));
}

int bits_needed(const emu::Accumulator& accumulator, Wide worst) {
  int bits = accumulator.result().bits;
  while (bits < 126 && worst > (Wide{1} << (accumulator.result().is_signed ? bits - 1 : bits)) - 1) ++bits;
  return bits;
}

}  // namespace

std::string described(const Node& node) {
  return "node '" + node.name + "' (" + node.onnx_type + ")";
}

Lowering::Lowering(const Quantized& quantized) : quantized_(quantized), program_value_(quantized.graph.values.size(), -1) {
  ASSAY_ASSERT(quantized.tensors.size() == quantized.graph.values.size());
  program_.target = quantized.target.name;
  program_.model = quantized.graph.name;
  for (const ValueId id : graph().inputs) {
    const TensorQuantization& own = quantization(id);
    program_.inputs.push_back({add_value(id), own.round, own.storage.low, own.storage.high});
  }
  for (const Node& node : graph().nodes) add_value(node.output);
}

uint32_t Lowering::add_value(ValueId id) {
  const TensorQuantization& own = quantization(id);
  if (const Shape& shape = shape_of(id); own.scale.size() != 1 && (own.axis != 1 || shape.size() < 2 || static_cast<int64_t>(own.scale.size()) != shape[1])) {
    throw InputError("tensor '" + graph().value(id).name + "' has " + std::to_string(own.scale.size()) + " scales; a tensor of shape " + assay::to_string(shape) +
                     " takes one, or one for each index of axis 1");
  }
  const auto index = static_cast<uint32_t>(program_.values.size());
  program_.values.push_back({graph().value(id).name, shape_of(id), own.storage.type, own.zero_point, {}});
  std::vector<emu::Dyadic>& scales = program_.values.back().scale;
  scales.clear();
  for (const float scale : own.scale) scales.push_back(to_dyadic(scale));
  program_value_[id] = index;
  return index;
}

const TensorQuantization& Lowering::quantization(ValueId id) const {
  const auto& own = quantized_.tensors.at(id);
  if (!own || own->scale.empty()) throw InputError("tensor '" + graph().value(id).name + "' has no quantization; calibrate the whole graph before lowering it");
  for (const float scale : own->scale) {
    if (!(scale > 0) || std::isinf(scale)) throw InputError("tensor '" + graph().value(id).name + "' has a scale of " + std::to_string(scale) + "; a scale is positive and finite");
  }
  return *own;
}

float Lowering::scale_of(ValueId id) const {
  const TensorQuantization& own = quantization(id);
  if (own.scale.size() != 1) {
    throw InputError("tensor '" + graph().value(id).name + "' has " + std::to_string(own.scale.size()) + " scales, one for each channel, and is read where only one can be");
  }
  return own.scale[0];
}

Wide Lowering::magnitude_of(ValueId id) const {
  const TensorQuantization& own = quantization(id);
  return std::max(Wide{own.storage.high} - own.zero_point, Wide{own.zero_point} - own.storage.low);
}

bool Lowering::copies_words(const Node& node) const {
  const bool same_types = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) { return quantization(id).storage.type == quantization(node.output).storage.type; });
  return same_types && same_meaning(node, quantized_);
}

bool Lowering::same_words(ValueId a, ValueId b) const {
  return quantization(a).storage.type == quantization(b).storage.type && quantization(a).scale == quantization(b).scale && zero_point_of(a) == zero_point_of(b);
}

emu::Ref Lowering::operand(ValueId id) {
  if (program_value_[id] >= 0) return {false, static_cast<uint32_t>(program_value_[id])};
  const Value& value = graph().value(id);
  ASSAY_ASSERT(value.constant.has_value());
  const TensorQuantization& own = quantization(id);
  return constant(value.name, emu::Tensor(own.storage.type, value.shape, quantize(*value.constant, own)));
}

emu::Ref Lowering::constant(const std::string& name, emu::Tensor tensor) {
  std::vector<uint32_t>& same_name = constants_[name];
  for (const uint32_t index : same_name) {
    if (program_.constants[index].tensor == tensor) return {true, index};
  }
  const auto index = static_cast<uint32_t>(program_.constants.size());
  program_.constants.push_back({same_name.empty() ? name : name + "#" + std::to_string(same_name.size() + 1), std::move(tensor)});
  same_name.push_back(index);
  return {true, index};
}

emu::StepsRef Lowering::steps(const emu::Steps& steps) {
  const auto [at, is_new] = steps_.emplace(to_string(steps), static_cast<uint32_t>(program_.step_lists.size()));
  if (is_new) program_.step_lists.push_back(steps);
  return {at->second};
}

emu::ScaleRef Lowering::scales(const std::vector<emu::QScale>& all) {
  std::vector<emu::QScale> entries = all;
  if (std::all_of(entries.begin(), entries.end(), [&](const emu::QScale& entry) { return entry == entries[0]; })) entries.resize(1);
  std::vector<std::array<int64_t, 8>> key;
  for (const emu::QScale& e : entries) {
    key.push_back({e.multiplier, e.left.bits, e.right.bits, e.first.bits, e.fp32.scale.bits, e.fp32.bias.bits, e.fp32.output.bits, e.fp32.slope.bits});
  }
  const auto [at, is_new] = scales_.emplace(std::move(key), static_cast<uint32_t>(program_.scales.size()));
  if (is_new) program_.scales.push_back(entries);
  return {at->second};
}

std::vector<emu::QScale> Lowering::entries_for(const Node& node, const std::vector<Ratio>& ratios, const emu::Steps& steps, std::string_view key) {
  const bool in_fp32 = emu::computes_in_fp32(steps);
  std::vector<emu::QScale> entries;
  for (const Ratio& ratio : ratios) {
    if (in_fp32) {
      emu::QScale& entry = entries.emplace_back();
      entry.fp32.scale = fp32_scale(ratio, target().binary32.value());
      if (!ratio.denominator.empty()) entry.fp32.output = fp32_output(static_cast<float>(ratio.denominator[0]), *target().binary32);
      continue;
    }
    std::string problem;
    const auto entry = decompose(ratio, steps, emu::multiplier_of(target(), key), problem);
    if (!entry) {
      forbid(node, std::string(key) + " with [multiplier]: the ratio of scales " + std::to_string(approximate(ratio)) + " " + problem);
      return {};
    }
    entries.push_back(*entry);
  }
  return entries;
}

emu::ScaleRef Lowering::scales(const Node& node, const std::vector<Ratio>& ratios, const emu::Steps& steps, std::string_view key) {
  const std::vector<emu::QScale> entries = entries_for(node, ratios, steps, key);
  return entries.empty() ? emu::ScaleRef{} : scales(entries);
}

emu::ScaleRef Lowering::divided_scale(const Node& node, const Ratio& ratio, std::string_view key) {
  std::string problem;
  const auto entry = decompose_divided(ratio, emu::multiplier_of(target(), key), problem);
  if (entry) return scales({*entry});
  forbid(node, "[multiplier]: the ratio of scales " + std::to_string(approximate(ratio)) + " " + problem);
  return {};
}

emu::Requant Lowering::requant(const Node& node, const std::vector<Ratio>& ratios, const emu::Steps& steps, std::string_view key) {
  return requant(node, scales(node, ratios, steps, key), steps, key);
}

emu::Requant Lowering::requant(const Node& node, emu::ScaleRef scale, const emu::Steps& list, std::string_view key) {
  const emu::ClampBounds clamp = bounds(node);
  const emu::IntType type = quantization(node.output).storage.type;
  if (narrows(clamp, type) && !emu::holds(list, emu::clamps_activation)) {
    forbid(node, std::string(key) + " has no `clamp`, and the output must stay in " + std::to_string(clamp.low) + " to " + std::to_string(clamp.high));
  }
  return {scale, steps(list), clamp};
}

emu::ClampBounds Lowering::bounds(const Node& node) const {
  const TensorQuantization& to = quantization(node.output);
  emu::ClampBounds all{to.storage.low, to.storage.high};
  const auto narrow = [&](const Operator& op) {
    int64_t low = to.storage.low;
    int64_t high = to.storage.high;
    if (std::holds_alternative<Relu>(op)) {
      low = limit_of(0, to);  // whatever the scale
    } else if (const auto* clip = std::get_if<Clip>(&op)) {
      ASSAY_ASSERT(scale_of(node.output) > 0);  // one, or InputError
      high = limit_of(clip->high, to);
      low = limit_of(clip->low, to);
      if (emu::is_smaller(high, low, to.storage.type)) low = high;
    } else {
      return false;
    }
    all = {kept_between(all.low, low, high, to.storage.type), kept_between(all.high, low, high, to.storage.type)};
    return true;
  };
  narrow(node.op);
  for (const Operator& op : node.fused) ASSAY_ASSERT(std::holds_alternative<LeakyRelu>(op) || narrow(op));  // a slope is a step, no bound
  return all;
}

void Lowering::emit(const Node& node, emu::Operation operation) {
  ASSAY_ASSERT(program_value_[node.output] >= 0);
  program_.instructions.push_back({static_cast<uint32_t>(program_value_[node.output]), std::move(operation)});
  node_of_.push_back(static_cast<size_t>(&node - graph().nodes.data()));
}

void Lowering::check_accumulator(const Node& node, const emu::Accumulator& accumulator, Wide worst_magnitude) {
  if (quantization(node.output).storage.type.is_float()) return;  // a sum of numbers is rounded, and overflows are counted
  if (!emu::fits(accumulator, worst_magnitude)) notes_.push_back({node.name, to_string(accumulator), bits_needed(accumulator, worst_magnitude)});
}

void Lowering::forbid(const Node& node, const std::string& reason) {
  forbidden_.push_back(described(node) + ": targets/" + target().name + ".toml: " + reason);
}

void Lowering::forbid_operator(const Node& node, std::string_view key) {
  forbid(node, "ops." + std::string(key) + ".supported = false");
}

Lowered Lowering::finish() {
  for (const ValueId id : graph().outputs) {
    if (program_value_[id] < 0) throw InputError("output '" + graph().value(id).name + "' is a constant: nothing computes it; take it out of the model's outputs");
    program_.outputs.push_back(static_cast<uint32_t>(program_value_[id]));
  }
  if (!forbidden_.empty()) throw Unsupported("target '" + target().name + "' cannot run the whole model:", forbidden_);
  return {std::move(program_), std::move(node_of_), std::move(program_value_), std::move(notes_)};
}

}  // namespace assay::quant
