// Stimuli of the operations that have a scale: which scales, and which accumulators and words for each.
#include <algorithm>

#include "emu/arith/step_words.h"
#include "vectors/arithmetic/make.h"
#include "vectors/arithmetic/staircase.h"

namespace assay::vectors {
namespace {

using emu::QScale;
using emu::Steps;

struct Scale {
  QScale scale;
  std::string why;
};

// multiplier and shifts that stand for mantissa / 2^(bits - 1) * 2^exponent in these steps; none where the shifts do not reach. A first cut takes what it may, at most.
std::optional<QScale> scale_near(const Maker& make, const Steps& steps, int64_t mantissa, int exponent) {
  int right = make.multiplier.bits - 1 - exponent;
  for (const emu::Step& step : steps) {
    if (const auto* s = std::get_if<emu::ShiftRight>(&step)) right -= s->amount ? s->amount->bits : 0;
    if (const auto* s = std::get_if<emu::ShiftLeft>(&step)) right += s->amount ? s->amount->bits : 0;
  }
  const bool own_left = emu::holds(steps, emu::is_scale_left);
  const int first =
      emu::holds(steps, emu::is_first_cut) ? std::clamp(right - static_cast<int>(make.multiplier.min_right.bits), 0, static_cast<int>(make.multiplier.max_first.bits)) : 0;
  right -= first;
  if (right > make.multiplier.max_right.bits || -right > (own_left ? make.multiplier.max_left.bits : 0)) return std::nullopt;
  const auto amount = [](int bits) { return static_cast<uint8_t>(std::max(bits, 0)); };
  return QScale{mantissa, {amount(-right)}, {amount(right)}, {}, {amount(first)}};
}

Scale fp32_scale(uint32_t word, const char* why) {
  QScale scale;
  // A list that has `output` multiplies or divides by it; 1 leaves the scale alone. The slope is that of a leaky activation.
  scale.fp32 = {{word}, {0}, {0x3f800000}, {0x3dcccccd}};
  return {scale, why};
}

// Corner scales of ratios from 1 down to where nothing is left of the widest accumulator, and `random` ones.
std::vector<Scale> scales_of(Maker& make, const Steps& steps, int64_t random) {
  std::vector<Scale> scales;
  if (emu::holds<emu::ToFp32>(steps)) {
    for (uint32_t exponent = 96; exponent <= 130; exponent += 3) scales.push_back(fp32_scale(exponent << 23, "a power of two"));
    for (const uint32_t word : {0x3eaaaaabU, 0x3c4985f0U, 0x3f7fffffU, 0x3a83126fU, 0x37a7c5acU, 0x33d6bf95U}) scales.push_back(fp32_scale(word, "a ratio of many bits"));
    for (const uint32_t word : {0U, 1U, 0x7f7fffffU}) scales.push_back(fp32_scale(word, "the least and the greatest binary32 scale"));
    for (int64_t i = 0; i < random; ++i) scales.push_back(fp32_scale(static_cast<uint32_t>(make.random.in(0x35000000, 0x40000000)), "a random ratio"));
    if (!emu::holds(steps, emu::is_slope)) return scales;
    // The same without an activation, whose slope is 1.
    for (size_t i = scales.size(); i-- > 0;) {
      scales.push_back(scales[i]);
      scales.back().scale.fp32.slope = {0x3f800000};
    }
    return scales;
  }
  const int bits = make.multiplier.bits;
  const int64_t least = int64_t{1} << (bits - 1), most = (int64_t{1} << bits) - 1;
  const auto add = [&](int64_t mantissa, int exponent, const char* why) {
    if (const auto scale = scale_near(make, steps, mantissa, exponent)) scales.push_back({*scale, why});
  };
  for (int exponent = 2; exponent >= -31; --exponent) add(least, exponent, "a power of two");
  if (bits > 1) {
    for (const int exponent : {0, -3, -8, -15, -24, -30}) {
      add(most, exponent, "the largest multiplier"), add(least + 1, exponent, "the multiplier next to the least");
      add(least + least / 2, exponent, "a multiplier of two bits, whose products have ties"),
          add(least + least / 4 * 3, exponent, "a multiplier of three bits, whose products have ties");
      add(least + least / 3, exponent, "a third");
    }
    const uint8_t right = make.multiplier.max_right.bits;
    for (const int64_t multiplier : {int64_t{0}, int64_t{1}, most}) {
      for (const uint8_t shift : {uint8_t{0}, uint8_t{1}, right}) scales.push_back({QScale{multiplier, {0}, {shift}}, "the least and the greatest multiplier and shift"});
    }
    for (int64_t i = 0; i < random; ++i) add(make.random.in(least, most), static_cast<int>(make.random.in(-22, 0)), "a random ratio");
  }
  return scales;
}

// --- requantize ---

struct Requantization {
  Maker& make;
  const Steps& steps;
  Scale scale;
  int64_t bias = 0, zero = 0, low = 0, high = 0;

