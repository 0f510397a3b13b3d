#include "verify/discriminate.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <random>

#include "emu/base/error.h"

namespace assay::verify {
namespace {

using emu::Target;
using vectors::ArithOp;
using vectors::Operands;
using vectors::Pair;

constexpr size_t kRandomScales = 40;
constexpr size_t kFewScales = 14;
constexpr int64_t kGridWords = 128;
constexpr std::array<int64_t, 9> kCounts = {1, 2, 3, 4, 7, 9, 16, 25, 49};

std::string number(Wide value) {
  std::string text;
  for (Wide rest = value < 0 ? -value : value; rest > 0 || text.empty(); rest /= 10) text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  return value < 0 ? "-" + text : text;
}

// Every word less the zero point that both can have; a grid of them where there are more than 256.
std::vector<int64_t> relative_words(const emu::IntType& a, int64_t zero_a, const emu::IntType& b, int64_t zero_b) {
  const auto low = static_cast<int64_t>(std::max(a.min() - zero_a, b.min() - zero_b)), high = static_cast<int64_t>(std::min(a.max() - zero_a, b.max() - zero_b));
  std::vector<int64_t> words;
  const int64_t step = high - low < 256 ? 1 : std::max<int64_t>((high - low) / kGridWords, 1);
  for (int64_t word = low; word <= high; word += step) words.push_back(word);
  if (!words.empty() && words.back() != high) words.push_back(high);
  return words;
}

class Bench {
 public:
  Bench(const Target& a, const Target& b, uint64_t seed, size_t limit) : a_(a), b_(b), limit_(limit), scales_(scales_to_ask(seed, kRandomScales)) {
    for (size_t i = 0; i < kFewScales; ++i) few_.push_back(scales_[i * scales_.size() / kFewScales]);
  }

  void ask(ArithOp op) {
    const emu::IntType word_a = a_.storage.activation.type, word_b = b_.storage.activation.type;
    if (word_a.is_float() || word_b.is_float()) {
      return state(op, "not asked: words of " + to_string(word_a) + " and of " + to_string(word_b) +
                           (word_a == word_b ? " are numbers, and these questions are about integers" : ": no operand can be given to both"));
    }
    const auto lacks_a = lacks(a_, op), lacks_b = lacks(b_, op);
    if (lacks_a || lacks_b) return state(op, "not asked: " + (lacks_a ? a_.name + ": " + *lacks_a : b_.name + ": " + *lacks_b));
    found_.clear();
    asked_ = differing_ = left_out_ = unproven_ = 0;
    switch (op) {
      case ArithOp::rounding: state(op, "equal: a rounding mode is named by its case, no target changes it"); break;
      case ArithOp::quantize: quantize(); break;
      case ArithOp::requantize: requantize(); break;
      case ArithOp::add: add(); break;
      case ArithOp::mul: mul(); break;
      case ArithOp::average_pool: average_pool(); break;
      case ArithOp::table: table(); break;
      case ArithOp::dot: dot(); break;
    }
    keep();
  }

  Comparison take() { return std::move(result_); }

 private:
  void state(ArithOp op, const std::string& text) { result_.statements.push_back(std::string(to_string(op)) + ": " + text); }

  // The pairs that are told: of each reason some, then the rest in order.
  void keep() {
    constexpr int kOfEachReason = 3;
    std::map<std::string, int> seen;
    std::vector<Pair> later;
    size_t kept = 0;
    const auto push = [&](Pair& pair) {
      if (kept++ < limit_) result_.pairs.push_back(std::move(pair));
    };
    for (Pair& pair : found_) {
      if (++seen[pair.reason] <= kOfEachReason) {
        push(pair);
      } else {
        later.push_back(std::move(pair));
      }
    }
    for (Pair& pair : later) push(pair);
  }

