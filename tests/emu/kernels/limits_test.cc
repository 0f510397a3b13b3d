// Kernels at the ends of what they were prepared for: sums that just fit a register and those that do not, operands on the far side of their zero points, and more elements than
// one piece of a row holds. Random operands come there too seldom.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "emu/kernels/kernels.h"
#include "emu/ops/op.h"

namespace assay::emu {
namespace {

// A program of one instruction: values 0, 1 .. are its inputs, the last is its result.
struct AtALimit {
  Program program;
  std::vector<Tensor> inputs;

  AtALimit(IntType result, const Shape& shape, const char* steps) {
    program.values = {{"y", shape, result, 0}};
    program.scales = {{QScale{}}};
    program.step_lists = {parse_steps(steps)};
  }
  Ref input(Tensor tensor) {
    program.values.insert(program.values.end() - 1, {"x", tensor.shape(), tensor.type(), 0, {}});
    inputs.push_back(std::move(tensor));
    return {false, static_cast<uint32_t>(inputs.size() - 1)};
  }
  Ref constant(Tensor tensor) {
    program.constants.push_back({"k", std::move(tensor)});
    return {true, static_cast<uint32_t>(program.constants.size() - 1)};
  }

  std::string why_reference(const Operation& operation) const { return run(operation, nullptr); }
  template <class Op>
  void expect_the_reference(const Op& op) const {
    const auto compare = [&](const OpContext& context, const Kernel& kernel) {
      OpRun fast, slow;
      EXPECT_EQ(kernel(context, fast), execute(op, context, slow));
      EXPECT_EQ(fast.overflows, slow.overflows);
    };
    EXPECT_EQ(run(op, compare), "");
  }

