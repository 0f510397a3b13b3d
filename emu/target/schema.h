// Every key of a target file, once: the loader reads by this list, the dictionary (targets/README.md) is checked against it, claims may name only what it holds.
// A Visitor has
//   visitor(key, field)             any field type that load_target.cc can decode
//   visitor(key, field, Range)      an integer within a range
//   visitor(key, text, Words)       a string that is one of a few
//   visitor.section(key, body)      body(visitor) inside [key]
//   visitor.source()                the section's `source`
//   visitor.supported(key, field)   field: optional<Rule> or bool; `supported` and `source`, then, where supported, the rule's own keys
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "emu/target/target.h"

namespace assay::emu::schema {

struct Range {
  int64_t low, high;
};
struct Words {
  std::vector<std::string> legal;
};

template <class V>
void keys(V& v, Storage& s) {
  v("type", s.type), v("low", s.low), v("high", s.high);
}
template <class V>
void keys(V& v, QuantizeRule& q) {
  v("symmetry", q.symmetry), v("granularity", q.granularity), v("scale", q.scale), v("round", q.round);
  v("observer", q.observer, Words{{"minmax", "percentile", "kl", "mse"}});
  v("encoding", q.encoding), v("low", q.low), v("high", q.high);
}
template <class V>
void keys(V& v, WeightRule& w) {
  keys(v, static_cast<QuantizeRule&>(w)), v("group", w.group, Range{0, 65535});
}
template <class V>
void keys(V& v, MultiplierRule& m) {
  v("form", m.form), v("ratio", m.ratio), v("bits", m.bits, Range{1, 32}), v("round", m.round), v("max_left", m.max_left.bits, Range{0, kMaxShiftBits});
  v("min_right", m.min_right.bits, Range{0, kMaxShiftBits}), v("max_right", m.max_right.bits, Range{0, kMaxShiftBits}), v("max_first", m.max_first.bits, Range{0, kMaxShiftBits});
}
template <class V>
void keys(V& v, SecondMultiplier& m) {
  v("operators", m.operators, Words{{"add", "mul", "concat", "average_pool", "requantize", "leaky_relu"}});
  keys(v, m.rule);
}
template <class V>
void keys(V& v, Fp32Rule& r) {
  v("scale", r.scale), v("scale_format", r.scale_format), v("bias_format", r.bias_format), v("output", r.output);
}
template <class V>
void keys(V& v, AccumulateRule& a) {
  v("accumulator", a.accumulator), v("order", a.order);
}
template <class V>
void keys(V& v, StepsRule& r) {
  v("steps", r.steps);
}
template <class V>
void keys(V& v, AddRule& r) {
  v("inputs", r.inputs), v("zero_points", r.zero_points), v("operand_scale", r.operand_scale), v("operand_bits", r.operand_bits, Range{0, 31}),
      v("headroom", r.headroom.bits, Range{0, kMaxShiftBits}), v("operand_steps", r.operand_steps), v("steps", r.steps);
}
template <class V>
void keys(V& v, LeakyRule& r) {
  v("slope", r.slope), v("steps", r.steps);
}
template <class V>
void keys(V& v, ConcatRule& r) {
  v("inputs", r.inputs), v("steps", r.steps);
}
template <class V>
void keys(V& v, AverageRule& r) {
  v("inputs", r.inputs), v("zero_point", r.zero_point), v("form", r.form), v("count_scale", r.count_scale), v("round", r.round), v("steps", r.steps);
}
template <class V>
void keys(V& v, TableRule& r) {
  v("fraction_bits", r.form.fraction_bits, Range{0, 15}), v("interpolation_round", r.form.round), v("interpolation", r.form.interpolation),
      v("fine_entries", r.form.fine_entries, Range{0, 32769}), v("fine_fraction_bits", r.form.fine_fraction_bits, Range{0, 14}), v("entries", r.entries),
      v("segments", r.segments, Range{0, 1024}), v("line_format", r.line_format), v("correction", r.correction), v("hard_sigmoid", r.hard_sigmoid), v("round", r.round);
}
template <class V>
void keys(V& v, SoftmaxRule& r) {
  v("exponent_bits", r.exponent_bits, Range{1, 32}), v("table_round", r.table_round), v("accumulator", r.accumulator), v("divide", r.divide), v("steps", r.steps);
}

// A section [key] that holds one rule.
template <class V, class Rule>
void section(V& visitor, const char* key, Rule& rule) {
  visitor.section(key, [&](V& inner) { keys(inner, rule); });
}

template <class V>
void keys(V& visitor, Target& t) {
  visitor("name", t.name), visitor("summary", t.summary);
  visitor.section("storage", [&](V& v) {
    v.source();
    section(v, "input", t.storage.input), section(v, "activation", t.storage.activation), section(v, "weight", t.storage.weight), section(v, "bias", t.storage.bias);
  });
  visitor.section("quantize", [&](V& v) {
    v.source(), v("bias_scale", t.quantize.bias_scale), v("bias_round", t.quantize.bias_round);
    section(v, "input", t.quantize.input), section(v, "activation", t.quantize.activation), section(v, "weight", t.quantize.weight);
  });
  visitor.section("multiplier", [&](V& v) { v.source(), keys(v, t.multiplier); });
  visitor.supported("second_multiplier", t.second_multiplier);
  visitor.supported("binary32", t.binary32);
  visitor.section("accumulate", [&](V& v) { v.source(), keys(v, t.accumulate); });
  visitor.section("ops", [&](V& v) {
    v.supported("conv", t.conv), v.supported("depthwise_conv", t.depthwise_conv), v.supported("conv_transpose", t.conv_transpose), v.supported("matmul", t.matmul),
        v.supported("add", t.add), v.supported("mul", t.mul);
    v.supported("concat", t.concat), v.supported("max_pool", t.max_pool), v.supported("average_pool", t.average_pool), v.supported("requantize", t.requantize);
    v.supported("leaky_relu", t.leaky_relu), v.supported("table", t.table), v.supported("softmax", t.softmax), v.supported("softmax_fixed_point", t.softmax_fixed_point),
        v.supported("pad", t.pad), v.supported("reshape", t.reshape);
    v.supported("transpose", t.transpose), v.supported("slice", t.slice), v.supported("resize_nearest", t.resize_nearest);
  });
}

// A broken cross-field rule: a sentence, and the keys that it depends on (the first is the place to look).
struct Broken {
  std::vector<std::string> keys;
  std::string sentence;
};
std::vector<Broken> broken_rules(const Target& target);

}  // namespace assay::emu::schema