  // Evaluates both; true where the answers differ, which is kept. `asked()` says what was asked: most answers are equal, and nobody reads it then.
  template <class Asked>
  bool compare(ArithOp op, const Operands& a, const Operands& b, int64_t zero_a, int64_t zero_b, const Asked& asked) {
    const vectors::Outcome of_a = evaluate(a_, op, a), of_b = evaluate(b_, op, b);
    if (of_a.result - zero_a == of_b.result - zero_b) return false;
    Pair pair{op, a, b, of_a, of_b, "", asked()};
    pair.reason = why(a_, b_, pair);
    found_.push_back(std::move(pair));
    return true;
  }

  bool is_legal(ArithOp op, const Operands& a, const Operands& b) const { return !illegal(a_, op, a) && !illegal(b_, op, b); }
  struct Zeros {
    int64_t relative, a, b;
  };
  // Zero points that both can have: the middle, an odd one, the lowest word.
  std::vector<Zeros> zeros() const {
    std::vector<Zeros> all;
    for (const int64_t relative : {int64_t{0}, int64_t{3}, int64_t{-128}}) {
      const auto a = zero_point(a_, relative), b = zero_point(b_, relative);
      if (a && b) all.push_back({relative, *a, *b});
    }
    return all;
  }

  static void put(Operands& operands, const emu::QScale& scale) { operands.insert(operands.end(), {scale.multiplier, scale.left.bits, scale.right.bits}); }
  static void put_words(Operands& operands, const emu::Fp32Constants& words) {
    operands.insert(operands.end(), {int64_t{words.scale.bits}, int64_t{words.bias.bits}, int64_t{words.output.bits}, int64_t{words.slope.bits}});
  }
  static void put_end(Operands& operands, const Target& target, int64_t zero) {
    operands.insert(operands.end(), {zero, target.storage.activation.low, target.storage.activation.high});
  }

  static Operands requantize_operands(const Target& target, int64_t accumulator, const emu::QScale& scale, int64_t zero, int64_t bias) {
    Operands operands{accumulator, bias};
    put(operands, scale), put_words(operands, scale.fp32), put_end(operands, target, zero);
    operands.push_back(scale.first.bits);
    return operands;
  }

  static bool takes_bias(const Target& target) {
    return std::any_of(target.conv->steps.begin(), target.conv->steps.end(), [](const emu::Step& step) { return std::holds_alternative<emu::AddBias>(step); });
  }

  void requantize() {
    const emu::IntType type_a = a_.accumulate.accumulator.result(), type_b = b_.accumulate.accumulator.result();
    const auto low = static_cast<int64_t>(std::max(type_a.min(), type_b.min())), high = static_cast<int64_t>(std::min(type_a.max(), type_b.max()));
    std::vector<int64_t> biases{0};
    const int64_t large = std::min(a_.storage.bias.high, b_.storage.bias.high);
    if (takes_bias(a_) && takes_bias(b_)) biases.push_back(large);
    Wide differing = 0;
    for (const Scales& scales : scales_) {
      std::string problem;
      const auto scale_a = resolve(a_, a_.conv->steps, scales, problem), scale_b = resolve(b_, b_.conv->steps, scales, problem);
      if (!scale_a || !scale_b) {
        ++left_out_;
        continue;
      }
      for (const Zeros& zero : zeros()) {
        for (const int64_t bias : biases) differing += requantize_all(scales, *scale_a, *scale_b, zero, bias, low, high);
      }
    }
    const std::string domain = number(low) + " to " + number(high);
    std::string text = differing_ == 0 && unproven_ == 0 && asked_ > 0
                           ? "equal for every accumulator of " + domain + ", proven by staircases"
                           : number(differing) + " accumulators of " + domain + " have different answers, over " + number(static_cast<Wide>(differing_)) + " of the questions";
    text += "; " + number(static_cast<Wide>(asked_)) + " questions (" + number(static_cast<Wide>(scales_.size() - left_out_)) + " ratios of scales, zero points " + zero_text() +
            ", biases 0" + (biases.size() > 1 ? " and " + number(large) : "") + ")";
    if (left_out_ > 0)
      text += "; " + number(static_cast<Wide>(left_out_)) + " ratios left out, which one of the two cannot express" + (only_powers() ? " (only powers of two can be asked)" : "");
    if (unproven_ > 0) text += "; " + number(static_cast<Wide>(unproven_)) + " questions not proven: " + refusal_;
    state(ArithOp::requantize, text);
  }

