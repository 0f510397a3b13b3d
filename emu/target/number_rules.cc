#include "emu/target/number_rules.h"

namespace assay::emu::schema {
namespace {

using Keys = std::vector<std::string>;

// What floating-point words ask of the rest.
template <class Add>
void words(const Target& t, const Add& add) {
  const auto in_binary32 = [&](const std::string& key, const Accumulator& sum) {
    if (!sum.fp32 || sum.fp32->order == Fp32Order::exact)
      add({key, "storage.activation.type"}, "must be fp32.sequential, fp32.pairwise or fp32.blocks:N: it sums floating-point words");
  };
  in_binary32("accumulate.accumulator", t.accumulate.accumulator);
  if (t.softmax) in_binary32("ops.softmax.accumulator", t.softmax->accumulator);
  const auto joint = [&](const std::string& key, bool is_joint) {
    if (!is_joint) add({key, "storage.activation.type"}, "must be joint: floating-point words have one scale, 1");
  };
  if (t.add) joint("ops.add.inputs", t.add->inputs == InputScales::joint);
  if (t.concat) joint("ops.concat.inputs", t.concat->inputs == ConcatScales::joint);
  if (t.average_pool && (t.average_pool->form != AverageForm::reciprocal || t.average_pool->count_scale != CountScale::ratio)) {
    add({"ops.average_pool.form", "ops.average_pool.count_scale"}, "must be reciprocal with the count_scale ratio: a sum of floating-point words is multiplied by 1 / count");
  }
  if (t.table && (t.table->form.fraction_bits != 0 || t.table->entries == TableSource::fixed_point)) {
    add({"ops.table.fraction_bits", "ops.table.entries"}, "must be 0, and not fixed_point: every floating-point word has an entry of its own");
  }
  if (t.softmax_fixed_point) add({"ops.softmax_fixed_point.supported"}, "must be false: fixed-point exponentials are of integers");
}

template <class Add>
void lines(const TableRule& rule, const Add& add) {
  const bool fits = rule.entries == TableSource::piecewise_linear;
  if (fits && (rule.segments < 3 || rule.form.fraction_bits != 0)) {
    add({"ops.table.segments", "ops.table.fraction_bits", "ops.table.entries"}, "piecewise_linear needs 3 segments or more, and fraction_bits 0: every word has its entry");
  }
  if (!fits && (rule.segments != 0 || rule.line_format != kFp32)) add({"ops.table.segments", "ops.table.line_format"}, "must be 0 and fp32 where entries are not piecewise_linear");
}

}  // namespace

std::vector<Broken> broken_numbers(const Target& target) {
  std::vector<Broken> broken;
  const auto add = [&](const Keys& keys, const std::string& why) { broken.push_back({keys, keys[0] + ": " + why}); };
  if (target.storage.activation.type.is_float()) words(target, add);
  if (target.table) lines(*target.table, add);
  return broken;
}

}  // namespace assay::emu::schema