  void ask(int64_t accumulator, const std::string& why) const {
    const emu::Fp32Constants& words = scale.scale.fp32;
    make.ask({accumulator, bias, scale.scale.multiplier, scale.scale.left.bits, scale.scale.right.bits, int64_t{words.scale.bits}, int64_t{words.bias.bits},
              int64_t{words.output.bits}, int64_t{words.slope.bits}, zero, low, high, scale.scale.first.bits},
             why + "; " + scale.why);
  }

  emu::StepOperands operands() const {
    emu::StepOperands o;
    o.bias = bias, o.scale = scale.scale, o.output = make.word(), o.zero_point = zero, o.clamp_low = low, o.clamp_high = high;
    return o;
  }

  // The first and last accumulators of each result, within `reach`.
  void thresholds(int64_t reach) const {
    std::string refusal;
    const auto stairs = stairs_of(steps, operands(), -reach, reach - 1, refusal, 1024);
    if (!stairs) return;
    for (size_t i = 1; i < stairs->stairs.size() && !make.enough(); ++i) {
      ask(stairs->stairs[i].first - 1, "last accumulator before the result changes"), ask(stairs->stairs[i].first, "first accumulator of a result");
    }
  }

  Wide before(size_t step, int64_t accumulator) const {
    const emu::StepOperands o = operands();
    emu::StepEvents events;
    Wide value = accumulator;
    for (size_t i = 0; i < step; ++i) value = apply(steps[i], value, o, events);
    return value;
  }

  // Walks back from ties of a rounded shift: the accumulator whose value before the step is the tie, or lies next to it. The steps before are monotone within `reach`, or the
  // accumulator found is as good as any.
  void ties(size_t step, int64_t reach) const {
    const auto& shift = std::get<emu::ShiftRight>(steps[step]);
    const int bits = shift.amount_in(scale.scale).bits;
    if (bits == 0) return;
    const std::string name = "step " + std::to_string(step + 1) + ", " + to_string(steps[step]);
    for (const int64_t quotient : {-129, -128, -127, -65, -4, -3, -2, -1, 0, 1, 2, 3, 64, 126, 127, 128}) {
      const Wide tie = (Wide{2} * quotient + 1) * (Wide{1} << (bits - 1));
      int64_t first = -reach, last = reach - 1;
      if (before(step, first) >= tie || before(step, last) < tie) continue;
      while (last - 1 > first) {
        const int64_t middle = (first + last) >> 1;
        (before(step, middle) < tie ? first : last) = middle;
      }
      const bool exact = before(step, last) == tie;
      ask(last - 1, "one below " + std::string(exact ? "a tie at " : "where a tie would be at ") + name);
      ask(last, (exact ? "tie at " : "next above where a tie would be at ") + name);
      ask(last + 1, "one above " + std::string(exact ? "a tie at " : "where a tie would be at ") + name);
    }
  }

