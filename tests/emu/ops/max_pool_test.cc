#include "tests/emu/ops/pick.h"
#include "tests/emu/ops/sums_oracle.h"

namespace assay::emu::one_op {
namespace {

MaxPool max_pool(OneOp& one, const Shape& shape, const Values& values, std::vector<int64_t> kernel) {
  MaxPool op;
  op.x = one.value(kS8, shape, values);
  op.kernel = std::move(kernel);
  return op;
}

TEST(MaxPool, TakesTheLargestOfEachWindow) {
  OneOp one;
  MaxPool op = max_pool(one, {1, 2, 2, 4}, {1, 5, -3, 2, 4, 0, 7, -8, -1, -2, -3, -4, -5, -6, -7, -128}, {2, 2});
  op.stride = {2, 2};
  EXPECT_EQ(one.result(kS8, {1, 2, 1, 2}).run(op).values, (Values{5, 7, -1, -3}));
}

TEST(MaxPool, PaddingNeverWinsEvenAgainstTheSmallestValue) {
  OneOp one;
  MaxPool op = max_pool(one, {1, 1, 1, 2}, {-128, -128}, {3, 3});
  op.pads = {1, 1, 1, 1};
  EXPECT_EQ(one.result(kS8, {1, 1, 1, 2}).run(op).values, (Values{-128, -128}));
}

TEST(MaxPool, ALargerEndPadRoundsTheExtentUp) {
  OneOp one;
  MaxPool op = max_pool(one, {1, 1, 1, 5}, {1, 2, 3, 4, 5}, {1, 2});
  op.stride = {1, 2};
  EXPECT_EQ(one.result(kS8, {1, 1, 1, 2}).run(op).values, (Values{2, 4}));
  op.pads = {0, 0, 0, 1};
  EXPECT_EQ(one.result(kS8, {1, 1, 1, 3}).run(op).values, (Values{2, 4, 5}));
}

TEST(MaxPool, DilationLeavesElementsOut) {
  OneOp one;
  MaxPool op = max_pool(one, {1, 1, 1, 5}, {1, 9, 3, 8, 2}, {1, 2});
  op.dilation = {1, 2};
  EXPECT_EQ(one.result(kS8, {1, 1, 1, 3}).run(op).values, (Values{3, 9, 3}));
}

TEST(MaxPool, RefusesWindowsOfPaddingAndOtherTypes) {
  OneOp one;
  MaxPool op = max_pool(one, {1, 1, 2, 2}, Values(4), {1, 2});
  op.pads = {0, 0, 0, 2};
  one.result(kS8, {1, 1, 2, 3});
  EXPECT_NE(one.problems(op).find("a window lies in the padding alone"), std::string::npos) << one.problems(op);
  op.pads = {0, 0, 0, 0};
  one.result(kU8, {1, 1, 2, 1});
  EXPECT_NE(one.problems(op).find("has type s8, the result u8"), std::string::npos) << one.problems(op);
  op.kernel = {2};
  EXPECT_NE(one.problems(op).find("'kernel' must have 2 values"), std::string::npos) << one.problems(op);
}

TEST(MaxPoolLaws, EqualsAWalkOverTheInput) {
  Spread spread;
  EXPECT_TRUE(rc::check("max_pool", [&] {
    OneOp one;
    const Shape x{pick(1, 2), pick(1, 3), pick(3, 7), pick(3, 7)};
    const Values values = pick_values(size_of(x), kS8);
    MaxPool op = max_pool(one, x, values, pick_many(2, 1, 3));
    op.stride = pick_many(2, 1, 3);
    op.pads = pick_many(4, 0, 1);
    op.dilation = pick_many(2, 1, 2);
    for (size_t a = 0; a < 2; ++a) RC_PRE(op.kernel[a] > 1 || op.pads[a] + op.pads[2 + a] == 0);
    Shape y{x[0], x[1], 0, 0};
    for (size_t a = 0; a < 2; ++a) {
      for (int64_t first = -op.pads[a]; first + (op.kernel[a] - 1) * op.dilation[a] < x[2 + a] + op.pads[2 + a]; first += op.stride[a]) ++y[2 + a];
    }
    RC_PRE(size_of(y) > 0U);
    const Outcome outcome = one.result(kS8, y).run(op);
    std::map<std::vector<int64_t>, int64_t> largest;
    // Each input element offers itself to every window that it lies in.
    oracle::every_index(x, [&](const std::vector<int64_t>& in, size_t flat) {
      oracle::every_index({op.kernel[0], op.kernel[1]}, [&](const std::vector<int64_t>& k, size_t) {
        std::vector<int64_t> out{in[0], in[1]};
        for (size_t a = 0; a < 2; ++a) {
          const int64_t first = in[2 + a] + op.pads[a] - k[a] * op.dilation[a];
          if (first < 0 || first % op.stride[a] != 0) return;
          out.push_back(first / op.stride[a]);
        }
        const auto [place, is_new] = largest.try_emplace(out, values[flat]);
        if (!is_new && place->second < values[flat]) place->second = values[flat];
      });
    });
    oracle::every_index(y, [&](const std::vector<int64_t>& index, size_t flat) { RC_ASSERT(largest.at(index) == outcome.values[flat]); });
    spread.add(outcome.values, false);
  }));
  spread.expect_telling(false);
}

}  // namespace
}  // namespace assay::emu::one_op
