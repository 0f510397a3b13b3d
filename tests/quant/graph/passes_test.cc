// The passes do not change what the graph computes, and they leave the names that they promise.
#include "quant/graph/passes/passes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "emu/target/load_target.h"
#include "tests/quant/onnx/small_model.h"

namespace assay::quant {
namespace {

using testing_onnx::ramp;
using testing_onnx::run;
using testing_onnx::SmallModel;

void expect_same_outputs(const Graph& before, const Graph& after) {
  std::map<std::string, FloatTensor> inputs;
  for (const ValueId id : before.inputs) inputs[before.value(id).name] = ramp(before.value(id).shape);
  const auto a = run(before, inputs), b = run(after, inputs);
  ASSERT_EQ(before.outputs.size(), after.outputs.size());
  for (size_t i = 0; i < before.outputs.size(); ++i) {
    const std::string& name = before.value(before.outputs[i]).name;
    ASSERT_EQ(after.value(after.outputs[i]).name, name);
    const FloatTensor &x = a.at(name), &y = b.at(name);
    ASSERT_EQ(x.shape, y.shape);
    for (size_t k = 0; k < x.size(); ++k) ASSERT_NEAR(x.data[k], y.data[k], 1e-4F * (1 + std::abs(x.data[k]))) << name << " " << k;
  }
}

SmallModel conv_model(bool transposed, int64_t groups) {
  SmallModel model;
  model.input("x", {1, 4, 5, 5}).floats("w", transposed ? Shape{4, 6 / groups, 2, 2} : Shape{6, 4 / groups, 2, 2}).output("y");
  model.node(transposed ? "ConvTranspose" : "Conv", {"x", "w"}, {"c"}).name("conv").i("group", groups);
  return model;
}

TEST(FoldBiasAdd, MakesTheConstantTheBias) {
  auto model = conv_model(false, 1);
  model.floats("b", {6, 1, 1}).node("Add", {"b", "c"}, {"y"});
  Graph graph = model.import();
  const Graph before = graph;
  fold_bias_add(graph);
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.nodes[0].name, "conv");
  EXPECT_EQ(graph.value(graph.nodes[0].output).name, "y");
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[2]).shape, Shape{6});
  expect_same_outputs(before, graph);
}

TEST(FoldBiasAdd, AddsToABiasThatIsThere) {
  SmallModel model;
  model.input("x", {2, 3}).floats("w", {3, 4}).floats("b", {4}).floats("c", {1}).output("y");
  model.node("Gemm", {"x", "w", "b"}, {"g"});
  model.node("Add", {"g", "c"}, {"y"});
  Graph graph = model.import();
  const Graph before = graph;
  fold_bias_add(graph);
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[2]).constant->data, (std::vector<float>{0.5F, 0.75F, 1.0F, 1.25F}));
  expect_same_outputs(before, graph);
}

TEST(FoldBiasAdd, LeavesWhatIsNotPerChannelOrIsReadElsewhere) {
  auto rows = conv_model(false, 1);
  rows.floats("b", {4}).node("Add", {"c", "b"}, {"y"});
  auto read_twice = conv_model(false, 1);
  read_twice.floats("b", {6, 1, 1}).node("Add", {"c", "b"}, {"y"});
  read_twice.node("Relu", {"c"}, {"z"});
  read_twice.output("z");
  auto output = conv_model(false, 1);
  output.floats("b", {6, 1, 1}).output("c").node("Add", {"c", "b"}, {"y"});
  for (const auto& model : {rows, read_twice, output}) {
    Graph graph = model.import();
    const std::string before = print(graph);
    fold_bias_add(graph);
    EXPECT_EQ(print(graph), before);
  }
}

TEST(FoldBatchNorm, UsesTheFloat32FormulaOfPpq) {
  auto model = conv_model(false, 2);
  model.floats("gamma", {6}).floats("beta", {6}).floats("mean", {6}).floats("variance", {6}).floats("bias", {6});
  model.proto.mutable_graph()->mutable_node(0)->add_input("bias");
  model.node("BatchNormalization", {"c", "gamma", "beta", "mean", "variance"}, {"y"}).f("epsilon", 0.01F);
  Graph graph = model.import();
  const Graph before = graph;
  fold_batch_norm(graph);
  ASSERT_EQ(graph.nodes.size(), 1U);
  const auto& node = graph.nodes[0];
  EXPECT_EQ(graph.value(node.output).name, "y");
  EXPECT_EQ(graph.value(node.inputs[1]).name, "conv_weight");
  EXPECT_EQ(graph.value(node.inputs[2]).name, "conv_bias");
  // Channel 4: gamma = beta = mean = variance = bias = 1.25; its first weight is element 32 of 0.25, 0.5 ...
  const float d = std::sqrt(1.25F + 0.01F);
  EXPECT_EQ(graph.value(node.inputs[1]).constant->data[32], 0.25F * 33 * (1.25F / d));
  EXPECT_EQ(graph.value(node.inputs[2]).constant->data[4], 1.25F * (1.25F - 1.25F) / d + 1.25F);
  expect_same_outputs(before, graph);
}

