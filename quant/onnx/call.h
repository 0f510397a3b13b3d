// One ONNX node together with what is known of its inputs: what the evaluation of constants and the conversion to typed operators both read. The rules of shapes and of
// attributes that became inputs (axes, starts, pads ...) with some opset are here, once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quant/graph/graph.h"
#include "quant/onnx/model.h"

namespace assay::quant {

struct Argument {
  bool present = false;
  Shape shape;
  ConstantPtr constant;  // where the value is known
  bool words = false;    // the integers of a quantized tensor, whose real value is in the graph
  bool dequantized = false;
  ValueId id = 0;  // else the value in the graph
};

// Throughout: InputError says what is wrong with the node, Unsupported what we lack; who catches them adds the node's name.
struct Call {
  const OnnxNode& node;
  int64_t opset;
  std::vector<Argument> arguments;

  bool has(size_t i) const { return i < arguments.size() && arguments[i].present; }
  const Argument& argument(size_t i) const;  // InputError where it is left out
  const Shape& shape(size_t i) const { return argument(i).shape; }
  int64_t rank(size_t i) const { return static_cast<int64_t>(shape(i).size()); }
  bool is_constant(size_t i) const { return has(i) && arguments[i].constant != nullptr; }
  // A constant input; Unsupported where it is computed. `what` names it: "weight".
  const Constant& constant(size_t i, const std::string& what) const;
  std::vector<int64_t> integers(size_t i, const std::string& what) const;
  // One number, as a tensor of one element; the fallback where the input is left out.
  float scalar(size_t i, const std::string& what, float fallback) const;
  bool has_output(size_t i) const { return i < node.outputs.size() && !node.outputs[i].empty(); }
};

// -rank <= axis < rank, made non-negative.
int64_t normalized_axis(int64_t axis, int64_t rank);
// Normalized, each once, ascending.
std::vector<int64_t> normalized_axes(const std::vector<int64_t>& axes, int64_t rank);
// A list that is the attribute `key` before `since_opset` and input i from then on; nullopt where it is given in neither.
std::optional<std::vector<int64_t>> list_argument(const Call& call, const std::string& key, size_t i, int64_t since_opset);

Shape reshape_target(const Call& call);
Shape flatten_target(const Call& call);
Shape squeeze_target(const Call& call);
Shape unsqueeze_target(const Call& call);
std::vector<int64_t> permutation_of(const Call& call);
Shape permuted(const Shape& shape, const std::vector<int64_t>& permutation);
Shape concat_shape(const Call& call, int64_t axis);

// One entry per axis of input 0. Steps are never 0; negative ones walk down from their start.
struct SliceRule {
  std::vector<int64_t> starts, steps;
  Shape extents;
};
SliceRule slice_rule(const Call& call);

// The extent of each output along `axis`.
std::vector<int64_t> split_extents(const Call& call, int64_t axis);

struct PadRule {
  std::vector<int64_t> begins, ends;  // negative: crop
  float value = 0;
};
PadRule pad_rule(const Call& call);

// Dropout: Unsupported where it really drops.
void refuse_training(const Call& call);

// x[N,C,..]: DepthToSpace and SpaceToDepth as reshape to `split`, transpose, reshape to `result`.
struct BlockRule {
  Shape split;
  std::vector<int64_t> permutation;
  Shape result;
};
BlockRule block_rule(const Call& call);

}  // namespace assay::quant