  bool only_powers() const { return a_.multiplier.bits == 1 || b_.multiplier.bits == 1; }

  std::string zero_text() const {
    std::string text;
    for (const Zeros& zero : zeros()) text += (text.empty() ? "" : ", ") + number(zero.relative);
    return text.empty() ? "none that both can have" : text;
  }

  // The number of accumulators that differ.
  Wide requantize_all(const Scales& scales, const emu::QScale& scale_a, const emu::QScale& scale_b, const Zeros& zero, int64_t bias, int64_t low, int64_t high) {
    ++asked_;
    const auto stairs = [&](const Target& target, const emu::QScale& scale, int64_t zero_point) {
      const emu::StepOperands operands = step_operands(target, ArithOp::requantize, requantize_operands(target, 0, scale, zero_point, bias));
      return vectors::stairs_of(target.conv->steps, operands, low, high, refusal_);
    };
    const auto a = stairs(a_, scale_a, zero.a);
    const auto b = a ? stairs(b_, scale_b, zero.b) : std::nullopt;
    if (!b) return ++unproven_, 0;
    const auto parts = vectors::differences(*a, *b, zero.a, zero.b);
    if (parts.empty()) return 0;
    ++differing_;
    const int64_t accumulator = vectors::nearest_to_zero(parts);
    const bool differs = compare(ArithOp::requantize, requantize_operands(a_, accumulator, scale_a, zero.a, bias), requantize_operands(b_, accumulator, scale_b, zero.b, bias),
                                 zero.a, zero.b, [&] { return "accumulator " + number(accumulator) + (bias != 0 ? " plus " + number(bias) : "") + " times " + to_string(scales); });
    ASSAY_ASSERT(differs);
    return vectors::count(parts);
  }

  std::string asked_text(const char* what) const {
    return number(static_cast<Wide>(asked_)) + " ratios of scales, " + what + "; different answers for " + number(static_cast<Wide>(differing_)) + " of them" +
           (left_out_ > 0 ? "; " + number(static_cast<Wide>(left_out_)) + " ratios left out, which one of the two cannot express" : "");
  }
  const char* pairs_text() const { return std::max(a_.storage.activation.type.bits, b_.storage.activation.type.bits) <= 8 ? "every pair of words" : "a grid of pairs of words"; }

  // Asks pairs of words until one differs. `make(operands, target, word a, word b, zero, is_a)` makes a case, in the memory of the case before.
  template <class Make>
  void pairs(ArithOp op, const std::string& scales, const Make& make) {
    ++asked_;
    Operands a, b;
    for (const Zeros& zero : zeros()) {
      const auto words = relative_words(a_.storage.activation.type, zero.a, b_.storage.activation.type, zero.b);
      for (const int64_t x : words) {
        for (const int64_t y : words) {
          make(a, a_, x + zero.a, y + zero.a, zero.a, true), make(b, b_, x + zero.b, y + zero.b, zero.b, false);
          const auto asked = [&] { return "words " + number(x) + " and " + number(y) + " (less their zero points), " + scales; };
          if (compare(op, a, b, zero.a, zero.b, asked)) return static_cast<void>(++differing_);
        }
      }
    }
  }

