// Laws that hold for every value, on random ones (RapidCheck), and corner tables whose rows say why they are there.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "emu/arith/accumulator.h"
#include "emu/arith/requant.h"
#include "emu/base/error.h"

namespace assay::emu {
namespace {

rc::Gen<Round> any_round() {
  return rc::gen::elementOf(std::vector<Round>(kAllRounds.begin(), kAllRounds.end()));
}
rc::Gen<Round> any_nearest() {
  return rc::gen::elementOf(std::vector<Round>{Round::half_up, Round::half_down, Round::half_even, Round::half_odd, Round::half_away, Round::half_toward_zero});
}
rc::Gen<uint8_t> any_width(int low, int high) {
  return rc::gen::map(rc::gen::inRange(low, high + 1), [](int b) { return static_cast<uint8_t>(b); });
}
// Of every magnitude, not only large ones.
rc::Gen<int64_t> any_value() {
  return rc::gen::apply([](int64_t v, int shift) { return (v / 2) >> shift; }, rc::gen::arbitrary<int64_t>(), rc::gen::inRange(0, 62));
}
// Values for which ties are common.
rc::Gen<int64_t> any_near_half(uint8_t shift) {
  return rc::gen::apply([=](int64_t halves, int nearby) { return halves * (shift == 0 ? 1 : int64_t{1} << (shift - 1)) + nearby; }, rc::gen::inRange<int64_t>(-1000, 1000),
                        rc::gen::inRange(-1, 2));
}

RC_GTEST_PROP(RoundLaws, ANearestModeIsAtMostHalfAStepWrong, ()) {
  const Round mode = *any_nearest();
  const uint8_t shift = *any_width(0, 40);
  const int64_t value = *any_near_half(shift);
  const Wide unit = Wide{1} << shift;
  const Wide twice_error = 2 * (shift_right(value, RightShift{shift}, mode) * unit - value);
  RC_ASSERT(twice_error <= unit);
  RC_ASSERT(-twice_error <= unit);
}

RC_GTEST_PROP(RoundLaws, EveryModeIsLessThanOneStepWrongAndExactOnMultiples, ()) {
  const Round mode = *any_round();
  const int64_t value = *any_value();
  const int64_t divisor = *rc::gen::inRange<int64_t>(1, 1 << 20);
  const Wide error = divide(value, divisor, mode) * divisor - value;
  RC_ASSERT(error < divisor);
  RC_ASSERT(-error < divisor);
  RC_ASSERT(divide(Wide{value} * divisor, divisor, mode) == value);
}

RC_GTEST_PROP(RoundLaws, EveryModeIsMonotone, ()) {
  const Round mode = *any_round();
  const uint8_t shift = *any_width(0, 20);
  const int64_t value = *any_near_half(shift);
  const int64_t more = *rc::gen::inRange<int64_t>(0, 1 << 10);
  RC_ASSERT(shift_right(value, RightShift{shift}, mode) <= shift_right(value + more, RightShift{shift}, mode));
}

RC_GTEST_PROP(RoundLaws, MirroredModesMirrorAndSymmetricModesAreOdd, ()) {
  const uint8_t shift = *any_width(0, 20);
  const int64_t value = *any_near_half(shift);
  const auto of = [&](int64_t v, Round mode) { return shift_right(v, RightShift{shift}, mode); };
  RC_ASSERT(of(-value, Round::half_up) == -of(value, Round::half_down));
  RC_ASSERT(of(-value, Round::floor) == -of(value, Round::ceil));
  for (const Round mode : {Round::toward_zero, Round::away_from_zero, Round::half_even, Round::half_odd, Round::half_away, Round::half_toward_zero}) {
    RC_ASSERT(of(-value, mode) == -of(value, mode));
  }
}

RC_GTEST_PROP(RoundLaws, FloorAndCeilEncloseAllModesAndMeetOnlyOnIntegers, ()) {
  const Round mode = *any_round();
  const int64_t value = *any_value();
  const int64_t divisor = *rc::gen::inRange<int64_t>(1, 5000);
  const Wide low = divide(value, divisor, Round::floor), high = divide(value, divisor, Round::ceil), found = divide(value, divisor, mode);
  RC_ASSERT(low <= found);
  RC_ASSERT(found <= high);
  RC_ASSERT((high - low) == (value % divisor == 0 ? 0 : 1));
}

RC_GTEST_PROP(RoundLaws, AShiftIsADivisionByThePowerOfTwo, ()) {
  const Round mode = *any_round();
  const int64_t value = *any_value();
  const uint8_t shift = *any_width(0, 62);
  RC_ASSERT(shift_right(value, RightShift{shift}, mode) == divide(value, Wide{1} << shift, mode));
  RC_ASSERT(shift_right(shift_left(value, LeftShift{shift}), RightShift{shift}, mode) == value);
}

RC_GTEST_PROP(TypeLaws, SaturateAndWrapStayInsideAndKeepWhatFits, ()) {
  const IntType type{*any_width(1, 64), *rc::gen::arbitrary<bool>()};
  const Wide value = Wide{*any_value()} * *rc::gen::inRange<int64_t>(-3, 4);
  for (const Overflow rule : {Overflow::saturate, Overflow::wrap}) {
    const Wide kept = store(value, type, rule);
    RC_ASSERT(type.holds(kept));
    RC_ASSERT(store(kept, type, rule) == kept);
    if (type.holds(value)) RC_ASSERT(kept == value);
  }
  RC_ASSERT((wrap(value, type) - value) % (Wide{1} << type.bits) == 0);
}

RC_GTEST_PROP(AccumulatorLaws, AWrappingSumIsTheExactSumWrappedInAnyOrder, ()) {
  const Accumulator accumulator{IntType{*any_width(4, 40), true}, Overflow::wrap};
  const auto terms = *rc::gen::container<std::vector<int32_t>>(rc::gen::arbitrary<int32_t>());
  int64_t forward = 0, backward = 0;
  Wide exact = 0;
  bool overflowed = false;
  for (size_t i = 0; i < terms.size(); ++i) {
    forward = accumulator.add(forward, terms[i], overflowed);
    backward = accumulator.add(backward, terms[terms.size() - 1 - i], overflowed);
    exact += terms[i];
  }
  RC_ASSERT(forward == static_cast<int64_t>(wrap(exact, accumulator.type)));
  RC_ASSERT(forward == backward);
}

RC_GTEST_PROP(AccumulatorLaws, WhereItFitsNothingOverflows, ()) {
  const Accumulator accumulator{IntType{*any_width(4, 40), true}, *rc::gen::element(Overflow::wrap, Overflow::saturate)};
  const auto terms = *rc::gen::container<std::vector<int16_t>>(rc::gen::arbitrary<int16_t>());
  Wide worst = 0;
  for (const int16_t term : terms) worst += term < 0 ? -Wide{term} : Wide{term};
  RC_PRE(fits(accumulator, worst));
  RC_ASSERT(order_free(accumulator, worst));
  bool overflowed = false;
  int64_t sum = 0;
  for (const int16_t term : terms) sum = accumulator.add(sum, term, overflowed);
  RC_ASSERT(!overflowed);
}

rc::Gen<Step> any_integer_step() {
  return rc::gen::exec([]() -> Step {
    switch (*rc::gen::inRange(0, 8)) {
      case 0: return AddBias{};
      case 1: return ShiftLeft{*rc::gen::arbitrary<bool>() ? std::optional(LeftShift{*any_width(0, 62)}) : std::nullopt};
      case 2: return Multiply{};
      case 3: return ShiftRight{*rc::gen::arbitrary<bool>() ? std::optional(RightShift{*any_width(0, 62)}) : std::nullopt, *any_round()};
      case 4: return Saturate{*rc::gen::arbitrary<bool>() ? std::optional(*any_width(1, 64)) : std::nullopt};
      case 5: return Wrap{*rc::gen::arbitrary<bool>() ? std::optional(*any_width(1, 64)) : std::nullopt};
      case 6: return AddZeroPoint{};
      default: return Clamp{};
    }
  });
}

RC_GTEST_PROP(StepText, WhatIsPrintedIsReadBackTheSame, ()) {
  Steps steps;
  const int count = *rc::gen::inRange(0, 12);
  for (int i = 0; i < count; ++i) steps.push_back(*any_integer_step());
  RC_ASSERT(parse_steps(to_string(steps)) == steps);
  for (const Step& step : steps) RC_ASSERT(parse_step(to_string(step)) == step);
}

RC_GTEST_PROP(StepText, NoTextCrashesTheParser, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("shiftrgla_ 0123456789;-scaleoutpxw")));
  try {
    RC_ASSERT(parse_steps(to_string(parse_steps(text))) == parse_steps(text));
  } catch (const InputError& error) {
    RC_ASSERT(std::string(error.what()).find("step") == 0u);
  }
}

