// The cross-field rules of a target, each a sentence that begins with the key to look at.
#include <algorithm>

#include "emu/arith/step_words.h"
#include "emu/target/form_rules.h"
#include "emu/target/load_target.h"
#include "emu/target/number_rules.h"
#include "emu/target/purpose.h"
#include "emu/target/quantize_rules.h"
#include "emu/target/schema.h"

namespace assay::emu::schema {
namespace {

using Keys = std::vector<std::string>;

class Rules {
 public:
  explicit Rules(const Target& target) : t_(target) {}

  std::vector<Broken> take() {
    storage();
    quantize();
    for (Broken& broken : broken_numbers(t_)) broken_.push_back(std::move(broken));
    for (Broken& broken : broken_forms(t_)) broken_.push_back(std::move(broken));
    multiplier("multiplier", t_.multiplier);
    if (t_.second_multiplier) second_multiplier(*t_.second_multiplier);
    operators();
    words_without_use();
    for (const Claim& claim : t_.claims) {
      if (claim.note.empty()) add({"claim"}, "the claim on '" + claim.key + "' needs a note that says what is known");
    }
    return std::move(broken_);
  }

 private:
  void add(Keys keys, const std::string& why) { broken_.push_back({keys, keys[0] + ": " + why}); }

  // Whether tensors hold floating-point words.
  bool floats() const { return t_.storage.activation.type.is_float(); }

  void storage() {
    const auto check = [&](const std::string& key, const Storage& s, int max_bits) {
      const std::string low = std::to_string(s.low), high = std::to_string(s.high), type = to_string(s.type);
      const bool is_bias = key == "storage.bias";
      if (s.type.is_float() != (floats() && !is_bias)) {
        return add({key + ".type", "storage.activation.type"}, type + (is_bias ? " is no integer: biases of floating-point tensors are constants of [binary32]"
                                                                               : " does not go with " + to_string(t_.storage.activation.type) + ": all are integers, or none"));
      }
      if (s.type.is_float()) max_bits = kTf32.bits();
      if (s.type.bits > max_bits) return add({key + ".type"}, type + " is wider than the " + std::to_string(max_bits) + " bits that such a tensor may have");
      if (!s.type.holds(s.low)) add({key + ".low", key + ".type"}, low + " does not fit the type " + type);
      if (!s.type.holds(s.high)) add({key + ".high", key + ".type"}, high + " does not fit the type " + type);
      const bool words = !s.type.is_float() || (s.type.holds(s.low) && s.type.holds(s.high));
      if (words && !is_smaller(s.low, s.high, s.type)) add({key + ".low", key + ".high"}, low + " must be less than high, which is " + high);
    };
    check("storage.input", t_.storage.input, 16), check("storage.activation", t_.storage.activation, 16), check("storage.weight", t_.storage.weight, 16);
    check("storage.bias", t_.storage.bias, 63);
    const Storage& bias = t_.storage.bias;
    if (!bias.type.is_signed || bias.low > 0 || bias.high < 0) {
      add({"storage.bias.low", "storage.bias.high", "storage.bias.type"}, "a bias has zero point 0, so its type must be signed and low..high must hold 0");
    }
  }

  void quantize() {
    const auto check = [&](const std::string& name, const QuantizeRule& q, const Storage& s) {
      const std::string key = "quantize." + name, storage = "storage." + name;
      if (floats() && (q.symmetry != Symmetry::symmetric || q.granularity != Granularity::per_tensor || q.scale != ScaleKind::power_of_two)) {
        add({key + ".symmetry", key + ".granularity", key + ".scale", storage + ".type"}, "floating-point words have the scale 1: say symmetric, per_tensor and power_of_two");
      }
      const bool is_whole = q.granularity == Granularity::per_tensor;
      if (name != "weight" && !is_whole) {
        add({key + ".granularity"}, std::string(to_string(q.granularity)) + " is for weights: a sum over channels needs one scale for all of them");
      }
      if (!is_whole && q.symmetry == Symmetry::asymmetric) {
        add({key + ".granularity", key + ".symmetry"}, std::string(to_string(q.granularity)) + " needs symmetric: an instruction carries one zero point for its weights");
      }
      for (Broken& broken : broken_quantize(name, q, s)) broken_.push_back(std::move(broken));
    };
    const bool shifts = t_.quantize.activation.scale == ScaleKind::power_of_two && t_.quantize.weight.scale == ScaleKind::power_of_two;
    if (t_.quantize.bias_scale == BiasScale::power_of_two && !shifts) {
      add({"quantize.bias_scale", "quantize.activation.scale", "quantize.weight.scale"}, "power_of_two needs scales of activations and weights that are powers of two too");
    }
    check("input", t_.quantize.input, t_.storage.input);
    check("activation", t_.quantize.activation, t_.storage.activation);
    check("weight", t_.quantize.weight, t_.storage.weight);
    const bool groups = t_.quantize.weight.granularity == Granularity::per_group;
    if (groups != (t_.quantize.weight.group != 0)) {
      add({"quantize.weight.group", "quantize.weight.granularity"},
          groups ? "must say how many output channels share a scale" : "must be 0 where the granularity is not per_group");
    }
  }

