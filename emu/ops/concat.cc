// Joins tensors along one axis, each brought to the result's scale.
//
//   y[.., first_i + j, ..] = requant(x_i[.., j, ..] - zero_points[i]) with scales[i]             without scales: a plain copy
//
//   x_i     equal extents but on `axis`; requantized ones at most 32 bits      x_i - zero_points[i]    |.| < 2^bits of x_i
//   y       extents of x_i, on `axis` their sum
//
// Each scale is one QScale. No sum, so no accumulator; no bias and no clamp. A plain copy demands the result's type and zero point, and of each
// of the result's channels the scale of the one that it comes from: on axis 1 the inputs may have scales of their own, which the result's then list one after the other.
// Source: ONNX Concat; TFLite's int8 CONCATENATION (plain copy) and uint8 (requantized).
#include <algorithm>

#include "emu/ops/check.h"
#include "emu/ops/register.h"

namespace assay::emu {
namespace {

// Copies blocks in turn: from each input its part of every slab outside the axis. part(i) is the input's elements.
template <class Element, class Part>
void interleave(const Concat& op, const OpContext& context, Element* y, const Part& part) {
  const Shape& result = context.result().shape;
  const auto axis = static_cast<size_t>(op.axis);
  int64_t slabs = 1;
  for (size_t i = 0; i < axis; ++i) slabs *= result[i];
  const int64_t inner = strides_of(result)[axis];
  const int64_t slab = result[axis] * inner;
  int64_t first = 0;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const int64_t block = context.shape(op.inputs[i])[axis] * inner;
    const auto& source = part(i);
    for (int64_t s = 0; s < slabs; ++s) std::copy_n(source.begin() + s * block, block, y + s * slab + first);
    first += block;
  }
}

Tensor copied(const Concat& op, const OpContext& context) {
  Tensor y(context.result().type, context.result().shape);
  std::visit(
      [&](const auto& like) {
        using Elements = std::decay_t<decltype(like)>;
        interleave(op, context, y.data<typename Elements::value_type>(), [&](size_t i) -> const Elements& { return std::get<Elements>(context.tensor(op.inputs[i]).storage()); });
      },
      y.storage());
  return y;
}

}  // namespace

void check(const Concat& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  if (!check.that(!op.inputs.empty(), "there is nothing to join: 'x' is empty")) return;
  Shape expected = context.shape(op.inputs[0]);
  const auto rank = static_cast<int64_t>(expected.size());
  if (!check.that(op.axis >= 0 && op.axis < rank, "'axis' is " + std::to_string(op.axis) + "; it must lie between 0 and " + std::to_string(rank - 1))) return;
  const auto axis = static_cast<size_t>(op.axis);
  expected[axis] = 0;
  bool good = true;
  for (const Ref& input : op.inputs) {
    Shape shape = context.shape(input);
    if (shape.size() == expected.size()) {
      expected[axis] += shape[axis];
      shape[axis] = expected[axis];
    }
    good &= check.that(shape == expected, "inputs of shapes " + to_string(context.shape(op.inputs[0])) + " and " + to_string(context.shape(input)) + " cannot be joined on axis " +
                                              std::to_string(op.axis));
  }
  if (good) check.is_result_shape(expected);
  if (op.scales.empty()) {
    int64_t first = 0;
    for (const Ref& input : op.inputs) {
      const Shape& shape = context.shape(input);
      const bool joins_channels = op.axis == 1 && shape.size() >= 2;
      check.moves(input, "x", joins_channels ? ChannelWalk{first, 0, 1, shape[1]} : kept_channels(shape));
      first += joins_channels ? shape[1] : 0;
    }
    return;
  }
  if (!check.that(op.scales.size() == op.inputs.size() && op.zero_points.size() == op.inputs.size(),
                  "'scales' and 'zx' must have one entry for each of the " + std::to_string(op.inputs.size()) + " inputs")) {
    return;
  }
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    check.operand(op.inputs[i], "x");
  }
}

Tensor execute(const Concat& op, const OpContext& context, OpRun& run) {
  if (op.scales.empty()) return copied(op, context);
  const Shape& result = context.result().shape;
  std::vector<int64_t> values(static_cast<size_t>(element_count(result)));
  std::vector<int64_t> current;
  interleave(op, context, values.data(), [&](size_t i) -> const std::vector<int64_t>& { return current = operand_values(context.tensor(op.inputs[i]), op.zero_points[i]); });
  // Which input an element came from: its index on the axis decides.
  std::vector<size_t> origin;
  for (size_t i = 0; i < op.inputs.size(); ++i) origin.insert(origin.end(), static_cast<size_t>(context.shape(op.inputs[i])[static_cast<size_t>(op.axis)]), i);
  const auto inner = static_cast<size_t>(strides_of(result)[static_cast<size_t>(op.axis)]);
  const auto scale_of = [&](size_t i) -> const QScale& { return context.scale(op.scales[origin[i / inner % origin.size()]]).front(); };
  const Requant requant{op.scales[0], op.steps, {}};
  return requantize_all_scaled(values, {}, requant, std::nullopt, channel_axis_of(result), context, run, scale_of);
}

}  // namespace assay::emu
