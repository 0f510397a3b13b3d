#include <numeric>

#include "tests/emu/ops/pick.h"
#include "tests/emu/ops/sums_oracle.h"

namespace assay::emu::one_op {
namespace {

TEST(Transpose, ResultAxisIsTheOperandAxisNamed) {
  OneOp one;
  Transpose op;
  op.x = one.value(kS8, {2, 3}, {1, 2, 3, 4, 5, 6});
  op.permutation = {1, 0};
  EXPECT_EQ(one.result(kS8, {3, 2}).run(op).values, (Values{1, 4, 2, 5, 3, 6}));
  // axes (a,b,c) of 1,2,3 -> (c,a,b): not its own inverse
  op.x = one.value(kS8, {1, 2, 3}, {1, 2, 3, 4, 5, 6});
  op.permutation = {2, 0, 1};
  EXPECT_EQ(one.result(kS8, {3, 1, 2}).run(op).values, (Values{1, 4, 2, 5, 3, 6}));
}

TEST(Transpose, RefusesWhatIsNoPermutation) {
  OneOp one;
  Transpose op;
  op.x = one.value(kS8, {2, 3}, Values(6));
  one.result(kS8, {3, 2});
  for (const std::vector<int64_t>& wrong : {std::vector<int64_t>{0, 0}, {0, 2}, {-1, 0}, {0}, {0, 1, 2}}) {
    op.permutation = wrong;
    EXPECT_NE(one.problems(op).find("must name each of the 2 axes once"), std::string::npos) << one.problems(op);
  }
  op.permutation = {0, 1};
  EXPECT_NE(one.problems(op).find("the result must have shape [2,3]"), std::string::npos) << one.problems(op);
}

TEST(TransposeLaws, EveryElementLiesWhereItsIndicesSayAndTheInverseGivesItBack) {
  Spread spread;
  EXPECT_TRUE(rc::check("transpose twice", [&] {
    const Shape x = pick_many(static_cast<size_t>(pick(1, 5)), 1, 4);
    std::vector<int64_t> permutation(x.size());
    std::iota(permutation.begin(), permutation.end(), 0);
    std::mt19937_64 random = pick_random();
    for (size_t i = permutation.size(); i > 1; --i) std::swap(permutation[i - 1], permutation[random() % i]);
    std::vector<int64_t> inverse(x.size());
    Shape y;
    for (size_t a = 0; a < x.size(); ++a) {
      inverse[static_cast<size_t>(permutation[a])] = static_cast<int64_t>(a);
      y.push_back(x[static_cast<size_t>(permutation[a])]);
    }
    const Values values = pick_values(size_of(x), kS16);
    OneOp there;
    Transpose op;
    op.x = there.value(kS16, x, values);
    op.permutation = permutation;
    const Values turned = there.result(kS16, y).run(op).values;
    std::map<std::vector<int64_t>, int64_t> by_index;
    oracle::every_index(x, [&](const std::vector<int64_t>& index, size_t flat) { by_index[index] = values[flat]; });
    oracle::every_index(y, [&](const std::vector<int64_t>& index, size_t flat) {
      std::vector<int64_t> in(index.size());
      for (size_t a = 0; a < index.size(); ++a) in[static_cast<size_t>(permutation[a])] = index[a];
      RC_ASSERT(turned[flat] == by_index.at(in));
    });
    OneOp back;
    Transpose undo;
    undo.x = back.value(kS16, y, turned);
    undo.permutation = inverse;
    RC_ASSERT(back.result(kS16, x).run(undo).values == values);
    spread.add(turned, false);
  }));
  spread.expect_telling(false);
}

}  // namespace
}  // namespace assay::emu::one_op