  void multiplier(const std::string& section, const MultiplierRule& m) {
    const std::string form = section + ".form", bits = section + ".bits", word(to_string(m.form));
    if ((m.form == MultiplierForm::normalised || m.form == MultiplierForm::narrowed) && m.min_right.bits != 0)
      add({section + ".min_right", form}, "must be 0 where the form is " + word + ": the multiplier's size decides the shift");
    if (m.form == MultiplierForm::fixed_point && m.min_right.bits != m.max_right.bits) {
      add({section + ".min_right", section + ".max_right", form}, "must equal " + section + ".max_right where the form is fixed_point: there is one shift");
    }
    if (m.form != MultiplierForm::normalised && m.bits == 1) add({form, bits}, word + " needs a multiplier, and " + bits + " is 1");
    if (m.form == MultiplierForm::narrowed && m.bits > 30) add({bits, form}, "must be below 31 where the form is narrowed: 31 bits are narrowed to it");
    if (m.min_right.bits > m.max_right.bits) add({section + ".min_right", section + ".max_right"}, "must not be above " + section + ".max_right");
    if (m.bits == 1 && !floats()) only_shifts();
  }

  void second_multiplier(const SecondMultiplier& second) {
    multiplier("second_multiplier", second.rule);
    if (second.rule.bits == 1 || second.rule.max_first.bits != 0) add({"second_multiplier.bits", "second_multiplier.max_first"}, "must be above 1, and max_first 0");
    if (second.rule.form == MultiplierForm::nearest) add({"second_multiplier.form"}, "must not be nearest: the quantizer fits scales to [multiplier] only");
  }

  void only_shifts() {
    const auto check = [&](const std::string& key, const QuantizeRule& q) {
      if (q.scale != ScaleKind::power_of_two) {
        add({"multiplier.bits", key}, "1 means that requantization only shifts, so " + key + " must be power_of_two");
      }
    };
    check("quantize.input.scale", t_.quantize.input), check("quantize.activation.scale", t_.quantize.activation), check("quantize.weight.scale", t_.quantize.weight);
    if (t_.leaky_relu && t_.leaky_relu->slope != SlopeScale::over_256) {
      add({"ops.leaky_relu.supported", "multiplier.bits"}, "a slope needs a multiplier, and multiplier.bits is 1; it can be had by ops.table, or as over_256");
    }
    if (t_.average_pool && t_.average_pool->form == AverageForm::reciprocal && t_.average_pool->count_scale == CountScale::ratio) {
      add({"ops.average_pool.form", "multiplier.bits"}, "a reciprocal needs a multiplier, and multiplier.bits is 1; say divide, or a count_scale that brings its own");
    }
  }

  // Sections and limits that no list of steps makes use of would be believed to do something.
  void words_without_use() {
    const bool is_fp32 = any_list(computes_in_fp32);
    if (is_fp32 && !t_.binary32) add({"binary32.supported"}, "must be true: some steps compute in binary32, and this section says with which constants");
    if (!is_fp32 && t_.binary32) add({"binary32.supported"}, "must be false: no steps compute in binary32");
    const bool cuts = any_list([&](const Steps& list) { return holds(list, is_first_cut) && !(t_.average_pool && &list == &t_.average_pool->steps); });
    if (!cuts && t_.multiplier.max_first.bits != 0) add({"multiplier.max_first"}, "must be 0: no steps hold 'shift_right first'");
    if (t_.softmax && t_.softmax_fixed_point)
      add({"ops.softmax_fixed_point.supported", "ops.softmax.supported"}, "must be false where ops.softmax is supported: a softmax has one form");
  }

