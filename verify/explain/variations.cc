// The one-word changes of each operation.
#include <algorithm>
#include <array>
#include <map>

#include "emu/arith/soft_float.h"
#include "verify/explain/explain_device.h"
#include "verify/explain/step_changes.h"

namespace assay::verify {
namespace {

using emu::Round;
using emu::Target;
using vectors::operand_index;

// A target without what only people read: hundreds of copies are made.
Target bare(Target target) {
  target.sources.clear();
  target.claims.clear();
  return target;
}

class Variations {
 public:
  Variations(const Target& target, ArithOp op, const std::vector<Tested>& tested) : target_(bare(target)), op_(op), tested_(tested) {}

  std::vector<Variation> all() {
    switch (op_) {
      case ArithOp::rounding: rounding(); break;
      case ArithOp::quantize: quantize(); break;
      case ArithOp::requantize:
        of_steps(target_.conv->steps, "", [](Target& t) -> emu::Steps& { return t.conv->steps; });
        every_rounding([](Target& t) { return std::array{&t.conv->steps}; });
        break;
      case ArithOp::add:
        of_steps(target_.add->steps, "", [](Target& t) -> emu::Steps& { return t.add->steps; });
        of_steps(target_.add->operand_steps, "operand ", [](Target& t) -> emu::Steps& { return t.add->operand_steps; });
        every_rounding([](Target& t) { return std::array{&t.add->steps, &t.add->operand_steps}; });
        break;
      case ArithOp::mul:
        of_steps(target_.mul->steps, "", [](Target& t) -> emu::Steps& { return t.mul->steps; });
        every_rounding([](Target& t) { return std::array{&t.mul->steps}; });
        break;
      case ArithOp::average_pool: average_pool(); break;
      case ArithOp::table: table(); break;
      case ArithOp::dot: dot(); break;
    }
    if (op_ == ArithOp::add || op_ == ArithOp::mul || op_ == ArithOp::dot) of_accumulator();
    of_operands();
    return std::move(found_);
  }

 private:
  void add(std::string words, Target target) { found_.push_back({std::move(words), std::move(target), nullptr}); }
  void understand(std::string words, std::function<Operands(const Operands&)> understood) { found_.push_back({std::move(words), target_, std::move(understood)}); }
  void compute(std::string words, std::function<std::optional<int64_t>(const Operands&)> instead) { found_.push_back({std::move(words), target_, nullptr, std::move(instead)}); }

  template <class Place>
  void of_steps(const emu::Steps& steps, const std::string& where, Place place) {
    for (StepChange& change : step_changes(steps, target_.storage.activation.type, where)) {
      Target changed = target_;
      place(changed) = std::move(change.steps);
      add(std::move(change.words), std::move(changed));
    }
  }

  // One mode wherever the operation rounds, where it rounds more than once.
  template <class Lists>
  void every_rounding(Lists lists_of) {
    for (const Round mode : emu::kAllRounds) {
      Target changed = target_;
      size_t roundings = 0;
      for (emu::Steps* steps : lists_of(changed)) {
        for (emu::Step& step : *steps) {
          if (auto* shift = std::get_if<emu::ShiftRight>(&step)) shift->round = mode, ++roundings;
          if (auto* to_int = std::get_if<emu::ToInt>(&step)) to_int->round = mode, ++roundings;
        }
      }
      if (roundings > 1) add(std::string(to_string(mode)) + " at every step that rounds", std::move(changed));
    }
  }

  template <class Place>
  void other_modes(const std::string& at, Place place) {
    Target changed = target_;
    const Round own = place(changed);
    for (const Round mode : emu::kAllRounds) {
      if (mode == own) continue;
      place(changed) = mode;
      add(std::string(to_string(mode)) + " instead of " + std::string(to_string(own)) + " " + at, changed);
    }
  }

