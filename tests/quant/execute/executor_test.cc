#include "quant/execute/executor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "emu/base/error.h"
#include "emu/base/parallel.h"
#include "quant/ops/op.h"
#include "tests/quant/execute/small_graph.h"

namespace assay::quant {
namespace {

using test::random_tensor;
using test::SmallGraph;

int64_t pick(int64_t low, int64_t high) {
  return *rc::gen::inRange<int64_t>(low, high + 1);
}

std::vector<int64_t> pick_several(size_t count, int64_t low, int64_t high) {
  std::vector<int64_t> values(count);
  for (int64_t& value : values) value = pick(low, high);
  return values;
}

// The node's output by the executor against evaluate(), to 1e-5 of the largest value. Weights constant or not, with or without bias.
template <class Op>
void compare_with_definition(const Op& op, const Shape& x, const Shape& w, const std::optional<Shape>& bias, const Shape& y) {
  const bool constant = *rc::gen::arbitrary<bool>();
  SmallGraph small;
  std::vector<FloatTensor> inputs = {random_tensor(x, 1)};
  std::vector<ValueId> ids = {small.input("x", x)};
  const FloatTensor weights = random_tensor(w, 2);
  if (constant) {
    ids.push_back(small.constant("w", weights));
  } else {
    ids.push_back(small.input("w", w));
    inputs.push_back(weights);
  }
  Inputs operands = {&inputs[0], &weights};
  const FloatTensor b = bias ? random_tensor(*bias, 3) : FloatTensor();
  if (bias) {
    ids.push_back(small.constant("b", b));
    operands.push_back(&b);
  }
  small.output(small.node("y", op, ids, y));
  const Executor executor(small.graph);
  const FloatTensor found = executor.run(inputs).at(0);
  const FloatTensor expected = evaluate(op, operands, y);
  RC_ASSERT(found.shape == y);
  float largest = 1;
  for (const float value : expected.data) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < found.size(); ++i) RC_ASSERT(std::fabs(found.data[i] - expected.data[i]) <= 1e-5F * largest);
}

RC_GTEST_PROP(ExecutorConv, IsTheDefinitionForAllStridesPadsDilationsAndGroups, ()) {
  Conv op;
  op.groups = *rc::gen::element<int64_t>(1, 1, 2, 3, 8);
  const int64_t in = op.groups * pick(1, op.groups == 8 ? 2 : 17), out = op.groups * pick(1, op.groups == 8 ? 2 : 17);
  const std::vector<int64_t> kernel = pick_several(2, 1, 4);
  op.stride = pick_several(2, 1, 3);
  op.dilation = pick_several(2, 1, 3);
  op.pads = pick_several(4, 0, 3);
  const auto extent = [&](size_t axis, int64_t size) { return (size + op.pads[axis] + op.pads[axis + 2] - (kernel[axis] - 1) * op.dilation[axis] - 1) / op.stride[axis] + 1; };
  const int64_t height = pick(10, 20), width = pick(10, 20), batch = pick(1, 2);
  const std::optional<Shape> bias = *rc::gen::arbitrary<bool>() ? std::optional<Shape>(Shape{out}) : std::nullopt;
  compare_with_definition(op, {batch, in, height, width}, {out, in / op.groups, kernel[0], kernel[1]}, bias, {batch, out, extent(0, height), extent(1, width)});
}

RC_GTEST_PROP(ExecutorConvTranspose, IsTheDefinitionForAllStridesPadsDilationsAndGroups, ()) {
  ConvTranspose op;
  op.groups = *rc::gen::element<int64_t>(1, 1, 2, 3);
  const int64_t in = op.groups * pick(1, 9), out = op.groups * pick(1, 9);
  const std::vector<int64_t> kernel = pick_several(2, 1, 4);
  op.stride = pick_several(2, 1, 3);
  op.dilation = pick_several(2, 1, 2);
  op.pads = pick_several(4, 0, 2);
  for (size_t axis = 0; axis < 2; ++axis) op.output_padding[axis] = pick(0, op.stride[axis] - 1);
  const auto extent = [&](size_t axis, int64_t size) {
    return (size - 1) * op.stride[axis] + op.output_padding[axis] + (kernel[axis] - 1) * op.dilation[axis] + 1 - op.pads[axis] - op.pads[axis + 2];
  };
  const int64_t height = pick(5, 9), width = pick(5, 9), batch = pick(1, 2);
  const std::optional<Shape> bias = *rc::gen::arbitrary<bool>() ? std::optional<Shape>(Shape{out}) : std::nullopt;
  compare_with_definition(op, {batch, in, height, width}, {in, out / op.groups, kernel[0], kernel[1]}, bias, {batch, out, extent(0, height), extent(1, width)});
}

RC_GTEST_PROP(ExecutorMatMul, IsTheDefinitionForAllBatches, ()) {
  const int64_t m = pick(1, 20), k = pick(1, 40), n = pick(1, 20);
  Shape batch = pick_several(static_cast<size_t>(pick(0, 2)), 1, 4);
  Shape a = batch, b = batch, y = batch;
  // One side without batches, with fewer, or broadcast along its first.
  const int64_t kind = pick(0, 4);
  if (kind == 0) b.clear();
  if (kind == 1) a.clear();
  if (kind == 2 && !batch.empty()) b[0] = 1;
  if (kind == 3 && batch.size() == 2) b.erase(b.begin());
  a.insert(a.end(), {m, k});
  b.insert(b.end(), {k, n});
  y.insert(y.end(), {m, n});
  compare_with_definition(MatMul{}, a, b, *rc::gen::arbitrary<bool>() ? std::optional<Shape>(Shape{n}) : std::nullopt, y);
}

// x -> conv (fused relu) -> add with x's second use -> reshape -> two outputs.
SmallGraph branching() {
  SmallGraph small;
  const ValueId x = small.input("x", {1, 4, 6, 6});
  const ValueId w = small.constant("w", random_tensor({4, 4, 3, 3}, 5));
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  const ValueId y = small.node("y", conv, {x, w}, {1, 4, 6, 6}, {Relu{}, Clip{-1, 0.5F}});
  const ValueId sum = small.node("sum", Binary{Arithmetic::add}, {x, y}, {1, 4, 6, 6});
  const ValueId flat = small.node("flat", Reshape{}, {sum}, {1, 144});
  small.output(flat);
  small.output(sum);
  small.output(x);
  return small;
}

TEST(Executor, AppliesFusedActivationsBeforeAnyoneSeesTheValue) {
  const SmallGraph small = branching();
  const FloatTensor x = random_tensor({1, 4, 6, 6}, 9);
  std::vector<std::string> seen;
  bool clipped = true;
  const Executor executor(small.graph);
  executor.run({x}, [&](ValueId id, FloatTensor& tensor) {
    seen.push_back(small.graph.value(id).name);
    if (seen.back() != "y") return;
    for (const float value : tensor.data) clipped &= value >= 0 && value <= 0.5F;
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"x", "y", "sum", "flat"}));
  EXPECT_TRUE(clipped);
}