  template <class IsIt>
  bool any_list(const IsIt& is_it) const {
    for (const auto* rule : {&t_.conv, &t_.depthwise_conv, &t_.conv_transpose, &t_.matmul, &t_.mul, &t_.requantize}) {
      if (*rule && is_it((*rule)->steps)) return true;
    }
    return (t_.leaky_relu && is_it(t_.leaky_relu->steps)) || (t_.add && (is_it(t_.add->operand_steps) || is_it(t_.add->steps))) || (t_.concat && is_it(t_.concat->steps)) ||
           (t_.average_pool && is_it(t_.average_pool->steps)) || (t_.softmax && is_it(t_.softmax->steps));
  }

  void operators() {
    const IntType sum = t_.accumulate.accumulator.type;
    if (!sum.is_signed) add({"accumulate.accumulator"}, "must be signed: products of integers with zero points are");
    const IntType word{static_cast<uint8_t>(t_.storage.activation.type.bits + 1), true};  // x - zero point
    if (t_.conv) steps({"ops.conv.steps", true, true, true, sum}, t_.conv->steps);
    if (t_.depthwise_conv) steps({"ops.depthwise_conv.steps", true, true, true, sum}, t_.depthwise_conv->steps);
    if (t_.conv_transpose) steps({"ops.conv_transpose.steps", true, true, true, sum}, t_.conv_transpose->steps);
    if (t_.matmul) steps({"ops.matmul.steps", true, true, true, sum}, t_.matmul->steps);
    if (t_.mul) steps({"ops.mul.steps", false, true, true, sum}, t_.mul->steps);
    if (t_.requantize) steps({"ops.requantize.steps", false, true, true, word}, t_.requantize->steps);
    if (t_.leaky_relu) leaky(*t_.leaky_relu, word);
    if (t_.add) addition(*t_.add, sum, word);
    if (t_.concat) {
      if (t_.concat->inputs != ConcatScales::requantize) {
        none("ops.concat.steps", "ops.concat.inputs", t_.concat->steps, std::string(to_string(t_.concat->inputs)));
        if (t_.concat->inputs == ConcatScales::concatenate && t_.quantize.activation.symmetry == Symmetry::asymmetric) {
          add({"ops.concat.inputs", "quantize.activation.symmetry"}, "concatenate needs symmetric: a tensor has one zero point, whatever the scales of its channels");
        }
      } else {
        steps({"ops.concat.steps", false, true, true, word}, t_.concat->steps);
        if (count<Clamp>(t_.concat->steps) > 0) add({"ops.concat.steps"}, "must not hold clamp: no activation is fused into a concat");
      }
    }
    if (t_.average_pool) {
      average(*t_.average_pool, sum);
    }
    if (t_.softmax) softmax(*t_.softmax);
  }

  void leaky(const LeakyRule& rule, IntType word) {
    Purpose purpose{"ops.leaky_relu.steps", false, true, true, word};
    const bool only_shifts = rule.slope == SlopeScale::over_256, is_fp32 = computes_in_fp32(rule.steps);
    if (only_shifts) purpose.multiplier_bits = 16;
    steps(purpose, rule.steps);
    if (only_shifts && t_.multiplier.bits != 1) add({"ops.leaky_relu.slope", "multiplier.bits"}, "over_256 is for ratios of scales that are shifts: multiplier.bits must be 1");
    if (rule.slope == SlopeScale::common_shift && (is_fp32 || t_.multiplier.bits == 1 || multiplier_of(t_, "leaky_relu").form != MultiplierForm::normalised)) {
      add({"ops.leaky_relu.slope", "multiplier.form"}, "common_shift needs integer steps and multipliers whose form is normalised");
    }
  }

