#include "tests/emu/ops/pick.h"

namespace assay::emu::one_op {
namespace {

TEST(Concat, CopiesWhereAllShareOneScale) {
  OneOp one;
  Concat op;
  op.inputs = {one.value(kS8, {2, 1, 2}, {1, 2, 3, 4}), one.constant(kS8, {2, 2, 2}, {5, 6, 7, 8, 9, 10, 11, 12})};
  one.result(kS8, {2, 3, 2});
  EXPECT_EQ(one.run(op).values, (Values{1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12}));
  op.axis = 0;
  op.inputs = {one.value(kS8, {1, 2}, {-1, -2}), one.value(kS8, {2, 2}, {1, 2, 3, 4})};
  one.result(kS8, {3, 2});
  EXPECT_EQ(one.run(op).values, (Values{-1, -2, 1, 2, 3, 4}));
}

TEST(Concat, RequantizesEachInputWithItsOwnScaleAndZeroPoint) {
  OneOp one;
  Concat op;
  op.inputs = {one.value(kU8, {1, 1, 2}, {10, 13}, 8), one.value(kS8, {1, 2, 2}, {1, -3, 120, 0})};
  op.zero_points = {8, 0};
  op.scales = {one.scale({scaled(3, 2)}), one.scale({scaled(5, 1)})};
  op.steps = one.steps("multiply; shift_right scale half_up; add_zero_point; saturate output");
  one.result(kS8, {1, 3, 2}, -1);
  const Outcome outcome = one.run(op);
  // (10-8)*3/4 = 1.5 -> 2; 5*3/4 = 3.75 -> 4; 5/2 -> 3; -15/2 -> -7; 600/2 saturates; 0; each - 1
  EXPECT_EQ(outcome.values, (Values{1, 3, 2, -8, 127, -1}));
  EXPECT_EQ(outcome.overflows, (OverflowCounts{{}, {}, {0, 0, 1}}));
  EXPECT_EQ(outcome.stage("accumulator"), (Values{2, 5, 1, -3, 120, 0}));
}

TEST(Concat, OnTheLastAxisTheScaleChangesAlongTheRow) {
  OneOp one;
  Concat op;
  op.axis = 1;
  op.inputs = {one.value(kS8, {2, 1}, {1, 2}), one.value(kS8, {2, 2}, {3, 4, 5, 6})};
  op.zero_points = {0, 0};
  op.scales = {one.scale({scaled(10, 0)}), one.scale({scaled(1, 0)})};
  op.steps = one.steps("multiply; saturate output");
  one.result(kS8, {2, 3});
  EXPECT_EQ(one.run(op).values, (Values{10, 3, 4, 20, 5, 6}));
}

TEST(Concat, RefusesWhatDoesNotFitTogether) {
  OneOp one;
  Concat op;
  op.inputs = {one.value(kS8, {1, 2, 2}, Values(4)), one.value(kS8, {1, 2, 3}, Values(6))};
  one.result(kS8, {1, 4, 2});
  EXPECT_NE(one.problems(op).find("inputs of shapes [1,2,2] and [1,2,3] cannot be joined on axis 1"), std::string::npos) << one.problems(op);
  op.axis = 3;
  EXPECT_NE(one.problems(op).find("'axis' is 3; it must lie between 0 and 2"), std::string::npos) << one.problems(op);
  op.axis = 2;
  one.result(kS8, {1, 2, 5}, 4);
  EXPECT_NE(one.problems(op).find("has zero point 0, the result 4"), std::string::npos) << one.problems(op);
  one.result(kS8, {1, 2, 5});
  op.scales = {one.scale()};
  op.steps = one.steps("saturate output");
  EXPECT_NE(one.problems(op).find("one entry for each of the 2 inputs"), std::string::npos) << one.problems(op);
  op.inputs = {};
  EXPECT_NE(one.problems(op).find("nothing to join"), std::string::npos) << one.problems(op);
}

TEST(ConcatLaws, SlicingTheResultGivesEachInputBack) {
  Spread spread;
  EXPECT_TRUE(rc::check("concat then slice", [&] {
    OneOp one;
    Concat concat;
    const int64_t rank = pick(1, 4);
    concat.axis = pick(0, rank - 1);
    const auto axis = static_cast<size_t>(concat.axis);
    Shape y = pick_many(static_cast<size_t>(rank), 1, 4);
    y[axis] = 0;
    std::vector<Shape> shapes;
    std::vector<Values> inputs;
    const IntType type = pick_of<IntType>({kS8, kU8, kS16, {4, true}, kS32, kS64});
    for (int64_t i = pick(1, 4); i > 0; --i) {
      Shape shape = y;
      shape[axis] = pick(0, 3);
      y[axis] += shape[axis];
      shapes.push_back(shape);
      inputs.push_back(pick_values(size_of(shape), {std::min<uint8_t>(type.bits, 32), type.is_signed}));
    }
    for (size_t i = 0; i < shapes.size(); ++i) {
      shapes[i] = y;
      shapes[i][axis] = static_cast<int64_t>(inputs[i].size()) * y[axis] / std::max<int64_t>(element_count(y), 1);
      concat.inputs.push_back(one.value(type, shapes[i], inputs[i]));
    }
    const Values joined = one.result(type, y).run(concat).values;
    int64_t first = 0;
    for (size_t i = 0; i < shapes.size(); ++i) {
      OneOp back;
      Slice slice;
      slice.x = back.value(type, y, joined);
      slice.starts = Values(y.size());
      slice.starts[axis] = first;
      slice.steps = Values(y.size(), 1);
      RC_ASSERT(back.result(type, shapes[i]).run(slice).values == inputs[i]);
      first += shapes[i][axis];
    }
    spread.add(joined, false);
  }));
  spread.expect_telling(false);
}

}  // namespace
}  // namespace assay::emu::one_op
