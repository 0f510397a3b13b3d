// What an operator's lower() works with: the Program under construction, and the questions that all of them ask. Scales, step lists and constants are stored once.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "quant/exact/ratio.h"
#include "quant/lower.h"

namespace assay::quant {

class Lowering {
 public:
  // Makes every value of the Program: graph inputs first, then the node outputs in order.
  explicit Lowering(const Quantized& quantized);

  const Graph& graph() const { return quantized_.graph; }
  const emu::Target& target() const { return quantized_.target; }

  bool has_quantization(ValueId id) const { return quantized_.tensors.at(id).has_value(); }
  // InputError where the tensor has no quantization.
  const TensorQuantization& quantization(ValueId id) const;
  // The one scale of a tensor that is quantized as a whole; InputError where it is per channel.
  float scale_of(ValueId id) const;
  int64_t zero_point_of(ValueId id) const { return quantization(id).zero_point; }
  const Shape& shape_of(ValueId id) const { return graph().value(id).shape; }
  // max |q - zero_point| over the storage.
  Wide magnitude_of(ValueId id) const;
  // Same type, scale and zero point: words can be copied from one to the other.
  bool same_words(ValueId a, ValueId b) const;
  // An operator that hands on words, or Concat: every channel of the output has the type, scale and zero point of the one that it comes from.
  bool copies_words(const Node& node) const;

  // %n of a value, or @kn of a constant quantized by its own rule.
  emu::Ref operand(ValueId id);
  emu::Ref constant(const std::string& name, emu::Tensor tensor);
  emu::StepsRef steps(const emu::Steps& steps);

  // The rule, or null after forbid("ops.<key>.supported = false").
  template <class Rule>
  const Rule* rule(const Node& node, const std::optional<Rule>& rule, std::string_view key) {
    if (!rule) forbid_operator(node, key);
    return rule ? &*rule : nullptr;
  }
  // The same for the rules that are yes or no.
  bool allowed(const Node& node, bool rule, std::string_view key) {
    if (!rule) forbid_operator(node, key);
    return rule;
  }

  // One QScale for each ratio, binary32 constants where the steps compute there (quant/exact/fp32_constants.h says what a ratio's factors are); empty after forbid(). `key`: of the
  // steps, named where no QScale can stand for a ratio.
  std::vector<emu::QScale> entries_for(const Node& node, const std::vector<Ratio>& ratios, const emu::Steps& steps, std::string_view key);
  // The same as a scale of the Program: one entry, or one per channel; equal entries become one.
  emu::ScaleRef scales(const Node& node, const std::vector<Ratio>& ratios, const emu::Steps& steps, std::string_view key);
  emu::ScaleRef scales(const std::vector<emu::QScale>& entries);
  // For emu::divide_scaled.
  emu::ScaleRef divided_scale(const Node& node, const Ratio& ratio, std::string_view key);
  const std::vector<emu::QScale>& entries(emu::ScaleRef ref) const { return program_.scales[ref.index]; }
  // From accumulator to the node's output, its clamp bounds included.
  emu::Requant requant(const Node& node, const std::vector<Ratio>& ratios, const emu::Steps& steps, std::string_view key);
  emu::Requant requant(const Node& node, emu::ScaleRef scale, const emu::Steps& steps, std::string_view key);
  // Storage's low..high, narrowed by the node itself (Relu, Clip) and by what is fused into it.
  emu::ClampBounds bounds(const Node& node) const;

  // Writes the node's output.
  void emit(const Node& node, emu::Operation operation);
  // A note where sums of that magnitude can leave the accumulator.
  void check_accumulator(const Node& node, const emu::Accumulator& accumulator, Wide worst_magnitude);
  // The target cannot do this node; gathered, thrown by finish(). `reason` starts with the key.
  void forbid(const Node& node, const std::string& reason);
  // How often forbid was called: whoever sees it grow leaves the rest of the node alone.
  size_t forbidden() const { return forbidden_.size(); }

  // The Program, not yet verified, or Unsupported with everything that was forbidden.
  Lowered finish();

 private:
  void forbid_operator(const Node& node, std::string_view key);
  uint32_t add_value(ValueId id);

  const Quantized& quantized_;
  emu::Program program_;
  std::vector<size_t> node_of_;
  std::vector<int64_t> program_value_;
  std::vector<AccumulatorNote> notes_;
  std::vector<std::string> forbidden_;
  std::map<std::string, uint32_t> steps_;                           // by text
  std::map<std::vector<std::array<int64_t, 8>>, uint32_t> scales_;  // by every number of every entry
  std::map<std::string, std::vector<uint32_t>> constants_;          // by name before it was made unique
};

// "node 'conv1' (Conv)"
std::string described(const Node& node);

// What Relu, Clip and LeakyRelu standing alone, and every Unary, become where the chip has a table and no instruction for them.
void lower_to_table(const Operator& op, const std::string& function, const Node& node, Lowering& lowering);
// A table for each channel (PRelu).
void lower_to_tables(const std::vector<Operator>& by_channel, const std::string& function, const Node& node, Lowering& lowering);
// MaxPool, Pad, Reshape, Transpose, Slice, ResizeNearest: input and output share their words by construction. InputError where they do not.
void check_copies(const Node& node, const Lowering& lowering);

}  // namespace assay::quant