  void average(const AverageRule& rule, IntType sum) {
    const bool has_scale = rule.form == AverageForm::reciprocal, own = rule.count_scale != CountScale::ratio, joint = rule.inputs == InputScales::joint;
    Purpose purpose{"ops.average_pool.steps", false, has_scale, true, sum};
    if (own) purpose.multiplier_bits = 31;
    purpose.cuts_by_count = rule.count_scale == CountScale::first_cut_15;
    purpose.keeps_zero = rule.zero_point == ZeroPoints::kept;
    steps(purpose, rule.steps);
    if (own && computes_in_fp32(rule.steps)) {
      add({"ops.average_pool.count_scale", "ops.average_pool.steps"}, "must be ratio where steps compute in binary32: the others are integers");
    }
    if (own && (!has_scale || !joint)) {
      add({"ops.average_pool.count_scale", "ops.average_pool.form", "ops.average_pool.inputs"},
          std::string(to_string(rule.count_scale)) + " is the scale by itself: the form must be reciprocal and inputs joint");
    }
    if (rule.form == AverageForm::axis_reciprocals && !joint) {
      add({"ops.average_pool.form", "ops.average_pool.inputs"}, "axis_reciprocals leaves no place for a ratio of scales: inputs must be joint");
    }
    if (purpose.cuts_by_count != (count_if(rule.steps, is_first_cut) == 1)) {
      add({"ops.average_pool.steps", "ops.average_pool.count_scale"}, "must hold 'shift_right first' once where count_scale is first_cut_15, and not at all elsewhere");
    }
    if (purpose.keeps_zero) something_to_keep("ops.average_pool.zero_point");
    if (purpose.keeps_zero && !joint)
      add({"ops.average_pool.zero_point", "ops.average_pool.inputs"}, "kept means that input and output share their zero point: inputs must be joint");
  }

  void something_to_keep(const std::string& key) {
    if (t_.quantize.activation.symmetry == Symmetry::symmetric)
      add({key, "quantize.activation.symmetry"}, "must be subtracted where activations are symmetric: there is nothing to keep");
  }

  void addition(const AddRule& rule, IntType sum, IntType word) {
    const bool common = rule.operand_scale == OperandScale::common_shift, keeps = rule.zero_points == ZeroPoints::kept;
    if (keeps && (!common || rule.operand_steps != Steps{Multiply{}})) {
      add({"ops.add.zero_points", "ops.add.operand_scale", "ops.add.operand_steps"},
          "kept needs common_shift and operand_steps that only multiply: whole words are scaled and added");
    }
    if (keeps) something_to_keep("ops.add.zero_points");
    const auto scaled = std::find_if(rule.steps.begin(), rule.steps.end(), is_scale_right) - rule.steps.begin();
    if (keeps && scaled < first<AddZeroPoint>(rule.steps))
      add({"ops.add.steps", "ops.add.zero_points"}, "'shift_right scale' must come after add_zero_point where zero points are kept");
    const bool is_fp32 = computes_in_fp32(rule.operand_steps) || computes_in_fp32(rule.steps);
    if (is_fp32 && common)
      add({"ops.add.operand_scale", "ops.add.operand_steps", "ops.add.steps"}, "must be normalised where steps compute in binary32: a scale there is no shift");
    if (is_fp32 && rule.headroom.bits != 0) add({"ops.add.headroom", "ops.add.operand_steps", "ops.add.steps"}, "must be 0 where steps compute in binary32, which has its own");
    if (common != (rule.operand_bits != 0)) {
      add({"ops.add.operand_bits", "ops.add.operand_scale"}, common ? "must say how wide the operands' multipliers are" : "must be 0 where operand_scale is normalised");
    }
    if (rule.inputs == InputScales::joint) {
      if (common) add({"ops.add.operand_scale", "ops.add.inputs"}, "must be normalised where inputs are joint: they have no multipliers");
      none("ops.add.operand_steps", "ops.add.inputs", rule.operand_steps, "joint");
      if (rule.headroom.bits != 0) add({"ops.add.headroom", "ops.add.inputs"}, "must be 0 where inputs are joint: they are added as they are");
    } else {
      if (common && rule.headroom.bits != 0) add({"ops.add.headroom", "ops.add.operand_scale"}, "must be 0 for common_shift: the multipliers' bits are the headroom");
      if (!floats() && word.bits + rule.headroom.bits >= sum.bits) {
        add({"ops.add.headroom", "storage.activation.type", "accumulate.accumulator"}, std::to_string(rule.headroom.bits) + " leaves no room: an operand of " +
                                                                                           std::to_string(word.bits) + " bits shifted so far fills the accumulator's " +
                                                                                           std::to_string(sum.bits));
      }
      steps({"ops.add.operand_steps", false, true, false, word, Begins::as_integer, common}, rule.operand_steps);
    }
    steps({"ops.add.steps", false, true, true, sum, ends_in_fp32(rule.operand_steps) ? Begins::in_fp32 : Begins::as_integer, common, std::nullopt, false, false, keeps},
          rule.steps);
  }