  void rounding() {
    const size_t place = operand_index(op_, "mode");
    for (const Round asked : emu::kAllRounds) {
      for (const Round given : emu::kAllRounds) {
        if (given == asked) continue;
        understand(std::string(to_string(given)) + " instead of " + std::string(to_string(asked)) + " where " + std::string(to_string(asked)) + " is asked", [=](Operands o) {
          if (o[place] == static_cast<int64_t>(asked)) o[place] = static_cast<int64_t>(given);
          return o;
        });
      }
    }
  }

  void quantize() {
    other_modes("when a number becomes a word", [](Target& t) -> Round& { return t.quantize.activation.round; });
    compute("the number is multiplied by the scale's reciprocal instead of divided by the scale", [t = target_](const Operands& o) -> std::optional<int64_t> {
      const auto word = [&](size_t at) { return emu::Fp32{static_cast<uint32_t>(o[at])}; };
      const emu::Fp32 product = multiply(word(0), divide(emu::Fp32{0x3f800000U}, word(1)));
      const Wide code = to_int(product, t.quantize.activation.round, emu::kS32) + o[2];
      return static_cast<int64_t>(std::clamp<Wide>(code, o[3], o[4]));
    });
    shifted_zero_point();
  }

  // round(x / scale + zero_point) differs from round(x / scale) + zero_point where ties depend on parity or sign.
  void shifted_zero_point() {
    understand("the zero point is ignored", [](Operands o) {
      o[2] = 0;
      return o;
    });
  }

  void average_pool() {
    if (target_.average_pool->form == emu::AverageForm::divide) other_modes("in the division by the count", [](Target& t) -> Round& { return t.average_pool->round; });
    of_steps(target_.average_pool->steps, "", [](Target& t) -> emu::Steps& { return t.average_pool->steps; });
    understand("the zero point is subtracted once instead of from every word", [](Operands o) {
      o[0] += (o[1] - 1) * o[2];
      return o;
    });
  }

  void table() {
    if (emu::interpolates(target_.storage.activation.type, target_.table->form))
      other_modes("in the interpolation between entries", [](Target& t) -> Round& { return t.table->form.round; });
    for (const int by : {1, -1}) {
      understand(by > 0 ? "the next entry instead of the word's own" : "the entry before instead of the word's own", [by](Operands o) {
        const auto last = static_cast<std::ptrdiff_t>(o.size()) - 1;
        if (by > 0) {
          std::copy(o.begin() + 2, o.end(), o.begin() + 1);
        } else {
          std::copy_backward(o.begin() + 1, o.begin() + last, o.end());
        }
        return o;
      });
    }
    const size_t half = emu::table_entries(target_.storage.activation.type, target_.table->form) / 2;
    understand("the word is taken as an unsigned index (entry 0 for x = 0)", [half](Operands o) {
      std::rotate(o.begin() + 1, o.begin() + 1 + static_cast<std::ptrdiff_t>(half), o.end());
      return o;
    });
    wrong_entry();
  }

  // One entry of the device's table that is off by a constant, named by the word that selects it.
  void wrong_entry() {
    std::map<int64_t, int64_t> off;  // by x
    for (const Tested& t : tested_) {
      if (t.differs() && off.size() < 4) off.emplace(t.operands[0], t.got.value - t.expected.result);
    }
    const auto& form = target_.table->form;
    for (const auto& [x, by] : off) {
      const auto word = target_.storage.activation.type;
      const emu::TablePlace at = emu::place_of(word, form, x);
      for (const size_t entry : {at.left, at.left + 1}) {
        if (entry > at.left && at.fraction_bits == 0) continue;
        for (const int64_t amount : {by, by > 0 ? int64_t{1} : int64_t{-1}}) {
          understand("entry " + std::to_string(entry) + " of the table (x = " + std::to_string(x) + ") is off by " + (amount > 0 ? "+" : "") + std::to_string(amount),
                     [=](Operands o) {
                       if (1 + entry < o.size()) o[1 + entry] += amount;
                       return o;
                     });
          if (amount == by && (by == 1 || by == -1)) break;
        }
      }
    }
  }

