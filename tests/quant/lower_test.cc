// Lowering of a whole graph: the Program's frame, what is refused, and that what runs is what the reals say.
#include "quant/lower.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "emu/machine.h"
#include "emu/program/text.h"
#include "emu/target/load_target.h"
#include "quant/fake_quantize.h"
#include "quant/ops/op.h"
#include "tests/quant/ops/lowering_fixture.h"

namespace assay::quant {
namespace {

TEST(Lower, FramesTheProgram) {
  Net net(real_target());
  const ValueId x = net.input("x", {1, 2}, quantization(0.75F, 5));
  const ValueId y = net.node("Sigmoid", Unary{Function::sigmoid, 0, 0}, {x}, {1, 2}, quantization(0x1p-8F, -128));
  const ValueId z = net.node("Reshape", Reshape{}, {y}, {2}, quantization(0x1p-8F, -128));
  net.output(z);
  net.output(x);
  const Lowered lowered = net.lowered();
  const emu::Program& p = lowered.program;
  EXPECT_EQ(p.target, "real");
  EXPECT_EQ(p.model, "tiny");
  EXPECT_EQ(p.values[0], (emu::ValueInfo{"x", {1, 2}, emu::kS8, 5, {emu::Dyadic{3, -2}}}));
  EXPECT_EQ(p.inputs, (std::vector<emu::ProgramInput>{{0, emu::Round::half_even, -128, 127}}));
  EXPECT_EQ(p.outputs, (std::vector<uint32_t>{2, 0})) << "an output may be an input";
  EXPECT_EQ(lowered.node_of, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(lowered.program_value, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(emu::parse_program(emu::print(p)), p);
}

TEST(Lower, StoresEqualPartsOnce) {
  Net net(real_target());
  const ValueId x = net.input("x", {1, 1, 2, 2}, quantization(0.5F));
  const ValueId w = net.constant("w", {{1, 1, 1, 1}, {1}}, quantization(0.5F));
  ValueId y = x;
  for (int i = 0; i < 3; ++i) y = net.node("Conv", Conv{}, {y, w}, {1, 1, 2, 2}, quantization(0.5F));
  net.output(y);
  const emu::Program p = net.lowered().program;
  EXPECT_EQ(p.instructions.size(), 3U);
  EXPECT_EQ(p.constants.size(), 1U);
  EXPECT_EQ(p.scales.size(), 1U);
  EXPECT_EQ(p.step_lists.size(), 1U);
}

TEST(Lower, GathersEverythingThatTheTargetLacks) {
  emu::Target target = shift_target();
  target.softmax.reset();
  target.slice = false;
  Net net(target);
  const ValueId x = net.input("x", {1, 4}, quantization(0.5F));
  const ValueId y = net.node("Softmax", Softmax{1}, {x}, {1, 4}, quantization(0x1p-8F));
  const ValueId z = net.node("Slice", Slice{{0, 0}, {1, 1}}, {y}, {1, 2}, quantization(0x1p-8F));
  net.output(net.node("Relu", Relu{}, {z}, {1, 2}, quantization(0.3F)));
  try {
    net.lowered();
    FAIL() << "lowered";
  } catch (const Unsupported& error) {
    ASSERT_EQ(error.problems().size(), 3U);
    EXPECT_EQ(error.problems()[0], "node 'Softmax0' (Softmax): targets/shift.toml: ops.softmax.supported = false");
    EXPECT_EQ(error.problems()[1], "node 'Slice1' (Slice): targets/shift.toml: ops.slice.supported = false");
    EXPECT_NE(error.problems()[2].find("not a power of two"), std::string::npos) << error.problems()[2];
  }
}

TEST(Lower, RefusesAnUncalibratedGraph) {
  Net net(real_target());
  const ValueId x = net.input("x", {1}, quantization(0.5F));
  net.output(net.node("Relu", Relu{}, {x}, {1}, quantization(0.5F)));
  net.q.tensors[1].reset();
  EXPECT_THROW(net.lowered(), InputError);
  net.q.tensors[1] = quantization(0);
  EXPECT_THROW(net.lowered(), InputError) << "a scale of zero";
  net.q.tensors[1] = per_channel({1, 2}, 0);
  EXPECT_THROW(net.lowered(), InputError) << "an activation per channel";
}

TEST(Lower, RefusesAnOutputThatIsAConstant) {
  Net net(real_target());
  net.input("x", {1}, quantization(0.5F));
  net.output(net.constant("c", {{1}, {1}}, quantization(0.5F)));
  EXPECT_THROW(net.lowered(), InputError);
}

TEST(QuantizeInputs, IsPpqsFormulaAndGuardsItsInput) {
  Net net(real_target());
  net.output(net.input("x", {3}, quantization(0.5F, 1)));
  const emu::Program p = net.lowered().program;
  EXPECT_EQ(quantize_inputs(p, {{{3}, {0.25F, 0.75F, 1000}}})[0].values(), (std::vector<int64_t>{1, 3, 127})) << "half even, then the zero point";
  EXPECT_EQ(dequantize(emu::Tensor(emu::kS8, {2}, {1, -3}), p.values[0]).data, (std::vector<float>{0, -2}));
  EXPECT_THROW(quantize_inputs(p, {{{3}, {0, NAN, 0}}}), InputError);
  EXPECT_THROW(quantize_inputs(p, {{{3}, {0, INFINITY, 0}}}), InputError);
  EXPECT_THROW(quantize_inputs(p, {{{2}, {0, 0}}}), InputError);
  EXPECT_THROW(quantize_inputs(p, {}), InputError);
}

// Own uniform numbers: the standard's distributions differ between libraries.
float uniform(std::mt19937_64& random, float low, float high) {
  return low + (high - low) * static_cast<float>(random() >> 40) * 0x1p-24F;
}
FloatTensor noise(std::mt19937_64& random, const Shape& shape, float magnitude) {
  FloatTensor t(shape);
  for (float& v : t.data) v = uniform(random, -magnitude, magnitude);
  return t;
}

// conv+relu, depthwise conv, residual add, average pool, matmul: the reals with every value fake-quantized, and the words that the Program gives for the same input.
struct EndToEnd {
  static constexpr size_t kMean = 3;  // the node of the average
  explicit EndToEnd(const emu::Target& target) : net(target), random(20240607) {
    const bool shifts = target.multiplier.bits == 1;
    const auto scale = [&](float real, float power) { return shifts ? power : real; };
    const emu::Storage a = target.storage.activation;
    const int64_t zero = target.quantize.activation.symmetry == emu::Symmetry::asymmetric ? (a.low + a.high) / 2 - 9 : 0;
    const auto act = [&](float real, float power) {
      TensorQuantization own = quantization(a.type.is_float() ? 1 : scale(real, power), zero, a.type, a.low, a.high);
      own.round = target.quantize.activation.round;
      return own;
    };
    const bool joint = target.add && target.add->inputs == emu::InputScales::joint;
    TensorQuantization in = act(0.0161F, 0x1p-6F);
    in.storage = target.storage.input;
    const ValueId x = net.input("x", {1, 3, 6, 6}, in);
    const TensorQuantization first = act(0.027F, 0x1p-5F);
    const ValueId c1 = net.node("Conv", Conv{{1, 1}, {1, 1, 1, 1}, {1, 1}, 1}, {x, weight("w1", {4, 3, 3, 3}, 0.4F), bias("b1", 4)}, {1, 4, 6, 6}, first, {Relu{}});
    const ValueId c2 =
        net.node("Conv", Conv{{1, 1}, {1, 1, 1, 1}, {1, 1}, 4}, {c1, weight("w2", {4, 1, 3, 3}, 0.5F), bias("b2", 4)}, {1, 4, 6, 6}, joint ? first : act(0.033F, 0x1p-4F));
    const ValueId sum = net.node("Add", Binary{Arithmetic::add}, {c1, c2}, {1, 4, 6, 6}, act(0.041F, 0x1p-4F));
    const ValueId pool = net.node("AveragePool", AveragePool{{3, 3}, {3, 3}, {0, 0, 0, 0}, false}, {sum}, {1, 4, 2, 2}, act(0.041F, 0x1p-4F));
    const ValueId flat = net.node("Flatten", Reshape{}, {pool}, {1, 16}, act(0.041F, 0x1p-4F));
    net.output(net.node("Gemm", MatMul{}, {flat, weight("w3", {16, 5}, 0.3F), bias("b3", 5)}, {1, 5}, act(0.031F, 0x1p-5F)));
  }

  ValueId weight(const std::string& name, const Shape& shape, float magnitude) {
    const emu::Target& t = net.q.target;
    const bool many = t.quantize.weight.granularity == emu::Granularity::per_channel;
    TensorQuantization own = quantization(1, t.quantize.weight.symmetry == emu::Symmetry::asymmetric ? 120 : 0, t.storage.weight.type, t.storage.weight.low, t.storage.weight.high);
    const size_t axis = shape.size() == 2 ? 1 : 0;
    if (many) own.axis = static_cast<int64_t>(axis);
    own.scale.assign(many ? static_cast<size_t>(shape[axis]) : 1, t.storage.weight.type.is_float() ? 1 : 0x1p-7F);
    if (t.multiplier.bits > 1) {
      for (float& s : own.scale) s = uniform(random, 0.004F, 0.008F);
    }
    return net.constant(name, noise(random, shape, magnitude), own);
  }
  ValueId bias(const std::string& name, int64_t channels) {
    const emu::Target& t = net.q.target;
    std::optional<TensorQuantization> own;
    if (t.quantize.bias_scale == emu::BiasScale::power_of_two) own = quantization(0x1p-7F, 0, t.storage.bias.type, t.storage.bias.low, t.storage.bias.high);
    return net.constant(name, noise(random, {channels}, 0.5F), own);
  }

  // Words by node output, from reals.
  std::vector<std::vector<int64_t>> simulate(const FloatTensor& input) {
    const Graph& g = net.q.graph;
    std::vector<FloatTensor> values(g.values.size());
    std::vector<std::vector<int64_t>> words;
    for (ValueId id = 0; id < values.size(); ++id) {
      if (!g.is_constant(id)) continue;
      values[id] = *g.value(id).constant;
      if (net.q.tensors[id]) fake_quantize(values[id], *net.q.tensors[id]);
    }
    values[g.inputs[0]] = input;
    fake_quantize(values[g.inputs[0]], *net.q.tensors[g.inputs[0]]);
    for (const Node& node : g.nodes) {
      Inputs inputs;
      for (const ValueId id : node.inputs) inputs.push_back(&values[id]);
      const Shape& shape = g.value(node.output).shape;
      FloatTensor y = std::visit([&](const auto& op) { return evaluate(op, inputs, shape); }, node.op);
      for (const Operator& fused : node.fused) y = std::visit([&](const auto& op) { return evaluate(op, {&y}, shape); }, fused);
      words.push_back(quantize(y, *net.q.tensors[node.output]));
      fake_quantize(y, *net.q.tensors[node.output]);
      values[node.output] = y;
    }
    return words;
  }

  Net net;
  std::mt19937_64 random;
};

struct Outputs : emu::Observer {
  std::vector<std::vector<int64_t>> words;
  void on_output(size_t, const emu::Tensor& result, const emu::OverflowCounts&) override { words.push_back(result.values()); }
};

// Each node's words within one step of the simulation, two from the third node on, where small differences have travelled. A multiplier of few bits is itself wrong by up to
// half of 2^-bits of the largest word, which comes on top; so does what a mean loses whose reciprocal is cut or is a factor of few bits.
bool has_rough_means(const emu::Target& target) {
  if (!target.average_pool) return false;
  const bool long_words = target.storage.activation.type.bits > 8 && target.average_pool->form == emu::AverageForm::axis_reciprocals;
  return long_words || target.average_pool->count_scale == emu::CountScale::floor_24 || target.average_pool->count_scale == emu::CountScale::factor;
}

// Sums in another order, rounded to words: within two of the words next to the largest number.
void expect_close_numbers(const emu::Target& target, const std::vector<std::vector<int64_t>>& words, const std::vector<std::vector<int64_t>>& expected) {
  const emu::IntType type = target.storage.activation.type;
  for (size_t n = 0; n < expected.size(); ++n) {
    float largest = 0;
    size_t equal = 0;
    for (const int64_t word : expected[n]) largest = std::max(largest, std::fabs(number_of_word(word, type)));
    for (size_t i = 0; i < expected[n].size(); ++i) {
      EXPECT_NEAR(number_of_word(words[n][i], type), number_of_word(expected[n][i], type), std::ldexp(largest, 1 - type.format.fraction_bits)) << target.name << " node " << n;
      equal += words[n][i] == expected[n][i];
    }
    EXPECT_GE(equal * 10, expected[n].size() * 4) << target.name << " node " << n << ": many are equal";
  }
}

void expect_close(const emu::Target& target) {
  EndToEnd both(target);
  Lowered lowered;
  try {
    lowered = both.net.lowered();
  } catch (const Unsupported& error) {
    GTEST_SKIP() << error.what();
  }
  const FloatTensor input = noise(both.random, {1, 3, 6, 6}, 2);
  const auto expected = both.simulate(input);
  Outputs outputs;
  emu::run(lowered.program, quantize_inputs(lowered.program, {input}), outputs, emu::Engine::reference);
  ASSERT_EQ(outputs.words.size(), expected.size());
  if (target.storage.activation.type.is_float()) return expect_close_numbers(target, outputs.words, expected);
  const int word_bits = target.storage.activation.type.bits, multiplier_bits = target.multiplier.bits;
  const int64_t coarse = multiplier_bits == 1 || multiplier_bits > word_bits + 4 ? 0 : int64_t{1} << std::max(0, word_bits - multiplier_bits);
  for (size_t n = 0; n < expected.size(); ++n) {
    const bool rough = n >= EndToEnd::kMean && has_rough_means(target);
    const int64_t allowed = (n < 2 ? 1 : 2) + coarse + (rough ? 2 : 0);
    size_t equal = 0, saturated = 0;
    for (size_t i = 0; i < expected[n].size(); ++i) {
      EXPECT_LE(std::abs(outputs.words[n][i] - expected[n][i]), allowed) << target.name << " node " << n << " element " << i;
      equal += outputs.words[n][i] == expected[n][i];
      saturated += outputs.words[n][i] == target.storage.activation.low || outputs.words[n][i] == target.storage.activation.high;
    }
    if (!rough) {
      EXPECT_GE(equal * 10, expected[n].size() * (coarse == 0 ? 7 : 4)) << target.name << " node " << n << ": most are equal";
    }
    EXPECT_LE(saturated * 2, expected[n].size()) << target.name << " node " << n << ": the test sees something";
  }
}

TEST(LowerEndToEnd, RealScalesStayWithinOneStepOfTheSimulation) {
  expect_close(real_target());
}
TEST(LowerEndToEnd, ShiftsStayWithinOneStepOfTheSimulation) {
  expect_close(shift_target());
}

class LowerOnTarget : public testing::TestWithParam<std::string> {};
TEST_P(LowerOnTarget, StaysCloseToTheSimulation) {
  expect_close(emu::load_target(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(EveryFile, LowerOnTarget, testing::ValuesIn(emu::list_targets(std::string(ASSAY_SOURCE_DIR) + "/emu/targets")),
                         [](const auto& file) { return std::filesystem::path(file.param).stem().string(); });

}  // namespace
}  // namespace assay::quant
