#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

TEST(Reshape, KeepsTheElementsInTheirOrder) {
  OneOp one;
  Reshape op;
  op.x = one.value(kS16, {2, 3}, {1, 2, 3, 4, 5, 600});
  EXPECT_EQ(one.result(kS16, {3, 1, 2}).run(op).values, (Values{1, 2, 3, 4, 5, 600}));
  EXPECT_EQ(one.result(kS16, {6}).run(op).values, (Values{1, 2, 3, 4, 5, 600}));
}

TEST(Reshape, RefusesAnotherNumberOfElementsOrAnotherMeaning) {
  OneOp one;
  Reshape op;
  op.x = one.value(kS8, {2, 3}, Values(6));
  one.result(kS8, {5});
  EXPECT_NE(one.problems(op).find("shapes [2,3] and [5] do not have the same number of elements"), std::string::npos) << one.problems(op);
  one.result(kS8, {6}, 1);
  EXPECT_NE(one.problems(op).find("has zero point 0, the result 1"), std::string::npos) << one.problems(op);
  one.result(kS16, {6});
  EXPECT_NE(one.problems(op).find("has type s8, the result s16"), std::string::npos) << one.problems(op);
}

}  // namespace
}  // namespace assay::emu::one_op
