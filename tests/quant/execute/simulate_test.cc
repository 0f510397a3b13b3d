#include "quant/execute/simulate.h"

#include <gtest/gtest.h>

#include <map>

#include "quant/fake_quantize.h"
#include "tests/quant/execute/small_graph.h"

namespace assay::quant {
namespace {

using test::random_tensor;
using test::SmallGraph;

TensorQuantization step(float scale, emu::Round round = emu::Round::half_even) {
  TensorQuantization own;
  own.state = State::activated;
  own.storage = {emu::kS8, -128, 127};
  own.round = round;
  own.scale = {scale};
  return own;
}

// x -> conv (relu) -> pad -> y, in steps of powers of two: every product is exact.
struct SimulatedNet {
  SmallGraph small;
  ValueId x, w, b, conv, pad;
  Quantized quantized;

  explicit SimulatedNet(emu::Round round = emu::Round::half_even) {
    x = small.input("x", {1, 1, 2, 2});
    w = small.constant("w", {{1, 1, 1, 1}, {0.7F}});
    b = small.constant("b", {{1}, {0.3F}});
    conv = small.node("conv", Conv{}, {x, w, b}, {1, 1, 2, 2}, {Relu{}});
    pad = small.node("pad", Pad{{0, 0, 0, 1}, {0, 0, 0, 0}, 0.4F}, {conv}, {1, 1, 2, 3});
    small.output(pad);
    quantized = {small.graph, {}, {}};
    quantized.tensors.resize(small.graph.values.size());
    quantized.tensors[x] = step(0.5F);
    quantized.tensors[w] = step(0.25F);
    quantized.tensors[b] = step(0.125F);
    quantized.tensors[conv] = step(0.25F, round);
    quantized.tensors[pad] = step(0.25F, round);
  }
};

TEST(Simulator, QuantizesInputsParametersAndEveryValue) {
  const SimulatedNet net;
  const Simulator simulator(net.quantized);
  EXPECT_EQ(simulator.baked_graph().value(net.w).constant->data, (std::vector<float>{0.75F}));
  EXPECT_EQ(simulator.baked_graph().value(net.b).constant->data, (std::vector<float>{0.25F}));
  std::map<ValueId, std::vector<float>> seen;
  // 0.8 -> 1, 1.3 -> 1.5, -2 -> -2, 100 -> 63.5 (127 steps).
  const std::vector<FloatTensor> outputs = simulator.run({{{1, 1, 2, 2}, {0.8F, 1.3F, -2.0F, 100.0F}}}, [&](ValueId id, FloatTensor& tensor) { seen[id] = tensor.data; });
  EXPECT_EQ(seen[net.x], (std::vector<float>{1, 1.5F, -2, 63.5F}));
  // 0.75 * 1 + 0.25 = 1; 1.375 is a tie between 1.25 and 1.5, 6 steps are even; relu; 31.75 is the largest.
  EXPECT_EQ(seen[net.conv], (std::vector<float>{1, 1.5F, 0, 31.75F}));
  EXPECT_EQ(outputs[0].data, (std::vector<float>{0.5F, 1, 1.5F, 0.5F, 0, 31.75F}));
}

TEST(Simulator, LeavesTheOriginalParametersAlone) {
  const SimulatedNet net;
  const Simulator simulator(net.quantized);
  EXPECT_EQ(net.quantized.graph.value(net.w).constant->data, (std::vector<float>{0.7F}));
}

TEST(Simulator, DoesNotRoundMovedValuesAgain) {
  // 3 steps of 0.1 are 0.3 less an ulp below three steps: floor would give 2 the second time.
  SmallGraph small;
  const ValueId x = small.input("x", {1, 256});
  const ValueId flat = small.node("flat", Reshape{}, {x}, {256});
  small.output(flat);
  Quantized quantized{small.graph, {}, {}};
  quantized.tensors.resize(2);
  quantized.tensors[x] = quantized.tensors[flat] = step(0.0371F, emu::Round::floor);
  FloatTensor input(Shape{1, 256});
  for (size_t i = 0; i < 256; ++i) input.data[i] = 0.0371F * (static_cast<float>(i) - 127.5F);
  FloatTensor once = input, twice;
  fake_quantize(once, *quantized.tensors[x]);
  twice = once;
  fake_quantize(twice, *quantized.tensors[x]);
  ASSERT_NE(once.data, twice.data) << "the example no longer shows anything";
  EXPECT_EQ(Simulator(quantized).run({input}).at(0).data, once.data);
}

TEST(Simulator, IsTheExecutorWhereNothingIsQuantized) {
  SimulatedNet net;
  for (auto& own : net.quantized.tensors) own.reset();
  const FloatTensor x = random_tensor({1, 1, 2, 2}, 4);
  EXPECT_EQ(Simulator(net.quantized).run({x}), Executor(net.small.graph).run({x}));
}

}  // namespace
}  // namespace assay::quant
