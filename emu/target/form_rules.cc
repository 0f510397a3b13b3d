#include "emu/target/form_rules.h"

#include <algorithm>

#include "emu/arith/step_words.h"

namespace assay::emu::schema {
namespace {

using Keys = std::vector<std::string>;

template <class Add>
void table(const TableRule& rule, IntType word, const Add& add) {
  const TableForm& form = rule.form;
  if (rule.correction != TableCorrection::none && form.fraction_bits == 0) {
    add({"ops.table.correction", "ops.table.fraction_bits"}, "must be none where fraction_bits is 0: nothing is interpolated");
  }
  if (rule.correction != TableCorrection::none && form.fine_entries != 0) {
    add({"ops.table.correction", "ops.table.fine_entries"}, "must be none where there is a second grid: it is made for one");
  }
  if (form.fraction_bits >= word.bits) {
    return add({"ops.table.fraction_bits", "storage.activation.type"}, "must be fewer than the bits of an activation, which has " + std::to_string(word.bits));
  }
  if (form.fine_entries == 0 && form.fine_fraction_bits != 0)
    add({"ops.table.fine_fraction_bits", "ops.table.fine_entries"}, "must be 0 where fine_entries is 0: there is no second grid");
  if (form.fine_entries == 0 || has_sound_grids(word, form)) return;
  if (form.fine_fraction_bits >= form.fraction_bits) {
    return add({"ops.table.fine_fraction_bits", "ops.table.fraction_bits"},
               "must be below fraction_bits, which is " + std::to_string(form.fraction_bits) + ": the second grid is the finer one");
  }
  add({"ops.table.fine_entries", "ops.table.fine_fraction_bits", "storage.activation.type"},
      "must be 2^k + 1 points, at least 3, that lie 2^fine_fraction_bits words apart among the 2^" + std::to_string(word.bits) + " words of an activation");
}

// A slope is that of an activation: of ops.leaky_relu, or of one that follows a sum with weights and becomes part of it.
template <class Add>
void no_slope(const char* key, const Steps& list, const Add& add) {
  if (holds(list, is_slope)) add({key}, "must not hold 'leaky_fp32 slope': no activation that has one is computed here");
}

template <class Add>
void slope_of_weighted(const char* key, const std::optional<StepsRule>& rule, const Add& add) {
  if (!rule || !holds(rule->steps, is_slope)) return;
  const Steps& list = rule->steps;
  if (std::count_if(list.begin(), list.end(), is_slope) > 1) return add({key}, "must hold 'leaky_fp32 slope' at most once: an activation has one slope");
  const auto slope = std::find_if(list.begin(), list.end(), is_slope);
  const auto is_bias = [](const Step& step) { return std::holds_alternative<AddBias>(step) || is_fp32_bias(step); };
  if (std::any_of(slope, list.end(), is_bias)) add({key}, "'leaky_fp32 slope' must come after the bias, which an activation is given with the sum");
  const auto is_after = [](const Step& step) { return adds_zero_point(step) || clamps_activation(step); };
  if (std::any_of(list.begin(), slope, is_after)) add({key}, "'leaky_fp32 slope' must come before the zero point and the bounds of an activation: it begins at the real number 0");
}

template <class Add>
void slopes(const Target& t, const Add& add) {
  slope_of_weighted("ops.conv.steps", t.conv, add), slope_of_weighted("ops.depthwise_conv.steps", t.depthwise_conv, add);
  slope_of_weighted("ops.conv_transpose.steps", t.conv_transpose, add), slope_of_weighted("ops.matmul.steps", t.matmul, add);
  if (t.mul) no_slope("ops.mul.steps", t.mul->steps, add);
  if (t.requantize) no_slope("ops.requantize.steps", t.requantize->steps, add);
  if (t.add) no_slope("ops.add.operand_steps", t.add->operand_steps, add), no_slope("ops.add.steps", t.add->steps, add);
  if (t.concat) no_slope("ops.concat.steps", t.concat->steps, add);
  if (t.average_pool) no_slope("ops.average_pool.steps", t.average_pool->steps, add);
  if (t.softmax) no_slope("ops.softmax.steps", t.softmax->steps, add);
}

// The least right shift that a 1 / count by itself has; none where it follows from ratios or from the kernel.
std::optional<int> least_shift(CountScale form) {
  switch (form) {
    case CountScale::ratio:
    case CountScale::factor: return std::nullopt;
    case CountScale::reciprocal_30: return 30;
    case CountScale::reciprocal_31: return 31;
    case CountScale::floor_24: return 24;
    case CountScale::first_cut_15: return 13;
  }
  return std::nullopt;
}

template <class Add>
void counts(const AverageRule& rule, const Add& add) {
  const auto least = least_shift(rule.count_scale);
  if (!least) return;
  int fixed = 0;
  for (const Step& step : rule.steps) {
    if (const auto* right = std::get_if<ShiftRight>(&step); right != nullptr && right->amount) fixed += right->amount->bits;
    if (const auto* left = std::get_if<ShiftLeft>(&step); left != nullptr && left->amount) fixed -= left->amount->bits;
  }
  if (fixed <= *least) return;
  add({"ops.average_pool.steps", "ops.average_pool.count_scale"}, "must not shift by fixed numbers of more than " + std::to_string(*least) + " bits together, found " +
                                                                      std::to_string(fixed) + ": " + std::string(to_string(rule.count_scale)) +
                                                                      " shifts by so many where the window has one element; leave them to 'shift_right scale'");
}

}  // namespace

std::vector<Broken> broken_forms(const Target& target) {
  std::vector<Broken> broken;
  const auto add = [&](const Keys& keys, const std::string& why) { broken.push_back({keys, keys[0] + ": " + why}); };
  if (target.table) table(*target.table, target.storage.activation.type, add);
  slopes(target, add);
  if (target.average_pool) counts(*target.average_pool, add);
  return broken;
}

}  // namespace assay::emu::schema
