// The kernels of operations that pool, divide or only move elements against their reference bodies.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/emu/kernels/one_instruction.h"

namespace assay::emu {
namespace {

using namespace kernel_testing;

IntType any_narrow_or_wide() {
  return *inRange(0, 5) == 0 ? *element(kS32, IntType{24, true}, IntType{20, false}) : any_up_to_16_bits();
}

// A window whose every position meets the image.
template <class Pool>
Shape any_pool(Pool& op, int64_t size) {
  op.kernel = {*inRange(1, 5), *inRange(1, 5)}, op.stride = {*inRange(1, 4), *inRange(1, 4)};
  op.pads = {*inRange<int64_t>(0, op.kernel[0]), *inRange<int64_t>(0, op.kernel[1]), *inRange<int64_t>(0, op.kernel[0]), *inRange<int64_t>(0, op.kernel[1])};
  Shape extents;
  for (const size_t which : {0U, 1U}) {
    int64_t reach = op.kernel[which] - 1;
    if constexpr (std::is_same_v<Pool, MaxPool>) {
      // A wider step between taps could leave a window without any.
      if (op.pads[which] == 0 && op.pads[2 + which] == 0) op.dilation[which] = *inRange(1, 3);
      reach *= op.dilation[which];
    }
    extents.push_back((size + op.pads[which] + op.pads[2 + which] - reach - 1) / op.stride[which] + 1);
  }
  return {2, 3, extents[0], extents[1]};
}

RC_GTEST_PROP(PoolsAndMoves, MaxPool, ()) {
  OneInstruction one;
  MaxPool op;
  const IntType type = any_narrow_or_wide();
  const int64_t size = *inRange(9, 20);
  op.x = one.value(type, {2, 3, size, size});
  one.result(type, any_pool(op, size));
  RC_PRE(one.kernel_equals_reference(op));
}

RC_GTEST_PROP(PoolsAndMoves, AveragePool, ()) {
  OneInstruction one;
  AveragePool op;
  const IntType type = any_up_to_16_bits();
  const int64_t size = *inRange(5, 12);
  op.x = one.value(type, {2, 3, size, size});
  op.zx = any_zero_point(type);
  const Shape shape = any_pool(op, size);
  op.include_pad = *inRange(0, 2) == 0;
  if (*inRange(0, 2) == 0) op.base = *inRange(-300, 300);
  op.requant = one.requant(1, false);
  if (*inRange(0, 2) == 0) {
    op.divide = *rc::gen::elementOf(std::vector<Round>(kAllRounds.begin(), kAllRounds.end()));
    op.requant.steps = one.steps(*element<std::string>("saturate output", "add_zero_point; saturate output; clamp", "saturate 9; add_zero_point; wrap output"));
  }
  op.requant.scale = one.scale(*inRange(0, 2) == 0 ? 1 : static_cast<size_t>(op.kernel[0] * op.kernel[1]));
  // Multipliers near 1, so that what is divided does not leave every type.
  for (QScale& scale : one.program.scales.back()) scale.multiplier = op.divide ? scale.multiplier % 7 + 1 : scale.multiplier;
  one.result(*element(kS8, kU8, kS16), shape);
  RC_PRE(one.kernel_equals_reference(op));
}

RC_GTEST_PROP(PoolsAndMoves, Softmax, ()) {
  OneInstruction one;
  Softmax op;
  const IntType type = *element(kS8, kU8, IntType{5, true}, IntType{10, false}), entry{*element<uint8_t>(8, 16, 31), false};
  const Shape shape = *element(Shape{2, 3, 4, 5}, Shape{2, 30}, Shape{7}, Shape{1, 300});
  op.x = one.value(type, shape);
  Tensor table = one.any_tensor(entry, {int64_t{1} << type.bits});
  table.set(0, static_cast<int64_t>(entry.max()));
  op.table = one.constant(std::move(table));
  op.axis = *inRange<int64_t>(-static_cast<int64_t>(shape.size()), static_cast<int64_t>(shape.size()));
  op.acc = *element(Accumulator{IntType{48, true}, Overflow::saturate}, Accumulator{IntType{40, false}, Overflow::wrap});
  op.divide = *rc::gen::elementOf(std::vector<Round>(kAllRounds.begin(), kAllRounds.end()));
  op.requant = {one.scale(1), one.steps(*element<std::string>("add_zero_point; saturate output", "saturate 7; add_zero_point; saturate output; clamp")), {-20, 90}};
  one.program.scales.back()[0].multiplier = *inRange(100, 400);
  one.result(kS8, shape);
  RC_PRE(one.kernel_equals_reference(op));
}

RC_GTEST_PROP(PoolsAndMoves, WhatOnlyMoves, ()) {
  OneInstruction one;
  const IntType type = any_narrow_or_wide();
  const Shape shape = *element(Shape{2, 3, 5, 7}, Shape{1, 16, 4, 9}, Shape{2, 17, 33}, Shape{4, 3}, Shape{9}, Shape{3, 1, 2, 1, 5});
  const Ref x = one.value(type, shape);
  Operation operation;
  Shape y = shape;
  switch (*inRange(0, 4)) {
    case 0: {
      Transpose op{x, {}};
      for (size_t i = 0; i < shape.size(); ++i) op.permutation.push_back(static_cast<int64_t>(i));
      for (size_t i = shape.size(); i > 1; --i) std::swap(op.permutation[i - 1], op.permutation[*inRange<size_t>(0, i)]);
      for (size_t i = 0; i < shape.size(); ++i) y[i] = shape[static_cast<size_t>(op.permutation[i])];
      operation = op;
      break;
    }
    case 1: {
      Pad op{x, {}, {}, any_zero_point(type)};
      for (int64_t& extent : y) {
        op.begins.push_back(*inRange<int64_t>(-extent, 4)), op.ends.push_back(*inRange<int64_t>(-extent - std::min<int64_t>(op.begins.back(), 0), 4));
        extent = std::max<int64_t>(extent + op.begins.back() + op.ends.back(), 0);
      }
      operation = op;
      break;
    }
    case 2: {
      Slice op{x, {}, {}};
      for (int64_t& extent : y) {
        op.starts.push_back(*inRange<int64_t>(0, extent)), op.steps.push_back(*element<int64_t>(1, 2, -1, -2));
        extent = op.steps.back() > 0 ? (extent - 1 - op.starts.back()) / op.steps.back() + 1 : op.starts.back() / -op.steps.back() + 1;
      }
      operation = op;
      break;
    }
    default: {
      if (shape.size() < 2) RC_DISCARD("resizing takes two axes");
      ResizeNearest op{x, {}, {}};
      for (const size_t axis : {shape.size() - 2, shape.size() - 1}) {
        auto& indices = axis == shape.size() - 1 ? op.columns : op.rows;
        for (int64_t count = *inRange(1, 12); count > 0; --count) indices.push_back(*inRange<int64_t>(0, shape[axis]));
        if (*inRange(0, 2) == 0) std::sort(indices.begin(), indices.end());
        y[axis] = static_cast<int64_t>(indices.size());
      }
      operation = op;
    }
  }
  one.result(type, y);
  RC_PRE(one.kernel_equals_reference(operation));
}

}  // namespace
}  // namespace assay::emu
