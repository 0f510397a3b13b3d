// Every kernel against its reference body: random operands, zero points, scales and step lists, bytes and overflow counts alike. A case without a kernel is not counted.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "emu/kernels/kernels.h"

namespace assay::emu {
namespace {

using rc::gen::element;
using rc::gen::inRange;

// A program of one instruction under construction, with the tensors of its values.
class OneInstruction {
 public:
  uint64_t draw() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return state_ >> 33;
  }

  Tensor any_tensor(IntType type, const Shape& shape) {
    const auto range = static_cast<uint64_t>(type.max() - type.min());
    Tensor tensor(type, shape);
    for (size_t i = 0; i < tensor.size(); ++i) tensor.set(i, static_cast<int64_t>(type.min()) + static_cast<int64_t>(draw() % (range + 1)));
    return tensor;
  }

  Ref value(IntType type, const Shape& shape) {
    program.values.push_back({"v", shape, type, 0, {}});
    tensors.push_back(any_tensor(type, shape));
    return {false, static_cast<uint32_t>(tensors.size() - 1)};
  }

  Ref constant(Tensor tensor) {
    program.constants.push_back({"k", std::move(tensor)});
    return {true, static_cast<uint32_t>(program.constants.size() - 1)};
  }

  ScaleRef scale(size_t entries) {
    std::vector<QScale> scales;
    for (size_t i = 0; i < entries; ++i) {
      scales.push_back({static_cast<int64_t>(draw() % (1ULL << 31)) + 1, LeftShift{static_cast<uint8_t>(draw() % 3)}, RightShift{static_cast<uint8_t>(draw() % 12)}});
    }
    program.scales.push_back(scales);
    return {static_cast<uint32_t>(program.scales.size() - 1)};
  }

  StepsRef steps(const std::string& text) {
    program.step_lists.push_back(parse_steps(text));
    return {static_cast<uint32_t>(program.step_lists.size() - 1)};
  }

  Requant requant(size_t channels, bool bias) {
    const std::string lists[] = {
        "multiply; shift_right 31 half_up; shift_right scale half_away; add_zero_point; saturate output; clamp",
        "shift_left scale; shift_right 7 half_even; shift_right scale half_down; saturate output; clamp",
        "shift_left scale; multiply; shift_right 31 half_up; saturate 12; shift_right scale half_away; add_zero_point; saturate output; clamp",
        "shift_right scale floor; wrap 10; add_zero_point; wrap output",
    };
    const std::string list = lists[draw() % 4];
    const int64_t low = static_cast<int64_t>(draw() % 60);  // held by every result type here
    return {scale(draw() % 2 == 0 ? channels : 1), steps((bias ? "add_bias; " : "") + list), {low, low + static_cast<int64_t>(draw() % 67)}};
  }

  void result(IntType type, const Shape& shape) { program.values.push_back({"y", shape, type, static_cast<int64_t>(draw() % 21) - 10, {}}); }

  // False where there is no kernel.
  bool kernel_equals_reference(const Operation& operation) {
    std::vector<const Tensor*> values;
    for (const Tensor& tensor : tensors) values.push_back(&tensor);
    values.push_back(nullptr);
    const OpContext context(program, static_cast<uint32_t>(tensors.size()), values);
    const PreparedKernel prepared = prepare_kernel(operation, context);
    RC_ASSERT(static_cast<bool>(prepared.kernel) == prepared.why_reference.empty());
    if (!prepared.kernel) return false;
    OpRun fast, slow;
    const Tensor kernel = prepared.kernel(context, fast);
    const Tensor reference = std::visit(
        [&](const auto& op) -> Tensor {
          if constexpr (std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) {
            return {};
          } else {
            return execute(op, context, slow);
          }
        },
        operation);
    RC_ASSERT(kernel == reference);
    RC_ASSERT(fast.overflows == slow.overflows);
    return true;
  }

  Program program;
  std::vector<Tensor> tensors;

