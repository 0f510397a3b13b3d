// Channels with scales of their own: what concatenates them, who hands them on, who makes them one, and the weights that are normalised to them.
#include "quant/channels.h"

#include <gtest/gtest.h>

#include <cmath>

#include "emu/base/error.h"
#include "emu/machine.h"
#include "emu/program/file.h"
#include "emu/program/text.h"
#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/execute/simulate.h"
#include "quant/fake_quantize.h"
#include "quant/onnx/export_onnx.h"
#include "tests/quant/execute/small_graph.h"
#include "tests/quant/ops/lowering_fixture.h"

namespace assay::quant {
namespace {

using test::random_tensor;
using test::SmallGraph;
using RealScales = std::vector<float>;
using Words = std::vector<int64_t>;

emu::Target two_cuts() {
  return emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/icraft_buyi.toml");
}

TensorQuantization symmetric_channels(RealScales scales) {
  TensorQuantization own = quantization(1);
  own.symmetry = emu::Symmetry::symmetric;
  own.round = emu::Round::half_away;
  if (scales.size() > 1) own.axis = 1;
  own.scale = std::move(scales);
  return own;
}

// a in steps of 1/2 and b in steps of 2, joined, then y = 0.6 a + 0.2 b in steps of 1. The weights are normalised to the greater scale: 0.6 * (0.5 / 2) = 0.15 and 0.2, in steps
// of 1/512 that is 76.8 and 102.4: 77 and 102. The ratio of scales is 2 / 512: multiplier 1, shift 8.
struct HandMade {
  Net net{two_cuts()};
  ValueId a, b, cat, w, y;