  void mul() {
    for (const Scales& scales : few_) {
      std::string problem;
      const auto scale_a = resolve(a_, a_.mul->steps, scales, problem), scale_b = resolve(b_, b_.mul->steps, scales, problem);
      if (!scale_a || !scale_b) {
        ++left_out_;
        continue;
      }
      pairs(ArithOp::mul, to_string(scales), [&](Operands& operands, const Target& target, int64_t x, int64_t y, int64_t zero, bool is_a) {
        operands.assign({x, y, zero, zero});
        const emu::QScale& scale = is_a ? *scale_a : *scale_b;
        put(operands, scale), put_words(operands, scale.fp32), put_end(operands, target, zero);
      });
    }
    state(ArithOp::mul, asked_text(pairs_text()));
  }

  void add() {
    const bool joint = a_.add->inputs == emu::InputScales::joint || b_.add->inputs == emu::InputScales::joint;
    for (const Scales& scales : few_) {
      std::string problem;
      const float other = joint ? scales.in : scales.out;
      const auto scale_a = resolve_add(a_, scales.in, other, scales.out, problem), scale_b = resolve_add(b_, scales.in, other, scales.out, problem);
      if (!scale_a || !scale_b) {
        ++left_out_;
        continue;
      }
      pairs(ArithOp::add, (joint ? "both of scale in, " : "the second of scale out, ") + to_string(scales),
            [&](Operands& operands, const Target& target, int64_t x, int64_t y, int64_t zero, bool is_a) {
              operands.assign({x, y, zero, zero});
              const AddScales& own = is_a ? *scale_a : *scale_b;
              put(operands, own.a), put(operands, own.b), put(operands, own.sum), put_end(operands, target, zero);
            });
    }
    state(ArithOp::add, asked_text(pairs_text()) + (joint ? "; both operands of one scale, as one of the two demands" : ""));
  }

  void average_pool() {
    const auto zero = zeros();
    if (zero.empty()) return state(ArithOp::average_pool, "not asked: no zero point that both can have");
    const auto words = relative_words(a_.storage.activation.type, zero[0].a, b_.storage.activation.type, zero[0].b);
    const bool joint = a_.average_pool->inputs == emu::InputScales::joint || b_.average_pool->inputs == emu::InputScales::joint;
    for (const Scales& scales : joint ? std::vector<Scales>{{1, 1}} : few_) {
      for (const int64_t count : kCounts) average(scales, count, zero[0], words.front(), words.back());
    }
    state(ArithOp::average_pool, asked_text("each with windows of 1, 2, 3, 4, 7, 9, 16, 25 or 49 words and every sum of at most 2^16 in magnitude") +
                                     (joint ? "; input and output of one scale, as one of the two demands" : ""));
  }

  void average(const Scales& scales, int64_t count, const Zeros& zero, int64_t low, int64_t high) {
    std::string problem;
    const auto scale_a = resolve_average(a_, scales, count, problem), scale_b = resolve_average(b_, scales, count, problem);
    if (!scale_a || !scale_b) return static_cast<void>(++left_out_);
    ++asked_;
    constexpr int64_t kFar = 1 << 16;
    Operands a, b;
    for (int64_t sum = std::max(-kFar, low * count); sum <= std::min(kFar, high * count); ++sum) {
      const auto make = [&](Operands& o, const Target& target, const emu::QScale& scale, int64_t own_zero) {
        o.assign({sum + count * own_zero, count, own_zero});
        put(o, scale), put_end(o, target, own_zero);
      };
      make(a, a_, *scale_a, zero.a), make(b, b_, *scale_b, zero.b);
      if (!is_legal(ArithOp::average_pool, a, b)) return;
      const auto asked = [&] { return "sum " + number(sum) + " of " + number(count) + " words (less their zero points), " + to_string(scales); };
      if (compare(ArithOp::average_pool, a, b, zero.a, zero.b, asked)) return static_cast<void>(++differing_);
    }
  }

