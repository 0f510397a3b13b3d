#include "emu/arith/fixed_operators.h"
#include "tests/emu/ops/pick.h"

namespace assay::emu::one_op {
namespace {

// s_x = 0.1: 0.1 * 2^26 = 6710886.4 as a 31-bit multiplier and a left shift of 23.
const QScale kTenth{1717986918, LeftShift{23}, RightShift{0}};

SoftmaxFixedPoint softmax(OneOp& one, IntType type, const Shape& shape, const Values& values) {
  SoftmaxFixedPoint op;
  op.x = one.value(type, shape, values, 3);  // the zero point cancels
  op.difference = one.scale({kTenth});
  op.lowest = -input_range_radius(5, kTenth.left);
  return op;
}

TEST(SoftmaxFixedPoint, GivesThePublishedRow) {
  OneOp one;
  const auto op = softmax(one, kS8, {1, 5}, {50, 40, 30, 20, 10});
  EXPECT_EQ(one.result(kS8, {1, 5}, -128).run(op).values, (Values{35, -68, -106, -120, -125}));
}

TEST(SoftmaxFixedPoint, RunsAlongAnyAxisRowByRow) {
  const Values row{50, 40, 30, 20, 10}, expected{35, -68, -106, -120, -125};
  OneOp one;
  Values interleaved, both;
  for (size_t i = 0; i < row.size(); ++i) interleaved.insert(interleaved.end(), {row[i], row[4 - i]}), both.insert(both.end(), {expected[i], expected[4 - i]});
  auto op = softmax(one, kS8, {1, 5, 2}, interleaved);
  op.axis = 1;
  EXPECT_EQ(one.result(kS8, {1, 5, 2}, -128).run(op).values, both);
}

TEST(SoftmaxFixedPoint, RefusesWhatItCannotHold) {
  OneOp one;
  auto op = softmax(one, kS8, {1, 3}, {1, 2, 3});
  one.result(kS8, {1, 3}, 0);
  EXPECT_NE(one.problems(op).find("must be the least word"), std::string::npos);
  OneOp unsigned_result;
  op = softmax(unsigned_result, kS8, {1, 3}, {1, 2, 3});
  unsigned_result.result(kU8, {1, 3}, 0);
  EXPECT_NE(unsigned_result.problems(op).find("must be s8 or s16"), std::string::npos);
  OneOp long_row;
  op = softmax(long_row, kS8, {1, 4096}, Values(4096, 0));
  long_row.result(kS8, {1, 4096}, -128);
  EXPECT_NE(long_row.problems(op).find("1 to 4095"), std::string::npos);
}

TEST(SoftmaxFixedPoint, RefusesDifferencesThatCannotBeScaled) {
  OneOp one;
  auto op = softmax(one, kS8, {1, 3}, {1, 2, 3});
  one.result(kS8, {1, 3}, -128);
  EXPECT_EQ(one.problems(op), "");
  op.lowest = 1;
  EXPECT_NE(one.problems(op).find("'lowest' is 1"), std::string::npos);
  op.lowest = 0;
  EXPECT_EQ(one.problems(op), "");
  for (const QScale& scale : {QScale{1, LeftShift{31}, RightShift{0}}, QScale{1, LeftShift{0}, RightShift{32}}, QScale{-1, LeftShift{0}, RightShift{0}}}) {
    op.difference = one.scale({scale});
    EXPECT_NE(one.problems(op).find("'difference' must hold"), std::string::npos);
  }
  op.difference = one.scale({kTenth, kTenth});
  EXPECT_NE(one.problems(op).find("must have one entry"), std::string::npos);
  OneOp wide;
  const auto wide_op = softmax(wide, IntType{17, true}, {1, 3}, {1, 2, 3});
  wide.result(kS8, {1, 3}, -128);
  EXPECT_NE(wide.problems(wide_op).find("at most 16 bits"), std::string::npos);
}

}  // namespace
}  // namespace assay::emu::one_op