  void corners() const {
    const emu::IntType type = make.t.accumulate.accumulator.result();
    const auto least = static_cast<int64_t>(type.min()), most = static_cast<int64_t>(type.max());
    for (const int64_t value : {least, least + 1, most - 1, most}) ask(value, "the accumulator's limits");
    for (int power = 0; power < type.bits - 1; ++power) {
      const bool crossing = power == 24;
      for (const int64_t beside : {-1, 0, 1}) {
        const int64_t value = (int64_t{1} << power) + beside;
        const char* why = crossing ? "2^24, from where binary32 has no odd integers" : "a power of two and its neighbours";
        ask(value, why), ask(-value, why);
      }
    }
  }

  void beyond_the_accumulator() {
    const emu::IntType type = make.t.accumulate.accumulator.result();
    const int64_t least = make.t.storage.bias.low, most = make.t.storage.bias.high;
    for (const auto& [accumulator, own] : {std::pair{type.max(), most}, std::pair{type.min(), least}, std::pair{type.max(), int64_t{1}}, std::pair{type.min(), int64_t{-1}},
                                           std::pair{type.max(), least}, std::pair{type.min(), most}, std::pair{Wide{0}, most}, std::pair{Wide{0}, least}}) {
      bias = own;
      ask(static_cast<int64_t>(accumulator), "the bias takes the sum to the accumulator's limits or beyond");
    }
    bias = 0;
  }
};

void random_accumulators(Requantization one, int64_t count) {
  const int bits = one.make.t.accumulate.accumulator.result().bits - 1;
  for (int64_t i = 0; i < count && !one.make.enough(); ++i) {
    Maker& make = one.make;
    one.bias = make.random.in(0, 3) == 0 ? std::clamp(make.random.log_uniform(30), make.t.storage.bias.low, make.t.storage.bias.high) : 0;
    one.zero = make.any_zero_point();
    if (i % 8 == 7) one.low = make.random.in(make.low(), make.high()), one.high = make.random.in(one.low, make.high());
    one.ask(i % 3 == 0 ? make.random.near_power(bits) : make.random.log_uniform(std::min(bits, 8 + static_cast<int>(i % 24))),
            i % 3 == 0 ? "random, near a power of two" : "random, log-uniform");
  }
}

// --- pairs of words ---

// Every pair of 8-bit words, or pairs of corner words; of wider words, which have more corners, every third pair, beginning with another one each `turn`.
template <class Ask>
void for_pairs(const Maker& make, bool all, size_t turn, const Ask& ask) {
  std::vector<int64_t> words = make.corner_words(make.word());
  if (all && make.word().bits <= 8) {
    words.clear();
    for (auto w = static_cast<int64_t>(make.word().min()); w <= static_cast<int64_t>(make.word().max()); ++w) words.push_back(w);
  }
  const size_t stride = make.word().bits > 8 && !make.is_long ? 3 : 1;
  size_t at = turn % stride;
  for (; at < words.size() * words.size() && !make.enough(); at += stride) ask(words[at / words.size()], words[at % words.size()]);
}

void put(Operands& operands, const QScale& scale) {
  operands.insert(operands.end(), {scale.multiplier, scale.left.bits, scale.right.bits});
}

}  // namespace

void make_requantize(Maker& make) {
  const Steps& steps = make.t.conv->steps;
  const auto scales = scales_of(make, steps, make.is_long ? 3000 : 12);
  const std::vector<int64_t> zeros = make.zero_points();
  const int64_t reach = int64_t{1} << std::min(make.t.accumulate.accumulator.result().bits - 2, 40);
  size_t turn = 0;
  for (const Scale& scale : scales) {
    if (make.enough()) return;
    Requantization one{make, steps, scale, 0, zeros[turn++ % zeros.size()], make.low(), make.high()};
    one.corners(), one.beyond_the_accumulator(), one.thresholds(reach);
    for (size_t step = 0; step < steps.size(); ++step) {
      if (std::holds_alternative<emu::ShiftRight>(steps[step])) one.ties(step, reach);
    }
    const int64_t middle = (make.low() + make.high() + 1) / 2;
    for (const auto& [low, high] : {std::pair{one.zero, make.high()}, std::pair{make.low(), make.low()}, std::pair{middle - 1, middle + 1}}) {
      Requantization clamped = one;
      clamped.low = std::clamp(low, make.low(), make.high()), clamped.high = std::clamp(high, clamped.low, make.high());
      clamped.thresholds(reach);
    }
    random_accumulators(one, 300);
  }
}

namespace {

struct SumScales {
  QScale a, b, sum;
  const char* why;
};

// The first sums are halved, so that they have ties; the operands' multipliers are the least, the greatest, then random ones.
std::optional<SumScales> sum_scales(Maker& make, int64_t round) {
  const emu::AddRule& rule = *make.t.add;
  const bool common = rule.operand_scale == emu::OperandScale::common_shift;
  const int bits = common ? rule.operand_bits : make.multiplier.bits, headroom = rule.headroom.bits;
  const int64_t least = int64_t{1} << (bits - 1), most = (int64_t{1} << bits) - 1;
  const auto mantissa = [&] { return round == 0 ? least : (round == 1 ? most : make.random.in(least, most)); };
  const int own = static_cast<int>((round + 2) % 5);
  const char* const why = round == 0 ? "the least multipliers" : (round == 1 ? "the greatest multipliers" : "random multipliers");
  if (common) {
    const auto smaller = [&](int farthest) { return round < 2 ? 0 : static_cast<int>(make.random.in(0, farthest)); };
    const QScale a{mantissa() >> smaller(3), {0}, {0}}, b{mantissa() >> smaller(6), {0}, {0}};
    const int shift = bits + own - 2;
    if (!emu::holds<emu::Multiply>(rule.steps)) return SumScales{a, b, {1, {0}, {static_cast<uint8_t>(shift)}}, why};
    const auto sum = scale_near(make, rule.steps, int64_t{1} << (make.multiplier.bits - 1), -shift);
    return sum ? std::optional(SumScales{a, b, *sum, why}) : std::nullopt;
  }
  const auto operand = [&](int exponent) -> std::optional<QScale> {
    return rule.operand_steps.empty() ? std::optional(QScale{}) : scale_near(make, rule.operand_steps, mantissa(), headroom - 1 + exponent);
  };
  const auto a = operand(round < 2 ? 0 : -static_cast<int>(make.random.in(0, 3)));
  const auto b = operand(round < 2 ? 0 : -static_cast<int>(make.random.in(0, 6)));
  const auto sum = scale_near(make, rule.steps, mantissa(), (rule.operand_steps.empty() ? 0 : 1 - headroom) - own + 1);
  if (!a || !b || !sum) return std::nullopt;
  return SumScales{*a, *b, *sum, why};
}

}  // namespace

void make_add(Maker& make) {
  for (int64_t round = 0; round < (make.is_long ? 40 : 24) && !make.enough(); ++round) {
    const auto scales = sum_scales(make, round);
    if (!scales) continue;
    const bool all = round == 0 || make.is_long;
    const int64_t za = make.any_zero_point(), zb = make.any_zero_point(), zy = make.any_zero_point();
    for_pairs(make, all, static_cast<size_t>(round), [&](int64_t x, int64_t y) {
      Operands operands{x, y, za, zb};
      put(operands, scales->a), put(operands, scales->b), put(operands, scales->sum);
      operands.insert(operands.end(), {zy, make.low(), make.high()});
      make.ask(operands, std::string(all && make.word().bits <= 8 ? "every pair of words" : "a pair of corner words") + "; " + scales->why);
    });
  }
}

void make_mul(Maker& make) {
  const auto scales = scales_of(make, make.t.mul->steps, make.is_long ? 60 : 6);
  const int64_t middle = make.zero_points()[0];
  // Every pair is asked of the first scale that brings the largest product into the upper half of the words.
  const auto is_telling = [&](const Scale& scale) {
    Operands operands{make.high(), make.high(), middle, middle};
    put(operands, scale.scale);
    const emu::Fp32Constants& words = scale.scale.fp32;
    operands.insert(operands.end(), {int64_t{words.scale.bits}, int64_t{words.bias.bits}, int64_t{words.output.bits}, int64_t{words.slope.bits}, middle, make.low(), make.high()});
    if (illegal(make.t, ArithOp::mul, operands)) return false;
    const Outcome outcome = evaluate(make.t, ArithOp::mul, operands);
    return !outcome.flags.output && outcome.result < make.high() && 3 * (outcome.result - middle) >= make.high() - middle;
  };
  const auto telling = std::find_if(scales.begin(), scales.end(), is_telling);
  size_t turn = 0;
  for (const Scale& scale : scales) {
    const bool all = (telling != scales.end() && &scale == &*telling) || (make.is_long && turn % 4 == 0);
    ++turn;
    const int64_t za = make.any_zero_point(), zb = make.any_zero_point(), zy = make.any_zero_point();
    const emu::Fp32Constants& words = scale.scale.fp32;
    for_pairs(make, all, turn, [&](int64_t x, int64_t y) {
      Operands operands{x, y, za, zb};
      put(operands, scale.scale);
      operands.insert(operands.end(), {int64_t{words.scale.bits}, int64_t{words.bias.bits}, int64_t{words.output.bits}, int64_t{words.slope.bits}, zy, make.low(), make.high()});
      make.ask(operands, (all && make.word().bits <= 8 ? "every pair of words; " : "a pair of corner words; ") + scale.why);
    });
  }
}

void make_average_pool(Maker& make) {
  const emu::AverageRule& rule = *make.t.average_pool;
  const bool divides = rule.form == emu::AverageForm::divide;
  const int bits = make.multiplier.bits;
  const auto low = static_cast<int64_t>(make.word().min()), high = static_cast<int64_t>(make.word().max());
  const auto scale_of = [&](int64_t count) -> std::optional<QScale> {
    if (divides) return QScale{};
    int exponent = 0;  // 2^exponent <= count
    while ((int64_t{2} << exponent) <= count) ++exponent;
    const bool power = count == int64_t{1} << exponent;
    const auto mantissa = static_cast<int64_t>(((Wide{1} << (bits + exponent + (power ? -1 : 0))) + count / 2) / count);
    return scale_near(make, rule.steps, mantissa, power ? -exponent : -exponent - 1);
  };
  const auto ask = [&](int64_t sum, int64_t count, int64_t zero_x, const QScale& scale, int64_t zero_y, const char* why) {
    Operands operands{sum, count, zero_x};
    put(operands, scale);
    operands.insert(operands.end(), {rule.zero_point == emu::ZeroPoints::kept ? zero_x : zero_y, make.low(), make.high()});
    make.ask(operands, why);
  };
  const int64_t windows = make.is_long ? 80 : 12, step = make.word().bits <= 8 ? 1 : 251;
  for (int64_t count = 1; count <= windows; ++count) {
    const auto scale = scale_of(count);
    if (!scale) continue;
    for (int64_t sum = count * low; sum <= count * high && !make.enough(); sum += step)
      ask(sum, count, make.zero_points()[0], *scale, make.zero_points()[0], "every sum of a small window");
  }
  for (int64_t i = 0; i < (make.is_long ? 1500000 : 10000) && !make.enough(); ++i) {
    const int64_t count = i % 2 == 0 ? make.random.in(1, 1024) : make.random.in(1, 49);
    const auto scale = scale_of(count);
    if (!scale) continue;
    const int64_t zero_x = make.any_zero_point();
    // Half of them a tie of the plain mean, or beside one.
    const int64_t mean = make.random.in(low, high);
    const int64_t sum = i % 4 < 2 ? std::clamp(mean * count + count / 2 + make.random.in(-1, 1), low * count, high * count) : make.random.in(low * count, high * count);
    ask(sum, count, zero_x, *scale, make.any_zero_point(), i % 4 < 2 ? "half way between two means, or beside it" : "random sum");
  }
}

}  // namespace assay::vectors