  void quantize() {
    const emu::Storage &own_a = a_.storage.activation, &own_b = b_.storage.activation;
    const auto zero = zeros();
    if (zero.empty()) return state(ArithOp::quantize, "not asked: no zero point that both can have");
    const bool same_round = a_.quantize.activation.round == b_.quantize.activation.round;
    const bool same_range = own_a.low - zero[0].a == own_b.low - zero[0].b && own_a.high - zero[0].a == own_b.high - zero[0].b;
    if (same_round && same_range)
      return state(ArithOp::quantize, "equal for every x and scale: both round " + std::string(to_string(a_.quantize.activation.round)) + " into the same range");
    for (const float scale : {1.0F, 0.1F}) {
      for (int quarters = -4 * 140; quarters <= 4 * 140; ++quarters) {
        const float x = scale * static_cast<float>(quarters) / 4;
        Operands a{int64_t{std::bit_cast<uint32_t>(x)}, int64_t{std::bit_cast<uint32_t>(scale)}}, b = a;
        put_end(a, a_, zero[0].a), put_end(b, b_, zero[0].b);
        if (compare(ArithOp::quantize, a, b, zero[0].a, zero[0].b, [&] { return "x " + std::to_string(x) + ", scale " + std::to_string(scale); })) ++differing_;
      }
    }
    state(ArithOp::quantize, "quarters of a step of the scales 1 and 0.1; different answers for " + number(static_cast<Wide>(differing_)) + " of 2242");
  }

  void table() {
    const emu::TableForm form_a = a_.table->form, form_b = b_.table->form;
    const std::string entries = a_.table->round == b_.table->round ? ""
                                                                   : "; but real functions become other entries (rounded " + std::string(to_string(a_.table->round)) + " and " +
                                                                         std::string(to_string(b_.table->round)) + " where the table is made)";
    const emu::IntType type = a_.storage.activation.type;
    const bool same_grids = form_a.fraction_bits == form_b.fraction_bits && form_a.fine_entries == form_b.fine_entries && form_a.fine_fraction_bits == form_b.fine_fraction_bits;
    if (!same_grids || type != b_.storage.activation.type) {
      return state(ArithOp::table, "not asked: the tables have different forms, so no table can be given to both" + entries);
    }
    if (!emu::interpolates(type, form_a) || form_a == form_b) return state(ArithOp::table, "equal for every table and word: the same look-up" + entries);
    Operands operands{0};
    for (int64_t i = 0; i < emu::table_entries(type, form_a); ++i) operands.push_back(static_cast<int64_t>(emu::wrap(i * 37, type)));
    for (auto word = static_cast<int64_t>(type.min()); word <= static_cast<int64_t>(type.max()); ++word) {
      operands[0] = word;
      if (compare(ArithOp::table, operands, operands, 0, 0, [&] { return "word " + number(word) + " of a steep table"; })) ++differing_;
      if (differing_ >= limit_) break;
    }
    state(ArithOp::table, "one steep table; at least " + number(static_cast<Wide>(differing_)) + " words have different answers" + entries);
  }

  void dot() {
    const emu::Accumulator &acc_a = a_.accumulate.accumulator, &acc_b = b_.accumulate.accumulator;
    if (acc_a == acc_b) return state(ArithOp::dot, "equal for every sum: both accumulate in " + to_string(acc_a));
    const auto zero = zeros();
    if (zero.empty()) return state(ArithOp::dot, "not asked: no zero point that both can have");
    const auto weight_zero = [](const Target& target) {
      return target.quantize.weight.symmetry == emu::Symmetry::symmetric
                 ? int64_t{0}
                 : static_cast<int64_t>((target.storage.weight.type.max() + 1) / 2 * (target.storage.weight.type.is_signed ? 0 : 1));
    };
    const auto xs = relative_words(a_.storage.activation.type, zero[0].a, b_.storage.activation.type, zero[0].b);
    const auto ws = relative_words(a_.storage.weight.type, weight_zero(a_), b_.storage.weight.type, weight_zero(b_));
    const Wide largest = std::max({-Wide{xs.front()}, Wide{xs.back()}}) * std::max({-Wide{ws.front()}, Wide{ws.back()}}) * vectors::kMaxDotTerms;
    if (emu::fits(acc_a, largest) && emu::fits(acc_b, largest)) return state(ArithOp::dot, "equal for every sum of up to 65536 products: both hold all of them exactly");
    for (const int64_t terms : {1, 2, 3, 4, 5, 8, 16, 33, 64, 65, 257, 1025, 65536}) {
      for (const auto& [x, w] : {std::pair{xs.front(), ws.front()}, std::pair{xs.back(), ws.back()}, std::pair{xs.front(), ws.back()}, std::pair{xs.back(), ws.front()}}) {
        for (const bool turns : {false, true}) sum_of(terms, x, w, turns, zero[0], weight_zero(a_), weight_zero(b_));
      }
    }
    state(ArithOp::dot, number(static_cast<Wide>(asked_)) + " sums of 1 to 65536 extreme products in " + to_string(acc_a) + " and " + to_string(acc_b) + "; " +
                            number(static_cast<Wide>(differing_)) + " have different answers" + (differing_ == 0 ? " (no proof for other sums)" : ""));
  }