  HandMade() {
    a = net.input("a", {1, 1, 1, 1}, symmetric_channels({0.5F}));
    b = net.input("b", {1, 1, 1, 1}, symmetric_channels({2}));
    cat = net.node("Concat", Concat{1}, {a, b}, {1, 2, 1, 1}, symmetric_channels({0.5F, 2}));
    TensorQuantization own = symmetric_channels({0x1p-9F});
    own.storage = net.q.target.storage.weight;
    own.input_factor = InputFactor{1, 1, {0.25F, 1}};
    w = net.constant("w", {{1, 2, 1, 1}, {0.6F, 0.2F}}, own);
    y = net.node("Conv", Conv{}, {cat, w}, {1, 1, 1, 1}, symmetric_channels({1}));
    net.output(y);
  }
};

TEST(Channels, AConvolutionOfTwoScalesIsThatOfACalculationByHand) {
  const HandMade made;
  const emu::Program program = made.net.lowered().program;
  EXPECT_EQ(program.values[2].scale, (std::vector<emu::Dyadic>{{1, -1}, {1, 1}}));
  const auto& conv = only<emu::Conv>(program);
  EXPECT_EQ(program.constants[conv.w.index].tensor.values(), (Words{77, 102}));
  EXPECT_EQ(program.scales[conv.requant.scale.index], (std::vector<emu::QScale>{{1, emu::LeftShift{0}, emu::RightShift{8}}}));
  EXPECT_TRUE(only<emu::Concat>(program).scales.empty()) << "words are copied";
  const auto run = [&](int64_t a, int64_t b) { return emu::run(program, {emu::Tensor(emu::kS8, {1, 1, 1, 1}, {a}), emu::Tensor(emu::kS8, {1, 1, 1, 1}, {b})})[0].at(0); };
  EXPECT_EQ(run(100, 20), 38);   // 50 and 40: 30 + 8; 7700 + 2040 = 9740, / 256 = 38.05
  EXPECT_EQ(run(-90, 30), -15);  // -45 and 60: -27 + 12; -6930 + 3060 = -3870, / 256 = -15.12
  EXPECT_EQ(run(127, -1), 38);   // 38.1 - 0.4; 9779 - 102 = 9677, / 256 = 37.80
  EXPECT_EQ(emu::parse_program(emu::print(program)), program);
  EXPECT_EQ(emu::deserialize(emu::serialize(program), "bytes"), program);
}

TEST(Channels, TheSimulationKeepsThemApartToo) {
  const HandMade made;
  std::vector<FloatTensor> seen(made.net.q.graph.values.size());
  Simulator(made.net.q).run({{{1, 1, 1, 1}, {49.8F}}, {{1, 1, 1, 1}, {40.9F}}}, [&](ValueId id, FloatTensor& tensor) { seen[id] = tensor; });
  EXPECT_EQ(seen[made.cat].data, (RealScales{50, 40}));
  EXPECT_EQ(seen[made.y].data, (RealScales{38}));  // 77 / 512 / 0.25 * 50 + 102 / 512 * 40 = 38.05
  EXPECT_EQ(quantize({{1, 2, 1, 1}, {49.8F, 40.9F}}, *made.net.q.tensors[made.cat]), (Words{100, 20}));
  EXPECT_EQ(dequantize(emu::Tensor(emu::kS8, {1, 2, 1, 1}, Words{100, 20}), made.net.lowered().program.values[2]).data, (RealScales{50, 40}));
}

TEST(Channels, WeightsThatAreNotNormalisedAreRefused) {
  HandMade made;
  made.net.q.tensors[made.w]->input_factor->factor = {1, 1};
  EXPECT_THROW(made.net.lowered(), InputError);
  made.net.q.tensors[made.w]->input_factor.reset();
  EXPECT_THROW(made.net.lowered(), InputError);
  HandMade whole;
  whole.net.q.tensors[whole.cat] = symmetric_channels({2});
  EXPECT_THROW(whole.net.lowered(), InputError) << "the concat copies words of another scale";
  HandMade swapped;
  swapped.net.q.tensors[swapped.cat]->scale = {2, 0.5F};
  EXPECT_THROW(swapped.net.lowered(), InputError);
}

TEST(Channels, AWeightMeetsTheChannelsOfItsGroup) {
  const auto factors = [](const Shape& shape, InputFactor input) { return normalised(FloatTensor(shape, RealScales(static_cast<size_t>(element_count(shape)), 1)), input).data; };
  EXPECT_EQ(factors({2, 2, 1, 2}, {1, 1, {3, 5}}), (RealScales{3, 3, 5, 5, 3, 3, 5, 5}));
  EXPECT_EQ(factors({4, 2, 1, 1}, {1, 2, {2, 3, 5, 7}}), (RealScales{2, 3, 2, 3, 5, 7, 5, 7}));
  EXPECT_EQ(factors({3, 1, 1, 1}, {1, 3, {2, 3, 5}}), (RealScales{2, 3, 5})) << "depthwise";
  EXPECT_EQ(factors({2, 3}, {0, 1, {2, 7}}), (RealScales{2, 2, 2, 7, 7, 7})) << "a matrix, or a transposed convolution";
}

// x [1,2,4,4] -> small and large (50 times as large) by convolutions -> cat [1,4,4,4] by channels.
struct Joined {
  SmallGraph small;
  ValueId x, little, large, cat;

