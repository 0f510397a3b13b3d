// Rewrites of the graph: the same function before and after, and nothing where the form is not quite the one.
#include "quant/ppq/graph_rewrites.h"

#include <gtest/gtest.h>

#include <cmath>

#include "emu/base/error.h"
#include "quant/ppq/executor.h"
#include "tests/ppq/small_network.h"

namespace assay::ppq {
namespace {

// Operations that are in floating point, between x [2, 3, 4] and y.
class Net : public test::SmallNetwork {
 public:
  Net() {
    parameter("two", {}, {2}), parameter("sqrt2", {}, {std::sqrt(2.0F)}), parameter("one", {}, {1}), parameter("half", {}, {0.5F}), parameter("eps", {1}, {1e-3F});
    parameter("gamma", {4}, {1, 2, 3, 4}), parameter("beta", {4}, {-1, 0, 1, 2}), parameter("w", {4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, 0, 1, 0, 1});
  }
  Net& node(const std::string& name, const std::string& type, const std::vector<std::string>& inputs, const std::string& output) {
    network.operation(add(name, type, inputs, {output})).quantized = false;
    return *this;
  }
  Net& end(const std::string& output) {
    network.inputs = {*network.find_variable("x")}, network.outputs = {*network.find_variable(output)};
    network.variable(network.inputs[0]).shape = {2, 3, 4};
    return *this;
  }
  std::vector<float> run() const {
    FloatTensor x({2, 3, 4});
    for (size_t i = 0; i < x.size(); ++i) x.data[i] = std::sin(static_cast<float>(i) * 1.7F) * 3;
    return Executor(network).run({x}, Executor::Mode::fp32).at(0).data;
  }
  std::string types() const {
    std::string text;
    for (const OperationId id : network.order) text += (text.empty() ? "" : " ") + network.operation(id).type;
    return text;
  }
};

void expect_same(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5 * (1 + std::abs(b[i]))) << i;
}

Net layernorm(const std::string& power = "two") {
  Net net;
  net.node("relu", "LeakyRelu", {"x"}, "a").node("mean", "ReduceMean", {"a"}, "m").node("sub", "Sub", {"a", "m"}, "c").node("pow", "Pow", {"c", power}, "p");
  net.node("variance", "ReduceMean", {"p"}, "v").node("add", "Add", {"v", "eps"}, "e").node("sqrt", "Sqrt", {"e"}, "r").node("div", "Div", {"c", "r"}, "q");
  net.node("mul", "Mul", {"q", "gamma"}, "g").node("shift", "Add", {"g", "beta"}, "y").end("y");
  for (const char* name : {"mean", "variance"}) net.network.operation(*net.network.find_operation(name)).attributes["axes"] = std::vector<int64_t>{-1};
  return net;
}

TEST(GraphRewrites, LayerNormalizationIsTheSameFunction) {
  Net net = layernorm();
  const std::vector<float> before = net.run();
  EXPECT_EQ(rewrite_graph(net.network, "fuse_layernorm").changes.size(), 1U);
  EXPECT_EQ(net.types(), "LeakyRelu LayerNormalization");
  expect_same(net.run(), before);
}

TEST(GraphRewrites, WhatIsNotQuiteALayerNormalizationStays) {
  Net other_power = layernorm("one");
  EXPECT_EQ(rewrite_graph(other_power.network, "fuse_layernorm").warnings.size(), 1U);
  Net other_axis = layernorm();
  other_axis.network.operation(*other_axis.network.find_operation("mean")).attributes["axes"] = std::vector<int64_t>{1};
  EXPECT_TRUE(rewrite_graph(other_axis.network, "fuse_layernorm").changes.empty());
  Net read_twice = layernorm();
  read_twice.node("more", "LeakyRelu", {"r"}, "z");
  EXPECT_TRUE(rewrite_graph(read_twice.network, "fuse_layernorm").changes.empty());
}

Net gelu(const std::string& divisor) {
  Net net;
  net.node("relu", "LeakyRelu", {"x"}, "a").node("div", "Div", {"a", divisor}, "d").node("erf", "Erf", {"d"}, "e").node("add", "Add", {"e", "one"}, "f");
  net.node("mul", "Mul", {"a", "f"}, "g").node("halve", "Mul", {"g", "half"}, "y").end("y");
  return net;
}

TEST(GraphRewrites, GeluIsTheSameFunction) {
  Net net = gelu("sqrt2");
  const std::vector<float> before = net.run();
  EXPECT_EQ(rewrite_graph(net.network, "fuse_gelu").changes.size(), 1U);
  EXPECT_EQ(net.types(), "LeakyRelu Gelu");
  expect_same(net.run(), before);
  Net other = gelu("two");
  EXPECT_TRUE(rewrite_graph(other.network, "fuse_gelu").changes.empty());
}

TEST(GraphRewrites, MatMulTakesTheAddedConstant) {
  Net net;
  net.node("matmul", "MatMul", {"x", "w"}, "m").node("add", "Add", {"beta", "m"}, "b").node("relu", "LeakyRelu", {"b"}, "y").end("y");
  const std::vector<float> before = net.run();
  EXPECT_EQ(rewrite_graph(net.network, "fuse_matmul_add").changes.size(), 1U);
  EXPECT_EQ(net.types(), "PPQBiasFusedMatMul LeakyRelu");
  expect_same(net.run(), before);
}

TEST(GraphRewrites, OfAnotherNameAreRefused) {
  Net net;
  EXPECT_THROW(rewrite_graph(net.network, "fuse_gellu"), InputError);
}

}  // namespace
}  // namespace assay::ppq