  void dot() {
    // Two products added in a 16-bit register before the sum takes them, as some vector instructions do.
    for (const emu::Overflow rule : {emu::Overflow::saturate, emu::Overflow::wrap}) {
      for (const size_t group : {size_t{1}, size_t{2}}) {
        const std::string what = group == 1 ? "each product is kept in" : "products are added by twos in";
        compute(what + " 16 bits that " + (rule == emu::Overflow::wrap ? "wrap" : "saturate"),
                [=, acc = target_.accumulate.accumulator](const Operands& o) -> std::optional<int64_t> {
                  int64_t sum = 0;
                  bool overflowed = false;
                  for (size_t i = 2; i < o.size(); i += 2 * group) {
                    Wide products = 0;
                    for (size_t k = i; k < std::min(o.size(), i + 2 * group); k += 2) products += Wide{o[k] - o[0]} * (o[k + 1] - o[1]);
                    sum = acc.add(sum, static_cast<int64_t>(store(products, emu::kS16, rule)), overflowed);
                  }
                  return sum;
                });
      }
    }
    understand("the zero point of x is ignored", [](Operands o) { return o[0] = 0, o; });
    understand("the zero point of w is ignored", [](Operands o) { return o[1] = 0, o; });
  }

  void of_accumulator() {
    const emu::Accumulator own = target_.accumulate.accumulator;
    for (const uint8_t bits : {uint8_t{16}, uint8_t{20}, uint8_t{24}, uint8_t{28}, uint8_t{32}, uint8_t{40}, uint8_t{48}, uint8_t{64}}) {
      for (const emu::Overflow rule : {emu::Overflow::wrap, emu::Overflow::saturate}) {
        const emu::Accumulator other{emu::IntType{bits, true}, rule};
        if (other == own) continue;
        Target changed = target_;
        changed.accumulate.accumulator = other;
        add("accumulator " + to_string(other) + " instead of " + to_string(own), std::move(changed));
      }
    }
  }

  bool has_operand(std::string_view name) const {
    const auto names = vectors::operand_names(op_);
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  // An operand understood as one more or less, a clamp bound as another, a zero point left out.
  void of_operands() {
    for (const char* name : {"shift", "right_shift", "right_shift_a", "right_shift_b", "left_shift"}) {
      if (!has_operand(name)) continue;
      const size_t place = operand_index(op_, name);
      for (const int by : {1, -1}) {
        understand(std::string(name) + (by > 0 ? " one more" : " one less") + " than asked", [=](Operands o) {
          o[place] = std::clamp<int64_t>(o[place] + by, 0, emu::kMaxShiftBits);
          return o;
        });
      }
    }
    for (const char* name : {"zero_point_a", "zero_point_b", "zero_point_x"}) {
      if (!has_operand(name) || op_ == ArithOp::dot) continue;
      const size_t place = operand_index(op_, name);
      understand(std::string(name) + " is ignored", [=](Operands o) { return o[place] = 0, o; });
    }
    if (has_operand("low")) bounds();
  }

  void bounds() {
    const size_t low = operand_index(op_, "low"), high = operand_index(op_, "high");
    const emu::IntType word = target_.storage.activation.type;
    const auto lowest = static_cast<int64_t>(word.min()), highest = static_cast<int64_t>(word.max());
    understand("the clamp's low bound is ignored", [=](Operands o) { return o[low] = lowest, o; });
    understand("the clamp's high bound is ignored", [=](Operands o) { return o[high] = highest, o; });
  }

  Target target_;
  ArithOp op_;
  const std::vector<Tested>& tested_;
  std::vector<Variation> found_;
};

}  // namespace

std::vector<Variation> variations(const Target& target, ArithOp op, const std::vector<Tested>& tested) {
  return Variations(target, op, tested).all();
}

}  // namespace assay::verify
