// Two cuts of one convolution, from the target files: every value between sum and word against a calculation by hand, the rounding of either cut against the oracle, and the
// published probes that tell six roundings apart. 16-bit words: a published sum, and functions and sums that are finer than with 8 bits.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "emu/machine.h"
#include "emu/target/change.h"
#include "emu/target/load_target.h"
#include "tests/oracle/exact_steps.h"
#include "tests/quant/ops/lowering_fixture.h"

namespace assay::quant {
namespace {

using Words = std::vector<int64_t>;
constexpr size_t kFirstCut = 0, kSecondCut = 5;  // steps of ops.conv

std::string file_of(const std::string& target) {
  return std::string(ASSAY_SOURCE_DIR) + "/emu/targets/" + target + ".toml";
}

emu::Target with_rounding(const std::string& target, size_t cut, const std::string& round) {
  const std::string step = cut == kFirstCut ? "shift_right first " : "shift_right scale ";
  return emu::load_changed_target(file_of(target), "ops.conv.steps[" + std::to_string(cut) + "]=" + step + round);
}

TensorQuantization symmetric_from(float scale, int64_t low = -128) {
  TensorQuantization own = quantization(scale, 0, emu::kS8, low, 127);
  own.symmetry = emu::Symmetry::symmetric;
  return own;
}

// Three input channels, one pixel, two output channels. s_x = s_y = 1. The first output's ratio of scales is 155 * 2^-17: one more than a second cut may shift, so that both
// channels are cut by 1 first. The second's is 2^-10.
constexpr float kScale0 = 155 * 0x1p-17F, kScale1 = 0x1p-10F;
const std::vector<float> kBias{1234 * 2 * kScale0, 773 * 2 * kScale1};  // 1234 and 773 after the first cut

emu::Program convolution(const emu::Target& target) {
  Net net(target);
  const ValueId x = net.input("x", {1, 3, 1, 1}, symmetric_from(1));
  TensorQuantization own = per_channel({kScale0, kScale1}, 0);
  own.storage = target.storage.weight, own.symmetry = emu::Symmetry::symmetric;
  const Words words{127, 64, -99, -1, 0, 12};
  FloatTensor weights({2, 3, 1, 1});
  for (size_t i = 0; i < words.size(); ++i) weights.data[i] = static_cast<float>(words[i]) * (i < 3 ? kScale0 : kScale1);
  const ValueId w = net.constant("w", weights, own), b = net.constant("b", FloatTensor({2}, kBias));
  net.output(net.node("Conv", Conv{}, {x, w, b}, {1, 2, 1, 1}, symmetric_from(1)));
  return net.lowered().program;
}

// What the steps refer to for one output channel of the convolution.
emu::StepOperands operands(const emu::Program& program, size_t channel) {
  const auto& conv = only<emu::Conv>(program);
  const auto& scales = program.scales[conv.requant.scale.index];
  emu::StepOperands own;
  own.bias = program.constants[conv.bias.value().index].tensor.at(channel);
  own.scale = scales[channel % scales.size()];
  own.clamp_low = -128, own.clamp_high = 127;
  return own;
}
const emu::Steps& steps_of(const emu::Program& program) {
  return program.step_lists[only<emu::Conv>(program).requant.steps.index];
}

Words run(const emu::Program& program, const Words& x) {
  return emu::run(program, {emu::Tensor(emu::kS8, {1, 3, 1, 1}, x)})[0].values();
}

class TwoCuts : public testing::TestWithParam<std::string> {};

// x = 100, -50, 7. Channel 0: 100 * 127 - 50 * 64 - 7 * 99 = 8807. First cut by 1: 4403.5, half up 4404. + 1234 = 5638. * 155 = 873890. Second cut by 16: 13.33, so 13.
// Channel 1: -100 + 7 * 12 = -16. First cut by 1: -8. + 773 = 765. * 1. Second cut by 9: 1.494, so 1.
// x = 97, -50, 7 gives channel 1 the sum -13: -6.5, half up -6. + 773 = 767: 1.498, so 1; with a bias one step greater it would be a tie.
TEST_P(TwoCuts, EveryValueOfAConvolutionIsThatOfACalculationByHand) {
  const emu::Program p = convolution(emu::load_target(file_of(GetParam())));
  ASSERT_EQ(emu::to_string(steps_of(p)), "shift_right first half_up; saturate 16; add_bias; saturate 16; multiply; shift_right scale half_up; saturate output; clamp");
  const emu::StepOperands first = operands(p, 0), second = operands(p, 1);
  EXPECT_EQ(first.scale.multiplier, 155);
  EXPECT_EQ(first.scale.first.bits, 1);
  EXPECT_EQ(first.scale.right.bits, 16);
  EXPECT_EQ(second.scale.multiplier, 1);
  EXPECT_EQ(second.scale.first.bits, 1);
  EXPECT_EQ(second.scale.right.bits, 9);
  const auto traced = [&](Wide sum, const emu::StepOperands& own) { return emu::requantize_traced(sum, steps_of(p), own); };
  EXPECT_EQ(traced(8807, first), (std::vector<Wide>{4404, 4404, 5638, 5638, 873890, 13, 13, 13}));
  EXPECT_EQ(traced(-16, second), (std::vector<Wide>{-8, -8, 765, 765, 765, 1, 1, 1}));
  EXPECT_EQ(traced(-13, second), (std::vector<Wide>{-6, -6, 767, 767, 767, 1, 1, 1}));
  EXPECT_EQ(traced(-9, second), (std::vector<Wide>{-4, -4, 769, 769, 769, 2, 2, 2})) << "1.502";
  EXPECT_EQ(traced(100000, first), (std::vector<Wide>{50000, 32767, 34001, 32767, 5078885, 77, 77, 77})) << "both saturations to 16 bits";
  EXPECT_EQ(run(p, {100, -50, 7}), (Words{13, 1}));
}

TEST_P(TwoCuts, TheRoundingOfEitherCutChangesOutputsAsTheOracleSays) {
  for (const size_t cut : {kFirstCut, kSecondCut}) {
    std::set<std::vector<Wide>> outputs;
    for (const char* round : {"floor", "ceil", "toward_zero", "half_up", "half_down", "half_even", "half_away"}) {
      const emu::Program p = convolution(with_rounding(GetParam(), cut, round));
      const emu::StepOperands own = operands(p, 1);
      std::vector<Wide> words;
      for (Wide sum = -2600; sum <= 2600; ++sum) {
        emu::StepEvents events;
        words.push_back(emu::requantize(sum, steps_of(p), own, events));
        ASSERT_EQ(oracle::to_int(words.back()), oracle::stepped(oracle::to_int(sum), steps_of(p), own).values.back()) << round << " of cut " << cut << ", sum " << int64_t(sum);
      }
      EXPECT_EQ(run(p, {100, -50, 7})[1], static_cast<int64_t>(words[2600 - 16])) << "the program is the steps";
      outputs.insert(words);
    }
    // A cut by 1 knows only ties: floor is half_down, ceil is half_up; and the sums at which the second cut turns are odd after the first, where half_even is half_down too.
    EXPECT_EQ(outputs.size(), cut == kFirstCut ? 4U : 7U) << "of cut " << cut;
  }
}

std::string our_word(const std::string& round) {
  return round == "trunc" ? "toward_zero" : round;
}

// Each probe under each of six roundings: only its own gives what it expects. Probes of the first cut round the second alike (a floor of 255/256 shows).
TEST_P(TwoCuts, ThePublishedProbesTellSixRoundingsApart) {
  std::ifstream file(std::string(ASSAY_SHARED_DIR) + "/specs/arithmetic_examples.json");
  if (!file) GTEST_SKIP() << "needs ../shared/specs/arithmetic_examples.json";
  const auto examples = nlohmann::json::parse(file).at("examples");
  const std::vector<std::string> roundings{"half_up", "half_down", "half_even", "half_away", "floor", "trunc"};
  const auto results = [&](const nlohmann::json& probe, size_t cut, const std::string& round) {
    emu::Target target = with_rounding(GetParam(), cut, our_word(round));
    if (cut == kFirstCut) target.conv->steps[kSecondCut] = emu::parse_step("shift_right scale " + our_word(round));
    emu::StepOperands own;
    const auto& params = probe.at("params");
    own.scale = {params.at("m").get<int64_t>(), {0}, {params.at("n2_VPE").get<uint8_t>()}};
    own.scale.first = {params.at("s1_MPE").get<uint8_t>()};
    own.clamp_low = -128, own.clamp_high = 127;
    Words words;
    for (const int64_t sum : probe.at("inputs").at("acc")) {
      emu::StepEvents events;
      words.push_back(static_cast<int64_t>(emu::requantize(sum, target.conv->steps, own, events)));
    }
    return words;
  };
  int probes = 0;
  for (const auto& probe : examples) {
    const std::string op = probe.at("op");
    const bool first = op.rfind("probe_stage1_", 0) == 0;
    if (!first && op.rfind("probe_stage2_", 0) != 0) continue;
    ++probes;
    for (const std::string& round : roundings) {
      const Words words = results(probe, first ? kFirstCut : kSecondCut, round);
      EXPECT_EQ(words == probe.at("expected").get<Words>(), round == probe.at("params").at("rounding").get<std::string>()) << op << " under " << round;
    }
  }
  EXPECT_GT(probes, 6);
}

INSTANTIATE_TEST_SUITE_P(Files, TwoCuts, testing::Values("icraft_buyi", "icraft_zhuge"), [](const auto& name) { return name.param; });

TensorQuantization word(const emu::Target& target, double low, double high) {
  const emu::Storage& s = target.storage.activation;
  const auto scale = static_cast<float>((high - low) / static_cast<double>(s.high - s.low));
  return quantization(scale, s.low - std::llround(low / scale), s.type, s.low, s.high);
}

// Two operands of one word each, or many words of one operand.
Words results(const emu::Program& p, const std::vector<Words>& inputs) {
  std::vector<emu::Tensor> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) tensors.emplace_back(p.values[i].type, Shape{static_cast<int64_t>(inputs[i].size())}, inputs[i]);
  return emu::run(p, tensors)[0].values();
}

// The worst |emulated - exact| over words that are drawn evenly from -4 .. 4 (and, for pairs, twisted against each other).
double worst_error(const std::string& name, const Operator& op, double (*exact)(double, double), double low, double high) {
  const emu::Target target = emu::load_target(file_of(name));
  const bool pair = std::holds_alternative<Binary>(op);
  constexpr int64_t kWords = 241;
  Net net(target);
  const TensorQuantization in = word(target, -4, 4), out = word(target, low, high);
  const ValueId a = net.input("a", {kWords}, in);
  std::vector<ValueId> inputs{a};
  if (pair) inputs.push_back(net.input("b", {kWords}, in));
  net.output(net.node(pair ? "Binary" : "Unary", op, inputs, {kWords}, out));
  std::vector<Words> words(inputs.size());
  const int64_t span = in.storage.high - in.storage.low;
  for (int64_t i = 0; i < kWords; ++i) {
    words[0].push_back(in.storage.low + i * span / (kWords - 1));
    if (pair) words[1].push_back(in.storage.low + (i * 89 % kWords) * span / (kWords - 1));
  }
  const Words got = results(net.lowered().program, words);
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    // The real numbers are those that the finest words come near; an 8-bit word's own rounding is part of its error.
    const auto real = [&](const Words& w) { return -4 + 8 * static_cast<double>(w[i] - in.storage.low) / static_cast<double>(span); };
    const double y = out.scale[0] * static_cast<double>(got[i] - out.zero_point);
    worst = std::max(worst, std::fabs(y - exact(real(words[0]), pair ? real(words[1]) : 0)));
  }
  return worst;
}

