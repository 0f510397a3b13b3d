#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "quant/onnx/convert.h"

namespace assay::quant {
namespace {

void convert_same(const Call& call, Builder& builder) {
  builder.alias(call, 0, builder.input(call, 0));
}

void convert_dropout(const Call& call, Builder& builder) {
  refuse_training(call);
  convert_same(call, builder);
}

template <Shape (*Target)(const Call&)>
void convert_reshape(const Call& call, Builder& builder) {
  const Shape to = Target(call);
  builder.result(call, 0, Reshape{}, {builder.input(call, 0)}, to);
}

void convert_transpose(const Call& call, Builder& builder) {
  const std::vector<int64_t> permutation = permutation_of(call);
  builder.result(call, 0, Transpose{permutation}, {builder.input(call, 0)}, permuted(call.shape(0), permutation));
}

void convert_concat(const Call& call, Builder& builder) {
  const int64_t axis = normalized_axis(call.node.integer("axis", 1), call.rank(0));
  const Shape shape = concat_shape(call, axis);
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    if (element_count(call.shape(i)) != 0) inputs.push_back(builder.input(call, i));  // an empty constant adds nothing
  }
  if (inputs.size() == 1) return builder.alias(call, 0, inputs[0]);
  builder.result(call, 0, Concat{axis}, std::move(inputs), shape);
}

void convert_slice(const Call& call, Builder& builder) {
  const SliceRule rule = slice_rule(call);
  const ValueId x = builder.input(call, 0);
  if (rule.extents == call.shape(0) && std::all_of(rule.steps.begin(), rule.steps.end(), [](int64_t s) { return s == 1; })) return builder.alias(call, 0, x);
  builder.result(call, 0, Slice{rule.starts, rule.steps}, {x}, rule.extents);
}

void convert_split(const Call& call, Builder& builder) {
  const int64_t axis = normalized_axis(call.node.integer("axis", 0), call.rank(0));
  const auto at = static_cast<size_t>(axis);
  const std::vector<int64_t> parts = split_extents(call, axis);
  const ValueId x = builder.input(call, 0);
  if (parts.size() == 1) return builder.alias(call, 0, x);
  Slice slice{std::vector<int64_t>(call.shape(0).size(), 0), std::vector<int64_t>(call.shape(0).size(), 1)};
  Shape shape = call.shape(0);
  for (size_t i = 0; i < parts.size(); ++i) {
    shape[at] = parts[i];
    if (call.has_output(i)) builder.result(call, i, slice, {x}, shape);
    slice.starts[at] += parts[i];
  }
}

// A negative pad crops first.
void convert_pad(const Call& call, Builder& builder) {
  PadRule rule = pad_rule(call);
  if (std::isnan(rule.value)) throw InputError("its padding value is NaN");
  Shape shape = call.shape(0);
  ValueId value = builder.input(call, 0);
  SliceRule crop{std::vector<int64_t>(shape.size(), 0), std::vector<int64_t>(shape.size(), 1), shape};
  Shape padded = shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    padded[i] += rule.begins[i] + rule.ends[i];
    crop.starts[i] = std::max<int64_t>(0, -rule.begins[i]);
    crop.extents[i] += std::min<int64_t>(0, rule.begins[i]) + std::min<int64_t>(0, rule.ends[i]);
    rule.begins[i] = std::max<int64_t>(0, rule.begins[i]);
    rule.ends[i] = std::max<int64_t>(0, rule.ends[i]);
  }
  const bool crops = crop.extents != shape;
  const bool pads = crop.extents != padded;
  if (!crops && !pads) return builder.alias(call, 0, value);
  if (pads && !std::isfinite(rule.value)) throw Unsupported("it pads with infinity", {});
  const Slice slice{crop.starts, crop.steps};
  if (!pads) return builder.result(call, 0, slice, {value}, padded);
  if (crops) value = builder.step(call, slice, {value}, crop.extents);
  builder.result(call, 0, Pad{rule.begins, rule.ends, rule.value}, {value}, padded);
}