  void softmax(const SoftmaxRule& rule) {
    if (!floats() && rule.accumulator.type.bits <= rule.exponent_bits) {
      add({"ops.softmax.accumulator", "ops.softmax.exponent_bits"}, "must be wider than exponent_bits, or the sum of two terms leaves it");
    }
    steps({"ops.softmax.steps", false, false, true, IntType{62, true}}, rule.steps);
  }

  void none(const std::string& key, const std::string& inputs, const Steps& list, const std::string& word) {
    if (!list.empty()) add({key, inputs}, "must be [] where inputs are " + word + ": their words are taken as they are");
  }

  void steps(Purpose p, const Steps& list) {
    if (floats()) p.begins = Begins::in_fp32;
    words(p, list);
    const bool stores = !list.empty() && std::holds_alternative<StoreFp32>(list.back());
    if (floats() != stores && p.ends_in_output) {
      add({p.key, "storage.activation.type"},
          std::string("must ") + (floats() ? "end with" : "not hold") + " store_fp32: activations are " + to_string(t_.storage.activation.type));
    }
    if (p.ends_in_output && !floats()) output(p, list);
    range(p, list);
  }

  // Which steps a list must have, and which it must not.
  void words(const Purpose& p, const Steps& list) {
    const Keys key{p.key};
    if (const auto problem = mixed_up(list, p.begins, p.ends_in_output ? Ends::as_integer : Ends::either)) return add(key, *problem);
    const auto lefts = std::count_if(list.begin(), list.end(), is_scale_left);
    const auto rights = std::count_if(list.begin(), list.end(), is_scale_right);
    const int biases = count<AddBias>(list) + count_if(list, is_fp32_bias);
    const auto multiplies = std::count_if(list.begin(), list.end(), is_scale_multiply);
    if (count<Multiply>(list) != multiplies) add(key, "must not multiply by a fixed number: no ratio of scales would account for it");
    if (p.has_bias && biases != 1) add(key, "must hold add_bias once, or the bias would be lost or added twice");
    if (!p.has_bias && biases != 0) add(key, "must not hold add_bias: there is no bias here");
    if (!p.ends_in_output && holds(list, adds_zero_point)) add(key, "must not add the zero point: it is the output's, and this is an operand");
    if (holds<ToFp32>(list) || p.begins == Begins::in_fp32) return words_in_fp32(p, list);
    first_cut(p, list);
    if (p.shares_shift && !p.ends_in_output) {
      if (rights != 0 || lefts != 0 || multiplies != 1) add(key, "must hold multiply once and no shift by scale: the operands' common shift is the output's");
      return;
    }
    if (!p.scales && (lefts != 0 || rights != 0 || multiplies != 0)) return add(key, "must not hold multiply or a shift by scale: the division has applied the scale already");
    if (!p.scales) return;
    if (rights != 1) add(key, "must hold 'shift_right scale <rounding>' once: without it no ratio of scales below 1 can be applied, and twice applies it twice");
    if (lefts > 1) add(key, "must hold 'shift_left scale' at most once");
    if (multiplies > 1) add(key, "must hold multiply at most once: the scale has one multiplier");
    const int bits = p.multiplier_bits.value_or(multiplier_of(t_, p.key).bits);
    if (multiplies != 0 && bits == 1) add({p.key, "multiplier.bits"}, "multiply is pointless where multiplier.bits is 1: the multiplier is always 1");
    if (multiplies == 0 && bits != 1 && !p.shares_shift) {
      add({p.key, "multiplier.bits"}, "must hold multiply: multiplier.bits is " + std::to_string(bits) + ", and a multiplier that is not applied changes the scale");
    }
    if (multiplies == 1 && rights == 1) {
      const auto right = std::find_if(list.begin(), list.end(), is_scale_right) - list.begin();
      if (right < first<Multiply>(list)) add(key, "shift_right scale comes before multiply, so it would discard the bits that the multiplier needs");
    }
  }