 private:
  std::string run(const Operation& operation, const std::function<void(const OpContext&, const Kernel&)>& then) const {
    std::vector<const Tensor*> values;
    for (const Tensor& input : inputs) values.push_back(&input);
    values.push_back(nullptr);
    const OpContext context(program, static_cast<uint32_t>(inputs.size()), values);
    const PreparedKernel prepared = prepare_kernel(operation, context);
    if (prepared.kernel && then) then(context, prepared.kernel);
    return prepared.why_reference;
  }
};

Tensor filled(IntType type, const Shape& shape, int64_t value) {
  return {type, shape, std::vector<int64_t>(static_cast<size_t>(element_count(shape)), value)};
}

TEST(Limits, SoftmaxIsRefusedWhereItsSumCouldLeaveTheRegister) {
  AtALimit c(kS8, {1, 5}, "saturate output");
  Softmax op;
  op.x = c.input(filled(kU8, {1, 5}, 7));
  op.table = c.constant(filled({8, false}, {256}, 255));  // 5 * 255 = 1275 needs 12 bits with a sign
  op.acc = {IntType{11, true}, Overflow::saturate};
  EXPECT_NE(c.why_reference(op).find("accumulator"), std::string::npos);
  op.acc = {IntType{12, true}, Overflow::saturate};
  c.expect_the_reference(op);
}

TEST(Limits, AveragePoolIsRefusedWhereItsSumCouldLeaveTheRegister) {
  AtALimit c(kS8, {1, 1, 1, 1}, "shift_right 4 floor; saturate output");
  AveragePool op;
  op.x = c.input(filled(kU8, {1, 1, 2, 3}, 0));
  op.kernel = {2, 3}, op.zx = 255;  // 6 * -255 = -1530 needs 12 bits
  op.acc = {IntType{11, true}, Overflow::wrap};
  EXPECT_NE(c.why_reference(op).find("accumulator"), std::string::npos);
  op.acc = {IntType{12, true}, Overflow::wrap};
  c.expect_the_reference(op);
}

TEST(Limits, AProductOfTwoValuesIsRefusedWhereItsSumCouldLeaveTheRegister) {
  AtALimit c(kS8, {1, 1}, "shift_right 12 floor; saturate output");
  MatMul op;
  op.a = c.input(filled(kU8, {1, 3}, 0)), op.za = 255;
  op.b = c.input(filled(kS8, {3, 1}, -128)), op.zb = 127;  // 3 * 255 * 255 = 195075 needs 19 bits
  op.acc = {IntType{18, true}, Overflow::wrap};
  EXPECT_NE(c.why_reference(op).find("accumulator"), std::string::npos);
  op.acc = {IntType{19, true}, Overflow::wrap};
  c.expect_the_reference(op);
}

TEST(Limits, AProductOfTwoValuesIsExactBeyond32Bits) {
  AtALimit c(kS8, {1, 1}, "shift_right 28 floor; saturate output");
  MatMul op;
  op.a = c.input(filled(kS16, {1, 9}, -32768));
  op.b = c.input(filled(kS16, {9, 1}, -32768));  // 9 * 2^30
  op.acc = {IntType{40, true}, Overflow::wrap};
  c.expect_the_reference(op);
}

TEST(Limits, WideWordsFarBelowTheirZeroPointAreRequantizedExactly) {
  AtALimit c(kS8, {3}, "saturate output");
  const Requantize op{c.input({kS32, {3}, {INT32_MIN, 0, INT32_MAX}}), INT32_MAX, {{0}, {0}, {}}};
  c.expect_the_reference(op);
}

TEST(Limits, OperandsFarBelowTheirZeroPointAreExact) {
  AtALimit c(kS8, {3}, "shift_right 20 floor; saturate output");
  c.program.scales.push_back({QScale{INT32_MAX, LeftShift{0}, RightShift{0}}});
  c.program.step_lists.push_back(parse_steps("shift_left 20; multiply; shift_right 31 half_up"));
  Add op;
  op.a = c.input({kU16, {3}, {0, 1000, 65535}}), op.za = 65535;
  op.b = c.input({kU16, {3}, {65535, 65534, 0}}), op.zb = 65535;
  op.scale_a = {1}, op.scale_b = {1}, op.operand_steps = {1};
  op.acc = {IntType{48, true}, Overflow::wrap};
  c.expect_the_reference(op);
}

TEST(Limits, ASumInBinary32IsRefusedWhereAnOperandCouldOverflowItsSteps) {
  AtALimit c(kS8, {1}, "to_int half_even; saturate output");
  c.program.step_lists.push_back(parse_steps("saturate 8; to_fp32"));
  c.program.step_lists.push_back(parse_steps("saturate 9; to_fp32"));
  Add op;
  op.a = c.input(filled(kU8, {1}, 200)), op.b = c.input(filled(kS8, {1}, 100));
  op.operand_steps = {1};
  EXPECT_NE(c.why_reference(op).find("operand's step can overflow"), std::string::npos);
  std::swap(op.a, op.b);
  EXPECT_NE(c.why_reference(op).find("operand's step can overflow"), std::string::npos);
  op.operand_steps = {2};
  c.expect_the_reference(op);
}

TEST(Limits, TablesOfSignedWordsBeginAtTheLeast) {
  for (const IntType type : {IntType{12, true}, IntType{9, false}, kS16}) {
    AtALimit c(kS8, {4}, "saturate output");
    TableLookup op;
    op.x = c.input({type, {4}, {static_cast<int64_t>(type.min()), 1, 200, static_cast<int64_t>(type.max())}});
    Tensor table(kS8, {table_entries(type, op.form)});
    for (size_t i = 0; i < table.size(); ++i) table.set(i, static_cast<int64_t>(i * 7 % 251) - 125);
    op.table = c.constant(std::move(table));
    c.expect_the_reference(op);
  }
}

TEST(Limits, BytesAreTransposedByEveryPermutation) {
  const Shape shape{3, 4, 5};
  Tensor x(kS8, shape);
  for (size_t i = 0; i < x.size(); ++i) x.set(i, static_cast<int64_t>(i));
  Transpose op{{}, {0, 1, 2}};
  do {
    AtALimit c(kS8, {}, "saturate output");
    for (size_t i = 0; i < 3; ++i) c.program.values.back().shape.push_back(shape[static_cast<size_t>(op.permutation[i])]);
    op.x = c.input(x);
    c.expect_the_reference(op);
  } while (std::next_permutation(op.permutation.begin(), op.permutation.end()));
}

// The register for sums of few terms is narrow, what it is spilled into is not: 70000 * 255 * 127 leaves even that.
TEST(Limits, StepsAfterASpillHoldWhatItWasSpilledInto) {
  AtALimit c(kS8, {1, 1, 1, 1}, "shift_left 2; shift_right 30 floor; saturate output");
  Conv op;
  op.x = c.input(filled(kU8, {1, 70000, 1, 1}, 255));
  op.w = c.constant(filled(kS8, {1, 70000, 1, 1}, 127));
  op.acc = {IntType{16, true}, Overflow::saturate, std::nullopt, Spill{1, {kS32, Overflow::wrap}}};
  c.expect_the_reference(op);
}

TEST(Limits, ManyRowsOfAProductInANarrowRegisterAreInTheirPlaces) {
  AtALimit c(kS8, {150, 2}, "shift_right 2 floor; saturate output");
  Tensor a(kU8, {150, 3});
  for (size_t i = 0; i < a.size(); ++i) a.set(i, static_cast<int64_t>(i * 37 % 256));
  MatMul op;
  op.a = c.input(std::move(a));
  op.b = c.constant({kS8, {3, 2}, {3, -2, 1, 2, -1, 1}});
  op.acc = {IntType{10, true}, Overflow::saturate};
  c.expect_the_reference(op);
}

}  // namespace
}  // namespace assay::emu
