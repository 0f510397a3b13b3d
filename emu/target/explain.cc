// A target in sentences for people, at most 120 columns wide. The words of the file (half_up, s32.wrap ...) stay, so that both can be read side by side.
#include <algorithm>
#include <sstream>

#include "emu/base/error.h"
#include "emu/target/load_target.h"

namespace assay::emu {
namespace {

constexpr size_t kColumns = 120;

// What a rounding mode does, in words.
std::string meaning(Round mode) {
  switch (mode) {
    case Round::floor: return "toward -infinity";
    case Round::ceil: return "toward +infinity";
    case Round::toward_zero: return "toward zero";
    case Round::away_from_zero: return "away from zero";
    case Round::half_up: return "to the nearest, ties to +infinity";
    case Round::half_down: return "to the nearest, ties to -infinity";
    case Round::half_even: return "to the nearest, ties to the even neighbour";
    case Round::half_odd: return "to the nearest, ties to the odd neighbour";
    case Round::half_away: return "to the nearest, ties away from zero";
    case Round::half_toward_zero: return "to the nearest, ties toward zero";
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

std::string rounding(Round mode) {
  return std::string(to_string(mode)) + " (" + meaning(mode) + ")";
}

std::string meaning(const Step& step, const Target& t) {
  if (std::holds_alternative<AddBias>(step)) return "the channel's bias is added, in steps of input scale x weight scale";
  if (const auto* s = std::get_if<AddNumber>(&step)) return "plus " + std::to_string(s->amount) + "; exact";
  if (const auto* s = std::get_if<Multiply>(&step)) {
    return "multiplied by " + (s->factor ? std::to_string(*s->factor) : "the scale's integer of " + std::to_string(t.multiplier.bits) + " bits") + "; exact";
  }
  if (std::holds_alternative<AddZeroPoint>(step)) return "the output's zero point is added";
  if (const auto* s = std::get_if<Clamp>(&step)) {
    return s->bounds ? "limited to " + std::to_string(s->bounds->low) + ".." + std::to_string(s->bounds->high) : std::string("limited to the bounds of a fused activation");
  }
  if (const auto* s = std::get_if<ShiftLeft>(&step)) return "times 2^" + (s->amount ? std::to_string(s->amount->bits) : std::string("(the scale's left shift)")) + "; exact";
  if (const auto* s = std::get_if<ShiftRight>(&step))
    return "divided by 2^" + (s->amount ? std::to_string(s->amount->bits) : std::string("(the scale's right shift)")) + ", rounded " + meaning(s->round);
  if (const auto* s = std::get_if<Saturate>(&step)) return "limited to " + (s->bits ? std::to_string(*s->bits) + " signed bits" : std::string("the output's type"));
  if (const auto* s = std::get_if<Wrap>(&step)) return "modulo 2^n, into " + (s->bits ? std::to_string(*s->bits) + " signed bits" : std::string("the output's type"));
  if (std::holds_alternative<ToFp32>(step)) return "to binary32, rounded half_even";
  if (const auto* s = std::get_if<ToInt>(&step)) return "to an integer, rounded " + meaning(s->round) + ", limited to 32 signed bits";
  return "one operation in binary32, rounded half_even";
}

std::string meaning(const Accumulator& a) {
  if (a.fp32) return to_string(a) + ": terms and sums rounded half_even to binary32, in this order";
  if (!a.is_plain())
    return to_string(a) + ": " + (a.pairs ? "neighbouring products are stored together first, then added to the register" : "a register") +
           (a.spill ? ", which is emptied into a wider one after every " + std::to_string(a.spill->terms) + " products" : "");
  return to_string(a) + ": a " + (a.type.is_signed ? "signed" : "unsigned") + " register of " + std::to_string(a.type.bits) +
         (a.overflow == Overflow::wrap ? " bits that wraps (modulo 2^" + std::to_string(a.type.bits) + ")" : " bits that saturates after each addition");
}

class Explainer {
 public:
  explicit Explainer(const Target& target) : t_(target) {}

  std::string take() {
    line(0, t_.name + ": " + t_.summary);
    line(0, "read from " + t_.file);
    storage();
    quantize();
    machine();
    operators();
    claims();
    return text_.str();
  }

 private:
  // Wrapped at spaces; further lines begin under `hang`.
  void line(size_t indent, const std::string& words, size_t hang = 0) {
    std::istringstream in(words);
    std::string current(indent, ' ');
    size_t filled = 0;
    for (std::string word; in >> word; ++filled) {
      if (filled > 0 && current.size() + 1 + word.size() > kColumns) {
        text_ << current << "\n";
        current = std::string(indent + hang, ' ') + word;
      } else {
        current += (filled > 0 ? " " : "") + word;
      }
    }
    text_ << current << "\n";
  }

  // "name        words", wrapped under the words.
  void entry(const std::string& name, const std::string& words) {
    constexpr size_t kName = 14;
    std::ostringstream before;
    before.swap(text_);
    line(2 + kName, words);
    const std::string wrapped = text_.str();
    text_ = std::move(before);
    text_ << "  " << name << wrapped.substr(2 + name.size());
  }

  void heading(const std::string& words) { text_ << "\n" << words << "\n"; }

  void source(const std::string& section, size_t indent = 2) {
    for (const Source& s : t_.sources) {
      if (s.section == section) line(indent, "Source: " + s.text, 8);
    }
  }

  void storage() {
    heading("What is stored");
    const auto one = [&](const std::string& name, const Storage& s) { entry(name, to_string(s.type) + ", values " + std::to_string(s.low) + ".." + std::to_string(s.high)); };
    one("inputs", t_.storage.input), one("activations", t_.storage.activation), one("weights", t_.storage.weight), one("biases", t_.storage.bias);
    source("storage");
  }

  void quantize() {
    heading("How reals become integers: q = round(real / scale) + zero_point, limited to the stored values");
    const auto one = [&](const std::string& name, const QuantizeRule& q) {
      entry(name, std::string(to_string(q.symmetry)) + (q.symmetry == Symmetry::symmetric ? " (zero point 0)" : " (with a zero point)") +
                      (q.granularity == Granularity::per_tensor ? ", one scale per tensor, " : ", one scale per output channel, ") +
                      (q.scale == ScaleKind::power_of_two ? "a power of two" : "any real number") + "; rounded " + rounding(q.round) + "; calibrated by " + q.observer + ".");
    };
    one("inputs", t_.quantize.input), one("activations", t_.quantize.activation), one("weights", t_.quantize.weight);
    entry("biases", "scale = input scale x weight scale; rounded " + rounding(t_.quantize.bias_round) + ".");
    source("quantize");
  }

  void machine() {
    const MultiplierRule& m = t_.multiplier;
    heading("How a ratio of scales is held");
    if (m.bits == 1) {
      line(2, "As a shift alone: ratios are powers of two, from 2^-" + std::to_string(m.max_right.bits) + " to 2^" + std::to_string(m.max_left.bits) + ".");
    } else {
      line(2, "As multiplier / 2^shift: the multiplier has " + std::to_string(m.bits) + " bits, its highest bit set, rounded " + rounding(m.round) + "; shifts of at most " +
                  std::to_string(m.max_left.bits) + " to the left and " + std::to_string(m.max_right.bits) + " to the right.");
    }
    source("multiplier");
    heading("What is computed in binary32");
    if (t_.binary32) {
      line(2, "scale: " + std::string(to_string(t_.binary32->scale)) + ", rounded to " + std::string(to_string(t_.binary32->scale_format)) + "; bias: rounded to " +
                  std::string(to_string(t_.binary32->bias_format)) + "; output: " + std::string(to_string(t_.binary32->output)) + ".");
    } else {
      line(2, "Nothing: all steps are on integers.");
    }
    source("binary32");
    heading("How products are summed");
    line(2, "In " + meaning(t_.accumulate.accumulator) + ", in the order " + std::string(to_string(t_.accumulate.order)) + " (the last varies fastest).");
    source("accumulate");
  }

  // A list that was told before is only named.
  void steps(const std::string& what, const Steps& list) {
    if (list.empty()) return line(6, what + ": nothing; words are taken as they are.");
    for (const auto& [told, where] : told_) {
      if (told == list && list.size() > 2) return line(6, what + ": the same steps as for " + where + ".");
    }
    told_.emplace_back(list, what == "then" ? current_ : current_ + ": " + what);
    line(6, what + ":");
    size_t number = 0;
    for (const Step& step : list) {
      const std::string words = to_string(step);
      text_ << "        " << ++number << ". " << words << std::string(words.size() < 28 ? 28 - words.size() : 1, ' ') << meaning(step, t_) << "\n";
    }
  }

  bool open(const std::string& name, bool supported, const std::string& what) {
    if (!supported) {
      missing_.push_back(name);
      return false;
    }
    current_ = name;
    line(2, name + ": " + what, 4);
    source("ops." + name, 6);
    return true;
  }

  void plain(const std::string& name, const std::optional<StepsRule>& rule, const std::string& what) {
    if (open(name, rule.has_value(), what)) steps("then", rule->steps);
  }

  void operators() {
    heading("What each operator does");
    plain("conv", t_.conv, "sums (x - zero point) x (w - zero point) over the window.");
    plain("conv_transpose", t_.conv_transpose, "sums the same products, spread instead of gathered.");
    plain("matmul", t_.matmul, "sums (a - zero point) x (b - zero point) over k.");
    if (open("add", t_.add.has_value(), "also sub; adds both operands less their zero points.")) {
      const bool joint = t_.add->inputs == InputScales::joint;
      const std::string headroom = std::to_string(t_.add->headroom.bits);
      line(6, joint ? "inputs: joint, both have one scale."
                    : "inputs: requantize, each is brought to twice the larger scale, times 2^" + headroom + " (headroom) to keep fraction bits.");
      steps("each operand", t_.add->operand_steps);
      steps("the sum", t_.add->steps);
    }
    plain("mul", t_.mul, "the product of both operands less their zero points.");
    if (open("concat", t_.concat.has_value(),
             t_.concat && t_.concat->inputs == InputScales::joint ? "inputs: joint, all have one scale." : "inputs: requantize, each is brought to the output's scale.")) {
      steps("each input, less its zero point", t_.concat->steps);
    }
    if (open("average_pool", t_.average_pool.has_value(), "sums (x - zero point) over the window.")) {
      line(6, t_.average_pool->form == AverageForm::divide
                  ? "form: divide, the sum by the count with the scale in it, in one division rounded " + rounding(t_.average_pool->round) + "."
                  : std::string("form: reciprocal, 1 / count is part of the scale."));
      steps("then", t_.average_pool->steps);
    }
    plain("requantize", t_.requantize, "x - zero point to another scale, zero point or type; Relu and Clip standing alone.");
    plain("leaky_relu", t_.leaky_relu, "x - zero point, with one scale for values from 0 on and another for negative ones.");
    if (open("table", t_.table.has_value(), "functions of one value (Sigmoid ...), from a table.")) table(*t_.table);
    if (open("softmax", t_.softmax.has_value(), "exponentials from a table, their sum, one division each.")) softmax(*t_.softmax);
    open("softmax_fixed_point", t_.softmax_fixed_point, "exponentials and the reciprocal of their sum by fixed-point polynomials and Newton steps.");
    const std::pair<const char*, bool> movers[] = {{"max_pool", t_.max_pool},   {"pad", t_.pad},     {"reshape", t_.reshape},
                                                   {"transpose", t_.transpose}, {"slice", t_.slice}, {"resize_nearest", t_.resize_nearest}};
    for (const auto& [name, supported] : movers) open(name, supported, "chooses or moves words without changing them.");
    std::string all;
    for (const std::string& name : missing_) all += (all.empty() ? "" : ", ") + name;
    line(2, "Not supported: " + (all.empty() ? "nothing is left out." : all + "."));
  }

  void table(const TableRule& rule) {
    const int fraction = rule.form.fraction_bits;
    const int64_t entries = table_entries(t_.storage.activation.type, rule.form);
    line(6, std::to_string(entries) + " entries" +
                (fraction == 0 ? ", one for each word" : "; between two of them a line of " + std::to_string(fraction) + " fraction bits, rounded " + rounding(rule.form.round)) +
                ". Entries are rounded " + rounding(rule.round) + ".");
  }

  void softmax(const SoftmaxRule& rule) {
    line(6, "The table holds exp of 0, -1, -2 ... input steps in " + std::to_string(rule.exponent_bits) + " bits, rounded " + rounding(rule.table_round) + ". They are summed in " +
                meaning(rule.accumulator) + ". The division is rounded " + rounding(rule.divide) + ".");
    steps("then", rule.steps);
  }

  void claims() {
    heading("What is claimed without a document of the maker, or beyond it");
    for (const Evidence evidence : {Evidence::assumed, Evidence::measured, Evidence::documented}) {
      for (const Claim& claim : t_.claims) {
        if (claim.evidence != evidence) continue;
        line(2, std::string(to_string(evidence)) + ": " + claim.key);
        line(6, claim.note);
      }
    }
    if (t_.claims.empty()) line(2, "Nothing.");
  }

  const Target& t_;
  std::ostringstream text_;
  std::string current_;  // the operator that is being told
  std::vector<std::pair<Steps, std::string>> told_;
  std::vector<std::string> missing_;
};

}  // namespace

std::string explain(const Target& target) {
  return Explainer(target).take();
}

}  // namespace assay::emu