  // There a scale is a constant, so its integers mean nothing; and it must be applied, and the output's with it where it is no ratio.
  void words_in_fp32(const Purpose& p, const Steps& list) {
    const Keys key{p.key};
    if (holds(list, is_scale_left) || holds(list, is_scale_right) || holds(list, is_first_cut) || holds(list, is_scale_multiply)) {
      return add(key, "must not hold multiply or a shift by scale: in binary32 the scale is a constant, which mul_fp32, div_fp32 or fma_fp32 applies");
    }
    if (!p.scales || !t_.binary32) return;
    const auto uses = [&](Fp32Name name) { return std::count_if(list.begin(), list.end(), [&](const Step& s) { return scales_by(s, name); }); };
    const bool is_ratio = t_.binary32->scale == Fp32Scale::ratio || t_.binary32->scale == Fp32Scale::exact_ratio;
    const std::string form = std::string(to_string(t_.binary32->scale));
    const auto scales = uses(Fp32Name::scale), outputs = uses(Fp32Name::output);
    if (floats()) {  // 1 / count and slopes are all that scales floating-point words
      const bool has_scale = p.key == "ops.average_pool.steps" || p.key == "ops.leaky_relu.steps";
      if (scales != (has_scale ? 1 : 0) || outputs != 0) {
        add({p.key, "storage.activation.type"}, has_scale ? "must apply `scale` once: it is 1 / count, or the slope" : "must apply no scale: floating-point words have none");
      }
      return;
    }
    // A sum's operands have had their scales; what is left is the output's, which a ratio 1 / s_y holds too.
    if (p.begins == Begins::in_fp32) {
      if (scales + outputs != 1 || (scales == 1 && !is_ratio)) add({p.key, "binary32.scale"}, "must apply the output's scale once: by `output`, or by `scale` where it is a ratio");
      return;
    }
    if (scales != 1) add(key, "must apply `scale` once: mul_fp32 scale, div_fp32 scale or fma_fp32 scale");
    if (!p.ends_in_output && outputs != 0) add(key, "must not apply `output`: it is no operand's");
    if (p.ends_in_output && outputs != (is_ratio ? 0 : 1)) {
      add({p.key, "binary32.scale"}, is_ratio ? "must not apply `output`: binary32.scale is " + form + ", which has it" : "must apply `output` once: binary32.scale is " + form);
    }
  }

  void first_cut(const Purpose& p, const Steps& list) {
    const int cuts = count_if(list, is_first_cut);
    if (cuts == 0 || p.cuts_by_count) return;
    if (cuts > 1) add({p.key}, "must hold 'shift_right first' at most once");
    if (!p.has_bias) add({p.key}, "must not hold 'shift_right first': it comes before a bias, and there is none here");
    const auto cut = std::find_if(list.begin(), list.end(), is_first_cut) - list.begin();
    if (cut > first<AddBias>(list) || cut > first<Multiply>(list)) add({p.key}, "'shift_right first' must come before add_bias and multiply");
    if (t_.multiplier.max_first.bits == 0) add({"multiplier.max_first", p.key}, "must be above 0: " + p.key + " holds 'shift_right first'");
    if (t_.multiplier.form != MultiplierForm::nearest) add({"multiplier.form", p.key}, "must be nearest where steps hold 'shift_right first'");
  }