  explicit Joined(int64_t axis = 1) {
    x = small.input("x", {1, 2, 4, 4});
    little = small.node("little", Conv{}, {x, small.constant("w1", random_tensor({2, 2, 1, 1}, 3))}, {1, 2, 4, 4});
    FloatTensor times = random_tensor({2, 2, 1, 1}, 4);
    for (float& value : times.data) value *= 50;
    large = small.node("large", Conv{}, {x, small.constant("w2", times)}, {1, 2, 4, 4});
    cat = small.node("cat", Concat{axis}, {little, large}, axis == 1 ? Shape{1, 4, 4, 4} : Shape{1, 2, 8, 4});
  }
  Quantized calibrated(const emu::Target& target = two_cuts()) const {
    return calibrate(small.graph, target, {4, [](size_t i) { return std::vector<FloatTensor>{random_tensor({1, 2, 4, 4}, static_cast<uint32_t>(i) + 50)}; }}, {});
  }
};

TEST(Channels, AConcatListsTheScalesOfItsInputs) {
  Joined net;
  net.small.output(net.cat);
  const Quantized q = net.calibrated();
  const float little = q.tensors[net.little]->scale[0], large = q.tensors[net.large]->scale[0];
  EXPECT_GT(large, 5 * little);
  EXPECT_EQ(q.tensors[net.cat]->scale, (RealScales{little, little, large, large}));
  EXPECT_EQ(q.tensors[net.cat]->axis, 1);
  EXPECT_EQ(q.tensors[net.cat]->provenance, "by channel, shared with 'little', 'large' (concat)");
  EXPECT_EQ(lower(q).program.values.back().scale.size(), 4U) << "as a graph output too";
}

TEST(Channels, OnAnotherAxisAllInputsTakeTheGreatestScale) {
  Joined net(2);
  net.small.output(net.cat);
  const Quantized q = net.calibrated();
  EXPECT_EQ(q.tensors[net.cat]->scale.size(), 1U);
  EXPECT_EQ(q.tensors[net.cat]->scale, q.tensors[net.little]->scale);
  EXPECT_EQ(q.tensors[net.cat]->scale, q.tensors[net.large]->scale);
}

TEST(Channels, OfThreeAxesLieLastSoThatThoseOfTheMiddleAreJoint) {
  Joined net;
  const ValueId a = net.small.node("a", Reshape{}, {net.little}, {1, 2, 16}), b = net.small.node("b", Reshape{}, {net.large}, {1, 2, 16});
  const ValueId y = net.small.node("y", Concat{1}, {a, b}, {1, 4, 16});
  net.small.output(y);
  const Quantized q = net.calibrated();
  EXPECT_EQ(q.tensors[y]->scale, q.tensors[net.little]->scale);
  EXPECT_EQ(q.tensors[y]->scale, q.tensors[net.large]->scale);
}

TEST(Channels, AreHandedOnWithinChannelsAndMadeOneElsewhere) {
  struct Case {
    const char* name;
    Operator op;
    Shape shape;
    std::vector<int> from;  // 0 little, 1 large, by channel; empty: all take the greatest
  };
  Pad around{{0, 0, 1, 1}, {0, 0, 0, 0}, 0}, with_words = around, of_channels{{0, 1, 0, 0}, {0, 0, 0, 0}, 0};
  with_words.value = 0.5F;
  const std::vector<int> all{0, 0, 1, 1};
  const Case cases[] = {{"max_pool", MaxPool{{2, 2}, {2, 2}}, {1, 4, 2, 2}, all},
                        {"average_pool", AveragePool{{2, 2}, {2, 2}}, {1, 4, 2, 2}, all},
                        {"pad", around, {1, 4, 5, 5}, all},
                        {"pad with words", with_words, {1, 4, 5, 5}, {}},
                        {"pad of channels", of_channels, {1, 5, 4, 4}, {}},
                        {"resize", ResizeNearest{{0, 0, 1, 1, 2, 2, 3, 3}, {0, 1, 2, 3}}, {1, 4, 8, 4}, all},
                        {"relu", Relu{}, {1, 4, 4, 4}, all},
                        {"slice", Slice{{0, 3, 0, 0}, {1, -1, 1, 1}}, {1, 3, 4, 4}, {1, 1, 0}},
                        {"slice of one", Slice{{0, 2, 0, 0}, {1, 1, 1, 1}}, {1, 2, 4, 4}, {1}},
                        {"reshape", Reshape{}, {1, 4, 16}, all},
                        {"flatten", Reshape{}, {1, 64}, {}},
                        {"transpose of the image", Transpose{{0, 1, 3, 2}}, {1, 4, 4, 4}, all},
                        {"channels last", Transpose{{0, 2, 3, 1}}, {1, 4, 4, 4}, {}},
                        {"softmax", Softmax{1}, {1, 4, 4, 4}, {}},
                        {"leaky_relu", LeakyRelu{0.1F}, {1, 4, 4, 4}, {}},
                        {"sigmoid", Unary{}, {1, 4, 4, 4}, {}},
                        {"clip", Clip{-1, 1}, {1, 4, 4, 4}, {}}};
  for (const Case& one : cases) {
    Joined net;
    const ValueId y = net.small.node("y", one.op, {net.cat}, one.shape);
    net.small.output(y);
    const Quantized q = net.calibrated();
    const float scales[] = {q.tensors[net.little]->scale[0], q.tensors[net.large]->scale[0]};
    if (one.from.empty()) {
      EXPECT_EQ(scales[0], scales[1]) << one.name;
      EXPECT_EQ(q.tensors[net.cat]->scale, (RealScales{scales[1]})) << one.name;
      EXPECT_EQ(q.tensors[y]->scale.size(), 1U) << one.name;
    } else {
      RealScales expected;
      for (const int from : one.from) expected.push_back(scales[from]);
      EXPECT_EQ(q.tensors[y]->scale, expected) << one.name;
      EXPECT_NE(scales[0], scales[1]) << one.name;
    }
    EXPECT_NO_THROW(lower(q)) << one.name;
  }
}

TEST(Channels, ASumTakesOneScale) {
  Joined net;
  net.small.output(net.small.node("y", Binary{Arithmetic::add}, {net.cat, net.cat}, {1, 4, 4, 4}));
  const Quantized q = net.calibrated();
  EXPECT_EQ(q.tensors[net.little]->scale, q.tensors[net.large]->scale);
  EXPECT_NO_THROW(lower(q));
}

// The words of the kernels are those of the reference, and close to the simulation; the little branch keeps its precision, which one scale for both would take.
TEST(Channels, WeightsOfConvolutionsAndMatricesAreNormalised) {
  struct Case {
    const char* name;
    Operator op;
    Shape weight, shape;
    bool flat;
  };
  const Case cases[] = {{"conv", Conv{}, {3, 4, 1, 1}, {1, 3, 4, 4}, false},
                        {"depthwise", Conv{.groups = 4}, {4, 1, 1, 1}, {1, 4, 4, 4}, false},
                        {"groups", Conv{.groups = 2}, {6, 2, 1, 1}, {1, 6, 4, 4}, false},
                        {"conv_transpose", ConvTranspose{.stride = {2, 2}}, {4, 3, 2, 2}, {1, 3, 8, 8}, false},
                        {"matmul", MatMul{}, {4, 5}, {1, 5}, true}};
  for (const Case& one : cases) {
    Joined net;
    ValueId from = net.cat;
    if (one.flat) {
      from = net.small.node("pooled", AveragePool{{4, 4}, {1, 1}}, {from}, {1, 4, 1, 1});
      from = net.small.node("flat", Reshape{}, {from}, {1, 4});
    }
    const ValueId w = net.small.constant("w", random_tensor(one.weight, 7));
    net.small.output(net.small.node("y", one.op, {from, w}, one.shape));
    const Quantized q = net.calibrated();
    ASSERT_EQ(q.tensors[from]->scale.size(), 4U) << one.name;
    ASSERT_TRUE(q.tensors[w]->input_factor) << one.name;
    EXPECT_EQ(q.tensors[w]->input_factor->factor[3], 1.0F) << one.name;
    EXPECT_EQ(q.tensors[w]->input_factor->factor[0], q.tensors[net.little]->scale[0] / q.tensors[net.large]->scale[0]) << one.name;
    const emu::Program program = lower(q).program;
    const std::vector<FloatTensor> input{random_tensor({1, 2, 4, 4}, 51)};
    const auto words = quantize_inputs(program, input);
    const emu::Tensor fast = emu::run(program, words)[0];
    emu::Observer none;
    EXPECT_TRUE(fast == emu::run(program, words, none, emu::Engine::reference)[0]) << one.name;
    const FloatTensor real = dequantize(fast, program.values[program.outputs[0]]), ppq = Simulator(q).run(input)[0];
    for (size_t i = 0; i < real.size(); ++i) EXPECT_NEAR(real.data[i], ppq.data[i], 3 * q.tensors[q.graph.outputs[0]]->scale[0]) << one.name << " " << i;
    EXPECT_EQ(emu::deserialize(emu::serialize(program), "bytes"), program) << one.name;
  }
}

TEST(Channels, AModelThatHasThemHasNoOnnxForm) {
  Joined net;
  net.small.output(net.small.node("y", Conv{}, {net.cat, net.small.constant("w", random_tensor({3, 4, 1, 1}, 7))}, {1, 3, 4, 4}));
  try {
    export_onnx(net.calibrated(), {});
    ADD_FAILURE() << "exported";
  } catch (const Unsupported& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("'cat' has channels with scales of their own"), std::string::npos) << text;
    EXPECT_NE(text.find("'w' is normalised"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace assay::quant