 private:
  uint64_t state_ = *rc::gen::arbitrary<uint64_t>();
};

IntType any_8_bit() {
  return *element(kS8, kU8, IntType{7, false}, IntType{5, true});
}
int64_t any_zero_point(IntType type) {
  return *inRange(static_cast<int64_t>(type.min()), static_cast<int64_t>(type.max()) + 1);
}

RC_GTEST_PROP(KernelEqualsReference, Conv, ()) {
  OneInstruction one;
  const IntType x_type = any_8_bit(), w_type = any_8_bit();
  const int64_t groups = *element(1, 2), inputs = *inRange(1, 20), outputs = groups * *inRange(1, 20), kernel = *inRange(1, 4), size = *inRange<int64_t>(kernel, 9);
  Conv op;
  op.x = one.value(x_type, {1, inputs * groups, size, size});
  op.w = one.constant(one.any_tensor(w_type, {outputs, inputs, kernel, kernel}));
  const bool bias = *inRange(0, 2) == 0;
  if (bias) op.bias = one.constant(one.any_tensor(IntType{20, true}, {outputs}));
  op.groups = groups, op.zx = any_zero_point(x_type), op.zw = any_zero_point(w_type);
  op.pads = {1, 0, *inRange(0, 2), 2};
  op.requant = one.requant(static_cast<size_t>(outputs), bias);
  one.result(*element(kS8, kU8, kS16), {1, outputs, size + 1 + op.pads[2] - kernel + 1, size + 2 - kernel + 1});
  RC_PRE(one.kernel_equals_reference(op));
}

RC_GTEST_PROP(KernelEqualsReference, MatMul, ()) {
  OneInstruction one;
  const IntType a_type = any_8_bit(), b_type = any_8_bit();
  const int64_t rows = *inRange(1, 5), inner = *inRange(1, 70), columns = *inRange(1, 30);
  MatMul op;
  op.a = one.value(a_type, {2, rows, inner});
  op.b = one.constant(one.any_tensor(b_type, {inner, columns}));
  op.za = any_zero_point(a_type), op.zb = any_zero_point(b_type);
  op.requant = one.requant(static_cast<size_t>(columns), false);
  one.result(kS8, {2, rows, columns});
  RC_PRE(one.kernel_equals_reference(op));
}

template <class Sum>
void sum_property() {
  OneInstruction one;
  const IntType a_type = any_8_bit(), b_type = any_8_bit();
  const Shape shape{2, 3, *inRange(1, 5), *inRange(1, 200)};
  const Shape b_shape = *element(shape, Shape{2, 3, 1, 1}, Shape{3, 1, 1}, Shape{1}, Shape{1, 3, 1, 1}, Shape{shape[2], shape[3]}, Shape{shape[3]});
  Sum op;
  op.a = one.value(a_type, shape);
  op.b = *inRange(0, 2) == 0 ? one.value(b_type, b_shape) : one.constant(one.any_tensor(b_type, b_shape));
  op.za = any_zero_point(a_type), op.zb = any_zero_point(b_type);
  if constexpr (!std::is_same_v<Sum, Mul>) {
    op.scale_a = one.scale(1), op.scale_b = one.scale(1);
    op.operand_steps = one.steps(*element<std::string>("", "shift_left 20; multiply; shift_right 31 half_up; shift_right scale half_away", "shift_left scale"));
  }
  op.requant = one.requant(3, false);
  one.result(*element(kS8, kU8), shape);
  RC_PRE(one.kernel_equals_reference(op));
}
RC_GTEST_PROP(KernelEqualsReference, Add, ()) {
  sum_property<Add>();
}
RC_GTEST_PROP(KernelEqualsReference, Sub, ()) {
  sum_property<Sub>();
}
RC_GTEST_PROP(KernelEqualsReference, Mul, ()) {
  sum_property<Mul>();
}

RC_GTEST_PROP(KernelEqualsReference, RequantizeLeakyReluAndTable, ()) {
  OneInstruction one;
  const IntType type = any_8_bit();
  const Shape shape = *element(Shape{2, 3, 5, 7}, Shape{4, 3}, Shape{9}, Shape{});
  const size_t channels = shape.size() < 2 ? (shape.empty() ? 1 : 9) : 3;
  const Ref x = one.value(type, shape);
  const int64_t zx = any_zero_point(type);
  Operation operation;
  switch (*inRange(0, 3)) {
    case 0: operation = Requantize{x, zx, one.requant(channels, false)}; break;
    case 1: operation = LeakyRelu{x, zx, one.scale(*inRange(0, 2) == 0 ? channels : 1), one.requant(channels, false)}; break;
    default: operation = TableLookup{x, one.constant(one.any_tensor(kS8, {int64_t{1} << type.bits})), "any", {}};
  }
  one.result(kS8, shape);
  RC_PRE(one.kernel_equals_reference(operation));
}

RC_GTEST_PROP(KernelEqualsReference, Concat, ()) {
  OneInstruction one;
  Concat op;
  int64_t channels = 0;
  for (int i = 0; i < 3; ++i) {
    const IntType type = any_8_bit();
    const int64_t own = *inRange(1, 4);
    channels += own;
    op.inputs.push_back(one.value(type, {2, own, 3, 4}));
    op.zero_points.push_back(any_zero_point(type));
    op.scales.push_back(one.scale(1));
  }
  op.axis = 1;
  op.steps = one.steps("multiply; shift_right 31 half_up; saturate 10; shift_right scale half_away; add_zero_point; saturate output");
  one.result(kS8, {2, channels, 3, 4});
  RC_PRE(one.kernel_equals_reference(op));
}

TEST(Kernel, RefusesASumThatCouldLeaveItsAccumulator) {
  Program program;
  program.values = {{"x", {1, 1, 1, 1}, kU8, 0, {}}, {"y", {1, 1, 1, 1}, kS8, 0, {}}};
  program.constants = {{"w", Tensor(kS8, {1, 1, 1, 1}, {127})}};
  program.scales = {{QScale{}}};
  program.step_lists = {parse_steps("saturate output")};
  const std::vector<const Tensor*> none;
  Conv op;
  op.w = {true, 0};
  op.acc = {IntType{15, true}, Overflow::wrap};  // 255 * 127 = 32385 needs 16 bits
  EXPECT_NE(prepare_kernel(op, OpContext(program, 1, none)).why_reference.find("accumulator"), std::string::npos);
  op.acc = {IntType{16, true}, Overflow::wrap};
  EXPECT_EQ(prepare_kernel(op, OpContext(program, 1, none)).why_reference, "");
}

}  // namespace
}  // namespace assay::emu