TEST(Executor, GivesEveryOutputEvenWhereItIsReadInsideOrIsAnInput) {
  const SmallGraph small = branching();
  const FloatTensor x = random_tensor({1, 4, 6, 6}, 9);
  const std::vector<FloatTensor> outputs = Executor(small.graph).run({x});
  ASSERT_EQ(outputs.size(), 3U);
  EXPECT_EQ(outputs[0].shape, (Shape{1, 144}));
  EXPECT_EQ(outputs[0].data, outputs[1].data);
  EXPECT_EQ(outputs[2], x);
}

TEST(Executor, HooksMayChangeWhatLaterNodesRead) {
  const SmallGraph small = branching();
  const std::vector<FloatTensor> outputs = Executor(small.graph).run({random_tensor({1, 4, 6, 6}, 9)}, [](ValueId, FloatTensor& tensor) {
    for (float& value : tensor.data) value = 2;
  });
  for (const float value : outputs[1].data) EXPECT_EQ(value, 2);
}

TEST(Executor, GivesTheSameBitsFromManyThreadsAtOnce) {
  const SmallGraph small = branching();
  const Executor executor(small.graph);
  std::vector<FloatTensor> alone, together(64);
  for (uint32_t i = 0; i < 64; ++i) alone.push_back(executor.run({random_tensor({1, 4, 6, 6}, i)}).at(0));
  parallel_for(64, 4, [&](size_t i) { together[i] = executor.run({random_tensor({1, 4, 6, 6}, static_cast<uint32_t>(i))}).at(0); });
  EXPECT_EQ(alone, together);
}

TEST(Executor, RefusesInputsOfAnotherShapeOrNumber) {
  const SmallGraph small = branching();
  const Executor executor(small.graph);
  EXPECT_THROW(executor.run({}), InputError);
  EXPECT_THROW(executor.run({random_tensor({1, 4, 6, 7}, 1)}), InputError);
  FloatTensor lying({1, 4, 6, 6}, std::vector<float>(3));
  EXPECT_THROW(executor.run({lying}), InputError);
}

TEST(Executor, PassesNaNThroughAFusedRelu) {
  const SmallGraph small = branching();
  FloatTensor x(Shape{1, 4, 6, 6});
  x.data[0] = std::numeric_limits<float>::quiet_NaN();
  bool seen = false;
  Executor(small.graph).run({x}, [&](ValueId id, FloatTensor& tensor) { seen |= small.graph.value(id).name == "y" && std::isnan(tensor.data[0]); });
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace assay::quant
