#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

TEST(TableLookup, TheWordSelectsTheEntryLowestFirst) {
  OneOp one;
  Values squares;
  for (int64_t x = -128; x <= 127; ++x) squares.push_back(x * x);
  TableLookup op;
  op.x = one.value(kS8, {1, 4}, {-128, -1, 0, 127});
  op.table = one.constant(kS16, {256}, squares);
  op.function = "square";
  EXPECT_EQ(one.result(kS16, {1, 4}).run(op).values, (Values{16384, 1, 0, 16129}));
}

TEST(TableLookup, UnsignedWordsCountFromZero) {
  OneOp one;
  Values table(256);
  for (size_t i = 0; i < table.size(); ++i) table[i] = 127 - static_cast<int64_t>(i);
  TableLookup op;
  op.x = one.value(kU8, {3}, {0, 127, 255});
  op.table = one.constant(kS8, {256}, table);
  EXPECT_EQ(one.result(kS8, {3}).run(op).values, (Values{127, 0, -128}));
}

TEST(TableLookup, InterpolatesBetweenNeighbours) {
  OneOp one;
  // 4 bits, 2 of them fraction: 4 intervals, 5 entries. Words of -8..7 are 0..15.
  TableLookup op;
  op.x = one.value({4, true}, {5}, {-8, -7, -6, -1, 7});
  op.table = one.constant(kS8, {5}, {0, 10, -10, 100, 127});
  op.form = {2, Round::half_up};
  // word 0: 0;  1: 10*1/4 = 2.5 -> 3;  2: 5;  7: 10 + -20*3/4 = -5;  15: 100 + 27*3/4 = 20.25 -> 120
  EXPECT_EQ(one.result(kS8, {5}).run(op).values, (Values{0, 3, 5, -5, 120}));
}

TEST(TableLookup, TakesWordsInTheMiddleFromTheFinerGrid) {
  OneOp one;
  // 4 bits: points at words 0, 4, 8, 12, 16, and a second grid at 6, 8, 10.
  TableLookup op;
  op.x = one.value({4, true}, {7}, {-8, -3, -2, -1, 1, 2, 7});
  op.table = one.constant(kS8, {8}, {0, 8, -9, 7, 100, 50, 61, 70});
  op.form = {2, Round::half_away, Interpolation::value, 3, 1};
  // word 0: 0;  5: 8 - 17/4 = 3.75 -> 4;  6: 50;  7: 55.5 -> 56;  9: 65.5 -> 66;  10, where the second grid ends: -9 + 16 * 2/4 = -1;  15: 7 + 93 * 3/4 = 76.75 -> 77
  EXPECT_EQ(one.result(kS8, {7}).run(op).values, (Values{0, 4, 50, 56, 66, -1, 77}));
}

// Half the way from -100 to -99 is half a step upwards, and half the way from -99 to -100 half a step downwards; their middle is one number.
TEST(TableLookup, ADifferenceOrAValueIsRounded) {
  const auto middle = [](Interpolation interpolation, Round round, int64_t left, int64_t right) {
    return look_up(std::vector<int64_t>{left, right, right}, {2, false}, {1, round, interpolation}, 1);
  };
  EXPECT_EQ(middle(Interpolation::difference, Round::half_away, -100, -99), -99);
  EXPECT_EQ(middle(Interpolation::value, Round::half_away, -100, -99), -100);
  EXPECT_EQ(middle(Interpolation::difference, Round::half_even, 99, 100), 99);
  EXPECT_EQ(middle(Interpolation::value, Round::half_even, 99, 100), 100);
}

TEST(TableLookup, RefusesASecondGridThatIsNotFinerOrDoesNotFit) {
  OneOp one;
  TableLookup op;
  op.x = one.value(kS8, {1}, {0});
  one.result(kS8, {1});
  for (const TableForm& form :
       {TableForm{2, Round::half_up, {}, 129, 2}, TableForm{2, Round::half_up, {}, 33, 2}, TableForm{2, Round::half_up, {}, 258, 0}, TableForm{2, Round::half_up, {}, 513, 0},
        TableForm{2, Round::half_up, {}, 2, 0}, TableForm{0, Round::half_up, {}, 257, 0}, TableForm{2, Round::half_up, {}, 0, 1}}) {
    op.form = form;
    op.table = one.constant(kS8, {1}, Values(1));
    EXPECT_NE(one.problems(op).find("'form' has a second grid that is not"), std::string::npos) << form.fine_entries << ": " << one.problems(op);
  }
}

TEST(TableLookup, EachChannelMayHaveItsOwnTable) {
  OneOp one;
  TableLookup op;
  // 2 bits: words -2 .. 1. Two images of two channels of two elements.
  op.x = one.value({2, true}, {2, 2, 1, 2}, {-2, 1, -2, 1, 0, -1, 0, -1});
  op.table = one.constant(kS8, {2, 4}, {10, 11, 12, 13, 20, 21, 22, 23});
  EXPECT_EQ(one.result(kS8, {2, 2, 1, 2}).run(op).values, (Values{10, 13, 20, 23, 12, 11, 22, 21}));
  op.table = one.constant(kS8, {3, 4}, Values(12));
  EXPECT_NE(one.problems(op).find("'table' must have shape [2,4], it has [3,4]"), std::string::npos) << one.problems(op);
}

TEST(TableLookup, RefusesTablesOfAnotherSizeOrType) {
  OneOp one;
  TableLookup op;
  op.x = one.value(kS8, {1}, {0});
  op.table = one.constant(kS8, {255}, Values(255));
  one.result(kS8, {1});
  EXPECT_NE(one.problems(op).find("'table' must have shape [256], it has [255]"), std::string::npos) << one.problems(op);
  op.table = one.constant(kS16, {256}, Values(256));
  EXPECT_NE(one.problems(op).find("'table' is s16, the result s8"), std::string::npos) << one.problems(op);
  op.table = one.value(kS8, {256}, Values(256));
  EXPECT_NE(one.problems(op).find("'table' must be a constant"), std::string::npos) << one.problems(op);
  op.form.fraction_bits = 8;
  EXPECT_NE(one.problems(op).find("'form' interpolates over 8 bits"), std::string::npos) << one.problems(op);
  op.x = one.value(kS32, {1}, {0});
  EXPECT_NE(one.problems(op).find("16 bits at most"), std::string::npos) << one.problems(op);
}

}  // namespace
}  // namespace assay::emu::one_op
