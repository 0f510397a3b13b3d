#include "tests/emu/ops/pick.h"

namespace assay::emu::one_op {
namespace {

Pad pad(OneOp& one, const Shape& shape, const Values& values, std::vector<int64_t> begins, std::vector<int64_t> ends, int64_t value) {
  Pad op;
  op.x = one.value(kS8, shape, values);
  op.begins = std::move(begins);
  op.ends = std::move(ends);
  op.value = value;
  return op;
}

TEST(Pad, SurroundsEachAxisByItsOwnAmounts) {
  OneOp one;
  const Pad op = pad(one, {2, 2}, {1, 2, 3, 4}, {1, 0}, {0, 2}, -9);
  EXPECT_EQ(one.result(kS8, {3, 4}).run(op).values, (Values{-9, -9, -9, -9, 1, 2, -9, -9, 3, 4, -9, -9}));
}

TEST(Pad, ANegativeAmountCrops) {
  OneOp one;
  const Pad op = pad(one, {2, 3}, {1, 2, 3, 4, 5, 6}, {-1, 1}, {0, -2}, 0);
  EXPECT_EQ(one.result(kS8, {1, 2}).run(op).values, (Values{0, 4}));
}

TEST(Pad, RefusesOtherExtentsAndValuesOutsideTheType) {
  OneOp one;
  Pad op = pad(one, {2}, {1, 2}, {1}, {1}, 128);
  one.result(kS8, {4});
  EXPECT_NE(one.problems(op).find("'value' is 128, outside s8"), std::string::npos) << one.problems(op);
  op.value = 0;
  op.ends = {-4};
  EXPECT_NE(one.problems(op).find("the pads leave a negative extent: [-1]"), std::string::npos) << one.problems(op);
  op.ends = {1, 1};
  EXPECT_NE(one.problems(op).find("'ends' must have 1 values, it has 2"), std::string::npos) << one.problems(op);
}

TEST(PadLaws, CroppingTheBorderGivesTheTensorBack) {
  Spread spread;
  EXPECT_TRUE(rc::check("pad then crop", [&] {
    OneOp one;
    const Shape x = pick_many(static_cast<size_t>(pick(1, 4)), 1, 4);
    const Values values = pick_values(size_of(x), kS8);
    const std::vector<int64_t> begins = pick_many(x.size(), 0, 2);
    const std::vector<int64_t> ends = pick_many(x.size(), 0, 2);
    Shape y = x;
    std::vector<int64_t> negative_begins;
    std::vector<int64_t> negative_ends;
    for (size_t a = 0; a < x.size(); ++a) {
      y[a] += begins[a] + ends[a];
      negative_begins.push_back(-begins[a]);
      negative_ends.push_back(-ends[a]);
    }
    const Pad grow = pad(one, x, values, begins, ends, 5);
    const Values grown = one.result(kS8, y).run(grow).values;
    RC_ASSERT(static_cast<size_t>(std::count(grown.begin(), grown.end(), 5)) == grown.size() - values.size() + static_cast<size_t>(std::count(values.begin(), values.end(), 5)));
    OneOp back;
    const Pad crop = pad(back, y, grown, negative_begins, negative_ends, 7);
    const Values cropped = back.result(kS8, x).run(crop).values;
    RC_ASSERT(cropped == values);
    spread.add(cropped, false);
  }));
  spread.expect_telling(false);
}

}  // namespace
}  // namespace assay::emu::one_op
