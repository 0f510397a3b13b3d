// A target in sentences for people, at most 120 columns wide. The words of the file (half_up, s32.wrap ...) stay, so that both can be read side by side.
#include <algorithm>
#include <sstream>

#include "emu/base/error.h"
#include "emu/target/load_target.h"
#include "emu/target/meanings.h"

namespace assay::emu {
namespace {

constexpr size_t kExplainColumns = 120;

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
      if (filled > 0 && current.size() + 1 + word.size() > kExplainColumns) {
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
    hanging(2, name + std::string(kName - name.size(), ' '), words);
  }

  // `before` as it is, then the words, wrapped under themselves.
  void hanging(size_t indent, const std::string& before, const std::string& words) {
    std::ostringstream wrapped;
    wrapped.swap(text_);
    line(indent + before.size(), words);
    const std::string lines = text_.str();
    text_ = std::move(wrapped);
    text_ << std::string(indent, ' ') << before << lines.substr(indent + before.size());
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
    const auto one = [&](const std::string& name, const QuantizeRule& q, const std::string& per) {
      entry(name, std::string(to_string(q.symmetry)) + (q.symmetry == Symmetry::symmetric ? " (zero point 0)" : " (with a zero point)") + ", one scale " + per + ", " +
                      (q.scale == ScaleKind::power_of_two ? "a power of two" : "any real number") + "; rounded " + word_and_meaning(q.round) + "; calibrated by " + q.observer +
                      ", whose range becomes " + meaning(q.encoding) + " over " + std::to_string(q.low) + ".." + std::to_string(q.high) + ".");
    };
    const std::string tensor = "per tensor";
    one("inputs", t_.quantize.input, tensor), one("activations", t_.quantize.activation, tensor), one("weights", t_.quantize.weight, meaning(t_.quantize.weight));
    entry("biases", std::string(t_.quantize.bias_scale == BiasScale::product ? "scale = input scale x weight scale"
                                                                             : "scale = a power of two of its own, not finer than input scale x weight scale") +
                        "; rounded " + word_and_meaning(t_.quantize.bias_round) + ".");
    source("quantize");
  }

  void machine() {
    heading("How a ratio of scales is held");
    line(2, meaning(t_.multiplier));
    if (t_.multiplier.ratio != RatioFormat::exact) line(2, "The ratio itself is formed " + meaning(t_.multiplier.ratio) + ".");
    source("multiplier");
    std::string others;
    if (t_.second_multiplier) {
      for (const std::string& name : t_.second_multiplier->operators) others += (others.empty() ? "" : ", ") + name;
    }
    line(2, others.empty() ? "No operator has another rule." : "For " + others + ": " + meaning(t_.second_multiplier->rule));
    source("second_multiplier");
    binary32();
    heading("How products are summed");
    line(2, "In " + meaning(t_.accumulate.accumulator) + ", in the order " + std::string(to_string(t_.accumulate.order)) + " (the last varies fastest).");
    source("accumulate");
  }