TEST(FoldBatchNorm, FindsTheChannelsOfGroupedTransposedConvolutionsAndOfMatrices) {
  for (const int64_t groups : {1, 2}) {
    auto model = conv_model(true, groups);
    model.floats("gamma", {6}).floats("beta", {6}).floats("mean", {6}).floats("variance", {6});
    model.node("BatchNormalization", {"c", "gamma", "beta", "mean", "variance"}, {"y"});
    Graph graph = model.import();
    const Graph before = graph;
    fold_batch_norm(graph);
    EXPECT_EQ(graph.nodes.size(), 1U);
    expect_same_outputs(before, graph);
  }
  SmallModel matrix;
  matrix.input("x", {2, 3}).floats("w", {3, 4}).floats("g", {4}).floats("v", {4}).output("y");
  matrix.node("MatMul", {"x", "w"}, {"m"});
  matrix.node("BatchNormalization", {"m", "g", "g", "g", "v"}, {"y"});
  Graph graph = matrix.import();
  const Graph before = graph;
  fold_batch_norm(graph);
  EXPECT_EQ(graph.nodes.size(), 1U);
  expect_same_outputs(before, graph);
}

TEST(FoldBatchNorm, MakesADepthwiseConvWhereNothingComesBefore) {
  for (const Shape& shape : {Shape{2, 3, 4, 4}, Shape{2, 3, 5}, Shape{2, 3}}) {
    SmallModel model;
    model.input("x", shape).floats("g", {3}).floats("b", {3}).floats("v", {3}).output("y").node("BatchNormalization", {"x", "g", "b", "b", "v"}, {"y"});
    Graph graph = model.import();
    const Graph before = graph;
    fold_batch_norm(graph);
    ASSERT_EQ(graph.nodes.size(), shape.size() == 4 ? 1U : 3U);
    EXPECT_EQ(std::get<Conv>(graph.nodes[shape.size() == 4 ? 0 : 1].op).groups, 3);
    expect_same_outputs(before, graph);
  }
}

TEST(FuseActivations, MovesAChainIntoItsOnlyProducer) {
  auto model = conv_model(false, 1);
  model.floats("high", {}, {6}).node("Relu", {"c"}, {"r"});
  model.node("Clip", {"r", "", "high"}, {"y"});
  Graph graph = model.import();
  const Graph before = graph;
  fuse_activations(graph);
  ASSERT_EQ(graph.nodes.size(), 1U);
  ASSERT_EQ(graph.nodes[0].fused.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<Relu>(graph.nodes[0].fused[0]));
  EXPECT_EQ(graph.value(graph.nodes[0].output).name, "y");
  expect_same_outputs(before, graph);
}

TEST(FuseActivations, LeavesAnActivationWhoseInputIsReadElsewhereOrIsNotComputed) {
  auto shared = conv_model(false, 1);
  shared.node("Relu", {"c"}, {"r"});
  shared.node("Add", {"r", "c"}, {"y"});
  SmallModel pooled;
  pooled.input("x", {1, 1, 4, 4}).output("y");
  pooled.node("MaxPool", {"x"}, {"m"}).is("kernel_shape", {2, 2});
  pooled.node("Relu", {"m"}, {"y"});
  for (const auto& model : {shared, pooled}) {
    Graph graph = model.import();
    const std::string before = print(graph);
    fuse_activations(graph);
    EXPECT_EQ(print(graph), before);
  }
}

emu::Target built_in_target(const std::string& name) {
  return emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/" + name + ".toml");
}