  // The end: scaled value, zero point, into the output's type, clamp.
  void output(const Purpose& p, const Steps& list) {
    const Keys key{p.key};
    const auto stored = std::find_if(list.begin(), list.end(), stores_output);
    if (stored == list.end()) return add(key, "must hold 'saturate output' or 'wrap output', or the result may not fit what it is stored in");
    const auto after = std::find_if(stored + 1, list.end(), [](const Step& s) { return !std::holds_alternative<Clamp>(s); });
    if (after != list.end()) add(key, "'" + to_string(*after) + "' comes after '" + to_string(*stored) + "', so the result may not fit; only clamp may follow");
    if (count<Clamp>(list) > 1) add(key, "must hold clamp at most once");
    const bool asymmetric = t_.quantize.activation.symmetry == Symmetry::asymmetric;
    const int zeros = count_if(list, adds_zero_point);
    if (p.keeps_zero && zeros != 0) add({p.key, "ops.average_pool.zero_point"}, "must not hold add_zero_point: the zero point is kept");
    if (asymmetric && zeros != 1 && !p.keeps_zero) add({p.key, "quantize.activation.symmetry"}, "must hold add_zero_point once: activations are asymmetric");
    if (!asymmetric && zeros != 0) add({p.key, "quantize.activation.symmetry"}, "must not hold add_zero_point: activations are symmetric, their zero point is 0");
    const auto last = [&](auto predicate) {
      for (size_t i = list.size(); i-- > 0;) {
        if (predicate(list[i])) return static_cast<int>(i);
      }
      return -1;
    };
    const int scaled = last([](const Step& s) {
      return std::holds_alternative<Multiply>(s) || std::holds_alternative<ShiftLeft>(s) || std::holds_alternative<ShiftRight>(s) || std::holds_alternative<AddBias>(s) ||
             std::holds_alternative<ToInt>(s);
    });
    if (count<Clamp>(list) > 0 && first<Clamp>(list) < std::max(scaled, first<AddZeroPoint>(list) * count<AddZeroPoint>(list))) {
      add(key, "clamp bounds are in output steps, so clamp must come after the scale and after add_zero_point");
    }
    if (!p.folds_zero && count<AddZeroPoint>(list) > 0 && first<AddZeroPoint>(list) < scaled)
      add(key, "the zero point is in output steps, so add_zero_point must come after every shift, multiply and add_bias");
  }

  // No value may leave 126 bits (95 before multiply), whatever the scale.
  void range(const Purpose& p, const Steps& list) {
    if (floats()) return;
    const MultiplierRule& own = multiplier_of(t_, p.key);
    int bits = p.start->bits - 1;  // |value| <= 2^bits
    for (const Step& step : list) {
      if (std::holds_alternative<AddBias>(step)) bits = std::max<int>(bits, t_.storage.bias.type.bits - 1) + 1;
      if (std::holds_alternative<AddZeroPoint>(step)) bits = std::max<int>(bits, p.folds_zero ? 62 : t_.storage.activation.type.bits) + 1;
      if (std::holds_alternative<AddNumber>(step)) bits = std::max(bits, 62) + 1;
      if (std::holds_alternative<ToInt>(step)) bits = 31;
      if (const auto* s = std::get_if<ShiftLeft>(&step)) bits += s->amount.value_or(own.max_left).bits;
      if (const auto* s = std::get_if<ShiftRight>(&step)) bits = std::max(1, bits - (s->amount ? s->amount->bits : 0)) + 1;
      if (const auto* s = std::get_if<Saturate>(&step)) bits = std::min<int>(bits, s->bits.value_or(t_.storage.activation.type.bits));
      if (const auto* s = std::get_if<Wrap>(&step)) bits = std::min<int>(bits, s->bits.value_or(t_.storage.activation.type.bits));
      if (std::holds_alternative<Multiply>(step)) bits = bits >= 95 ? 127 : bits + p.multiplier_bits.value_or(own.bits);
      if (bits >= 126) {
        return add({p.key, "multiplier.max_left", "multiplier.bits", "storage.bias.type", "storage.activation.type", "accumulate.accumulator"},
                   "'" + to_string(step) + "' can leave the 126 bits that a value may have; saturate before it, or lower multiplier.max_left");
      }
    }
  }

  const Target& t_;
  std::vector<Broken> broken_;
};

}  // namespace

std::vector<Broken> broken_rules(const Target& target) {
  return Rules(target).take();
}

}  // namespace assay::emu::schema
