// Published rows of arithmetic through the target files: the file named by a row derives its constants from the row's scales, as for any network, and its steps give the row's
// results. What a row is about and no file decides (a maker's function by itself, a derivation of scales) is tested elsewhere (verify/examples).
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "emu/machine.h"
#include "quant/exact/ratio.h"
#include "tests/quant/ops/lowering_fixture.h"
#include "tests/quant/ops/published_rows.h"

namespace assay::quant {
namespace {

// A convolution whose only weight is 1, so that its input is the accumulator.
struct RowScales {
  float x, w, y;
  float bias = 0;
  int64_t zero_point = 0;
  float slope = 1;  // of a leaky activation that is part of the instruction; 1: there is none
};
Words published_conv(const emu::Target& t, const RowScales& s, const Words& accumulators) {
  Net net(t);
  const auto count = static_cast<int64_t>(accumulators.size());
  const ValueId x = net.input("x", {1, 1, 1, count}, quantization(s.x, 0, kWide, INT32_MIN, INT32_MAX));
  TensorQuantization own = quantization(s.w, 0, emu::kS8, -127, 127);
  own.symmetry = emu::Symmetry::symmetric;
  const ValueId w = net.constant("w", FloatTensor({1, 1, 1, 1}, {s.w}), own);
  std::vector<ValueId> inputs{x, w};
  if (s.bias != 0) {
    std::optional<TensorQuantization> bias;
    if (t.quantize.bias_scale == emu::BiasScale::power_of_two) {
      bias = quantization(s.x * s.w, 0, t.storage.bias.type, t.storage.bias.low, t.storage.bias.high);
      while (std::fabs(s.bias) / bias->scale[0] > static_cast<float>(t.storage.bias.high)) bias->scale[0] *= 2;
    }
    inputs.push_back(net.constant("b", FloatTensor({1}, {s.bias}), bias));
  }
  std::vector<Operator> fused;
  if (s.slope != 1) fused.push_back(LeakyRelu{s.slope});
  net.output(net.node("Conv", Conv{}, inputs, {1, 1, 1, count}, stored(t, s.y, s.zero_point), fused));
  return emu::run(net.lowered().program, {emu::Tensor(kWide, {1, 1, 1, count}, accumulators)})[0].values();
}

void expect_conv(const char* row, const char* name, const RowScales& scales, const Words& accumulators, const Words& expected) {
  const emu::Target t = target(name);
  const Words found = published_conv(t, scales, accumulators);
  for (size_t i = 0; i < accumulators.size(); ++i) EXPECT_EQ(found[i], kept(t, expected[i])) << row << " through " << name << ", accumulator " << accumulators[i];
}
void expect_conv(const char* row, const char* name, const RowScales& scales) {
  expect_conv(row, name, scales, rows().at(row).at("inputs").at("acc"), rows().at(row).at("expected"));
}

int64_t stepped(int64_t value, const emu::Steps& steps, const emu::StepOperands& operands) {
  emu::StepEvents events;
  return static_cast<int64_t>(emu::requantize(value, steps, operands, events));
}

// A list of the file with a scale that the row gives in integers.
void expect_steps(const char* row, const char* name, const emu::Steps& steps, emu::QScale scale, int64_t bias, int64_t zero_point, const Words& values, const Words& expected) {
  const emu::Target t = target(name);
  const emu::StepOperands operands{bias, scale, t.storage.activation.type, zero_point, t.storage.activation.low, t.storage.activation.high};
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(stepped(values[i], steps, operands), kept(t, expected[i])) << row << " through " << name << ", value " << values[i];
}

// The same for rows that end before the last saturation: with an output of 32 bits it changes nothing. The ratio is multiplier / 2^places, the list's own shifts included.
void expect_wide_steps(const char* row, const char* name, const emu::Steps& steps, int64_t multiplier, int places, const char* values) {
  if (rows().count(row) == 0) return;  // a part of the rows is published elsewhere
  for (const emu::Step& step : steps) {
    if (const auto* right = std::get_if<emu::ShiftRight>(&step); right != nullptr && right->amount) places -= right->amount->bits;
  }
  const emu::QScale scale{multiplier, {static_cast<uint8_t>(std::max(0, -places))}, {static_cast<uint8_t>(std::max(0, places))}};
  const Words given = rows().at(row).at("inputs").at(values), expected = rows().at(row).at("expected");
  for (size_t i = 0; i < given.size(); ++i) {
    EXPECT_EQ(stepped(given[i], steps, {0, scale, emu::kS32, 0, INT32_MIN, INT32_MAX}), expected[i]) << row << " through " << name << ", value " << given[i];
  }
}
// A Q31 multiplier and a shift to the left, m and shift.
void expect_wide_steps(const char* row, const char* name, const emu::Steps& steps) {
  if (rows().count(row) == 0) return;
  const json& params = rows().at(row).at("params");
  expect_wide_steps(row, name, steps, params.at("m").get<int64_t>(), 31 - params.at("shift").get<int>(), "x");
}

TEST(PublishedRows, EpiloguesInBinary32) {
  ASSAY_NEEDS_ROWS();
  const json& params = rows().at("098").at("params");
  const RowScales scales{number(params.at("s_x")), number(params.at("s_w")), number(params.at("s_out")), number(params.at("bias"))};
  expect_conv("098", "tensorrt_int8", scales);
  expect_conv("098", "ppl_cuda_int8", scales);
  const json& order = rows().at("100");
  expect_conv("100", "tensorrt_int8", scales, order.at("inputs").at("acc"), order.at("expected").at("stepwise"));
  expect_conv("100", "tensorrt_int8_fused", scales, order.at("inputs").at("acc"), order.at("expected").at("fused"));
  const json& tengine = rows().at("105").at("params");
  const float s_x = number(tengine.at("s_x")), s_w = number(tengine.at("s_w"));
  expect_conv("105", "tengine", {s_x, s_w, number(tengine.at("s_out")), 50 * (s_x * s_w)});
  expect_conv("101", "ncnn_int8", {1.0F / 63.5F, 1.0F / 254.0F, 1.0F / 50.0F, 0.1F});
  expect_conv("102", "ncnn_int8", {1.0F / 63.5F, 1.0F / 254.0F, 1.0F / 50.0F, 0.1F, 0, number(rows().at("102").at("params").at("slope"))});
  expect_conv("069", "icraft_zhuge_bf16scale", {0x1p-8F, 1, 1});
}

TEST(PublishedRows, RequantizationByAnFp32OrFixedPointRatio) {
  ASSAY_NEEDS_ROWS();
  const Words accumulators = rows().at("086").at("inputs").at("acc");
  expect_conv("086", "xnnpack_qs8_rndnu", {0x1p-8F, 1, 1, 0, 3});
  expect_conv("087", "xnnpack_qs8", {0x1p-8F, 1, 1, 0, 3});
  // The rows are about signed words, the library stores unsigned ones: all 128 higher.
  expect_conv("088", "qnnpack", {0x1p-8F, 1, 1, 0, 131}, accumulators, moved(rows().at("088").at("expected"), 128));
  expect_conv("089", "qnnpack_q31", {0x1p-8F, 1, 1, 0, 131}, accumulators, moved(rows().at("089").at("expected"), 128));
  expect_conv("087", "qnnpack_fp32", {0x1p-8F, 1, 1, 0, 131}, accumulators, moved(rows().at("087").at("expected"), 128));
  const float scale = number(rows().at("090").at("params").at("scale"));
  expect_conv("090", "xnnpack_qs8_rndnu", {scale, 1, 1});
  if (rows().count("091") != 0) expect_conv("091", "xnnpack_qs8", {number(rows().at("091").at("params").at("scale")), 1, 1, 0, rows().at("091").at("params").value("zp", 0)});
  expect_conv("093", "fbgemm", {number(rows().at("093").at("params").at("multiplier")), 1, 1, 0, 10});
  expect_conv("104", "mnn", {scale, 1, 1, 22 * scale});
}

// The rows tell targets apart: rules that differ only in their ties do not answer for each other. (One library's words are unsigned: 128 higher.)
TEST(PublishedRows, AnotherTargetsStepsAreFoundOut) {
  const Words accumulators{-640, -384, -128, 128, 384, 640};
  std::set<Words> different;
  for (const char* name : {"xnnpack_qs8_rndnu", "xnnpack_qs8"}) different.insert(published_conv(target(name), {0x1p-8F, 1, 1, 0, 3}, accumulators));
  different.insert(moved(published_conv(target("qnnpack"), {0x1p-8F, 1, 1, 0, 131}, accumulators), -128));
  EXPECT_EQ(different.size(), 3U);
}

TEST(PublishedRows, PowerOfTwoShifts) {
  ASSAY_NEEDS_ROWS();
  expect_conv("035", "nxp_int8", {0x1p-5F, 1, 1});
  expect_conv("035", "nxp_apex", {0x1p-5F, 1, 1});
  const json& dpu = rows().at("034");
  expect_conv("034", "xilinx_dpu", {0x1p-5F, 0x1p-6F, 0x1p-7F, 3 * 0x1p-7F}, dpu.at("inputs").at("acc"), dpu.at("expected"));
  const json& halved = rows().at("185");
  expect_conv("185", "gemmini_shift", {0.5F, 1, 1}, halved.at("inputs").at("x"), halved.at("expected"));
  expect_steps("185", "gemmini_shift", target("gemmini_shift").requantize->steps, {1, {0}, {1}}, 0, 0, halved.at("inputs").at("x"), halved.at("expected"));
}

TEST(PublishedRows, TwoCuts) {
  ASSAY_NEEDS_ROWS();
  for (const char* name : {"icraft_buyi", "icraft_zhuge"}) {
    const emu::QScale scale{155, {0}, {14}, {}, {3}};
    const json& row = rows().at("043");
    expect_steps("043", name, target(name).conv->steps, scale, 10, 0, row.at("inputs").at("acc"), row.at("expected"));
    const json& compared = rows().at("061");
    expect_steps("061", name, target(name).conv->steps, {155, {0}, {11}, {}, {3}}, 0, 0, compared.at("inputs").at("acc"), compared.at("expected").at("two_stage"));
  }
}

TEST(PublishedRows, MultipliersOf31And15Bits) {
  ASSAY_NEEDS_ROWS();
  for (const char* row : {"070", "074"}) {
    if (rows().count(row) == 0) continue;
    const json& own = rows().at(row);
    const auto m = own.at("params").at("m").get<int32_t>();
    const auto shift = own.at("params").at("shift").get<int>();
    for (const char* name : {"tflite_int8", "cmsis_nn"}) {
      expect_steps(row, name, target(name).requantize->steps, emu::QScale::from_tflite(m, shift), 0, 0, own.at("inputs").at("x"), own.at("expected"));
    }
  }
  for (const char* name : {"tflite_int8", "cmsis_nn", "ethos_u55"}) expect_wide_steps("070", name, target(name).conv->steps);
  expect_wide_steps("071", "tosa", target("tosa").conv->steps);
  expect_wide_steps("074", "tflite_int8", target("tflite_int8").mul->steps);
  expect_wide_steps("075", "tosa", target("tosa").requantize->steps);
  // 1431655765 / 2^31 * 2^-16, of which the file makes 15 bits: 21845 and 31 places.
  const json& wide = rows().at("085");
  const emu::Target t = target("tflite_16x8");
  std::string problem;
  const auto fewer = decompose({{1431655765.0}, {}, -47}, t.conv->steps, t.multiplier, problem);
  ASSERT_TRUE(fewer) << problem;
  EXPECT_EQ(fewer->multiplier, wide.at("params").at("reduced_m").get<int64_t>());
  expect_steps("085", "tflite_16x8", t.conv->steps, *fewer, 0, 0, wide.at("inputs").at("acc_i64"), wide.at("expected"));
  expect_wide_steps("085", "tflite_16x8", t.conv->steps, wide.at("params").at("reduced_m").get<int64_t>(), 15 - wide.at("params").at("shift").get<int>(), "acc_i64");
  const json& mul = rows().at("151");
  Words products;
  const Words x = mul.at("inputs").at("x"), y = mul.at("inputs").at("y");
  for (size_t i = 0; i < x.size(); ++i) products.push_back((x[i] + 5) * (y[i] - 7));
  expect_steps("151", "tflite_int8", target("tflite_int8").mul->steps, emu::QScale::from_tflite(1472560216, -5), 0, -3, products, mul.at("expected"));
  const json& high = rows().at("110");
  expect_steps("110", "snpe_dsp", target("snpe_dsp").conv->steps, {1825361152, {0}, {30}}, 0, 0, high.at("inputs").at("acc"), high.at("expected"));
}

Words sums(const char* name, const TensorQuantization& a, const TensorQuantization& b, const TensorQuantization& y, const Words& first, const Words& second) {
  Net net(target(name));
  const auto count = static_cast<int64_t>(first.size());
  const ValueId x = net.input("a", {count}, a), z = net.input("b", {count}, b);
  net.output(net.node("Add", Binary{Arithmetic::add}, {x, z}, {count}, y));
  return emu::run(net.lowered().program, {emu::Tensor(a.storage.type, {count}, first), emu::Tensor(b.storage.type, {count}, second)})[0].values();
}

TEST(PublishedRows, Sums) {
  ASSAY_NEEDS_ROWS();
  const json& tflite = rows().at("145");
  for (const char* name : {"tflite_int8", "cmsis_nn"}) {
    const emu::Target t = target(name);
    const json& p = tflite.at("params");
    EXPECT_EQ(sums(name, stored(t, number(p.at("s1")), -5), stored(t, number(p.at("s2")), 7), stored(t, number(p.at("so")), -3), tflite.at("inputs").at("x"),
                   tflite.at("inputs").at("y")),
              tflite.at("expected").get<Words>())
        << "145 through " << name;
  }
  const json& p = rows().at("148").at("params");
  const auto both = [&](const char* name) {
    const emu::Target t = target(name);
    return sums(name, stored(t, number(p.at("a_scale")), 112), stored(t, number(p.at("b_scale")), 126), stored(t, number(p.at("c_scale")), 124), {158}, {136});
  };
  EXPECT_EQ(both("qnnpack"), Words{155});
  EXPECT_EQ(both("onnxruntime_cpu"), Words{154});
  const TensorQuantization u8 = stored(target("snpe_dsp"), 0.01F, 0);
  const auto of = [](TensorQuantization own, float scale, int64_t zero_point) { return own.scale = {scale}, own.zero_point = zero_point, own; };
  EXPECT_EQ(sums("snpe_dsp", of(u8, 0.01F, 100), u8, of(u8, 0.02F, 50), rows().at("111").at("inputs").at("a"), rows().at("111").at("inputs").at("b")),
            rows().at("111").at("expected").get<Words>());
  for (const char* name : {"qnn_8w16a", "qnn_8w16a_direct"}) {
    const TensorQuantization u16 = stored(target(name), 1, 0);
    const json& add = rows().at("166");
    EXPECT_EQ(sums(name, of(u16, 0.75F, 20000), of(u16, 0.625F, 30000), of(u16, 1, 25000), add.at("inputs").at("a"), add.at("inputs").at("b")), add.at("expected").get<Words>())
        << name;
  }
  const emu::Target dpu = target("xilinx_dpu");
  const json& aligned = rows().at("149");
  if (dpu.add->inputs == emu::InputScales::requantize) {
    EXPECT_EQ(sums("xilinx_dpu", stored(dpu, 0x1p-4F, 0), stored(dpu, 0x1p-6F, 0), stored(dpu, 0x1p-4F, 0), aligned.at("inputs").at("x"), aligned.at("inputs").at("y")),
              aligned.at("expected").get<Words>());
  }
}

// Multipliers by hand, lists by the file.
TEST(PublishedRows, ListsWithTheRowsOwnMultipliers) {
  ASSAY_NEEDS_ROWS();
  for (const char* name : {"icraft_buyi", "icraft_zhuge"}) {
    const emu::Target t = target(name);
    const json& depthwise = rows().at("062");
    expect_steps("062", name, t.depthwise_conv->steps, {depthwise.at("params").at("m"), {0}, {depthwise.at("params").at("n").get<uint8_t>()}}, 100, 0,
                 depthwise.at("inputs").at("acc"), depthwise.at("expected"));
    const json& add = rows().at("063");
    const Words x = add.at("inputs").at("x"), y = add.at("inputs").at("y");
    Words whole;
    for (size_t i = 0; i < x.size(); ++i) {
      emu::StepEvents events;
      const auto operand = [&](int64_t word, const char* factor) {
        emu::StepOperands own;
        own.scale.multiplier = add.at("params").at(factor);
        return static_cast<int64_t>(emu::requantize(word, t.add->operand_steps, own, events));
      };
      whole.push_back(operand(x[i], "I") + operand(y[i], "J"));
    }
    expect_steps("063", name, t.add->steps, {add.at("params").at("m"), {0}, {add.at("params").at("n").get<uint8_t>()}}, 0, 0, whole, add.at("expected"));
  }
  // The offset of the row's input is what lowering takes off as a zero point.
  const json& converter = rows().at("128");
  expect_steps("128", "nvdla", target("nvdla").requantize->steps, {3, {0}, {2}}, 0, 0, moved(converter.at("inputs").at("x"), -2), converter.at("expected"));
}

TEST(PublishedRows, Averages) {
  ASSAY_NEEDS_ROWS();
  const auto mean = [](const emu::Target& t, const Words& window, int64_t zero_point) {
    Net net(t);
    const auto width = static_cast<int64_t>(window.size());
    const TensorQuantization own = stored(t, 0.0625F, zero_point);
    const ValueId x = net.input("x", {1, 1, 1, width}, own);
    net.output(net.node("AveragePool", AveragePool{{1, width}}, {x}, {1, 1, 1, 1}, own));
    return emu::run(net.lowered().program, {emu::Tensor(own.storage.type, {1, 1, 1, width}, window)})[0].values()[0];
  };
  for (const auto& [row, name] : {std::pair{"153", "tflite_int8"}, std::pair{"153", "cmsis_nn"}, std::pair{"154", "mnn"}, std::pair{"155", "tosa"}}) {
    const auto windows = rows().at(row).at("inputs").at("windows").get<std::vector<Words>>();
    for (size_t i = 0; i < windows.size(); ++i)
      EXPECT_EQ(mean(target(name), windows[i], 0), rows().at(row).at("expected")[i].get<int64_t>()) << row << " through " << name << ", window " << i;
  }
  // -3.5 goes away from zero; from a zero point of -10 it would be 6.5, and the word -3.
  for (const char* name : {"tflite_int8", "cmsis_nn"}) EXPECT_EQ(mean(target(name), {-3, -4}, -10), -4) << name;
  // A window of the row's sum in one element of a wide tensor, the others at the words' 0.
  const auto of_sum = [](const emu::Target& t, int64_t sum) {
    Net net(t);
    const TensorQuantization to = stored(t, 0.0625F, 0);
    const ValueId x = net.input("x", {1, 1, 3, 3}, to);
    net.output(net.node("AveragePool", AveragePool{{3, 3}}, {x}, {1, 1, 1, 1}, to));
    emu::Program program = net.lowered().program;
    program.values[0].type = kWide, program.inputs[0].low = INT32_MIN, program.inputs[0].high = INT32_MAX;
    return emu::run(program, {emu::Tensor(kWide, {1, 1, 3, 3}, {sum, 0, 0, 0, 0, 0, 0, 0, 0})})[0].values()[0];
  };
  for (const auto& [row, name] : {std::pair{"131", "nvdla"}, std::pair{"167", "snpe_dsp"}, std::pair{"159", "icraft_buyi"}}) {
    const Words sums = rows().at(row).at("inputs").at("sum");
    const emu::Target t = target(name);
    for (size_t i = 0; i < sums.size(); ++i) {
      EXPECT_EQ(of_sum(t, sums[i]), kept(t, rows().at(row).at("expected")[i].get<int64_t>())) << row << " through " << name << ", sum " << sums[i];
    }
  }
  const auto windows = rows().at("107").at("inputs").at("windows").get<std::vector<Words>>();
  for (size_t i = 0; i < windows.size(); ++i) EXPECT_EQ(mean(target("onnxruntime_cpu"), windows[i], 128), rows().at("107").at("expected")[i].get<int64_t>()) << "107, window " << i;
}

TEST(PublishedRows, TablesAndSoftmax) {
  ASSAY_NEEDS_ROWS();
  const auto function = [](const emu::Target& t, const Operator& op, const TensorQuantization& in, const TensorQuantization& out, const Words& x) {
    Net net(t);
    const auto count = static_cast<int64_t>(x.size());
    const ValueId id = net.input("x", {1, count}, in);
    net.output(net.node("Node", op, {id}, {1, count}, out));
    return emu::run(net.lowered().program, {emu::Tensor(in.storage.type, {1, count}, x)})[0].values();
  };
  const emu::Target tosa = target("tosa");
  EXPECT_EQ(function(tosa, Unary{Function::sigmoid}, stored(tosa, 0.1F, 0), stored(tosa, 0x1p-8F, -128), rows().at("132").at("inputs").at("x")),
            rows().at("132").at("expected").get<Words>());
  const emu::Target tflite = target("tflite_int8");
  if (tflite.table->entries == emu::TableSource::fixed_point) {
    EXPECT_EQ(function(tflite, Unary{Function::tanh}, stored(tflite, 0.1F, 3), stored(tflite, 0x1p-7F, 0), rows().at("134").at("inputs").at("x")),
              rows().at("134").at("expected").get<Words>());
  }
  if (tflite.softmax_fixed_point) {
    EXPECT_EQ(function(tflite, Softmax{1}, stored(tflite, 0.1F, 0), stored(tflite, 0x1p-8F, -128), {50, 40, 30, 20, 10}), (Words{35, -68, -106, -120, -125}));
  }
}

}  // namespace
}  // namespace assay::quant
