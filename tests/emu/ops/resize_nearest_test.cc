#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

TEST(ResizeNearest, TakesTheNamedRowsAndColumnsOfEveryPlane) {
  OneOp one;
  ResizeNearest op;
  op.x = one.value(kS8, {1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  op.rows = {0, 0, 1};
  op.columns = {1, 0, 1, 1};
  EXPECT_EQ(one.result(kS8, {1, 2, 3, 4}).run(op).values, (Values{2, 1, 2, 2, 2, 1, 2, 2, 4, 3, 4, 4,  //
                                                                  6, 5, 6, 6, 6, 5, 6, 6, 8, 7, 8, 8}));
}

TEST(ResizeNearest, MayShrink) {
  OneOp one;
  ResizeNearest op;
  op.x = one.value(kU8, {3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 200});
  op.rows = {2};
  op.columns = {0, 2};
  EXPECT_EQ(one.result(kU8, {1, 2}).run(op).values, (Values{7, 200}));
}

TEST(ResizeNearest, RefusesIndicesOutsideTheImage) {
  OneOp one;
  ResizeNearest op;
  op.x = one.value(kS8, {1, 1, 2, 2}, Values(4));
  op.rows = {0, 2};
  op.columns = {0};
  one.result(kS8, {1, 1, 2, 1});
  EXPECT_NE(one.problems(op).find("'rows' must lie between 0 and 1, found 2"), std::string::npos) << one.problems(op);
  op.rows = {0};
  EXPECT_NE(one.problems(op).find("the result must have shape [1,1,1,1]"), std::string::npos) << one.problems(op);
  op.x = one.value(kS8, {4}, Values(4));
  EXPECT_NE(one.problems(op).find("'x' must have 2 axes or more"), std::string::npos) << one.problems(op);
}

}  // namespace
}  // namespace assay::emu::one_op
