#include "vectors/arithmetic/stimuli.h"

#include <algorithm>

#include "emu/base/error.h"
#include "vectors/arithmetic/make.h"

namespace assay::vectors {
namespace {

using emu::Fp32;

// "requantize-000123"
void write_id(std::string& id, ArithOp op, uint64_t number) {
  const std::string digits = std::to_string(number);
  id.assign(to_string(op)).push_back('-');
  if (digits.size() < 6) id.append(6 - digits.size(), '0');
  id += digits;
}

void make_rounding(Maker& make) {
  const int64_t values = make.is_long ? 8192 : 256, shifts = make.is_long ? 13 : 8;
  for (size_t mode = 0; mode < emu::kAllRounds.size(); ++mode) {
    const auto rounds = static_cast<int64_t>(mode);
    for (int64_t shift = 0; shift <= emu::kMaxShiftBits && !make.enough(); ++shift) {
      const int64_t half = shift > 0 ? int64_t{1} << (shift - 1) : 0;
      for (const int64_t odd : {-5, -3, -1, 1, 3, 5}) {
        if (shift > 60) break;
        for (const int64_t beside : {-1, 0, 1}) make.ask({odd * half + beside, shift, rounds}, beside == 0 ? "tie" : (beside < 0 ? "one below a tie" : "one above a tie"));
      }
      for (const int64_t value : {INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX}) make.ask({value, shift, rounds}, "largest magnitude");
      for (const int64_t value : {int64_t{-1}, int64_t{0}, int64_t{1}}) make.ask({value, shift, rounds}, "smallest magnitude");
      make.ask({make.random.log_uniform(63), shift, rounds}, "random, log-uniform");
    }
    for (int64_t shift = 0; shift <= shifts; ++shift) {
      for (int64_t value = -values; value <= values && !make.enough(); ++value) make.ask({value, shift, rounds}, "every value of a few bits");
    }
  }
  for (int64_t i = 0; i < (make.is_long ? 400000 : 4000) && !make.enough(); ++i) {
    make.ask({make.random.near_power(62), make.random.in(0, 62), make.random.in(0, 9)}, "random, near a power of two");
  }
}

Fp32 next(Fp32 word, int64_t steps) {
  const int64_t magnitude = (word.bits & 0x7fffffffU) + steps;
  return magnitude < 0 ? Fp32{(word.bits ^ 0x80000000U) & 0x80000000U} : Fp32{(word.bits & 0x80000000U) | static_cast<uint32_t>(magnitude)};
}

// Every half step of the grid, and the numbers beside it.
void quantize_grid(Maker& make, Fp32 scale, int64_t zero) {
  constexpr int64_t kBeyond = 2;
  const Fp32 half = multiply(scale, Fp32{0x3f000000});
  const int64_t step = make.high() - make.low() > 512 ? 97 : 1;
  for (int64_t code = make.low() - kBeyond; code <= make.high() + kBeyond && !make.enough(); code += step) {
    const Fp32 tie = multiply(emu::fp32_of(2 * (code - zero) + 1, emu::Round::half_even), half);
    const Fp32 whole = multiply(emu::fp32_of(code - zero, emu::Round::half_even), scale);
    const auto ask = [&](Fp32 x, const char* why) { make.ask({int64_t{x.bits}, int64_t{scale.bits}, zero, make.low(), make.high()}, why); };
    ask(tie, "half a step, as near as binary32 has it"), ask(next(tie, 1), "binary32's neighbour of half a step"), ask(next(tie, -1), "binary32's neighbour of half a step");
    ask(whole, "a whole step"), ask(next(whole, -1), "binary32's neighbour of a whole step");
  }
}

void make_quantize(Maker& make) {
  const std::vector<uint32_t> scales{0x3f800000, 0x3f7fffff, 0x3f800001, 0x3c23d70a, 0x3dcccccd, 0x3eaaaaab,
                                     0x3b808081, 0x3c000000, 0x00000001, 0x00800000, 0x7f7fffff, 0x42c80000};
  for (const uint32_t scale : scales) {
    for (const uint32_t x : {0x00000000U, 0x80000000U, 0x00000001U, 0x80000001U, 0x007fffffU, 0x00800000U, 0x7f7fffffU, 0xff7fffffU, 0x7f800000U, 0xff800000U, 0x7fc00000U,
                             0xffffffffU, 0x7f800001U, 0x4b000000U, 0x4b7fffffU, 0x4b800000U, 0xcb800001U, 0x4effffffU, 0x4f000000U, 0xcf000000U, 0xcf000001U}) {
      for (const int64_t zero : make.zero_points())
        make.ask({int64_t{x}, int64_t{scale}, zero, make.low(), make.high()}, "zero, infinity, NaN, subnormal, 2^23, 2^24 or the 32-bit limits");
    }
  }
  for (const uint32_t scale : scales) {
    for (const int64_t zero : make.zero_points()) quantize_grid(make, Fp32{scale}, zero);
  }
  for (int64_t i = 0; i < (make.is_long ? 800 : 4) && !make.enough(); ++i)
    quantize_grid(make, Fp32{static_cast<uint32_t>(make.random.in(0x38000000, 0x42000000))}, make.any_zero_point());
  for (int64_t i = 0; i < (make.is_long ? 500000 : 10000) && !make.enough(); ++i) {
    make.ask({make.random.in(0, UINT32_MAX), make.random.in(1, 0x7f7fffff), make.any_zero_point(), make.low(), make.high()}, "random words");
    make.ask({make.random.in(0x3a000000, 0x43000000) | (make.random.in(0, 1) << 31), make.random.in(0x3c000000, 0x3f800000), make.any_zero_point(), make.low(), make.high()},
             "random, about as large as the grid");
  }
}

void look_up_all(Maker& make, Operands& operands, const char* why) {
  const auto low = static_cast<int64_t>(make.word().min()), high = static_cast<int64_t>(make.word().max());
  const emu::TableForm& form = make.t.table->form;
  const int fraction = form.fine_entries > 0 ? form.fine_fraction_bits : form.fraction_bits;  // the finest grid's
  if (make.word().bits <= 8) {
    for (int64_t x = low; x <= high && !make.enough(); ++x) operands[0] = x, make.ask(operands, why);
    return;
  }
  for (int64_t x = low; x <= high && !make.enough(); x += int64_t{1} << fraction) {
    for (const int64_t beside : {int64_t{0}, int64_t{1}, (int64_t{1} << fraction) / 2, (int64_t{1} << fraction) - 1})
      operands[0] = std::min(x + beside, high), make.ask(operands, why);
  }
}

void make_table(Maker& make) {
  const auto low = static_cast<int64_t>(make.word().min()), high = static_cast<int64_t>(make.word().max());
  const int64_t entries = emu::table_entries(make.word(), make.t.table->form);
  const auto each = [&](const auto& entry, const char* why) {
    Operands operands{0};
    for (int64_t i = 0; i < entries; ++i) operands.push_back(std::clamp<int64_t>(entry(i), low, high));
    look_up_all(make, operands, why);
  };
  const int64_t span = high - low;
  each([&](int64_t i) { return low + i * span / (entries - 1); }, "rising table: the identity");
  each([&](int64_t i) { return high - i * span / (entries - 1); }, "falling table");
  each([&](int64_t i) { return i % 2 == 0 ? low : high; }, "steepest table: the type's ends in turn");
  each([&](int64_t i) { return 2 * i < entries ? low : high; }, "one step in the middle");
  each([&](int64_t i) { return i % 3 - 1; }, "small slopes: ties of an interpolation");
  for (int64_t i = 0; i < (make.is_long ? 4000 : 40) && !make.enough(); ++i) each([&](int64_t) { return make.random.in(low, high); }, "random table");
}

struct Words {
  int64_t x, w;
};

void dot_list(Maker& make, int64_t zero_x, int64_t zero_w, const std::vector<Words>& words, const char* why) {
  Operands operands{zero_x, zero_w};
  for (const auto& [x, w] : words) operands.push_back(x), operands.push_back(w);
  make.ask(operands, why);
}

void make_dot(Maker& make) {
  const emu::IntType type_w = make.t.storage.weight.type;
  const auto x_low = static_cast<int64_t>(make.word().min()), x_high = static_cast<int64_t>(make.word().max());
  const auto w_low = static_cast<int64_t>(type_w.min()), w_high = static_cast<int64_t>(type_w.max());
  const bool symmetric = make.t.quantize.weight.symmetry == emu::Symmetry::symmetric;
  const std::vector<int64_t> weight_zeros = symmetric ? std::vector<int64_t>{0} : std::vector<int64_t>{w_low, w_high, (w_low + w_high + 1) / 2};
  make.ask({make.zero_points()[0], weight_zeros[0]}, "no product at all");
  for (const int64_t zero_x : make.zero_points()) {
    for (const int64_t zero_w : weight_zeros) {
      for (const Words& word : {Words{x_low, w_low}, Words{x_low, w_high}, Words{x_high, w_low}, Words{x_high, w_high}}) {
        const Words other{word.x, word.w == w_low ? w_high : w_low};
        for (const int64_t count : {1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 64, 65, 127, 128, 129, 256, 513, 1000}) {
          std::vector<Words> run(static_cast<size_t>(count), word);
          dot_list(make, zero_x, zero_w, run, count == 2 ? "a pair of extreme products, which leaves 16 bits" : "a run of one extreme product");
          for (size_t i = 1; i < run.size(); i += 2) run[i] = other;
          dot_list(make, zero_x, zero_w, run, "extreme products of alternating signs");
          for (size_t i = 0; i < run.size(); ++i) run[i] = 2 * i < run.size() ? word : other;
          dot_list(make, zero_x, zero_w, run, "extreme products, the second half of the other sign: the order of summing matters where the register saturates");
        }
        if (make.enough()) return;
      }
    }
  }
  for (int64_t x = x_low; x <= x_high && make.word().bits <= 8 && type_w.bits <= 8; ++x) {
    for (int64_t w = w_low; w <= w_high && !make.enough(); ++w) dot_list(make, make.zero_points()[0], weight_zeros[0], {{x, w}}, "every single product");
  }
  for (int64_t i = 0; i < (make.is_long ? 1000000 : 10000) && !make.enough(); ++i) {
    std::vector<Words> words;
    for (int64_t left = make.random.in(1, i % 50 == 0 ? 600 : 24); left > 0; --left) {
      const bool extreme = make.random.in(0, 3) == 0;
      words.push_back({extreme ? (make.random.in(0, 1) != 0 ? x_low : x_high) : make.random.in(x_low, x_high), extreme ? w_low : make.random.in(w_low, w_high)});
    }
    dot_list(make, make.any_zero_point(), weight_zeros[static_cast<size_t>(make.random.in(0, static_cast<int64_t>(weight_zeros.size()) - 1))], words,
             "random list, a quarter of it extreme");
  }
}

}  // namespace

void Maker::ask(const Operands& operands, std::string_view reason) {
  if (enough_ || illegal(t, case_.op, operands)) return;
  write_id(case_.id, case_.op, made_++);
  case_.operands = operands;
  case_.reason = reason;
  case_.expected = evaluate(t, case_.op, operands);
  enough_ = !take_(case_);
}

std::vector<int64_t> Maker::zero_points() const {
  if (t.quantize.activation.symmetry == emu::Symmetry::symmetric) return {0};
  const auto low = static_cast<int64_t>(word().min()), high = static_cast<int64_t>(word().max());
  return {(low + high + 1) / 2, low, high, low + 3};
}

int64_t Maker::any_zero_point() {
  const std::vector<int64_t> some = zero_points();
  if (some.size() == 1) return some[0];
  return random.in(0, 3) == 0 ? some[static_cast<size_t>(random.in(0, 3))] : random.in(word().min(), word().max());
}

std::vector<int64_t> Maker::corner_words(emu::IntType type) const {
  const auto low = static_cast<int64_t>(type.min()), high = static_cast<int64_t>(type.max());
  std::vector<int64_t> words{low, low + 1, high - 1, high};
  for (int64_t power = 1; power <= high; power *= 2) {
    for (const int64_t beside : {-1, 0, 1}) words.push_back(power + beside), words.push_back(-power + beside);
  }
  std::erase_if(words, [&](int64_t value) { return !type.holds(value); });
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

uint64_t make_cases(const emu::Target& target, ArithOp op, const Level& level, const TakeCase& take) {
  ASSAY_ASSERT(!lacks(target, op));
  Maker make(target, op, level, take);
  switch (op) {
    case ArithOp::rounding: make_rounding(make); break;
    case ArithOp::quantize: make_quantize(make); break;
    case ArithOp::requantize: make_requantize(make); break;
    case ArithOp::add: make_add(make); break;
    case ArithOp::mul: make_mul(make); break;
    case ArithOp::average_pool: make_average_pool(make); break;
    case ArithOp::table: make_table(make); break;
    case ArithOp::dot: make_dot(make); break;
  }
  return make.made();
}

}  // namespace assay::vectors