  void binary32() {
    heading("What is computed in binary32");
    if (!t_.binary32) {
      line(2, "Nothing: all steps are on integers.");
    } else {
      const Fp32Rule& rule = *t_.binary32;
      const auto format = [](const FloatFormat& own) { return own == kFp32 ? std::string() : ", then rounded half_even to " + std::string(to_string(own)); };
      entry("scale", std::string(to_string(rule.scale)) + ": " + meaning(rule.scale) + format(rule.scale_format) + ".");
      const bool is_product = rule.scale == Fp32Scale::product || rule.scale == Fp32Scale::reciprocal_product;
      entry("bias", std::string("in accumulator steps before the scale is applied, after it in ") + (is_product ? "real units" : "output steps") + format(rule.bias_format) + ".");
      entry("output", rule.output == Fp32Output::scale ? "the output's scale." : "1 / output scale.");
    }
    source("binary32");
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
      const std::string before = std::to_string(++number) + ". " + words + std::string(words.size() < 28 ? 28 - words.size() : 1, ' ');
      hanging(8, before, meaning(step, t_));
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
    if (open("depthwise_conv", true, t_.depthwise_conv ? "the same where each output channel has one input channel." : "as conv.") && t_.depthwise_conv) {
      steps("then", t_.depthwise_conv->steps);
    }
    plain("conv_transpose", t_.conv_transpose, "sums the same products, spread instead of gathered.");
    plain("matmul", t_.matmul, "sums (a - zero point) x (b - zero point) over k.");
    const bool adds_words = t_.add && t_.add->zero_points == ZeroPoints::kept;
    if (open("add", t_.add.has_value(),
             adds_words ? "also sub; scales and adds the words themselves; the zero point that is added is one number for all three."
                        : "also sub; adds both operands less their zero points.")) {
      operands_of_add(*t_.add);
      steps("each operand", t_.add->operand_steps);
      steps("the sum", t_.add->steps);
    }
    plain("mul", t_.mul, "the product of both operands less their zero points.");
    if (open("concat", t_.concat.has_value(), t_.concat ? "inputs: " + std::string(to_string(t_.concat->inputs)) + ", " + meaning(t_.concat->inputs) + "." : "")) {
      steps("each input, less its zero point", t_.concat->steps);
    }
    const bool keeps = t_.average_pool && t_.average_pool->zero_point == ZeroPoints::kept;
    if (open("average_pool", t_.average_pool.has_value(), keeps ? "sums the words themselves over the window, zero point included." : "sums (x - zero point) over the window.")) {
      if (t_.average_pool->inputs == InputScales::joint) line(6, "inputs: joint, the output has the input's scale and zero point.");
      line(6, form_of(*t_.average_pool));
      steps("then", t_.average_pool->steps);
    }
    plain("requantize", t_.requantize, "x - zero point to another scale, zero point or type; Relu and Clip standing alone.");
    if (open("leaky_relu", t_.leaky_relu.has_value(), "x - zero point, with one scale for values from 0 on and another for negative ones.")) {
      line(6, "slope: " + meaning(t_.leaky_relu->slope) + ".");
      steps("then", t_.leaky_relu->steps);
    }
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

  static std::string form_of(const AverageRule& rule) {
    switch (rule.form) {
      case AverageForm::divide: return "form: divide, the sum by the count with the scale in it, in one division rounded " + word_and_meaning(rule.round) + ".";
      case AverageForm::reciprocal: return "form: reciprocal, " + meaning(rule.count_scale) + ".";
      case AverageForm::axis_reciprocals:
        return "form: axis_reciprocals, times floor(2^16 / width), cut by 16 bits, then times floor(2^16 / height), cut by 16 bits; both cuts rounded " +
               word_and_meaning(rule.round) + ".";
    }
    ASSAY_ASSERT(!"an AverageForm outside its enumeration");
  }

  void operands_of_add(const AddRule& rule) {
    if (rule.inputs == InputScales::joint) return line(6, "inputs: joint, both have one scale.");
    if (ends_in_fp32(rule.operand_steps)) return line(6, "inputs: requantize, each becomes a binary32 number; they are added there, rounded half_even once.");
    if (rule.operand_scale == OperandScale::common_shift) {
      return line(6, "inputs: requantize, common_shift: the operand with the larger ratio to the output has a multiplier of " + std::to_string(rule.operand_bits) +
                         " bits, the other one the same shift, and the sum is shifted by it.");
    }
    line(6, "inputs: requantize, each is brought to twice the larger scale, times 2^" + std::to_string(rule.headroom.bits) + " (headroom) to keep fraction bits.");
  }

  static std::string sources(const TableRule& rule) {
    switch (rule.entries) {
      case TableSource::real: return "";
      case TableSource::fixed_point: return "those of fixed-point functions for Sigmoid, Tanh and 8-bit HardSwish, others ";
      case TableSource::piecewise_linear:
        return "the values of " + std::to_string(rule.segments) + " straight lines in " + std::string(to_string(rule.line_format)) +
               ", for Exp, Log, Sqrt, Reciprocal and squares ";
    }
    ASSAY_ASSERT(!"a TableSource outside its enumeration");
  }

  static std::string what_is_rounded(const TableForm& form) { return form.interpolation == Interpolation::value ? "the value between them" : "the way from the lower one"; }

  static std::string second_grid(const TableForm& form) {
    if (form.fine_entries == 0) return "";
    const std::string fraction = form.fine_fraction_bits == 0 ? "one for each word" : "with " + std::to_string(form.fine_fraction_bits) + " fraction bits";
    return "; " + std::to_string(form.fine_entries) + " of the entries are a finer grid for the " + std::to_string((form.fine_entries - 1) << form.fine_fraction_bits) +
           " words in the middle, " + fraction;
  }

  void table(const TableRule& rule) {
    const int fraction = rule.form.fraction_bits;
    const int64_t entries = table_entries(t_.storage.activation.type, rule.form);
    line(6, std::to_string(entries) + " entries" +
                (fraction == 0 ? ", one for each word"
                               : "; between two of them a line of " + std::to_string(fraction) + " fraction bits, " + what_is_rounded(rule.form) + " rounded " +
                                     word_and_meaning(rule.form.round)) +
                second_grid(rule.form) + (rule.correction == TableCorrection::none ? "" : "; each entry lowered by half of what that line misses in the middle") +
                ". Entries are " + sources(rule) + "real values rounded " + word_and_meaning(rule.round) + "." +
                (rule.hard_sigmoid == HardSigmoid::real ? "" : " HardSigmoid is relu(x + 3) * 2731 / 2^14."));
  }

  void softmax(const SoftmaxRule& rule) {
    line(6, "The table holds exp of 0, -1, -2 ... input steps in " + std::to_string(rule.exponent_bits) + " bits, rounded " + word_and_meaning(rule.table_round) +
                ". They are summed in " + meaning(rule.accumulator) + ". The division is rounded " + word_and_meaning(rule.divide) + ".");
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
