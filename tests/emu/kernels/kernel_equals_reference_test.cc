// Every kernel against its reference body: random operands, zero points, scales and step lists, bytes and overflow counts alike. A case without a kernel is not counted.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/emu/kernels/one_instruction.h"

namespace assay::emu {
namespace {

using namespace kernel_testing;

// Some that hold every sum here, some that many leave.
Accumulator any_register() {
  const char* text = *element("s32.wrap", "s64.wrap", "s40.saturate", "s48.wrap", "s16.saturate", "s20.wrap", "u24.wrap", "u16.saturate", "s32.wrap+pairs:s16.saturate",
                              "s24.saturate+pairs:s20.wrap", "s16.saturate+spill:4:s32.wrap", "s20.saturate+spill:2:s16.wrap", "s18.wrap+spill:3:s24.saturate",
                              "s20.wrap+pairs:s17.saturate+spill:6:s30.saturate");
  return parse_accumulator(text).value();
}

void conv_property(const Accumulator& accumulator) {
  OneInstruction one;
  const IntType x_type = any_up_to_16_bits(), w_type = any_up_to_16_bits();
  const int64_t groups = *element(1, 2), inputs = *inRange(1, 20), outputs = groups * *inRange(1, 20), kernel = *inRange(1, 4), size = *inRange<int64_t>(2 * kernel, 10);
  Conv op;
  op.x = one.value(x_type, {1, inputs * groups, size, size});
  op.w = one.constant(one.any_tensor(w_type, {outputs, inputs, kernel, kernel}));
  const bool bias = *inRange(0, 2) == 0;
  if (bias) op.bias = one.constant(one.any_tensor(IntType{20, true}, {outputs}));
  op.groups = groups, op.zx = any_zero_point(x_type), op.zw = any_zero_point(w_type);
  op.pads = {1, 0, *inRange(0, 2), 2};
  op.stride = {*inRange(1, 3), *inRange(1, 3)}, op.dilation = {*inRange(1, 3), *inRange(1, 3)};
  const auto extent = [&](size_t which) { return (size + op.pads[which] + op.pads[2 + which] - op.dilation[which] * (kernel - 1) - 1) / op.stride[which] + 1; };
  op.acc = accumulator, op.order = *element(SumOrder::ky_kx_ic, SumOrder::ic_ky_kx);
  op.requant = one.requant(static_cast<size_t>(outputs), bias);
  one.result(*element(kS8, kU8, kS16), {1, outputs, extent(0), extent(1)});
  RC_PRE(one.kernel_equals_reference(op));
}
RC_GTEST_PROP(KernelEqualsReference, Conv, ()) {
  conv_property({});
}
RC_GTEST_PROP(KernelEqualsReference, ConvInAnyAccumulator, ()) {
  conv_property(any_register());
}

RC_GTEST_PROP(KernelEqualsReference, MatMul, ()) {
  OneInstruction one;
  const IntType a_type = any_up_to_16_bits(), b_type = any_up_to_16_bits();
  const int64_t rows = *inRange(1, 5), inner = *inRange(1, 70), columns = *inRange(1, 30);
  MatMul op;
  op.a = one.value(a_type, {2, rows, inner});
  op.b = one.constant(one.any_tensor(b_type, {inner, columns}));
  op.za = any_zero_point(a_type), op.zb = any_zero_point(b_type);
  op.acc = any_register();
  op.requant = one.requant(static_cast<size_t>(columns), false);
  one.result(kS8, {2, rows, columns});
  RC_PRE(one.kernel_equals_reference(op));
}

RC_GTEST_PROP(KernelEqualsReference, MatMulOfTwoValues, ()) {
  OneInstruction one;
  const IntType a_type = any_up_to_16_bits(), b_type = any_up_to_16_bits();
  const int64_t rows = *inRange(1, 5), inner = *inRange(1, 40), columns = *inRange(1, 30);
  const bool constant = *inRange(0, 2) == 0;
  const Shape b_shape = *element(Shape{2, 3, inner, columns}, Shape{1, 3, inner, columns}, Shape{3, inner, columns});
  MatMul op;
  op.a = one.value(a_type, {2, *element<int64_t>(1, 3), rows, inner});
  op.b = constant ? one.constant(one.any_tensor(b_type, b_shape)) : one.value(b_type, b_shape);
  op.za = any_zero_point(a_type), op.zb = any_zero_point(b_type);
  op.acc = *element(Accumulator{}, Accumulator{IntType{48, true}, Overflow::saturate});
  op.requant = one.requant(static_cast<size_t>(columns), false);
  one.result(kS8, {2, 3, rows, columns});
  RC_PRE(one.kernel_equals_reference(op));
}

RC_GTEST_PROP(KernelEqualsReference, ConvTranspose, ()) {
  OneInstruction one;
  const IntType x_type = any_up_to_16_bits(), w_type = any_8_bit();
  const int64_t groups = *element(1, 2), inputs = *inRange(1, 6), outputs = *inRange(1, 6), size = *inRange(1, 7);
  ConvTranspose op;
  op.x = one.value(x_type, {2, inputs * groups, size, size + 1});
  const int64_t kernel[] = {*inRange(1, 5), *inRange(1, 5)};
  op.w = one.constant(one.any_tensor(w_type, {inputs * groups, outputs, kernel[0], kernel[1]}));
  op.groups = groups, op.zx = any_zero_point(x_type), op.zw = any_zero_point(w_type);
  op.stride = {*inRange(1, 4), *inRange(1, 4)}, op.dilation = {*inRange(1, 3), *inRange(1, 3)};
  Shape y{2, outputs * groups};
  for (const size_t which : {0U, 1U}) {
    const int64_t full = (size + static_cast<int64_t>(which) - 1) * op.stride[which] + op.dilation[which] * (kernel[which] - 1) + 1;
    op.pads[which] = *inRange<int64_t>(0, std::min<int64_t>(3, full)), op.pads[2 + which] = *inRange<int64_t>(0, std::min<int64_t>(3, full - op.pads[which]));
    y.push_back(full - op.pads[which] - op.pads[2 + which] + *inRange<int64_t>(0, std::max(op.stride[which], op.dilation[which])));
  }
  op.acc = *element(Accumulator{}, Accumulator{IntType{48, true}, Overflow::saturate});
  op.requant = one.requant(static_cast<size_t>(outputs * groups), false);
  one.result(kS8, y);
  RC_PRE(one.kernel_equals_reference(op));
}

template <class Sum>
void sum_property() {
  OneInstruction one;
  const IntType a_type = any_up_to_16_bits(), b_type = any_up_to_16_bits();
  const Shape shape{2, 3, *inRange(1, 5), *inRange(1, 200)};
  const Shape b_shape =
      *element(shape, Shape{2, 3, 1, 1}, Shape{3, 1, 1}, Shape{1}, Shape{1, 3, 1, 1}, Shape{shape[2], shape[3]}, Shape{shape[3]}, Shape{shape[2], 1}, Shape{3, 1, shape[3]});
  Sum op;
  op.a = one.value(a_type, shape);
  op.b = *inRange(0, 2) == 0 ? one.value(b_type, b_shape) : one.constant(one.any_tensor(b_type, b_shape));
  op.za = any_zero_point(a_type), op.zb = any_zero_point(b_type);
  if constexpr (!std::is_same_v<Sum, Mul>) {
    op.scale_a = one.scale(1), op.scale_b = one.scale(1);
    op.operand_steps = one.steps(*element<std::string>("", "shift_left 20; multiply; shift_right 31 half_up; shift_right scale half_away", "shift_left scale", "saturate 18"));
  }
  op.acc = *element(Accumulator{}, Accumulator{IntType{48, true}, Overflow::saturate});
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

// Operands and requantizations with constants near those of real networks, so that neither everything saturates nor everything vanishes.
template <class Sum>
void fp32_sum_property() {
  OneInstruction one;
  const IntType a_type = any_up_to_16_bits(), b_type = any_up_to_16_bits();
  const Shape shape{2, 3, *inRange(1, 5), *inRange(1, 200)};
  Sum op;
  op.a = one.value(a_type, shape);
  op.b = one.value(b_type, *element(shape, Shape{3, 1, 1}, Shape{1}));
  op.za = any_zero_point(a_type), op.zb = any_zero_point(b_type);
  const auto scale = [&](size_t entries, int bits) {
    const ScaleRef ref = one.scale(entries);
    for (QScale& entry : one.program.scales.back()) {
      const auto number = [&](uint32_t exponent) { return Fp32{(exponent + static_cast<uint32_t>(one.draw() % 3)) << 23 | static_cast<uint32_t>(one.draw() % (1U << 23))}; };
      entry.fp32 = {number(127 - static_cast<uint32_t>(bits)), number(120), number(126), number(125)};
    }
    return ref;
  };
  op.scale_a = scale(1, a_type.bits - 6), op.scale_b = scale(1, b_type.bits - 6);
  op.operand_steps = one.steps(*element<std::string>("to_fp32; mul_fp32 scale", "saturate 18; to_fp32; mul_fp32 scale; round_fp32 bf16 half_even"));
  const bool per_channel = *inRange(0, 2) == 0;
  op.requant = {scale(per_channel ? 3 : 1, 0),
                one.steps(*element<std::string>("mul_fp32 output; to_int half_even; add_zero_point; saturate output; clamp",
                                                "div_fp32 scale; add_fp32 zero_point; leaky_fp32 slope; to_int half_away; saturate output")),
                {-100, 100}};
  one.result(*element(kS8, kU8), shape);
  RC_PRE(one.kernel_equals_reference(op));
}
RC_GTEST_PROP(KernelEqualsReference, AddInBinary32, ()) {
  fp32_sum_property<Add>();
}
RC_GTEST_PROP(KernelEqualsReference, SubInBinary32, ()) {
  fp32_sum_property<Sub>();
}

RC_GTEST_PROP(KernelEqualsReference, RequantizeLeakyReluAndTable, ()) {
  OneInstruction one;
  const IntType type = any_up_to_16_bits();
  const Shape shape = *element(Shape{2, 3, 5, 7}, Shape{4, 3}, Shape{9}, Shape{});
  const size_t channels = shape.size() < 2 ? (shape.empty() ? 1 : 9) : 3;
  const Ref x = one.value(type, shape);
  const int64_t zx = any_zero_point(type);
  Operation operation;
  switch (*inRange(0, 3)) {
    case 0: operation = Requantize{x, zx, one.requant(channels, false)}; break;
    case 1: operation = LeakyRelu{x, zx, one.scale(*inRange(0, 2) == 0 ? channels : 1), one.requant(channels, false)}; break;
    default: {
      TableForm form{static_cast<uint8_t>(*inRange(0, std::min<int>(5, type.bits))), Round::half_up};
      form.interpolation = *element(Interpolation::difference, Interpolation::value);
      if (form.fraction_bits > 0 && *inRange(0, 2) == 0) {
        form.fine_fraction_bits = static_cast<uint8_t>(*inRange(0, int{form.fraction_bits}));
        form.fine_entries = static_cast<uint16_t>((1 << *inRange(1, type.bits - form.fine_fraction_bits + 1)) + 1);
      }
      if (!has_sound_grids(type, form)) form.fine_entries = 0, form.fine_fraction_bits = 0;
      Shape table{table_entries(type, form)};
      if (!shape.empty() && *inRange(0, 2) == 0) table.insert(table.begin(), shape[static_cast<size_t>(channel_axis_of(shape))]);
      operation = TableLookup{x, one.constant(one.any_tensor(kS8, table)), "any", form};
    }
  }
  one.result(kS8, shape);
  RC_PRE(one.kernel_equals_reference(operation));
}

RC_GTEST_PROP(KernelEqualsReference, Concat, ()) {
  OneInstruction one;
  Concat op;
  op.axis = *inRange(0, 4);
  Shape shape{2, 3, 4, 5};
  shape[static_cast<size_t>(op.axis)] = 0;
  for (int i = 0; i < 3; ++i) {
    const IntType type = any_up_to_16_bits();
    Shape own = shape;
    own[static_cast<size_t>(op.axis)] = *inRange(1, 4);
    op.inputs.push_back(one.value(type, own));
    op.zero_points.push_back(any_zero_point(type));
    op.scales.push_back(one.scale(1));
  }
  for (const Ref& input : op.inputs) shape[static_cast<size_t>(op.axis)] += one.program.values[input.index].shape[static_cast<size_t>(op.axis)];
  op.steps = one.steps("multiply; shift_right 31 half_up; saturate 10; shift_right scale half_away; add_zero_point; saturate output");
  one.result(kS8, shape);
  RC_PRE(one.kernel_equals_reference(op));
}

// A 1x1 Conv of one unsigned pixel of `inputs` channels, all of them x: how often its kernel says that the accumulator overflowed, which must be as often as its reference does.
uint64_t accumulator_overflows(int64_t x, int64_t inputs, int64_t zx, const std::vector<int64_t>& weights, int64_t zw, const Accumulator& accumulator) {
  const int64_t outputs = static_cast<int64_t>(weights.size()) / inputs;
  Program program;
  program.values = {{"x", {1, inputs, 1, 1}, kU8, 0}, {"y", {1, outputs, 1, 1}, kS8, 0}};
  program.constants = {{"w", Tensor(kS8, {outputs, inputs, 1, 1}, weights)}};
  program.scales = {{QScale{}}};
  program.step_lists = {parse_steps("saturate output")};
  const Tensor input(kU8, {1, inputs, 1, 1}, std::vector<int64_t>(static_cast<size_t>(inputs), x));
  const std::vector<const Tensor*> values{&input, nullptr};
  const OpContext context(program, 1, values);
  Conv op;
  op.w = {true, 0};
  op.zx = zx, op.zw = zw, op.acc = accumulator;
  const PreparedKernel prepared = prepare_kernel(op, context);
  EXPECT_TRUE(prepared.kernel) << prepared.why_reference;
  if (!prepared.kernel) return 0;
  OpRun fast, slow;
  EXPECT_EQ(prepared.kernel(context, fast), execute(op, context, slow));
  EXPECT_EQ(fast.overflows, slow.overflows);
  return total(fast.overflows.accumulator);
}

TEST(Kernel, CountsASumThatLeavesItsAccumulatorByOne) {
  struct Row {
    const char* what;
    int64_t x, zx;
    std::vector<int64_t> weights;
    int64_t zw;
    uint64_t outputs;  // that overflow
  };
  // The worst sum of each is 255 * 127 = 32385, which needs 16 bits with a sign.
  const Row rows[] = {{"the greatest x", 255, 0, {127}, 0, 1},      {"the least x", 0, 255, {127}, 0, 1},
                      {"a negative weight", 255, 0, {-127}, 0, 1},  {"a weight that its zero point makes large", 255, 0, {0}, -127, 1},
                      {"the first output", 255, 0, {127, 1}, 0, 1}, {"the last output", 255, 0, {1, 127}, 0, 1}};
  for (const Row& row : rows) {
    for (const Overflow rule : {Overflow::wrap, Overflow::saturate}) {
      EXPECT_EQ(accumulator_overflows(row.x, 1, row.zx, row.weights, row.zw, {IntType{15, true}, rule}), row.outputs) << row.what;
      EXPECT_EQ(accumulator_overflows(row.x, 1, row.zx, row.weights, row.zw, {IntType{16, true}, rule}), 0U) << row.what;
      accumulator_overflows(row.x, 1, row.zx, row.weights, row.zw, {IntType{16, false}, rule});
    }
  }
}

TEST(Kernel, SumsBeyond32BitsAreExact) {
  const Accumulator wide{IntType{40, true}, Overflow::wrap};
  // 255 * 255 times 33025 is the last multiple below 2^31.
  for (const int64_t inputs : {33025, 33026, 70000}) {
    EXPECT_EQ(accumulator_overflows(255, inputs, 0, std::vector<int64_t>(static_cast<size_t>(inputs), -128), 127, wide), 0U);
    EXPECT_EQ(accumulator_overflows(0, inputs, 255, std::vector<int64_t>(static_cast<size_t>(inputs), -128), 127, wide), 0U);
  }
}

TEST(Kernel, RefusesAnAccumulatorInBinary32ThatCouldRound) {
  Program program;
  program.values = {{"x", {1, 1, 1, 1}, kU8, 0}, {"y", {1, 1, 1, 1}, kS8, 0}};
  program.scales = {{QScale{}}};
  program.step_lists = {parse_steps("saturate output")};
  const std::vector<const Tensor*> none;
  Conv op;
  op.w = {true, 0}, op.acc = parse_accumulator("fp32.sequential").value();
  program.constants = {{"w", Tensor(IntType{24, true}, {1, 1, 1, 1}, std::vector<int64_t>{65793})}};  // 255 * 65793 < 2^24
  EXPECT_NE(prepare_kernel(op, OpContext(program, 1, none)).why_reference, "");
  program.constants = {{"w", Tensor(kS16, {1, 1, 1, 1}, std::vector<int64_t>{32767})}};
  EXPECT_EQ(prepare_kernel(op, OpContext(program, 1, none)).why_reference, "");
}

// Why a binary operation on bytes, u8 and s8, has no kernel.
template <class Op>
std::string why_reference(Op op, const std::string& operand_steps) {
  Program program;
  program.values = {{"a", {1}, IntType{5, false}, 0}, {"b", {1}, kS8, 0}, {"y", {1}, kS8, 0}};
  program.scales = {{QScale{}}};
  program.step_lists = {parse_steps("saturate output"), parse_steps(operand_steps)};
  const std::vector<const Tensor*> none;
  op.a = {false, 0}, op.b = {false, 1};
  if constexpr (!std::is_same_v<Op, Mul>) op.operand_steps = {1};
  return prepare_kernel(op, OpContext(program, 2, none)).why_reference;
}

TEST(Kernel, RefusesAProductThatCouldLeaveItsAccumulator) {
  Mul op;
  op.acc = {IntType{12, true}, Overflow::wrap};  // 31 * -128 = -3968 needs 13 bits
  EXPECT_NE(why_reference(op, "").find("accumulator"), std::string::npos);
  op.acc = {IntType{13, true}, Overflow::wrap};
  EXPECT_EQ(why_reference(op, ""), "");
}

TEST(Kernel, RefusesSumsThatCouldLeave62BitsAndStepsThatOverflowOnEitherSide) {
  Add op;
  op.acc = {IntType{64, true}, Overflow::wrap};
  EXPECT_EQ(why_reference(op, "shift_left 54"), "");
  EXPECT_NE(why_reference(op, "shift_left 55").find("62 bits"), std::string::npos);
  EXPECT_NE(why_reference(op, "saturate 7").find("operand"), std::string::npos) << "only b leaves 7 bits";
  op.za = -100, op.zb = 127;
  EXPECT_NE(why_reference(op, "saturate 8").find("operand"), std::string::npos) << "both leave 8 bits";
  op.za = 0, op.zb = 0;
  EXPECT_EQ(why_reference(op, "saturate 8"), "");
}

// Every word of s8, once in each of two channels.
TEST(Kernel, AMapCountsBothKindsOfOverflowByChannel) {
  Program program;
  program.values = {{"x", {1, 2, 256}, kS8, 0}, {"y", {1, 2, 256}, IntType{5, true}, 3}};
  program.scales = {{QScale{}, {2, LeftShift{0}, RightShift{0}}}};
  program.step_lists = {parse_steps("multiply; saturate 6; add_zero_point; saturate output")};
  Tensor x(kS8, {1, 2, 256});
  for (size_t i = 0; i < x.size(); ++i) x.set(i, static_cast<int64_t>(i % 256) - 128);
  const std::vector<const Tensor*> values = {&x, nullptr};
  const OpContext context(program, 1, values);
  const Requantize op{{false, 0}, 0, {{0}, {0}, {}}};
  const PreparedKernel prepared = prepare_kernel(op, context);
  ASSERT_TRUE(prepared.kernel) << prepared.why_reference;
  OpRun fast, slow;
  EXPECT_EQ(prepared.kernel(context, fast), execute(op, context, slow));
  EXPECT_EQ(fast.overflows, slow.overflows);
  EXPECT_EQ(fast.overflows.intermediate, (std::vector<uint64_t>{256 - 64, 256 - 32}));
  EXPECT_EQ(fast.overflows.output, (std::vector<uint64_t>{256 - 32, 256 - 16}));
}

}  // namespace
}  // namespace assay::emu
