// Each cross-field rule of a target: the smallest change of a legal one that breaks it, and the sentence that says so.
#include <gtest/gtest.h>

#include <cctype>
#include <functional>

#include "emu/target/load_target.h"

namespace assay::emu {
namespace {

Target shipped_target(const std::string& name) {
  return load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/" + name + ".toml");
}

struct BrokenRule {
  std::string base;
  std::function<void(Target&)> change;
  std::string sentence;  // a part of it, the key included
};

void PrintTo(const BrokenRule& c, std::ostream* out) {
  *out << c.sentence;
}

class BreaksOneRule : public testing::TestWithParam<BrokenRule> {};

TEST_P(BreaksOneRule, AndTheSentenceNamesTheKey) {
  Target target = shipped_target(GetParam().base);
  ASSERT_TRUE(validate(target).empty());
  GetParam().change(target);
  const auto sentences = validate(target);
  bool said = false;
  std::string all;
  for (const auto& sentence : sentences) said = said || sentence.find(GetParam().sentence) != std::string::npos, all += "\n" + sentence;
  EXPECT_TRUE(said) << "expected: " << GetParam().sentence << "\nfound:" << all;
}

std::function<void(Target&)> conv_steps(const std::string& steps) {
  return [=](Target& t) { t.conv->steps = parse_steps(steps); };
}

const std::vector<BrokenRule> kCases = {
    {"nxp_int8", [](Target& t) { t.storage.weight.high = 128; }, "storage.weight.high: 128 does not fit the type s8"},
    {"nxp_int8", [](Target& t) { t.storage.input.low = -129; }, "storage.input.low: -129 does not fit the type s8"},
    {"nxp_int8", [](Target& t) { t.storage.input.low = 127; }, "storage.input.low: 127 must be less than high"},
    {"nxp_int8", [](Target& t) { t.storage.activation.type = kS32; }, "storage.activation.type: s32 is wider than the 16 bits"},
    {"nxp_int8",
     [](Target& t) {
       t.storage.bias = {IntType{32, false}, 0, 5};
     },
     "storage.bias.low: a bias has zero point 0"},
    {"nxp_int8", [](Target& t) { t.storage.activation.low = 1; }, "quantize.activation.symmetry: symmetric means zero point 0"},
    {"nxp_int8", [](Target& t) { t.quantize.activation.granularity = Granularity::per_channel; }, "quantize.activation.granularity: per_channel is for weights"},
    {"nxp_int8", [](Target& t) { t.quantize.input.granularity = Granularity::per_group; }, "quantize.input.granularity: per_group is for weights"},
    {"nxp_int8", [](Target& t) { t.quantize.weight.granularity = Granularity::per_group; }, "quantize.weight.group: must say how many output channels share a scale"},
    {"nxp_int8", [](Target& t) { t.quantize.weight.group = 4; }, "quantize.weight.group: must be 0 where the granularity is not per_group"},
    {"nxp_int8", [](Target& t) { t.concat->inputs = ConcatScales::concatenate, t.concat->steps = t.mul->steps; }, "ops.concat.steps: must be [] where inputs are concatenate"},
    {"tflite_int8", [](Target& t) { t.concat->inputs = ConcatScales::concatenate, t.concat->steps = {}; }, "ops.concat.inputs: concatenate needs symmetric"},
    {"nxp_int8", [](Target& t) { t.quantize.weight.symmetry = Symmetry::asymmetric; }, "quantize.weight.granularity: per_channel needs symmetric"},
    {"nxp_int8", [](Target& t) { t.quantize.weight.low = 127; }, "quantize.weight.low: 127 must be less than high"},
    {"fbgemm", [](Target& t) { t.quantize.activation.high = 256; }, "quantize.activation.low: 0 to 256 must lie in storage.activation"},
    {"nxp_int8", [](Target& t) { t.quantize.input.low = 1; }, "quantize.input.low: symmetric needs 0, and a word above it, in 1 to 127"},
    {"dsp_int8", [](Target& t) { t.quantize.activation.encoding = Encoding::magnitude; }, "quantize.activation.encoding: magnitude needs symmetric"},
    {"tensorrt_int8", [](Target& t) { t.quantize.activation.encoding = Encoding::nudged_range; }, "quantize.activation.encoding: nudged_range needs asymmetric"},
    {"nxp_int8", [](Target& t) { t.quantize.activation.encoding = Encoding::magnitude; }, "quantize.activation.encoding: magnitude needs scales that may be any real number"},
    {"snpe_dsp", [](Target& t) { t.quantize.activation.high = 127; }, "quantize.activation.encoding: nudged_range is defined for 256 words, not 0 to 127"},
    {"cambricon", [](Target& t) { t.quantize.weight.high = 126; }, "quantize.weight.encoding: position needs a greatest word of 2^n - 1, not 126"},
    {"icraft_zhuge_bf16", [](Target& t) { t.quantize.weight.high = 0; }, "quantize.weight.encoding: floating-point words have no range to spread"},
    {"nxp_int8", [](Target& t) { t.table->correction = TableCorrection::midpoint; }, "ops.table.correction: must be none where fraction_bits is 0"},
    {"dsp_int8", [](Target& t) { t.quantize.input.observer = "kl"; }, "quantize.input.observer: kl is defined for symmetric"},
    {"nxp_int8", [](Target& t) { t.quantize.weight.scale = ScaleKind::real; },
     "multiplier.bits: 1 means that requantization only shifts, so quantize.weight.scale must be power_of_two"},
    {"nxp_int8", [](Target& t) { t.leaky_relu = LeakyRule{.steps = t.mul->steps}; }, "ops.leaky_relu.supported: a slope needs a multiplier"},
    {"nxp_int8", [](Target& t) { t.average_pool->form = AverageForm::reciprocal; }, "ops.average_pool.form: a reciprocal needs a multiplier"},
    {"xilinx_dpu", [](Target& t) { t.average_pool->count_scale = CountScale::ratio; }, "ops.average_pool.form: a reciprocal needs a multiplier"},
    {"xilinx_dpu", [](Target& t) { t.average_pool->steps = parse_steps("shift_right scale half_up; saturate output"); },
     "ops.average_pool.steps: must hold multiply: multiplier.bits is 31"},
    {"tflite_int8", [](Target& t) { t.average_pool->inputs = InputScales::requantize; }, "ops.average_pool.zero_point: kept means that input and output share their zero point"},
    {"tflite_int8", [](Target& t) { t.average_pool->steps = parse_steps("add_zero_point; saturate output"); },
     "ops.average_pool.steps: must not hold add_zero_point: the zero point is kept"},
    {"tflite_16x8", [](Target& t) { t.average_pool->zero_point = ZeroPoints::kept; }, "ops.average_pool.zero_point: must be subtracted where activations are symmetric"},
    {"nvdla", [](Target& t) { t.average_pool->inputs = InputScales::requantize; }, "ops.average_pool.form: axis_reciprocals leaves no place for a ratio"},
    {"nvdla", [](Target& t) { t.average_pool->steps = t.mul->steps; }, "ops.average_pool.steps: must not hold multiply or a shift by scale"},
    {"snpe_dsp", [](Target& t) { t.average_pool->count_scale = CountScale::floor_24; },
     "ops.average_pool.steps: must hold 'shift_right first' once where count_scale is first_cut_15"},
    {"nxp_int8", [](Target& t) { t.multiplier.bits = 8; }, "ops.conv.steps: must hold multiply: multiplier.bits is 8"},
    {"nxp_int8",
     [](Target& t) {
       t.accumulate.accumulator.type = IntType{32, false};
     },
     "accumulate.accumulator: must be signed"},
    {"nxp_int8", [](Target& t) { t.add->operand_steps = t.mul->steps; }, "ops.add.operand_steps: must be [] where inputs are joint"},
    {"nxp_int8", [](Target& t) { t.add->headroom = LeftShift{1}; }, "ops.add.headroom: must be 0 where inputs are joint"},
    {"nxp_int8", [](Target& t) { t.concat->steps = t.mul->steps; }, "ops.concat.steps: must be [] where inputs are joint"},
    {"dsp_int8", [](Target& t) { t.add->headroom = LeftShift{23}; }, "ops.add.headroom: 23 leaves no room"},
    {"openvino", [](Target& t) { t.add->headroom = LeftShift{1}; }, "ops.add.headroom: must be 0 where steps compute in binary32"},
    {"openvino", [](Target& t) { t.add->operand_scale = OperandScale::common_shift, t.add->operand_bits = 20; }, "ops.add.operand_scale: must be normalised where steps compute"},
    {"openvino", [](Target& t) { t.conv->steps = parse_steps("shift_right scale half_up; to_fp32; mul_fp32 scale; add_fp32 bias; to_int half_even; saturate output"); },
     "ops.conv.steps: must not hold multiply or a shift by scale: in binary32"},
    {"openvino", [](Target& t) { t.conv->steps = parse_steps("shift_right first floor; to_fp32; mul_fp32 scale; add_fp32 bias; to_int half_even; saturate output"); },
     "ops.conv.steps: must not hold multiply or a shift by scale: in binary32"},
    {"openvino", conv_steps("to_fp32; add_fp32 bias; to_int half_even; saturate output"), "ops.conv.steps: must apply `scale` once"},
    {"openvino", conv_steps("to_fp32; mul_fp32 scale; mul_fp32 scale; add_fp32 bias; to_int half_even; saturate output"), "ops.conv.steps: must apply `scale` once"},
    {"openvino", conv_steps("to_fp32; mul_fp32 scale; add_fp32 bias; mul_fp32 output; to_int half_even; saturate output"), "ops.conv.steps: must not apply `output`"},
    {"tensorrt_int8", conv_steps("to_fp32; mul_fp32 scale; add_fp32 bias; to_int half_even; saturate output"),
     "ops.conv.steps: must apply `output` once: binary32.scale is product"},
    {"openvino", [](Target& t) { t.add->steps = parse_steps("to_int half_even; saturate output"); }, "ops.add.steps: must apply the output's scale once"},
    {"openvino", [](Target& t) { t.add->operand_steps = parse_steps("to_fp32; mul_fp32 scale; mul_fp32 output"); }, "ops.add.operand_steps: must not apply `output`"},
    {"openvino", [](Target& t) { t.add->operand_steps = parse_steps("to_fp32; mul_fp32 scale; add_fp32 zero_point"); }, "ops.add.operand_steps: must not add the zero point"},
    {"mnn", [](Target& t) { t.average_pool->steps = parse_steps("to_fp32; mul_fp32 scale; to_int half_even; saturate output"); },
     "ops.average_pool.count_scale: must be ratio where steps compute in binary32"},
    {"nxp_int8", [](Target& t) { t.table->form.fraction_bits = 8; }, "ops.table.fraction_bits: must be fewer than the bits of an activation"},
    {"nvdla", [](Target& t) { t.table->correction = TableCorrection::midpoint; }, "ops.table.correction: must be none where there is a second grid"},
    {"nvdla", [](Target& t) { t.table->form.fine_fraction_bits = 2; }, "ops.table.fine_fraction_bits: must be below fraction_bits, which is 2"},
    {"nvdla", [](Target& t) { t.table->form.fine_fraction_bits = 1; }, "ops.table.fine_entries: must be 2^k + 1 points, at least 3, that lie 2^fine_fraction_bits words apart"},
    {"nvdla", [](Target& t) { t.table->form.fine_entries = 256; }, "ops.table.fine_entries: must be 2^k + 1 points"},
    {"nvdla", [](Target& t) { t.table->form.fraction_bits = 0; }, "ops.table.fine_fraction_bits: must be below fraction_bits, which is 0"},
    {"nxp_int8", [](Target& t) { t.table->form.fine_fraction_bits = 1; }, "ops.table.fine_fraction_bits: must be 0 where fine_entries is 0"},
    {"ncnn_int8", conv_steps("to_fp32; mul_fp32 scale; leaky_fp32 slope; add_fp32 bias; mul_fp32 output; to_int half_away; saturate output; clamp"),
     "ops.conv.steps: 'leaky_fp32 slope' must come after the bias"},
    {"ncnn_int8", conv_steps("to_fp32; mul_fp32 scale; add_fp32 bias; mul_fp32 output; clamp_fp32 clamp; leaky_fp32 slope; to_int half_away; saturate output"),
     "ops.conv.steps: 'leaky_fp32 slope' must come before the zero point and the bounds"},
    {"ncnn_int8", conv_steps("to_fp32; mul_fp32 scale; add_fp32 bias; leaky_fp32 slope; leaky_fp32 slope; mul_fp32 output; to_int half_away; saturate output; clamp"),
     "ops.conv.steps: must hold 'leaky_fp32 slope' at most once"},
    {"ncnn_int8", [](Target& t) { t.requantize->steps = t.leaky_relu->steps; }, "ops.requantize.steps: must not hold 'leaky_fp32 slope'"},
    {"mnn", [](Target& t) { t.average_pool->steps = parse_steps("multiply; shift_right 25 floor; shift_right scale floor; saturate output"); },
     "ops.average_pool.steps: must not shift by fixed numbers of more than 24 bits together, found 25"},
    {"nxp_int8", [](Target& t) { t.softmax->exponent_bits = 32; }, "ops.softmax.accumulator: must be wider than exponent_bits"},
    {"nxp_int8", [](Target& t) { t.softmax->steps = t.mul->steps; }, "ops.softmax.steps: must not hold multiply or a shift by scale"},
    {"nxp_int8", [](Target& t) { t.table->segments = 16; }, "ops.table.segments: must be 0 and fp32 where entries are not piecewise_linear"},
    {"icraft_zhuge_bf16scale", [](Target& t) { t.table->segments = 2; }, "ops.table.segments: piecewise_linear needs 3 segments or more"},
    {"icraft_zhuge_bf16", conv_steps("add_fp32 bias; clamp_fp32 clamp; to_int half_even"), "ops.conv.steps: must end with store_fp32"},
    {"icraft_zhuge_bf16", conv_steps("mul_fp32 scale; add_fp32 bias; store_fp32 half_even"), "ops.conv.steps: must apply no scale"},
    {"icraft_zhuge_bf16", [](Target& t) { t.average_pool->steps = t.mul->steps; }, "ops.average_pool.steps: must apply `scale` once"},
    {"icraft_zhuge_bf16", conv_steps("clamp_fp32 clamp; store_fp32 half_even"), "ops.conv.steps: must hold add_bias once"},
    {"nxp_int8", conv_steps("add_bias; shift_right scale floor; to_fp32; store_fp32 half_even"), "ops.conv.steps: must not hold store_fp32"},
    {"icraft_zhuge_bf16", [](Target& t) { t.storage.weight.type = kS8; }, "storage.weight.type: s8 does not go with bf16"},
    {"icraft_zhuge_bf16", [](Target& t) { t.storage.bias.type = word_type(kBf16); }, "storage.bias.type: bf16 is no integer"},
    {"icraft_zhuge_bf16", [](Target& t) { std::swap(t.storage.input.low, t.storage.input.high); }, "storage.input.low: 32640 must be less than high"},
    {"icraft_zhuge_bf16", [](Target& t) { t.quantize.weight.scale = ScaleKind::real; }, "quantize.weight.symmetry: floating-point words have the scale 1"},
    {"icraft_zhuge_bf16", [](Target& t) { t.accumulate.accumulator = Accumulator{}; }, "accumulate.accumulator: must be fp32.sequential"},
    {"icraft_zhuge_bf16", [](Target& t) { t.softmax->accumulator = Accumulator{}; }, "ops.softmax.accumulator: must be fp32.sequential"},
    {"icraft_zhuge_bf16", [](Target& t) { t.average_pool->form = AverageForm::divide; }, "ops.average_pool.form: must be reciprocal with the count_scale ratio"},
    {"icraft_zhuge_bf16", [](Target& t) { t.table->form.fraction_bits = 4; }, "ops.table.fraction_bits: must be 0, and not fixed_point"},
    {"icraft_zhuge_bf16", [](Target& t) { t.concat->inputs = ConcatScales::requantize; }, "ops.concat.inputs: must be joint"},
    {"nxp_int8", [](Target& t) { t.claims[0].note.clear(); }, "claim: the claim on 'quantize.*' needs a note"},
    {"nxp_int8", conv_steps("shift_right scale half_up; saturate output"), "ops.conv.steps: must hold add_bias once"},
    {"nxp_int8", [](Target& t) { t.mul->steps = t.conv->steps; }, "ops.mul.steps: must not hold add_bias"},
    {"nxp_int8", conv_steps("add_bias; saturate output"), "ops.conv.steps: must hold 'shift_right scale <rounding>' once"},
    {"nxp_int8", conv_steps("add_bias; shift_right scale floor; shift_right scale floor; saturate output"), "ops.conv.steps: must hold 'shift_right scale <rounding>' once"},
    {"nxp_int8", conv_steps("add_bias; shift_left scale; shift_left scale; shift_right scale floor; saturate output"), "ops.conv.steps: must hold 'shift_left scale' at most once"},
    {"nxp_int8", conv_steps("add_bias; multiply; shift_right scale floor; saturate output"), "ops.conv.steps: multiply is pointless where multiplier.bits is 1"},
    {"dsp_int8", conv_steps("add_bias; multiply; multiply; shift_right scale floor; add_zero_point; saturate output"), "ops.conv.steps: must hold multiply at most once"},
    {"dsp_int8", conv_steps("add_bias; shift_right scale floor; multiply; add_zero_point; saturate output"), "ops.conv.steps: shift_right scale comes before multiply"},
    {"nxp_int8", conv_steps("add_bias; shift_right scale floor; saturate 8"), "ops.conv.steps: must hold 'saturate output' or 'wrap output'"},
    {"nxp_int8", conv_steps("add_bias; saturate output; shift_left scale; shift_right scale floor"), "'shift_left scale' comes after 'saturate output'"},
    {"dsp_int8", conv_steps("add_bias; multiply; shift_right scale floor; saturate output; add_zero_point"), "'add_zero_point' comes after 'saturate output'"},
    {"nxp_int8", conv_steps("add_bias; shift_right scale floor; saturate output; clamp; clamp"), "ops.conv.steps: must hold clamp at most once"},
    {"dsp_int8", conv_steps("add_bias; multiply; shift_right scale floor; saturate output"), "ops.conv.steps: must hold add_zero_point once"},
    {"nxp_int8", conv_steps("add_bias; shift_right scale floor; add_zero_point; saturate output"), "ops.conv.steps: must not hold add_zero_point"},
    {"dsp_int8", conv_steps("add_bias; multiply; shift_right scale floor; clamp; add_zero_point; saturate output"), "ops.conv.steps: clamp bounds are in output steps"},
    {"nxp_int8", conv_steps("add_bias; clamp; shift_right scale floor; saturate output"), "ops.conv.steps: clamp bounds are in output steps"},
    {"dsp_int8", conv_steps("add_bias; add_zero_point; multiply; shift_right scale floor; saturate output"), "ops.conv.steps: the zero point is in output steps"},
    {"dsp_int8", conv_steps("add_bias; shift_left 62; shift_left 62; multiply; shift_right scale floor; add_zero_point; saturate output"), "can leave the 126 bits"},
};

INSTANTIATE_TEST_SUITE_P(Validate, BreaksOneRule, testing::ValuesIn(kCases), [](const auto& named) {
  std::string name = std::to_string(named.index) + "_" + named.param.sentence.substr(0, 80);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

TEST(Validate, AcceptsTheRequantizersThatOtherChipsHave) {
  Target t = shipped_target("dsp_int8");
  t.multiplier.max_left = LeftShift{31};
  for (const char* steps :
       {"add_bias; shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; add_zero_point; saturate output; clamp",  // two roundings
        "shift_right 3 half_up; saturate 16; add_bias; saturate 16; multiply; shift_right scale half_up; add_zero_point; saturate output",                 // two stages
        "add_bias; multiply; shift_right scale half_away; add_zero_point; clamp; saturate output", "add_bias; multiply; shift_right scale floor; add_zero_point; wrap output"}) {
    t.conv->steps = parse_steps(steps);
    EXPECT_TRUE(validate(t).empty()) << steps << "\n" << validate(t)[0];
  }
}

}  // namespace
}  // namespace assay::emu
