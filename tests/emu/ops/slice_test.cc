#include "tests/emu/ops/pick.h"
#include "tests/emu/ops/sums_oracle.h"

namespace assay::emu::one_op {
namespace {

Slice slice(OneOp& one, const Shape& shape, const Values& values, std::vector<int64_t> starts, std::vector<int64_t> steps) {
  Slice op;
  op.x = one.value(kS8, shape, values);
  op.starts = std::move(starts);
  op.steps = std::move(steps);
  return op;
}

TEST(Slice, TakesEveryStepthElementFromTheStart) {
  OneOp one;
  const Slice op = slice(one, {2, 5}, {0, 1, 2, 3, 4, 10, 11, 12, 13, 14}, {1, 1}, {1, 2});
  EXPECT_EQ(one.result(kS8, {1, 2}).run(op).values, (Values{11, 13}));
}

TEST(Slice, NegativeStepsRunBackwards) {
  OneOp one;
  const Slice op = slice(one, {2, 5}, {0, 1, 2, 3, 4, 10, 11, 12, 13, 14}, {1, 4}, {-1, -2});
  EXPECT_EQ(one.result(kS8, {2, 3}).run(op).values, (Values{14, 12, 10, 4, 2, 0}));
}

TEST(Slice, MayBeEmpty) {
  OneOp one;
  const Slice op = slice(one, {3}, {1, 2, 3}, {3}, {1});
  EXPECT_EQ(one.result(kS8, {0}).run(op).values, Values{});
}

TEST(Slice, RefusesIndicesOutsideTheOperand) {
  OneOp one;
  Slice op = slice(one, {3}, {1, 2, 3}, {1}, {1});
  one.result(kS8, {3});
  EXPECT_NE(one.problems(op).find("indices 1 to 3 on axis 0 do not lie in 0 to 2"), std::string::npos) << one.problems(op);
  op.steps = {-1};
  EXPECT_NE(one.problems(op).find("indices 1 to -1 on axis 0"), std::string::npos) << one.problems(op);
  op.steps = {0};
  EXPECT_NE(one.problems(op).find("'steps' is 0 on axis 0"), std::string::npos) << one.problems(op);
  op.starts = {-1};
  EXPECT_NE(one.problems(op).find("'starts' must lie between 0 and"), std::string::npos) << one.problems(op);
  one.result(kS8, {1, 1});
  op.starts = {0};
  op.steps = {1};
  EXPECT_NE(one.problems(op).find("the result has 2 axes, 'x' 1"), std::string::npos) << one.problems(op);
}

TEST(SliceLaws, EveryElementIsTheOneAtItsIndex) {
  Spread spread;
  EXPECT_TRUE(rc::check("slice", [&] {
    const Shape x = pick_many(static_cast<size_t>(pick(2, 4)), 1, 7);
    Shape y;
    std::vector<int64_t> starts;
    std::vector<int64_t> steps;
    for (const int64_t extent : x) {
      const int64_t start = pick(0, extent - 1);
      int64_t step = pick(-3, 2);
      if (step >= 0) ++step;
      int64_t count = 0;
      for (int64_t at = start; at >= 0 && at < extent; at += step) ++count;
      starts.push_back(start);
      steps.push_back(step);
      y.push_back(pick((count + 1) / 2, count));
    }
    const Values values = pick_values(size_of(x), kS8);
    std::map<std::vector<int64_t>, int64_t> by_index;
    oracle::every_index(x, [&](const std::vector<int64_t>& index, size_t flat) { by_index[index] = values[flat]; });
    OneOp one;
    const Slice op = slice(one, x, values, starts, steps);
    const Values sliced = one.result(kS8, y).run(op).values;
    oracle::every_index(y, [&](std::vector<int64_t> index, size_t flat) {
      for (size_t a = 0; a < index.size(); ++a) index[a] = starts[a] + index[a] * steps[a];
      RC_ASSERT(sliced[flat] == by_index.at(index));
    });
    spread.add(sliced, false);
  }));
  spread.expect_telling(false);
}

TEST(Slice, AStartOutsideIsRefusedThoughTheLastIndexLiesInside) {
  OneOp one;
  const Ref x = one.value(kS8, {4}, {1, 2, 3, 4});
  one.result(kS8, {2});
  EXPECT_NE(one.problems(Slice{x, {4}, {-2}}).find("indices 4 to 2"), std::string::npos);
  EXPECT_EQ(one.problems(Slice{x, {3}, {-2}}), "");
}

}  // namespace
}  // namespace assay::emu::one_op
