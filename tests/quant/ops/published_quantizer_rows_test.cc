// Published rows about how real numbers become scales and words, how products are summed and what tables hold, through the target files.
//
// Rows of this kind that no file decides:
//   066       the equal first cut of channels is the two-cut form's own (tests/quant/exact/two_cuts_test.cc); a file's steps only ask for it
//   067       a target has one word of activations, so none casts between 8 and 16 bits
//   114, 115  ranges without 0, which a quantizer widens before it encodes them
//   136       an interpolated table that keeps its fraction: the file of that specification has 8-bit words
//   139       the 256 entries behind 137 (tests/quant/exact/tables_test.cc)
//   018       the same library's other builds round exactly; the file has the rounding of 017
//   184, 187  no instruction is an LSTM cell or a linear resize
#include <gtest/gtest.h>

#include <cmath>

#include "emu/machine.h"
#include "emu/target/change.h"
#include "quant/calibrate/calibrate.h"
#include "quant/calibrate/encode.h"
#include "quant/calibrate/parameters.h"
#include "quant/exact/ratio.h"
#include "quant/fake_quantize.h"
#include "tests/quant/execute/small_graph.h"
#include "tests/quant/ops/lowering_fixture.h"
#include "tests/quant/ops/published_rows.h"

namespace assay::quant {
namespace {

// What the file makes of a tensor's least and greatest value: a network's input, measured by minmax.
TensorQuantization encoded(const emu::Target& t, float min, float max) {
  test::SmallGraph small;
  const ValueId x = small.input("x", {1, 2});
  small.output(small.node("y", Unary{Function::sigmoid}, {x}, {1, 2}));
  CalibrateOptions options;
  options.observer = "minmax";
  return calibrate(small.graph, t, {1, [&](size_t) { return std::vector<FloatTensor>{{{1, 2}, {min, max}}}; }}, options).tensors[x].value();
}

// The file with words of another width, low and high the type's.
emu::Target with_words(emu::Target t, emu::IntType type) {
  for (emu::Storage* own : {&t.storage.input, &t.storage.activation}) *own = {type, static_cast<int64_t>(type.min()), static_cast<int64_t>(type.max())};
  for (emu::QuantizeRule* own : {&t.quantize.input, &t.quantize.activation}) own->low = static_cast<int64_t>(type.min()), own->high = static_cast<int64_t>(type.max());
  return t;
}

// "4/255", "-5.1", 0.5
double fraction(const json& value) {
  if (value.is_number()) return value.get<double>();
  const auto text = value.get<std::string>();
  const size_t bar = text.find('/');
  return bar == std::string::npos ? std::stod(text) : std::stod(text.substr(0, bar)) / std::stod(text.substr(bar + 1));
}

TEST(PublishedQuantizerRows, RangesMovedSoThatZeroIsAWord) {
  ASSAY_NEEDS_ROWS();
  for (const char* row : {"112", "113", "116"}) {
    const json &in = rows().at(row).at("inputs"), &out = rows().at(row).at("expected");
    const TensorQuantization own = encoded(target("snpe_dsp"), number(in.at("min")), number(in.at("max")));
    const float low = number(out.at("min")), high = number(out.at("max"));
    EXPECT_EQ(own.scale[0], (high - low) / 255) << row;
    EXPECT_EQ(own.zero_point, std::lround(-low / own.scale[0])) << row;
  }
  // 127.5 words lie below 0 in a range of +-5.1: the range itself would round to 128.
  EXPECT_EQ(encoded(target("snpe_dsp"), -5.1F, 5.1F).zero_point, 127);
}

TEST(PublishedQuantizerRows, OffsetsRoundedHalfAway) {
  ASSAY_NEEDS_ROWS();
  for (const char* row : {"117", "118"}) {
    const json &in = rows().at(row).at("inputs"), &out = rows().at(row).at("expected");
    const TensorQuantization own = encoded(with_words(target("qnn_8w16a"), emu::kU8), static_cast<float>(fraction(in.at("min"))), static_cast<float>(fraction(in.at("max"))));
    EXPECT_FLOAT_EQ(own.scale[0], static_cast<float>(fraction(out.at("delta")))) << row;
    EXPECT_EQ(own.zero_point, -out.at("offset").get<int64_t>()) << row;
  }
  // A tie that half_even would send to 126.
  EXPECT_EQ(encoded(with_words(target("qnn_8w16a"), emu::kU8), -126.5F, 128.5F).zero_point, 127);
}

TEST(PublishedQuantizerRows, APositionAndAFactor) {
  ASSAY_NEEDS_ROWS();
  for (const char* row : {"122", "123", "125"}) {
    const json &in = rows().at(row).at("inputs"), &out = rows().at(row).at("expected");
    const emu::Target t = rows().at(row).at("params").at("bits") == 16 ? with_words(target("cambricon"), emu::kS16) : target("cambricon");
    const auto factor = static_cast<float>(fraction(out.at("scale")));
    EXPECT_EQ(encoded(t, static_cast<float>(fraction(in.at("absmax"))), 0).scale[0], std::ldexp(1.0F, out.at("position").get<int>()) / factor) << row;
  }
  const TensorQuantization own = encoded(target("cambricon"), -3, 3);
  const json& words = rows().at("126");
  FloatTensor x({6});
  for (size_t i = 0; i < 6; ++i) x.data[i] = static_cast<float>(fraction(words.at("inputs").at("x")[i]));
  EXPECT_EQ(quantize(x, own), words.at("expected").get<Words>());
}

TEST(PublishedQuantizerRows, DequantizedByPositionsAndFactors) {
  ASSAY_NEEDS_ROWS();
  const json& row = rows().at("127");
  Net net(target("cambricon"));
  constexpr emu::IntType kWide{32, true};
  const ValueId x = net.input("x", {1, 1, 1, 2}, quantization(0x1p-6F / 1.25F, 0, kWide, INT32_MIN, INT32_MAX));
  TensorQuantization own = quantization(0x1p-7F / 1.5F, 0, emu::kS8, -128, 127);
  own.symmetry = emu::Symmetry::symmetric;
  const ValueId w = net.constant("w", FloatTensor({1, 1, 1, 1}, {own.scale[0]}), own);
  TensorQuantization y = quantization(1.0F / 384);  // the row's numbers are 25 of them
  y.symmetry = emu::Symmetry::symmetric;
  net.output(net.node("Conv", Conv{}, {x, w}, {1, 1, 1, 2}, y));
  const Words found = emu::run(net.lowered().program, {emu::Tensor(kWide, {1, 1, 1, 2}, row.at("inputs").at("acc").get<Words>())})[0].values();
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(found[i], std::lround(384 * fraction(row.at("expected")[i])));
}

TEST(PublishedQuantizerRows, ScalesOfRangesAndMagnitudes) {
  ASSAY_NEEDS_ROWS();
  const json& ppq = rows().at("170");
  const auto min = static_cast<float>(fraction(ppq.at("inputs").at("min"))), max = static_cast<float>(fraction(ppq.at("inputs").at("max")));
  EXPECT_EQ(encoded(target("ppl_cuda_int8"), min, max).scale[0], static_cast<float>(fraction(ppq.at("expected").at("scale"))));
  EXPECT_EQ(encoded(target("nxp_int8"), min, max).scale[0], static_cast<float>(fraction(ppq.at("expected").at("pow2_ceil"))));
  const json& cache = rows().at("171");
  const auto magnitude = static_cast<float>(fraction(cache.at("inputs").at("absmax")));
  EXPECT_FLOAT_EQ(encoded(target("tensorrt_int8"), -magnitude, 1).scale[0], static_cast<float>(fraction(cache.at("expected").at("scale"))));
}

TEST(PublishedQuantizerRows, RoundingsOfInputs) {
  ASSAY_NEEDS_ROWS();
  const auto words = [](const std::string& name, const emu::Storage& storage, const emu::QuantizeRule& rule, float scale, const json& values) {
    TensorQuantization own = by_rule(storage, rule);
    own.scale = {scale};
    FloatTensor x({static_cast<int64_t>(values.size())});
    for (size_t i = 0; i < x.size(); ++i) x.data[i] = values[i].is_string() ? static_cast<float>(fraction(values[i])) : number(values[i]);
    EXPECT_FALSE(name.empty());
    return quantize(x, own);
  };
  const emu::Target ncnn = target("ncnn_int8"), nxp = target("nxp_int8"), apex = target("nxp_apex"), tensorrt = target("tensorrt_int8");
  EXPECT_EQ(words("017", ncnn.storage.input, ncnn.quantize.input, 1, rows().at("017").at("inputs").at("x")), rows().at("017").at("expected").get<Words>());
  EXPECT_EQ(words("040", nxp.storage.activation, nxp.quantize.activation, 0.5F, rows().at("040").at("inputs").at("x")), rows().at("040").at("expected").get<Words>());
  EXPECT_EQ(words("042", apex.storage.activation, apex.quantize.weight, 0.5F, rows().at("042").at("inputs").at("x")), rows().at("042").at("expected").get<Words>());
  EXPECT_EQ(words("095", tensorrt.storage.input, tensorrt.quantize.input, number(rows().at("095").at("params").at("scale")), rows().at("095").at("inputs").at("x")),
            rows().at("095").at("expected").get<Words>());
}

TEST(PublishedQuantizerRows, MultipliersOfTwoCuts) {
  ASSAY_NEEDS_ROWS();
  const json& row = rows().at("064");
  for (const char* name : {"icraft_buyi", "icraft_zhuge"}) {
    const emu::Target t = target(name);
    for (size_t i = 0; i < row.at("expected").size(); ++i) {
      const auto text = row.at("inputs").at("scale")[i].get<std::string>();
      const size_t bar = text.find('/');
      std::string problem;
      const auto scale = decompose({{std::stod(text.substr(0, bar))}, {std::stod(text.substr(bar + 1))}}, t.conv->steps, t.multiplier, problem);
      ASSERT_TRUE(scale) << problem;
      EXPECT_EQ((Words{scale->multiplier, scale->first.bits + scale->right.bits}), row.at("expected")[i].get<Words>()) << text << " by " << name;
    }
  }
}

// One sum of products of words, in steps of 2^-shift of the accumulator.
int64_t dot(const emu::Target& t, const Words& x, int64_t zero_x, const Words& w, int64_t zero_w, int shift, int64_t zero_y) {
  Net net(t);
  const auto terms = static_cast<int64_t>(x.size());
  const emu::Storage& stored = t.storage.activation;
  const ValueId a = net.input("x", {1, terms}, quantization(1, zero_x, stored.type, stored.low, stored.high));
  TensorQuantization own = quantization(1, zero_w, t.storage.weight.type, t.storage.weight.low, t.storage.weight.high);
  FloatTensor weight({terms, 1});
  for (size_t i = 0; i < w.size(); ++i) weight.data[i] = static_cast<float>(w[i] - zero_w);
  const ValueId b = net.constant("w", weight, own);
  net.output(net.node("MatMul", MatMul{}, {a, b}, {1, 1}, quantization(std::ldexp(1.0F, shift), zero_y, stored.type, stored.low, stored.high)));
  return emu::run(net.lowered().program, {emu::Tensor(stored.type, {1, terms}, x)})[0].values()[0];
}

TEST(PublishedQuantizerRows, SumsOfPairs) {
  ASSAY_NEEDS_ROWS();
  const json& pairs = rows().at("028").at("inputs");
  EXPECT_EQ(dot(target("fbgemm_avx2"), pairs.at("u8"), 0, pairs.at("s8"), 0, 0, 10), 10 + rows().at("028").at("expected")[0].get<int64_t>());
  EXPECT_EQ(dot(target("fbgemm"), {1, 1, 1, 1}, 0, pairs.at("s8"), 0, 0, 10), 8);
  // The same library's kernels that keep the sum in 16 bits: one word of the file away.
  const json& narrow = rows().at("030").at("inputs");
  const emu::Target acc16 = emu::load_changed_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/fbgemm_avx2.toml", "accumulate.accumulator=s16.saturate+pairs:s16.saturate");
  EXPECT_EQ(dot(acc16, narrow.at("u8"), 0, narrow.at("s8"), 0, 7, 0), (rows().at("030").at("expected")[0].get<int64_t>() + 64) >> 7);
}

TEST(PublishedQuantizerRows, SumsWithTwoZeroPoints) {
  ASSAY_NEEDS_ROWS();
  const json& row = rows().at("031");
  const int64_t sum = row.at("expected").at("acc");
  for (const char* name : {"qnnpack", "qnnpack_fp32"}) {
    EXPECT_EQ(dot(target(name), row.at("inputs").at("x_u8"), 120, row.at("inputs").at("w_u8"), 130, 7, 5), (sum + 64) / 128 + 5) << name;
  }
}

Words function(const emu::Target& t, const Operator& op, const TensorQuantization& in, const TensorQuantization& out, const Words& x) {
  Net net(t);
  const auto count = static_cast<int64_t>(x.size());
  const ValueId id = net.input("x", {1, count}, in);
  net.output(net.node("Node", op, {id}, {1, count}, out));
  return emu::run(net.lowered().program, {emu::Tensor(in.storage.type, {1, count}, x)})[0].values();
}

TEST(PublishedQuantizerRows, FunctionsInFixedPoint) {
  ASSAY_NEEDS_ROWS();
  const json &swish = rows().at("163"), &sigmoid = rows().at("137"), &hard = rows().at("161");
  // 20480 / 2^15 * 2^-6 = 0.05 / 128 / 0.04; 17476 / 2^15 * 2^3 = 0.05 / 128 * 2^15 / 3.
  for (const char* name : {"tflite_int8", "cmsis_nn", "ethos_u55"}) {
    EXPECT_EQ(function(target(name), Unary{Function::hard_swish}, quantization(0.05F, -5), quantization(0.04F, 3), swish.at("inputs").at("x")), swish.at("expected").get<Words>())
        << name;
  }
  const TensorQuantization argument = quantization(0x1p-12F, 0, emu::kS16, -32768, 32767), unit = quantization(0x1p-15F, 0, emu::kS16, -32768, 32767);
  EXPECT_EQ(function(target("tflite_16x8"), Unary{Function::sigmoid}, argument, unit, sigmoid.at("inputs").at("x")), sigmoid.at("expected").get<Words>());
  TensorQuantization in = quantization(0x1p-4F), out = quantization(0x1p-7F);
  in.symmetry = out.symmetry = emu::Symmetry::symmetric;
  EXPECT_EQ(function(target("xilinx_dpu"), Unary{Function::hard_sigmoid, 1.0F / 6, 0.5F}, in, out, hard.at("inputs").at("x")), hard.at("expected").get<Words>());
}

// Functions whose entries on the finer grid, 64 words apart, are the row's pairs: y = x / 64, -x / 64 and 10 x / 64 in words.
TEST(PublishedQuantizerRows, ValuesBetweenTwoEntriesOfAGrid) {
  ASSAY_NEEDS_ROWS();
  const json &row = rows().at("130"), &in = row.at("inputs");
  const emu::Target t = target("nvdla_int16");
  const auto stored_as = [&](float scale) { return stored(t, scale, 0); };
  struct Case {
    Unary op;
    float scale_y;
    int64_t x;
  };
  const Unary identity{Function::hard_sigmoid, 1, 0}, negation{Function::neg};
  const std::vector<Case> cases = {{identity, 0x1p-9F, 100 * 64 + 32}, {negation, 0x1p-9F, 100 * 64 + 32}, {identity, 0x1p-9F / 10, 64 + 16}};
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto& [op, scale_y, x] = cases[i];
    Net net(t);
    const ValueId id = net.input("x", {1, 1}, stored_as(0x1p-15F));
    net.output(net.node("Node", op, {id}, {1, 1}, stored_as(scale_y)));
    const emu::Program program = net.lowered().program;
    const auto& look_up = only<emu::TableLookup>(program);
    const Words entries = program.constants[look_up.table.index].tensor.values();
    ASSERT_EQ(entries.size(), 65U + 257U);
    const emu::TablePlace place = emu::place_of(emu::kS16, look_up.form, x);
    EXPECT_EQ(entries.at(place.left), in.at("y0")[i].get<int64_t>());
    EXPECT_EQ(entries.at(place.left + 1), in.at("y1")[i].get<int64_t>());
    EXPECT_EQ(place.fraction << (row.at("params").at("frac_bits").get<int>() - place.fraction_bits), in.at("frac")[i].get<int64_t>());
    EXPECT_EQ(emu::run(program, {emu::Tensor(emu::kS16, {1, 1}, {x})})[0].values(), Words{row.at("expected")[i].get<int64_t>()}) << i;
  }
}

TEST(PublishedQuantizerRows, InputsOfAConcat) {
  ASSAY_NEEDS_ROWS();
  const json& row = rows().at("152");
  for (const auto& [name, rounding] : {std::pair{"xilinx_dpu", "half_up"}, std::pair{"tensorrt_int8", "half_even"}}) {
    Net net(target(name));
    const auto own = [](float scale) {
      TensorQuantization q = quantization(scale);
      q.symmetry = emu::Symmetry::symmetric;
      return q;
    };
    const ValueId a = net.input("a", {1, 2}, own(0x1p-5F)), b = net.input("b", {1, 3}, own(0x1p-6F));
    net.output(net.node("Concat", Concat{1}, {a, b}, {1, 5}, own(0x1p-5F)));
    const auto words = emu::run(net.lowered().program,
                                {emu::Tensor(emu::kS8, {1, 2}, row.at("inputs").at("a").get<Words>()), emu::Tensor(emu::kS8, {1, 3}, row.at("inputs").at("b").get<Words>())})[0];
    EXPECT_EQ(words.values(), row.at("expected").at(rounding).get<Words>()) << name;
  }
}

}  // namespace
}  // namespace assay::quant