TEST(SixteenBitWords, GiveThePublishedSum) {
  Net net(emu::load_target(file_of("qnn_8w16a")));
  const auto u16 = [](float scale, int64_t zero) { return quantization(scale, zero, emu::IntType{16, false}, 0, 65535); };
  const ValueId a = net.input("a", {6}, u16(0.75F, 20000)), b = net.input("b", {6}, u16(0.625F, 30000));
  net.output(net.node("Add", Binary{Arithmetic::add}, {a, b}, {6}, u16(1, 25000)));
  const emu::Program p = net.lowered().program;
  const auto& add = only<emu::Add>(p);
  EXPECT_EQ(p.scales[add.scale_a.index][0].multiplier, 24576);
  EXPECT_EQ(p.scales[add.scale_b.index][0].multiplier, 20480);
  EXPECT_EQ(p.scales[add.requant.scale.index][0].right.bits, 14);
  EXPECT_EQ(results(p, {{32768, 65535, 0, 40001, 40003, 50000}, {32768, 0, 65535, 40000, 40000, 12345}}), (Words{36306, 40401, 32209, 46251, 46252, 36466}));
}

TEST(SixteenBitWords, ComputeSumsProductsAndFunctionsFinerThanEightBitsDo) {
  struct Case {
    const char* name;
    Operator op;
    double (*exact)(double, double);
    double low, high;
  };
  const std::vector<Case> cases{
      {"add", Binary{Arithmetic::add}, [](double a, double b) { return a + b; }, -8, 8},
      {"sub", Binary{Arithmetic::sub}, [](double a, double b) { return a - b; }, -8, 8},
      {"mul", Binary{Arithmetic::mul}, [](double a, double b) { return a * b; }, -16, 16},
      {"sigmoid", Unary{Function::sigmoid, 0, 0}, [](double x, double) { return 1 / (1 + std::exp(-x)); }, 0, 1},
      {"tanh", Unary{Function::tanh, 0, 0}, [](double x, double) { return std::tanh(x); }, -1, 1},
      {"hard_swish", Unary{Function::hard_swish, 0, 0}, [](double x, double) { return x * std::min(std::max(x + 3, 0.0), 6.0) / 6; }, -0.375, 4},
  };
  for (const Case& c : cases) {
    // Interpolated tables cut the corners of hard_swish.
    const double eight = worst_error("dsp_int8", c.op, c.exact, c.low, c.high);
    for (const char* target : {"qnn_8w16a", "qnn_8w16a_direct"}) {
      if (target == std::string("qnn_8w16a_direct") && c.name != std::string("tanh")) continue;  // 65536 entries take their time; the rest is alike
      const double sixteen = worst_error(target, c.op, c.exact, c.low, c.high);
      EXPECT_LT(sixteen * (c.name == std::string("hard_swish") ? 4 : 32), eight) << c.name << " on " << target << ": " << sixteen << " and " << eight;
    }
  }
}

}  // namespace
}  // namespace assay::quant