TEST(StepText, SaysWhatIsWrongAndWhatIsLegal) {
  const std::pair<const char*, const char*> cases[] = {{"shift_right 63 half_up", "a number from 0 to 62, found '63'"},
                                                       {"shift_right 3", "takes 2 words"},
                                                       {"shift_right 3 nearest", "'nearest' is no rounding mode"},
                                                       {"shift_left -1", "found '-1'"},
                                                       {"saturate 65", "a number from 1 to 64"},
                                                       {"saturate 0", "a number from 1 to 64"},
                                                       {"multiply 3 4", "takes 0 or 1 words"},
                                                       {"multiply 4294967296", "a number from -4294967295 to 4294967295"},
                                                       {"add", "takes 1 words"},
                                                       {"clamp 3", "takes no words or 2"},
                                                       {"clamp 3 2", "wrong order"},
                                                       {"mul_fp32 scales", "expected scale, bias, output, slope"},
                                                       {"add_fp32 0x7fc00000", "expected a binary32 word"},
                                                       {"clamp_fp32 0x3f800000 0x00000000", "wrong order"},
                                                       {"round_fp32 fp32 floor", "is no narrower format"},
                                                       {"shift_rihgt 3 floor", "perhaps 'shift_right'"},
                                                       {"round", "the steps are add_bias"},
                                                       {"", "is empty"},
                                                       {"wrap outputs", "expected 'output'"}};
  for (const auto& [text, part] : cases) {
    try {
      parse_step(text);
      ADD_FAILURE() << text;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

struct Corner {
  Wide value;
  uint8_t shift;
  Round mode;
  Wide expected;
  const char* why;
};

TEST(RoundCorners, EachRowCatchesItsMistake) {
  const Wide two31 = Wide{1} << 31, two62 = Wide{1} << 62;
  const Corner corners[] = {
      {-1, 1, Round::half_up, 0, "-0.5 up is 0: half_away in its place gives -1"},
      {-1, 1, Round::half_away, -1, "-0.5 from zero is -1: half_up in its place gives 0"},
      {1, 1, Round::half_even, 0, "0 is even: half_up in its place gives 1"},
      {3, 1, Round::half_even, 2, "1.5 to 2: half_down in its place gives 1"},
      {-3, 1, Round::half_even, -2, "parity is that of the magnitude, also below 0"},
      {-3, 1, Round::half_odd, -1, "-1.5 to -1, the odd neighbour"},
      {-3, 2, Round::half_up, -1, "-0.75 is no tie: adding half after a truncating shift gives 0"},
      {-1, 62, Round::floor, -1, "the smallest negative under the largest shift: an arithmetic shift keeps -1"},
      {-1, 62, Round::half_up, 0, "and rounds to 0"},
      {two31 - 1, 31, Round::half_up, 1, "largest s32: adding half in 32 bits overflows"},
      {-two31, 31, Round::half_up, -1, "smallest s32: its magnitude does not fit 32 bits"},
      {two62 + (two62 >> 1), 62, Round::half_even, 2, "a tie at the top of 64 bits"},
      {-(two62 + (two62 >> 1)), 62, Round::half_down, -2, "the same below 0"},
      {5, 0, Round::half_up, 5, "no shift, no rounding: half of 2^0 must not be added"},
      {-5, 0, Round::away_from_zero, -5, "no shift leaves the value in directed modes too"},
      {1, 1, Round::ceil, 1, "0.5 up"},
      {-1, 1, Round::ceil, 0, "-0.5 toward +infinity is 0: away from zero gives -1"},
  };
  for (const Corner& c : corners) EXPECT_TRUE(shift_right(c.value, RightShift{c.shift}, c.mode) == c.expected) << c.why;
}

TEST(TypeCorners, EachRowCatchesItsMistake) {
  EXPECT_TRUE(wrap(128, kS8) == -128) << "one above the greatest";
  EXPECT_TRUE(wrap(-129, kS8) == 127) << "one below the least: C's % keeps the sign";
  EXPECT_TRUE(wrap(-1, kU8) == 255) << "negative into unsigned";
  EXPECT_TRUE(wrap(Wide{1} << 64, IntType{64, false}) == 0) << "2^64 needs more than 64 bits to be seen";
  EXPECT_TRUE(saturate(-1, kU8) == 0) << "negative into unsigned";
  EXPECT_TRUE(saturate(Wide{1} << 63, kS64) == (Wide{1} << 63) - 1) << "the limit of 64 bits";
  EXPECT_TRUE(wrap(1, IntType{1, true}) == -1) << "one signed bit holds -1 and 0";
  EXPECT_TRUE(saturate(1, IntType{1, true}) == 0);
}

TEST(ScaleConventions, AreEnteredByNameAndRefuseWhatTheyDoNotHave) {
  EXPECT_EQ(QScale::from_tflite(1 << 30, 3), (QScale{1 << 30, LeftShift{3}, RightShift{0}}));
  EXPECT_EQ(QScale::from_tflite(1 << 30, -3), (QScale{1 << 30, LeftShift{0}, RightShift{3}}));
  EXPECT_EQ(QScale::from_tosa(1 << 30, 40), (QScale{1 << 30, LeftShift{0}, RightShift{40}}));
  EXPECT_THROW(QScale::from_tflite(1 << 30, 31), InputError);
  EXPECT_THROW(QScale::from_tflite(1 << 30, -32), InputError);
  EXPECT_THROW(QScale::from_tosa(1 << 30, 1), InputError);
  EXPECT_THROW(QScale::from_tosa(1 << 30, 63), InputError);
}

TEST(Asserts, ValuesThatLeaveTheirRangeAreOurBugNotAResult) {
  EXPECT_THROW(shift_left(Wide{1} << 100, LeftShift{62}), InternalError);
  EXPECT_THROW(shift_left(1, LeftShift{63}), InternalError);
  EXPECT_THROW(divide(1, 0, Round::floor), InternalError);
  StepOperands operands;
  operands.scale.multiplier = 3;
  StepEvents events;
  EXPECT_THROW(apply(Multiply{}, Wide{1} << 95, operands, events), InternalError);
  operands.scale.multiplier = int64_t{1} << 32;
  EXPECT_THROW(apply(Multiply{}, 1, operands, events), InternalError);
}

}  // namespace
}  // namespace assay::emu
