// Dispatchers on small networks, drawn by hand.
#include "quant/ppq/dispatch.h"

#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "quant/ppq/sockets.h"

namespace assay::ppq {
namespace {

Platform platform_of(std::set<std::string> types) {
  Platform platform;
  platform.name = platform.operation_platform = "MINE";
  platform.quantized_types = std::move(types);
  return platform;
}

// Operations by name; variables are made as they are named. "w..." are parameters.
class Drawing {
 public:
  Drawing& add(const std::string& name, const std::string& type, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
    Operation operation;
    operation.name = name, operation.type = type, operation.platform = "UNSPECIFIED";
    for (const std::string& input : inputs) operation.inputs.push_back(variable(input));
    for (const std::string& output : outputs) operation.outputs.push_back(variable(output));
    network.add_operation(std::move(operation));
    return *this;
  }
  // "a=FP32 b=SOI", U for UNSPECIFIED.
  std::string sent(const std::string& dispatcher, const Platform& platform, std::map<std::string, std::string> table = {}) {
    Settings settings;
    settings.dispatcher = dispatcher, settings.dispatching_table = std::move(table);
    warnings = dispatch(network, platform, settings);
    std::string text;
    for (const OperationId id : network.order) {
      const std::string& to = network.operation(id).platform;
      text += (text.empty() ? "" : " ") + network.operation(id).name + "=" + (to == "UNSPECIFIED" ? "U" : to);
    }
    return text;
  }

  Network network;
  std::vector<std::string> warnings;

