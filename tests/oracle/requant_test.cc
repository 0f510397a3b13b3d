// Every step and the step lists of real requantizers against the oracle, on corner accumulators and millions of random ones; and each list's formula as its documentation has it.
#include "emu/arith/requant.h"

#include <random>

#include "tests/oracle/exact_steps.h"
#include "tests/oracle/tally.h"

namespace assay::oracle {
namespace {

using namespace emu;

constexpr int64_t kS32Min = -2147483648LL, kS32Max = 2147483647LL;

struct List {
  const char* name;
  const char* steps;
  uint8_t multiplier_bits;
  uint8_t max_left;
  uint8_t max_right;
};

// Each with the ranges of scale that it is used with.
const std::vector<List> kLists = {
    {"PowerOfTwoShift", "add_bias; shift_left scale; shift_right scale half_up; saturate output; clamp", 1, 31, 62},
    {"SingleRounding", "add_bias; multiply; shift_right scale half_up; add_zero_point; saturate output; clamp", 31, 0, 62},
    {"DoubleRounding", "add_bias; shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; add_zero_point; saturate output; clamp", 31, 30,
     31},
    {"TwoStages", "shift_right 3 half_up; saturate 16; add_bias; saturate 16; multiply; shift_right scale half_up; saturate output", 8, 0, 16},
    {"HighWordWraps", "shift_left scale; multiply; shift_right 31 half_up; saturate 32; wrap 16; saturate output", 31, 8, 0},
    {"OperandWithHeadroom", "shift_left 20; multiply; shift_right scale half_up", 31, 0, 62},
    {"WrapsIntoOutput", "multiply; shift_right scale floor; add_zero_point; wrap output", 24, 0, 40},
};

// An accumulator that is likely to matter: small, a limit, a power of two or near it, or any.
int64_t accumulator(std::mt19937_64& random) {
  const uint64_t r = random();
  const auto any = static_cast<int64_t>(static_cast<int32_t>(random()));
  switch (r % 8) {
    case 0: return static_cast<int64_t>(r >> 8) % 1024 - 512;
    case 1: return kS32Min + static_cast<int64_t>((r >> 8) % 4);
    case 2: return kS32Max - static_cast<int64_t>((r >> 8) % 4);
    case 3: {
      const int64_t power = int64_t{1} << ((r >> 8) % 31);
      return ((r >> 16) & 1 ? power : -power) + static_cast<int64_t>((r >> 20) % 5) - 2;
    }
    case 4:
    case 5: return any >> (r >> 8) % 24;
    default: return any;
  }
}

StepOperands operands(std::mt19937_64& random, const List& list) {
  StepOperands o;
  const uint64_t r = random();
  o.bias = static_cast<int32_t>(random()) >> (r % 31);
  const int64_t low = int64_t{1} << (list.multiplier_bits - 1);
  o.scale.multiplier = list.multiplier_bits == 1 ? 1 : low + static_cast<int64_t>(random() % static_cast<uint64_t>(low));
  if (r % 16 == 0) o.scale.multiplier = low;
  if (r % 16 == 1) o.scale.multiplier = 2 * low - 1;
  o.scale.left = LeftShift{static_cast<uint8_t>((r >> 8) % (list.max_left + 1u))};
  o.scale.right = RightShift{static_cast<uint8_t>((r >> 16) % (list.max_right + 1u))};
  const IntType types[] = {kS8, kU8, kS16, kU16, IntType{4, true}};
  o.output = types[(r >> 24) % 5];
  const auto words = static_cast<uint64_t>(o.output.max() - o.output.min() + 1);
  o.zero_point = static_cast<int64_t>(o.output.min()) + static_cast<int64_t>((r >> 28) % words);
  o.clamp_low = (r >> 60) % 2 == 0 ? static_cast<int64_t>(o.output.min()) : o.zero_point;
  o.clamp_high = static_cast<int64_t>(o.output.max());
  // Half of them as Clip has it: bounds inside the type on both sides.
  if ((r >> 61) % 2 == 0) o.clamp_high = o.clamp_low + static_cast<int64_t>(random() % static_cast<uint64_t>(o.output.max() - o.clamp_low + 1));
  return o;
}

class OracleRequantize : public testing::TestWithParam<List> {};

TEST_P(OracleRequantize, EveryValueAfterEveryStepAndBothEvents) {
  const Steps steps = parse_steps(GetParam().steps);
  constexpr int kCases = 400000 / kStride;
  std::mt19937_64 random(20240612 + steps.size());
  Tally tally;
  int64_t different_outputs = 0, events_seen = 0;
  Wide last = 0;
  for (int i = 0; i < kCases; ++i) {
    const int64_t start = accumulator(random);
    const StepOperands o = operands(random, GetParam());
    const Stepped exact = stepped(Int(start), steps, o);
    const std::vector<Wide> traced = requantize_traced(start, steps, o);
    StepEvents events;
    const Wide result = requantize(start, steps, o, events);
    bool right = traced.size() == exact.values.size() && to_int(result) == exact.values.back() && events.intermediate == exact.intermediate && events.output == exact.output;
    for (size_t s = 0; right && s < traced.size(); ++s) right = to_int(traced[s]) == exact.values[s];
    tally.check(right, [&](auto& out) {
      out << start << " bias " << to_int(o.bias) << " multiplier " << o.scale.multiplier << " left " << int{o.scale.left.bits} << " right " << int{o.scale.right.bits} << " to "
          << to_string(o.output) << " zero " << o.zero_point << ": ";
      for (size_t s = 0; s < traced.size(); ++s) out << to_string(steps[s]) << " -> " << to_int(traced[s]) << " (exactly " << exact.values[s] << "); ";
    });
    if (result != last) ++different_outputs;
    last = result;
    if (events.intermediate || events.output) ++events_seen;
  }
  tally.expect_all_right(kCases * kStride);
  EXPECT_GT(different_outputs, kCases / 3) << "the accumulators do not exercise the list";
  if (steps.back() != Step{ShiftRight{std::nullopt, Round::half_up}}) {
    EXPECT_GT(events_seen, kCases / 100);
  }
}

INSTANTIATE_TEST_SUITE_P(Lists, OracleRequantize, testing::ValuesIn(kLists), [](const auto& named) { return std::string(named.param.name); });

// Every kind of step alone, with every amount, on values around what it can tell apart.
TEST(OracleSteps, EveryKindWithEveryAmountOnCornerValues) {
  std::vector<Step> steps = {AddBias{}, Multiply{}, AddZeroPoint{}, Clamp{}, ShiftLeft{std::nullopt}, Saturate{std::nullopt}, Wrap{std::nullopt}};
  for (uint8_t n = 0; n <= kMaxShiftBits; ++n) {
    steps.push_back(ShiftLeft{LeftShift{n}});
    for (const Round mode : kAllRounds) steps.push_back(ShiftRight{RightShift{n}, mode});
  }
  for (const Round mode : kAllRounds) steps.push_back(ShiftRight{std::nullopt, mode});
  for (uint8_t bits = 1; bits <= 64; ++bits) steps.push_back(Saturate{bits}), steps.push_back(Wrap{bits});
  std::vector<Wide> values;
  for (unsigned exponent = 0; exponent <= 62; exponent += exponent < 34 ? 1 : 7) {
    for (int nearby = -2; nearby <= 2; ++nearby) values.push_back((Wide{1} << exponent) + nearby), values.push_back(-(Wide{1} << exponent) + nearby);
  }
  for (const int bound : {3, 100}) {
    for (int nearby = -2; nearby <= 2; ++nearby) values.push_back(bound + nearby);  // the clamp's
  }
  Tally tally;
  for (const IntType output : {kS8, kU8, kS16}) {
    StepOperands o;
    o.bias = -12345;
    o.scale = {1431655765, LeftShift{5}, RightShift{37}};
    o.output = output;
    o.zero_point = 3;
    o.clamp_low = 3;
    o.clamp_high = 100;
    for (const Step& step : steps) {
      for (const Wide value : values) {
        StepEvents events;
        const Wide found = apply(step, value, o, events);
        const Stepped exact = stepped(to_int(value), {step}, o);
        tally.check(to_int(found) == exact.values[0] && events.output == exact.output && events.intermediate == exact.intermediate,
                    [&](auto& out) { out << to_string(step) << " on " << to_int(value) << ": " << to_int(found) << ", exactly " << exact.values[0]; });
      }
    }
  }
  tally.expect_all_right(3 * 800 * 300);
}

// What the lists mean, as one formula over reals with its roundings, written from the published descriptions.
TEST(OracleFormulas, DoubleRoundingIsARoundedDoublingHighMultiplyThenADivisionRoundedAway) {
  const Steps steps = parse_steps("shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; add_zero_point; saturate output");
  std::mt19937_64 random(7);
  Tally tally;
  for (int i = 0; i < 200000; i += kStride) {
    const int64_t x = accumulator(random) / 4;
    const auto multiplier = static_cast<int32_t>((int64_t{1} << 30) + static_cast<int64_t>(random() % (uint64_t{1} << 30)));
    const int shift = static_cast<int>(random() % 34) - 31;
    StepOperands o;
    o.scale = QScale::from_tflite(multiplier, shift);
    o.zero_point = -5;
    const Rational high = Rational(Int(x) * power_of_two(shift > 0 ? static_cast<unsigned>(shift) : 0) * multiplier, power_of_two(31));
    const Int first = saturated(rounded(high, Round::half_up), kS32);
    const Int second = rounded(Rational(first, power_of_two(shift < 0 ? static_cast<unsigned>(-shift) : 0)), Round::half_away);
    StepEvents events;
    tally.check(to_int(requantize(x, steps, o, events)) == saturated(second - 5, kS8), [&](auto& out) { out << x << " * " << multiplier << " shift " << shift; });
  }
  tally.expect_all_right(200000);
}

TEST(OracleFormulas, SingleRoundingIsTheNearestIntegerToTheRealProduct) {
  const Steps steps = parse_steps("multiply; shift_right scale half_up; add_zero_point; saturate output");
  std::mt19937_64 random(8);
  Tally tally;
  for (int i = 0; i < 200000; i += kStride) {
    const int64_t x = accumulator(random);
    const auto multiplier = static_cast<int32_t>((int64_t{1} << 30) + static_cast<int64_t>(random() % (uint64_t{1} << 30)));
    const int shift = 2 + static_cast<int>(random() % 61);
    StepOperands o;
    o.scale = QScale::from_tosa(multiplier, shift);
    o.output = kU8;
    o.zero_point = 131;
    const Int exact = saturated(rounded(Rational(Int(x) * multiplier, power_of_two(static_cast<unsigned>(shift))) + 131, Round::half_up), kU8);
    StepEvents events;
    tally.check(to_int(requantize(x, steps, o, events)) == exact, [&](auto& out) { out << x << " * " << multiplier << " / 2^" << shift; });
  }
  tally.expect_all_right(200000);
}

TEST(OracleFormulas, PowerOfTwoRequantizationIsExhaustivelyTheRoundedShift) {
  const Steps steps = parse_steps("shift_left scale; shift_right scale half_up; saturate output");
  Tally tally;
  for (int shift = -4; shift <= 16; ++shift) {
    StepOperands o;
    o.scale.left = LeftShift{static_cast<uint8_t>(shift < 0 ? -shift : 0)};
    o.scale.right = RightShift{static_cast<uint8_t>(shift > 0 ? shift : 0)};
    const Rational factor = shift < 0 ? Rational(power_of_two(static_cast<unsigned>(-shift))) : Rational(1, power_of_two(static_cast<unsigned>(shift)));
    for (int x = -32768; x <= 32767; x += kStride) {
      StepEvents events;
      tally.check(to_int(requantize(x, steps, o, events)) == saturated(rounded(factor * x, Round::half_up), kS8), [&](auto& out) { out << x << " / 2^" << shift; });
    }
  }
  tally.expect_all_right(65536LL * 21);
}

TEST(OracleFormulas, AddWithHeadroomRoundsEachOperandAndThenTheSum) {
  // y = round(out * (round(a' * 2^20 * m_a / 2^r_a) + round(b' * 2^20 * m_b / 2^r_b))) + zero point, all u8 by u8.
  const Steps operand = parse_steps("shift_left 20; multiply; shift_right scale half_up");
  const Steps output = parse_steps("multiply; shift_right scale half_up; add_zero_point; saturate output; clamp");
  const QScale scale_a{1431655765, LeftShift{0}, RightShift{32}}, scale_b{1073741824, LeftShift{0}, RightShift{31}}, scale_y{1717986918, LeftShift{0}, RightShift{49}};
  StepOperands o{0, scale_y, kU8, 7, 7, 255};
  StepOperands oa, ob;
  oa.scale = scale_a, ob.scale = scale_b;
  const auto brought = [](int q, const QScale& s) { return rounded(Rational(Int(q) * power_of_two(20) * s.multiplier, power_of_two(s.right.bits)), Round::half_up); };
  Tally tally;
  for (int a = 0; a <= 255; a += kStride) {
    for (int b = 0; b <= 255; ++b) {
      StepEvents events;
      const Wide sum = requantize(a - 128, operand, oa, events) + requantize(b - 3, operand, ob, events);
      const Int exact_sum = brought(a - 128, scale_a) + brought(b - 3, scale_b);
      Int exact = saturated(rounded(Rational(exact_sum * scale_y.multiplier, power_of_two(49)), Round::half_up) + 7, kU8);
      if (exact < 7) exact = 7;
      tally.check(to_int(requantize(sum, output, o, events)) == exact, [&](auto& out) { out << a << " + " << b; });
    }
  }
  tally.expect_all_right(65536);
}

TEST(OracleDivideScaled, IsOneRoundingOfTheExactQuotient) {
  std::mt19937_64 random(9);
  Tally tally;
  for (int i = 0; i < 60000; i += kStride) {
    const int64_t value = accumulator(random);
    const auto divisor = static_cast<int64_t>(1 + random() % (i % 2 == 0 ? 300 : 1u << 31));
    const QScale scale{static_cast<int64_t>(1 + random() % (uint64_t{1} << 31)), LeftShift{static_cast<uint8_t>(random() % 32)}, RightShift{static_cast<uint8_t>(random() % 63)}};
    const Between exact = between(Rational(Int(value) * scale.multiplier * power_of_two(scale.left.bits), Int(divisor) * power_of_two(scale.right.bits)));
    for (const Round mode : kAllRounds) {
      const Wide found = divide_scaled(value, divisor, scale, mode);
      tally.check(to_int(found) == rounded(exact, mode), [&](auto& out) { out << value << " / " << divisor << " " << to_string(mode) << ": " << to_int(found); });
    }
  }
  tally.expect_all_right(600000);
}

TEST(OracleDivideScaled, AveragesOfAllWindowsOfBytesAreRoundedQuotients) {
  Tally tally;
  for (int64_t count = 1; count <= 64; ++count) {
    for (int64_t sum = -128 * count; sum <= 127 * count; sum += kStride) {
      const Between exact = between(Rational(sum, count));
      for (const Round mode : kAllRounds) {
        tally.check(rounded(exact, mode) == static_cast<int64_t>(divide_scaled(sum, count, QScale{}, mode)),
                    [&](auto& out) { out << sum << " / " << count << " " << to_string(mode); });
      }
    }
  }
  tally.expect_all_right(5000000);
}

}  // namespace
}  // namespace assay::oracle