void convert_expand(const Call& call, Builder& builder) {
  const Shape to = broadcast(call.shape(0), call.integers(1, "shape"));
  if (element_count(to) != element_count(call.shape(0))) throw Unsupported("it repeats elements: " + to_string(call.shape(0)) + " to " + to_string(to), {});
  if (to == call.shape(0)) return builder.alias(call, 0, builder.input(call, 0));
  builder.result(call, 0, Reshape{}, {builder.input(call, 0)}, to);
}

void convert_tile(const Call& call, Builder& builder) {
  const std::vector<int64_t> repeats = call.integers(1, "repeats");
  if (repeats.size() != call.shape(0).size()) throw InputError("it has " + std::to_string(repeats.size()) + " repeats for the shape " + to_string(call.shape(0)));
  if (std::any_of(repeats.begin(), repeats.end(), [](int64_t r) { return r != 1; })) throw Unsupported("it repeats elements", {});
  convert_same(call, builder);
}

// Indices in constant steps are a Slice; one index without an axis of its own then loses the axis.
void convert_gather(const Call& call, Builder& builder) {
  const Shape& x = call.shape(0);
  const int64_t axis = normalized_axis(call.node.integer("axis", 0), call.rank(0));
  const auto at = static_cast<size_t>(axis);
  const Constant& indices = call.constant(1, "indices");
  if (indices.kind != Kind::integer) throw InputError("its indices must be integers");
  std::vector<int64_t> rows = indices.integers;
  if (rows.empty()) throw InputError("it has no indices");
  for (int64_t& row : rows) {
    if (row < -x[at] || row >= x[at]) throw InputError("index " + std::to_string(row) + " is outside axis " + std::to_string(axis) + " of " + to_string(x));
    if (row < 0) row += x[at];
  }
  const int64_t step = rows.size() > 1 ? rows[1] - rows[0] : 1;
  for (size_t i = 1; i < rows.size(); ++i) {
    if (step == 0 || rows[i] - rows[i - 1] != step) throw Unsupported("its indices are not in equal steps", {});
  }
  Slice slice{std::vector<int64_t>(x.size(), 0), std::vector<int64_t>(x.size(), 1)};
  slice.starts[at] = rows[0];
  slice.steps[at] = step;
  Shape sliced = x;
  sliced[at] = static_cast<int64_t>(rows.size());
  Shape out(x.begin(), x.begin() + axis);
  out.insert(out.end(), indices.shape.begin(), indices.shape.end());
  out.insert(out.end(), x.begin() + axis + 1, x.end());
  ValueId value = builder.input(call, 0);
  if (out == sliced) return sliced == x ? builder.alias(call, 0, value) : builder.result(call, 0, slice, {value}, out);
  if (sliced != x) value = builder.step(call, slice, {value}, sliced);
  builder.result(call, 0, Reshape{}, {value}, out);
}

void convert_block(const Call& call, Builder& builder) {
  const BlockRule rule = block_rule(call);
  const ValueId split = builder.step(call, Reshape{}, {builder.input(call, 0)}, rule.split);
  const ValueId turned = builder.step(call, Transpose{rule.permutation}, {split}, permuted(rule.split, rule.permutation));
  builder.result(call, 0, Reshape{}, {turned}, rule.result);
}

}  // namespace

const std::map<std::string, Converter>& movement_converters() {
  static const std::map<std::string, Converter> table = {
      {"Identity", convert_same},
      {"Dropout", convert_dropout},
      {"Reshape", convert_reshape<reshape_target>},
      {"Flatten", convert_reshape<flatten_target>},
      {"Squeeze", convert_reshape<squeeze_target>},
      {"Unsqueeze", convert_reshape<unsqueeze_target>},
      {"Transpose", convert_transpose},
      {"Concat", convert_concat},
      {"Slice", convert_slice},
      {"Split", convert_split},
      {"Pad", convert_pad},
      {"Expand", convert_expand},
      {"Tile", convert_tile},
      {"Gather", convert_gather},
      {"DepthToSpace", convert_block},
      {"SpaceToDepth", convert_block},
  };
  return table;
}

}  // namespace assay::quant
