// The operators of 8-bit inference against exact rationals: all words of 8 bits, scales at random.
#include "emu/arith/fixed_operators.h"

#include "tests/oracle/fixed.h"
#include "tests/oracle/tally.h"
#include "tests/witness/cases.h"

namespace assay::oracle {
namespace {

using emu::kS16;
using emu::kS8;
using emu::LeftShift;
using emu::QScale;
using emu::RightShift;
using witness::kSeed;
using witness::Random;

QScale scale_between(Random& random, int low, int high) {
  const int64_t multiplier = random.next() % 4 == 0 ? int64_t{1} << 30 : random.between(int64_t{1} << 30, (int64_t{1} << 31) - 1);
  return QScale::from_tflite(static_cast<int32_t>(multiplier), static_cast<int>(random.between(low, high)));
}

TEST(FixedOperatorsOracle, LogisticAndTanhOfAllWords) {
  Tally tally;
  Random random(kSeed);
  for (int round = 0; round < 6; ++round) {
    const emu::ArgumentScale argument = [&] {
      const QScale s = scale_between(random, 20, 26);
      return emu::ArgumentScale{random.between(-128, 127), s, emu::input_range_radius(4, s.left)};
    }();
    EXPECT_EQ(argument.range_radius, below(Rational(15) * two_to(27 - argument.scale.left.bits)));
    for (int64_t x = -128; x < 128; x += kStride) {
      const int64_t centered = x - argument.zero_point;
      Int logistic = centered < 0 ? -128 : 127, tanh = logistic;
      if (centered > -argument.range_radius && centered < argument.range_radius) {
        const Rational real = Rational(scaled_twice(centered, argument.scale)) * two_to(-27);
        logistic = saturated(rounded(logistic_of(real, 4, 32) * 256, Round::half_away) - 128, kS8);
        tanh = saturated(rounded(tanh_of(real, 4, 32) * 128, Round::half_away), kS8);
      }
      tally.check(emu::logistic_8(x, argument) == logistic, [&](auto& out) { out << "logistic of " << x; });
      tally.check(emu::tanh_8(x, argument) == tanh, [&](auto& out) { out << "tanh of " << x; });
    }
  }
  tally.expect_all_right(6 * 512);
}

TEST(FixedOperatorsOracle, SoftmaxOfRows) {
  Random random(kSeed);
  for (int round = 0; round < 40; round += kStride) {
    const QScale s = scale_between(random, 18, 26);
    const int64_t least = -emu::input_range_radius(5, s.left);
    std::vector<int64_t> row(static_cast<size_t>(random.between(1, 24)));
    for (int64_t& x : row) x = random.between(-128, 127);
    for (const emu::IntType type : {kS8, kS16}) {
      const std::vector<int64_t> found = emu::softmax_row(row, {s, least}, type);
      const std::vector<Int> want = softmax(row, s, least, type.bits);
      ASSERT_EQ(found.size(), want.size());
      for (size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], want[i]) << "round " << round << ", element " << i;
    }
  }
}

TEST(FixedOperatorsOracle, HardSwishOfAllWords) {
  Tally tally;
  Random random(kSeed);
  const auto word16 = [](const Rational& x, Round mode) { return Rational(saturated(rounded(x, mode), kS16)); };
  for (int round = 0; round < 60; round += kStride) {
    const auto exponent = static_cast<int>(random.between(-7, 7));
    const emu::HardSwishScale s{random.between(-128, 127), random.between(-128, 127),
                                QScale{random.between(1 << 14, (1 << 15) - 1), LeftShift{0}, RightShift{static_cast<uint8_t>(random.between(0, 12))}},
                                QScale{random.between(1 << 14, (1 << 15) - 1), LeftShift{static_cast<uint8_t>(exponent > 0 ? exponent : 0)},
                                       RightShift{static_cast<uint8_t>(exponent < 0 ? -exponent : 0)}}};
    for (int64_t x = -128; x < 128; ++x) {
      const Rational fine = Rational((x - s.input_zero_point) * 128);
      const Rational output = word16(fine * s.output.multiplier * two_to(-15), Round::half_up);
      Rational gate = exponent > 0 ? word16(fine * two_to(exponent - 1), Round::floor) : fine;
      gate = word16(gate * s.reluish.multiplier * two_to(-15), Round::half_up);
      if (exponent > 0) gate = word16(gate * 2, Round::floor);
      if (exponent < 0) gate = word16(gate * two_to(exponent), Round::half_away);
      gate = word16((gate + 32768) / 2, Round::floor);
      const Rational y = word16(gate * output * two_to(-15), Round::toward_zero);
      const Int want = saturated(rounded(y * two_to(-s.output.right.bits), Round::half_away) + s.output_zero_point, kS8);
      tally.check(emu::hard_swish_8(x, s) == want, [&](auto& out) { out << x << " with exponent " << exponent; });
    }
  }
  tally.expect_all_right(60 * 256);
}

TEST(FixedOperatorsOracle, LeakyReluOfAllWords) {
  Tally tally;
  Random random(kSeed);
  for (int round = 0; round < 60; round += kStride) {
    const emu::LeakyReluScale s{random.between(-128, 127), random.between(-128, 127), scale_between(random, -4, 2), scale_between(random, -8, 2)};
    for (int64_t x = -128; x < 128; ++x) {
      const Int centered = x - s.input_zero_point;
      const Int want = saturated(scaled_twice(centered, centered < 0 ? s.slope : s.identity) + s.output_zero_point, kS8);
      tally.check(emu::leaky_relu(x, s, kS8) == want, [&](auto& out) { out << x; });
    }
  }
  tally.expect_all_right(60 * 256);
}

Int within(const Int& value, int64_t low, int64_t high) {
  return value < low ? Int(low) : (value > high ? Int(high) : value);
}

TEST(FixedOperatorsOracle, SumsAndProductsOfPairs) {
  Tally tally;
  Random random(kSeed);
  for (int round = 0; round < 10; ++round) {
    const emu::AddScale add{LeftShift{20},
                            random.between(-128, 127),
                            random.between(-128, 127),
                            random.between(-128, 127),
                            scale_between(random, -6, 0),
                            scale_between(random, -6, 0),
                            scale_between(random, -22, -16),
                            -128,
                            random.between(0, 127)};
    const emu::MulScale mul{random.between(-128, 127), random.between(-128, 127), random.between(-128, 127), scale_between(random, -10, -3), random.between(-128, -1), 127};
    for (int pair = 0; pair < 65536; pair += 31 * kStride) {
      const int64_t a = pair % 256 - 128, b = pair / 256 - 128;
      const Int up = power_of_two(20);
      const Int sum = scaled_twice((a - add.a_zero_point) * up, add.a) + scaled_twice((b - add.b_zero_point) * up, add.b);
      tally.check(emu::add_quantized(a, b, add) == within(scaled_twice(sum, add.output) + add.output_zero_point, add.low, add.high), [&](auto& out) { out << a << " + " << b; });
      const Int product = Int(a - mul.a_zero_point) * (b - mul.b_zero_point);
      tally.check(emu::multiply_quantized(a, b, mul) == within(scaled_twice(product, mul.product) + mul.output_zero_point, mul.low, mul.high),
                  [&](auto& out) { out << a << " * " << b; });
    }
  }
  tally.expect_all_right(42000);
}

TEST(FixedOperatorsOracle, Averages) {
  Tally tally;
  for (int64_t count = 1; count <= 50; ++count) {
    for (int64_t sum = -60 * count; sum <= 60 * count; sum += 3 * kStride) {
      tally.check(emu::average(sum, count) == rounded(Rational(sum, count), Round::half_away), [&](auto& out) { out << sum << " / " << count; });
    }
  }
  tally.expect_all_right(50000);
}

TEST(FixedOperatorsOracle, LstmCellsAndHiddenStates) {
  Tally tally;
  Random random(kSeed);
  for (int i = 0; i < 5000; i += kStride) {
    const emu::LstmScale s{scale_between(random, -16, -13), scale_between(random, -19, -15), scale_between(random, -24, -20),
                           random.next() % 2 == 0 ? 0 : random.between(100, 32767), random.between(-128, 127)};
    const emu::LstmGates g{random.between(0, 32767), random.between(0, 32767), random.between(-32768, 32767), random.between(0, 32767)};
    const int64_t cell = random.word(16);
    const emu::LstmCell found = emu::lstm_cell(g, cell, s);
    const Int forgotten = saturated(scaled_twice(Int(g.forget) * cell, s.forget_by_cell), kS16),
              added = saturated(scaled_twice(Int(g.input) * g.candidate, s.input_by_candidate), kS16);
    const Int sum = saturated(forgotten + added, kS16);
    tally.check(found.forgotten == forgotten && found.added == added && found.cell == (s.clip > 0 ? within(sum, -s.clip, s.clip) : sum),
                [&](auto& out) { out << "cell " << cell; });
    const Int hidden = saturated(scaled_twice(Int(g.output) * g.candidate, s.output_by_tanh) + s.hidden_zero_point, kS8);
    tally.check(emu::lstm_hidden(g.output, g.candidate, s, kS8) == hidden, [&](auto& out) { out << "hidden " << g.output; });
  }
  tally.expect_all_right(10000);
}

// A table read between its entries: the exact straight line, rounded once.
TEST(FixedOperatorsOracle, InterpolatedTables) {
  Tally tally;
  Random random(kSeed);
  std::vector<int64_t> table(256), entries(513);
  for (size_t i = 0; i < table.size(); ++i) table[i] = 32768 + static_cast<int64_t>(i) * 128 + random.between(0, 127);
  for (int64_t& entry : entries) entry = random.word(16);
  for (int x = -32768; x < 32768; x += 7 * kStride) {
    const emu::TableArgument argument{random.between(1, 30000), RightShift{static_cast<uint8_t>(random.between(8, 14))}};
    const Int v = rounded(Rational(Int(x) * argument.multiplier) * two_to(-argument.right.bits), Round::half_up);
    const auto line = [&](int bits, const Rational& beyond) {
      const Rational at = abs(Rational(v)) * two_to(-bits);
      const Int i = below(at);
      if (i >= 255) return beyond;
      const auto k = static_cast<size_t>(i);
      return Rational(Rational(table[k]) + Rational(table[k + 1] - table[k]) * (at - Rational(i)));
    };
    const Int logistic = rounded(line(9, 65534) / 2, Round::half_up);
    tally.check(emu::logistic_16_from_table(table, x, argument) == (v < 0 ? Int(32768 - logistic) : logistic), [&](auto& out) { out << "logistic of " << x; });
    const Int tanh = rounded(line(8, 65535) - 32768, Round::half_up);
    tally.check(emu::tanh_16_from_table(table, x, argument) == (v < 0 ? Int(-tanh) : tanh), [&](auto& out) { out << "tanh of " << x; });
    const Rational at = Rational(x + 32768, 128);
    const auto k = static_cast<size_t>(below(at));
    const Rational kept = (Rational(entries[k]) + Rational(entries[k + 1] - entries[k]) * (at - Rational(below(at)))) * 128;
    tally.check(Rational(emu::interpolate_keeping_fraction(entries, x)) == kept, [&](auto& out) { out << "interpolation at " << x; });
  }
  tally.expect_all_right(28000);
}

TEST(FixedOperatorsOracle, ResizeTapsAndCorners) {
  Tally tally;
  Random random(kSeed);
  for (int i = 0; i < 4000; i += kStride) {
    const int64_t input = random.between(1, 40), output = random.between(1, 90);
    const auto grid = static_cast<emu::ResizeGrid>(random.between(0, 2));
    const bool corners = grid == emu::ResizeGrid::align_corners && output > 1;
    const Int step = rounded(Rational(1024 * (input - corners), output - corners), Round::half_up);
    const int64_t found = emu::resize_step(input, output, grid);
    tally.check(found == step, [&](auto& out) { out << input << " to " << output; });
    const int64_t at = random.between(0, output - 1);
    const Rational position = (Rational(step * at) + (grid == emu::ResizeGrid::half_pixel ? Rational(rounded(Rational(step, 2), Round::floor) - 512) : Rational(0))) / 1024;
    const emu::ResizeTap tap = emu::resize_tap(at, found, input, grid);
    const Int lower = within(rounded(position, Round::floor), 0, input - 1), upper = within(rounded(position, Round::ceil), 0, input - 1);
    tally.check(tap.lower == lower && tap.upper == upper && Rational(tap.weight) == (position - Rational(lower)) * 1024,
                [&](auto& out) { out << at << " of " << input << " to " << output; });
    const int64_t a = random.between(-128, 127), b = random.between(-128, 127), c = random.between(-128, 127), d = random.between(-128, 127);
    const int64_t row = random.between(0, 1024), column = random.between(0, 1024);
    const Rational r(row, 1024), k(column, 1024);
    const Rational exact = (Rational(a) * (1 - k) + Rational(b) * k) * (1 - r) + (Rational(c) * (1 - k) + Rational(d) * k) * r;
    tally.check(emu::interpolate_corners(a, b, c, d, row, column) == rounded(exact, Round::half_away),
                [&](auto& out) { out << "corners " << a << " " << b << " " << c << " " << d; });
  }
  tally.expect_all_right(12000);
}

}  // namespace
}  // namespace assay::oracle