 private:
  VariableId variable(const std::string& name) {
    if (name.empty()) return kNone;
    if (const auto found = network.find_variable(name)) return *found;
    const VariableId id = network.add_variable(name);
    network.variable(id).is_parameter = name[0] == 'w';
    return id;
  }
};

Drawing chain() {
  return Drawing()
      .add("pre", "Mul", {"x", "w0"}, {"a"})
      .add("c1", "Conv", {"a", "w1"}, {"b"})
      .add("act", "Relu", {"b"}, {"c"})
      .add("c2", "Conv", {"c", "w2"}, {"d"})
      .add("post", "Mul", {"d", "w3"}, {"e"})
      .add("end", "Softmax", {"e"}, {"y"});
}
const std::set<std::string> kTypes = {"Conv", "Relu", "Mul"};

TEST(Dispatch, ConservativeQuantizesWhatFollowsTheFirstConvolution) {
  EXPECT_EQ(chain().sent("conservative", platform_of(kTypes)), "pre=FP32 c1=U act=U c2=U post=U end=FP32");
}

TEST(Dispatch, PplnnQuantizesWhatLiesBetweenConvolutions) {
  EXPECT_EQ(chain().sent("pplnn", platform_of(kTypes)), "pre=FP32 c1=U act=U c2=U post=FP32 end=FP32");
}

TEST(Dispatch, AllinQuantizesEveryKnownType) {
  EXPECT_EQ(chain().sent("allin", platform_of(kTypes)), "pre=U c1=U act=U c2=U post=U end=FP32");
}

TEST(Dispatch, PerseusFollowsValuesBothWays) {
  EXPECT_EQ(chain().sent("perseus", platform_of(kTypes)), "pre=U c1=U act=U c2=U post=U end=U");
}

TEST(Dispatch, ConservativeLeavesALoneConvolution) {
  const auto lone = [] { return Drawing().add("c", "Conv", {"x", "w"}, {"y"}); };
  EXPECT_EQ(lone().sent("conservative", platform_of(kTypes)), "c=FP32");
  EXPECT_EQ(lone().sent("perseus", platform_of(kTypes)), "c=U");
}

TEST(Dispatch, AReluFollowsItsProducer) {
  const auto net = [] { return Drawing().add("c", "Conv", {"x", "w"}, {"a"}).add("s", "Sigmoid", {"a"}, {"b"}).add("r", "Relu", {"b"}, {"d"}).add("t", "Tanh", {"d"}, {"y"}); };
  EXPECT_EQ(net().sent("conservative", platform_of({"Conv", "Relu"})), "c=U s=FP32 r=FP32 t=FP32");
  // Also where the quantizer does not know it.
  EXPECT_EQ(net().sent("conservative", platform_of({"Conv", "Sigmoid"})), "c=U s=U r=U t=FP32");
}

// The shape of an input goes through a computation to a Reshape.
Drawing shapes() {
  return Drawing()
      .add("shape", "Shape", {"x"}, {"s"})
      .add("gather", "Gather", {"s", "w0"}, {"g"})
      .add("cat", "Concat", {"g", "w1"}, {"t"})
      .add("conv", "Conv", {"x", "w2"}, {"a"})
      .add("reshape", "Reshape", {"a", "t"}, {"b"})
      .add("relu", "Relu", {"b"}, {"y"});
}

TEST(Dispatch, ShapesAndIndicesAreSentToSoi) {
  // Shape takes its input's place, which has no producer.
  EXPECT_EQ(shapes().sent("conservative", platform_of({"Conv", "Reshape", "Relu", "Concat"})), "shape=FP32 gather=SOI cat=SOI conv=U reshape=U relu=U");
  EXPECT_EQ(shapes().sent("perseus", platform_of({"Conv", "Reshape", "Relu"})), "shape=SOI gather=SOI cat=SOI conv=U reshape=U relu=U");
}

TEST(Dispatch, ValuesEndWhereTheyOnlySayAShape) {
  Drawing net;
  net.add("conv", "Conv", {"x", "w"}, {"a"}).add("relu", "Relu", {"a"}, {"b"}).add("cast", "Cast", {"a"}, {"c"});
  net.add("fill", "ConstantOfShape", {"c"}, {"d"}).add("mul", "Mul", {"d", "w2"}, {"y"});
  EXPECT_EQ(net.sent("conservative", platform_of({"Conv", "Relu", "Cast", "ConstantOfShape", "Mul"})), "conv=U relu=U cast=SOI fill=SOI mul=SOI");
}

TEST(Dispatch, AShapeThatAConvolutionDecidesIsComputedInFp32) {
  Drawing net;
  net.add("conv", "Conv", {"x", "w"}, {"a"}).add("cast", "Cast", {"a"}, {"s"}).add("reshape", "Reshape", {"x", "s"}, {"y"});
  EXPECT_EQ(net.sent("conservative", platform_of({"Conv", "Reshape"})), "conv=U cast=FP32 reshape=FP32");
}

TEST(Dispatch, TheTableOverridesAndNamesWhatItDoesNotFind) {
  Drawing net = chain();
  EXPECT_EQ(net.sent("conservative", platform_of(kTypes), {{"c2", "FP32"}, {"pre", "MINE"}, {"FP32 OPERATION NAME", "FP32"}}), "pre=MINE c1=U act=U c2=FP32 post=U end=FP32");
  ASSERT_EQ(net.warnings.size(), 1U);
  EXPECT_NE(net.warnings[0].find("'FP32 OPERATION NAME'"), std::string::npos);
  EXPECT_THROW(net.sent("conservative", platform_of(kTypes), {{"c2", "YOURS"}}), InputError);
}

TEST(Dispatch, WhatPpqCannotRunIsRefusedWithItsReason) {
  for (const char* name : {"aggresive", "pointwise", "pursus"}) {
    try {
      chain().sent(name, platform_of(kTypes));
      FAIL() << name;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
}

TEST(Dispatch, FollowsADeepGraphWithoutRecursion) {
  Drawing net;
  Network& network = net.network;
  VariableId last = network.add_variable("x");
  for (int i = 0; i < 20000; ++i) {
    Operation operation;
    operation.name = std::to_string(i), operation.type = i == 1 ? "Conv" : "Relu";
    operation.inputs = {last}, operation.outputs = {last = network.add_variable("v" + std::to_string(i))};
    network.add_operation(std::move(operation));
  }
  dispatch(network, platform_of({"Conv", "Relu"}), {});
  EXPECT_EQ(network.operation(0).platform, "FP32");
  EXPECT_EQ(network.operation(19999).platform, "UNSPECIFIED");
}

TEST(Sockets, HaveAnEntryPerSlot) {
  Operation slice;
  slice.type = "Slice", slice.inputs = {0, 1, 2}, slice.outputs = {3};
  const Socket socket = socket_of(slice);
  EXPECT_EQ(socket.inputs, (std::vector<Flow>{Flow::value, Flow::shape_or_index, Flow::shape_or_index}));
  EXPECT_EQ(socket.outputs, std::vector<Flow>{Flow::value});
  EXPECT_EQ(socket.links.size(), 1U);
  slice.type = "Concat";
  EXPECT_EQ(socket_of(slice).links.size(), 3U);
}

}  // namespace
}  // namespace assay::ppq