  // `turns`: the second half of the products has the other sign, and one product of 1 follows.
  void sum_of(int64_t terms, int64_t x, int64_t w, bool turns, const Zeros& zero, int64_t weight_a, int64_t weight_b) {
    Operands a{zero.a, weight_a}, b{zero.b, weight_b};
    const auto term = [&](int64_t of_x, int64_t of_w) { a.insert(a.end(), {of_x + zero.a, of_w + weight_a}), b.insert(b.end(), {of_x + zero.b, of_w + weight_b}); };
    for (int64_t i = 0; i < terms - (turns ? 1 : 0); ++i) term(x, turns && 2 * i >= terms ? -std::clamp<int64_t>(w, -127, 127) : w);
    if (turns) term(1, 1);
    if (!is_legal(ArithOp::dot, a, b)) return;
    ++asked_;
    const auto asked = [&] { return number(terms) + " products of " + number(x) + " and " + number(w) + (turns ? ", the second half of the other sign, then 1" : ""); };
    if (compare(ArithOp::dot, a, b, 0, 0, asked)) ++differing_;
  }

  const Target& a_;
  const Target& b_;
  size_t limit_;
  std::vector<Scales> scales_, few_;
  std::vector<Pair> found_;
  std::string refusal_;
  uint64_t asked_ = 0, differing_ = 0, left_out_ = 0, unproven_ = 0;
  Comparison result_;
};

}  // namespace

std::vector<Scales> scales_to_ask(uint64_t seed, size_t random) {
  std::vector<Scales> scales;
  for (const int exponent : {0, -1, -2, -4, -7, -8, -10, -15, -20, -28, 1, 3}) {
    const float power = std::ldexp(1.0F, exponent);
    scales.push_back({power, 1});
    scales.push_back({std::nextafter(power, 0.0F), 1});
    scales.push_back({std::nextafter(power, 2 * power), 1});
  }
  scales.insert(scales.end(), {{1, 3}, {0.0123F, 1}, {0.0235F * 0.0041F, 0.0471F}, {1.7F, 1}, {100, 3}, {0.75F, 1}, {0.1F, 0.3F}, {1e-6F, 0.7F}});
  std::mt19937_64 bits(seed);
  for (size_t i = 0; i < random; ++i) {
    const uint64_t word = bits();
    const auto real = [](uint64_t fraction, int exponent) { return std::ldexp(static_cast<float>((fraction & 0x7fffffU) | 0x800000U), exponent - 24); };
    scales.push_back({real(word, -static_cast<int>((word >> 23) % 16)), real(word >> 32, -static_cast<int>((word >> 60) % 6))});
  }
  return scales;
}

Comparison discriminate(const Target& a, const Target& b, std::span<const ArithOp> ops, uint64_t seed, size_t limit) {
  Bench bench(a, b, seed, limit);
  for (const ArithOp op : ops) bench.ask(op);
  return bench.take();
}

}  // namespace assay::verify
