#include "quant/ppq/to_graph.h"

#include <gtest/gtest.h>

#include "tests/ppq/small_network.h"

namespace assay::ppq {
namespace {

struct Gemm {
  Gemm() {
    small.parameter("w", {2, 3}, {1, 2, 3, 4, 5, 6});
    small.add("gemm", "Gemm", {"x", "w"}, {"y"});
    network.operation(0).quantized = true;
    for (const ConfigId id : {small.in("gemm", 0), small.in("gemm", 1), small.out("gemm")}) small.calibrate(id, 0.5F);
  }
  std::map<std::string, quant::StatedScale> scales() const { return stated_scales(network, quant::Graph{}); }
  test::SmallNetwork small;
  Network& network = small.network;
};

TEST(StatedScales, OfASymmetricSlotPutZeroInTheMiddleOfWordsWithOffsets) {
  Gemm gemm;
  for (const int64_t lowest : {-128, -127}) {  // one word fewer below does not move 0
    gemm.small.at(gemm.small.out("gemm")).quant_min = lowest;
    EXPECT_EQ(gemm.scales().at("y").offset, 128);
  }
}

TEST(StatedScales, OfAnAsymmetricSlotCountTheOffsetFromItsLowestWord) {
  Gemm gemm;
  for (const int64_t lowest : {0, -128}) {
    Configuration& y = gemm.small.at(gemm.small.out("gemm"));
    y.policy.asymmetric = true;
    y.quant_min = lowest, y.quant_max = lowest + 255;
    gemm.small.calibrate(gemm.small.out("gemm"), 0.5F, static_cast<float>(lowest + 7));
    EXPECT_EQ(gemm.scales().at("y").offset, 7);
  }
}

TEST(StatedScales, OfAWeightAlongItsInputChannelsAreNamedAndLeftOut) {
  Gemm gemm;
  EXPECT_TRUE(weights_along_inputs(gemm.network).empty());
  Configuration& w = gemm.small.at(gemm.small.in("gemm", 1));
  w.policy.per_channel = true, w.channel_axis = 0;
  EXPECT_EQ(weights_along_inputs(gemm.network), std::vector<std::string>{"w"});
  gemm.network.operation(0).attributes["transB"] = int64_t{1};
  EXPECT_TRUE(weights_along_inputs(gemm.network).empty());
}

// x / 6 reaches the chip as x * (1 / 6): the scale of 6 would leave 1 / 6 three bits.
TEST(StatedScales, OfADivisorAreNotThoseOfItsReciprocal) {
  for (const std::string type : {"Div", "Mul"}) {
    test::SmallNetwork small;
    small.parameter("six", {1}, {6});
    small.add("node", type, {"x", "six"}, {"y"});
    Network& network = small.network;
    network.opset = 13;
    network.operation(0).quantized = true;
    for (const ConfigId id : {small.in("node", 0), small.in("node", 1), small.out("node")}) small.calibrate(id, 0.5F);
    for (const char* end : {"x", "y"}) network.variable(*network.find_variable(end)).shape = {1, 4};
    network.inputs = {*network.find_variable("x")}, network.outputs = {*network.find_variable("y")};
    const quant::Graph graph = to_graph(network);
    ASSERT_EQ(graph.nodes.size(), 1U);
    ASSERT_TRUE(graph.is_constant(graph.nodes[0].inputs.at(1)));
    EXPECT_EQ(stated_scales(network, graph).count(graph.value(graph.nodes[0].inputs[1]).name), type == "Mul" ? 1U : 0U) << type;
  }
}

}  // namespace
}  // namespace assay::ppq