TEST(FuseLeakyRelu, MovesItIntoASumWhoseStepsHoldASlopeAndWhatFollowsToo) {
  for (const bool transposed : {false, true}) {
    auto model = conv_model(transposed, 1);
    model.floats("high", {}, {1.5F}).node("LeakyRelu", {"c"}, {"l"}).f("alpha", 0.25F);
    model.node("Clip", {"l", "", "high"}, {"y"});
    Graph graph = model.import();
    simplify(graph);
    const Graph before = graph;
    fuse_leaky_relu(graph, built_in_target("mnn"));
    EXPECT_EQ(print(graph), print(before)) << "a target without the step keeps the nodes apart";
    fuse_leaky_relu(graph, built_in_target("ncnn_int8"));
    ASSERT_EQ(graph.nodes.size(), 1U);
    ASSERT_EQ(graph.nodes[0].fused.size(), 2U);
    EXPECT_EQ(std::get<LeakyRelu>(graph.nodes[0].fused[0]).alpha, 0.25F);
    EXPECT_EQ(graph.value(graph.nodes[0].output).name, "y");
    expect_same_outputs(before, graph);
  }
}

TEST(FuseLeakyRelu, LeavesOneThatIsReadElsewhereOrFollowsAnotherActivationOrNoSum) {
  auto shared = conv_model(false, 1);
  shared.node("LeakyRelu", {"c"}, {"r"});
  shared.node("Add", {"r", "c"}, {"y"});
  auto second = conv_model(false, 1);
  second.node("Relu", {"c"}, {"r"});
  second.node("LeakyRelu", {"r"}, {"y"});
  SmallModel pooled;
  pooled.input("x", {1, 1, 4, 4}).output("y");
  pooled.node("AveragePool", {"x"}, {"m"}).is("kernel_shape", {2, 2});
  pooled.node("LeakyRelu", {"m"}, {"y"});
  for (const auto& model : {shared, second, pooled}) {
    Graph graph = model.import();
    simplify(graph);
    const std::string before = print(graph);
    fuse_leaky_relu(graph, built_in_target("ncnn_int8"));
    EXPECT_EQ(print(graph), before);
  }
}

TEST(RemoveDead, KeepsInputsAndWhatOutputsNeed) {
  SmallModel model;
  model.input("x", {2}).input("unused", {3}).floats("w", {2}).output("y");
  model.node("Add", {"x", "w"}, {"dead"});
  model.node("Relu", {"x"}, {"y"});
  Graph graph = model.import();
  remove_dead(graph);
  EXPECT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.values.size(), 3U);
  EXPECT_EQ(graph.inputs.size(), 2U);
}

TEST(Simplify, RemovesMovesThatChangeNothingAndJoinsReshapes) {
  SmallModel model;
  model.input("x", {2, 3, 1}).ints("flat", {-1}).ints("back", {2, 3, 1}).output("y").output("z");
  model.node("Reshape", {"x", "flat"}, {"a"});
  model.node("Reshape", {"a", "back"}, {"b"});
  model.node("Transpose", {"b"}, {"t"}).is("perm", {0, 1, 2});
  model.node("Exp", {"t"}, {"y"});
  model.node("Reshape", {"x", "back"}, {"z"});
  Graph graph = model.import();
  const Graph before = graph;
  simplify(graph);
  ASSERT_EQ(graph.nodes.size(), 2U) << print(graph);  // Exp, and the Reshape that makes the output z
  expect_same_outputs(before, graph);
}

TEST(Graph, MakesNamesUnique) {
  Graph graph;
  graph.add_value("a", {1});
  EXPECT_EQ(graph.value(graph.add_value("a", {1})).name, "a_1");
  EXPECT_EQ(graph.value(graph.add_constant("a", FloatTensor({1}))).name, "a_2");
  EXPECT_EQ(graph.value(graph.add_value("", {1})).name, "value");
}

TEST(Graph, CheckFindsABrokenGraph) {
  SmallModel model;
  model.input("x", {2}).output("y").node("Relu", {"x"}, {"r"});
  model.node("Exp", {"r"}, {"y"});
  const Graph good = model.import();
  const auto broken = [&](auto damage) {
    Graph graph = good;
    damage(graph);
    EXPECT_THROW(check(graph), InternalError);
  };
  check(good);
  broken([](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); });
  broken([](Graph& g) { g.values[1].name = g.values[0].name; });
  broken([](Graph& g) { g.values[1].name.clear(); });
  broken([](Graph& g) { g.nodes[1].output = g.nodes[0].output; });
  broken([](Graph& g) { g.nodes[1].inputs.push_back(g.nodes[1].inputs[0]); });
  broken([](Graph& g) { g.nodes[0].inputs[0] = 99; });
  broken([](Graph& g) { g.nodes[0].fused.push_back(Softmax{}); });
}

}  // namespace
}  // namespace assay::quant
