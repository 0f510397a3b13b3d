// What becomes of each operator and of each opset's way to write it. Shapes are compared with onnx's own inference.
#include <cmath>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#define ONNX_ML 1
#define ONNX_NAMESPACE onnx
#include <onnx/shape_inference/implementation.h>
#pragma GCC diagnostic pop

#include "tests/quant/onnx/small_model.h"

namespace assay::quant::testing_onnx {
namespace {

// Imports and compares every value's shape with what onnx infers for the whole model.
Graph import_as_onnx_infers(const SmallModel& model) {
  Graph graph = model.import();
  onnx::ModelProto inferred = model.proto;
  onnx::shape_inference::InferShapes(inferred, onnx::OpSchemaRegistry::Instance(), onnx::ShapeInferenceOptions(true, 1, true));
  std::map<std::string, Shape> theirs;
  const auto note = [&](const onnx::ValueInfoProto& info) {
    if (!info.type().tensor_type().has_shape()) return;  // onnx could not tell
    Shape shape;
    for (const auto& dim : info.type().tensor_type().shape().dim()) shape.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    theirs[info.name()] = shape;
  };
  for (const auto& info : inferred.graph().value_info()) note(info);
  for (const auto& info : inferred.graph().output()) note(info);
  for (const Value& value : graph.values) {
    const auto found = theirs.find(value.name);
    if (found == theirs.end() || std::count(found->second.begin(), found->second.end(), -1) != 0) continue;
    EXPECT_EQ(value.shape, found->second) << value.name;
  }
  return graph;
}

// One node from x to y with more inputs as given.
SmallModel one(int64_t opset, const Shape& x) {
  SmallModel model(opset);
  model.input("x", x).output("y");
  return model;
}

template <class T>
const T& only(const Graph& graph) {
  EXPECT_EQ(graph.nodes.size(), 1U) << print(graph);
  EXPECT_TRUE(std::holds_alternative<T>(graph.nodes.at(0).op)) << print(graph);
  return std::get<T>(graph.nodes.at(0).op);
}

using Numbers = std::vector<int64_t>;

TEST(ImportConv, PutsTheOddElementOfSameUpperAtTheEndAndOfSameLowerAtTheBegin) {
  for (const bool upper : {true, false}) {
    auto model = one(11, {1, 1, 6, 5});
    model.floats("w", {2, 1, 3, 2}).node("Conv", {"x", "w"}, {"y"}).s("auto_pad", upper ? "SAME_UPPER" : "SAME_LOWER").is("strides", {2, 1});
    const Graph graph = import_as_onnx_infers(model);
    EXPECT_EQ(only<Conv>(graph).pads, upper ? (Numbers{0, 0, 1, 1}) : (Numbers{1, 1, 0, 0}));
    EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 2, 3, 5}));
  }
}

TEST(ImportConv, OfOneDimensionIsAConvOnOneRow) {
  auto model = one(11, {1, 2, 9});
  model.floats("w", {4, 2, 3}).floats("b", {4}).node("Conv", {"x", "w", "b"}, {"y"}).name("c").is("pads", {2, 1}).is("strides", {2}).is("dilations", {2});
  const Graph graph = import_as_onnx_infers(model);
  ASSERT_EQ(graph.nodes.size(), 3U);
  const auto& conv = std::get<Conv>(graph.nodes[1].op);
  EXPECT_EQ(conv.pads, (Numbers{0, 2, 0, 1}));
  EXPECT_EQ(conv.stride, (Numbers{1, 2}));
  EXPECT_EQ(conv.dilation, (Numbers{1, 2}));
  EXPECT_EQ(graph.value(graph.nodes[1].inputs[1]).shape, (Shape{4, 2, 1, 3}));
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 4, 4}));
}

TEST(ImportConv, RefusesWhatDoesNotFit) {
  const auto conv = [](const Shape& w, auto attributes) {
    auto model = one(11, {1, 4, 5, 5});
    model.floats("w", w);
    auto node = model.node("Conv", {"x", "w"}, {"y"});
    attributes(node);
    return input_error(model);
  };
  const auto nothing = [](NodeProto&) {};
  EXPECT_NE(conv({2, 3, 3, 3}, nothing).find("does not fit"), std::string::npos);
  EXPECT_NE(conv({2, 4, 7, 3}, nothing).find("reaches over 7"), std::string::npos);
  EXPECT_NE(conv({2, 4, 3, 3}, [](NodeProto& n) { n.is("strides", {0, 1}); }).find("strides"), std::string::npos);
  EXPECT_NE(conv({2, 4, 3, 3}, [](NodeProto& n) { n.is("pads", {-1, 0, 0, 0}); }).find("pads"), std::string::npos);
  EXPECT_NE(conv({2, 4, 3, 3}, [](NodeProto& n) { n.is("kernel_shape", {2, 2}); }).find("contradicts"), std::string::npos);
  EXPECT_NE(conv({2, 4, 3, 3}, [](NodeProto& n) { n.i("group", 0); }).find("group"), std::string::npos);
  EXPECT_NE(conv({2, 4, 3, 3}, [](NodeProto& n) { n.s("auto_pad", "SAME"); }).find("auto_pad"), std::string::npos);
  EXPECT_NE(conv({2, 4, 3, 3}, [](NodeProto& n) { n.i("invented", 1); }).find("invented"), std::string::npos);
}

TEST(ImportConvTranspose, SharesOutPaddingForAnOutputShape) {
  auto model = one(11, {1, 2, 4, 4});
  model.floats("w", {2, 3, 3, 3}).node("ConvTranspose", {"x", "w"}, {"y"}).is("strides", {2, 2}).is("output_shape", {8, 8});
  const Graph graph = import_as_onnx_infers(model);
  EXPECT_EQ(only<ConvTranspose>(graph).pads, (Numbers{1, 1, 0, 0}));
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 3, 8, 8}));
}

TEST(ImportGemm, FoldsFactorsAndTransposesIntoConstants) {
  auto model = one(9, {2, 3});
  model.floats("w", {4, 3}).floats("c", {1, 4}).node("Gemm", {"x", "w", "c"}, {"y"}).f("alpha", 0.5F).f("beta", 3.0F).i("transB", 1);
  const Graph graph = import_as_onnx_infers(model);
  only<MatMul>(graph);
  const FloatTensor& w = *graph.value(graph.nodes[0].inputs[1]).constant;
  EXPECT_EQ(w.shape, (Shape{3, 4}));
  EXPECT_EQ(w.data[1], 0.5F * 0.25F * 4);  // [0, 1] is the given [1, 0]
  EXPECT_EQ(*graph.value(graph.nodes[0].inputs[2]).constant, FloatTensor({4}, {0.75F, 1.5F, 2.25F, 3.0F}));
}

TEST(ImportClip, TakesItsLimitsFromAttributesBeforeOpset11AndFromInputsSince) {
  auto old = one(7, {2});
  old.node("Clip", {"x"}, {"y"}).f("min", -1).f("max", 6);
  auto recent = one(11, {2});
  recent.floats("low", {}, {-1}).floats("high", {}, {6}).node("Clip", {"x", "low", "high"}, {"y"});
  for (const auto& model : {old, recent}) {
    const Graph graph = import_as_onnx_infers(model);
    EXPECT_EQ(only<Clip>(graph).low, -1);
    EXPECT_EQ(only<Clip>(graph).high, 6);
  }
  auto open = one(12, {2});
  open.floats("high", {}, {INFINITY}).floats("low", {}, {0}).node("Clip", {"x", "low", "high"}, {"y"});
  EXPECT_EQ(only<Clip>(open.import()).high, std::numeric_limits<float>::max());
}

TEST(ImportMax, WithAConstantIsAClip) {
  auto model = one(13, {1, 2, 3});
  model.floats("c", {1, 1, 1}, {-0.5F}).node("Max", {"c", "x"}, {"y"});
  const Graph graph = import_as_onnx_infers(model);
  EXPECT_EQ(only<Clip>(graph).low, -0.5F);
  EXPECT_EQ(only<Clip>(graph).high, std::numeric_limits<float>::max());
  auto two = one(13, {2});
  two.input("z", {2}).node("Max", {"x", "z"}, {"y"});
  EXPECT_NE(unsupported(two).find("two computed values"), std::string::npos);
}

TEST(ImportSoftmax, FlattensBeforeOpset13UnlessItsAxisIsTheLast) {
  auto old = one(11, {2, 3, 4});
  old.node("Softmax", {"x"}, {"y"});
  const Graph flat = import_as_onnx_infers(old);
  ASSERT_EQ(flat.nodes.size(), 3U);
  EXPECT_EQ(flat.value(flat.nodes[1].output).shape, (Shape{2, 12}));
  EXPECT_EQ(std::get<Softmax>(flat.nodes[1].op).axis, 1);
  auto last = one(11, {2, 3, 4});
  last.node("Softmax", {"x"}, {"y"}).i("axis", 2);
  EXPECT_EQ(only<Softmax>(import_as_onnx_infers(last)).axis, 2);
  auto recent = one(13, {2, 3, 4});
  recent.node("Softmax", {"x"}, {"y"}).i("axis", 1);
  EXPECT_EQ(only<Softmax>(import_as_onnx_infers(recent)).axis, 1);
}

TEST(ImportPool, WithCeilModeHasLargerEndPads) {
  auto model = one(11, {1, 1, 6, 7});
  model.node("MaxPool", {"x"}, {"y"}).is("kernel_shape", {3, 3}).is("strides", {2, 2}).i("ceil_mode", 1);
  const Graph graph = import_as_onnx_infers(model);
  EXPECT_EQ(only<MaxPool>(graph).pads, (Numbers{0, 0, 1, 0}));
  auto counted = one(11, {1, 1, 6, 6});
  counted.node("AveragePool", {"x"}, {"y"}).is("kernel_shape", {3, 3}).is("strides", {2, 2}).i("ceil_mode", 1).i("count_include_pad", 1);
  EXPECT_NE(unsupported(counted).find("count_include_pad"), std::string::npos);
  auto blind = one(11, {1, 1, 4, 4});
  blind.node("MaxPool", {"x"}, {"y"}).is("kernel_shape", {1, 1}).is("pads", {1, 0, 0, 0});
  EXPECT_NE(unsupported(blind).find("padding altogether"), std::string::npos);
}

TEST(ImportReduceMean, OverAnImageIsAPoolAndOverOtherNeighboursOneBetweenReshapes) {
  auto image = one(11, {1, 3, 4, 5});
  image.node("ReduceMean", {"x"}, {"y"}).is("axes", {-1, 2}).i("keepdims", 0);
  const Graph pooled = import_as_onnx_infers(image);
  EXPECT_EQ(std::get<AveragePool>(pooled.nodes.at(0).op).kernel, (Numbers{4, 5}));
  EXPECT_EQ(pooled.value(pooled.outputs[0]).shape, (Shape{1, 3}));
  auto rows = one(18, {2, 6, 4});
  rows.ints("axes", {2}).node("ReduceMean", {"x", "axes"}, {"y"});
  const Graph graph = rows.import();
  const FloatTensor x = ramp({2, 6, 4});
  const FloatTensor y = run(graph, {{"x", x}}).at("y");
  EXPECT_EQ(y.shape, (Shape{2, 6, 1}));
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y.data[i], (x.data[4 * i] + x.data[4 * i + 1] + x.data[4 * i + 2] + x.data[4 * i + 3]) / 4, 1e-6);
}

const FloatTensor kFour({4}, {1, 2, 3, 4});

TEST(ImportSlice, TakesItsBoundsFromAttributesBeforeOpset10AndFromInputsSince) {
  auto old = one(9, {4, 6});
  old.node("Slice", {"x"}, {"y"}).is("axes", {1, 0}).is("starts", {-5, 1}).is("ends", {1000, 3});
  auto recent = one(13, {4, 6});
  recent.ints("starts", {1, 1}).ints("ends", {3, INT64_MAX}).node("Slice", {"x", "starts", "ends"}, {"y"});
  for (const auto& model : {old, recent}) {
    const Graph graph = import_as_onnx_infers(model);
    EXPECT_EQ(only<Slice>(graph).starts, (Numbers{1, 1}));
    EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{2, 5}));
  }
  auto back = one(13, {4});
  back.ints("starts", {-1}).ints("ends", {INT64_MIN}).ints("axes", {0}).ints("steps", {-1}).node("Slice", {"x", "starts", "ends", "axes", "steps"}, {"y"});
  const Graph turned = import_as_onnx_infers(back);
  EXPECT_EQ(only<Slice>(turned).starts, (Numbers{3}));
  EXPECT_EQ(only<Slice>(turned).steps, (Numbers{-1}));
  EXPECT_EQ(evaluate(only<Slice>(turned), {&kFour}, {4}).data, (std::vector<float>{4, 3, 2, 1}));
  auto every_second = one(13, {5, 6});
  every_second.ints("starts", {100, -2}).ints("ends", {0, 1}).ints("steps", {-2, -2}).ints("axes", {0, 1}).node("Slice", {"x", "starts", "ends", "axes", "steps"}, {"y"});
  const Graph sparse = import_as_onnx_infers(every_second);
  EXPECT_EQ(only<Slice>(sparse).starts, (Numbers{4, 4}));
  EXPECT_EQ(sparse.value(sparse.outputs[0]).shape, (Shape{2, 2}));
}

TEST(ImportSplit, SharesOutUnevenlyOnlySinceOpset18) {
  const auto split = [](int64_t opset, const Shape& x) {
    SmallModel model(opset);
    model.input("x", x);
    auto node = model.node("Split", {"x"}, {"a", "b", "c"});
    if (opset >= 18) node.i("num_outputs", 3);
    model.output("a").output("b").output("c");
    return model;
  };
  const Graph graph = split(18, {7}).import();
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, Shape{3});
  EXPECT_EQ(graph.value(graph.outputs[2]).shape, Shape{1});
  EXPECT_NE(input_error(split(13, {7})).find("cannot split"), std::string::npos);
  EXPECT_EQ(import_as_onnx_infers(split(13, {6})).nodes.size(), 3U);
}

TEST(ImportPad, CropsWhereAPadIsNegative) {
  auto model = one(13, {1, 4});
  model.ints("pads", {0, -1, 1, 2}).floats("v", {}, {0.5F}).node("Pad", {"x", "pads", "v"}, {"y"});
  const Graph graph = import_as_onnx_infers(model);
  EXPECT_EQ(run(graph, {{"x", FloatTensor({1, 4}, {1, 2, 3, 4})}}).at("y"), FloatTensor({2, 5}, {2, 3, 4, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F}));
  auto mirrored = one(13, {1, 4});
  mirrored.ints("pads", {0, 1, 0, 1}).node("Pad", {"x", "pads"}, {"y"}).s("mode", "reflect");
  EXPECT_NE(unsupported(mirrored).find("reflect"), std::string::npos);
  auto some = one(18, {1, 4});
  some.ints("pads", {1, 1}).ints("axes", {1}).node("Pad", {"x", "pads", "", "axes"}, {"y"});
  EXPECT_EQ(only<Pad>(some.import()).begins, (Numbers{0, 1}));
}

TEST(ImportGather, OfIndicesInEqualStepsIsASlice) {
  auto model = one(13, {2, 6});
  model.ints("at", {-5, 3, -1}).node("Gather", {"x", "at"}, {"y"}).i("axis", 1);
  EXPECT_EQ(only<Slice>(import_as_onnx_infers(model)).steps, (Numbers{1, 2}));
  auto back = one(13, {2, 6});
  back.ints("at", {3, 1}).node("Gather", {"x", "at"}, {"y"}).i("axis", 1);
  EXPECT_EQ(only<Slice>(import_as_onnx_infers(back)).steps, (Numbers{1, -2}));
  for (const Numbers& at : {Numbers{3, 1, 2}, Numbers{2, 2}}) {
    auto mixed = one(13, {2, 6});
    mixed.ints("at", at).node("Gather", {"x", "at"}, {"y"}).i("axis", 1);
    EXPECT_NE(unsupported(mixed).find("not in equal steps"), std::string::npos);
  }
  auto outside = one(13, {2, 6});
  outside.ints("at", {6}).node("Gather", {"x", "at"}, {"y"}).i("axis", 1);
  EXPECT_NE(input_error(outside).find("index 6 is outside"), std::string::npos);
}

struct ResizeCase {
  const char *coordinates, *rounding;
  float scale;
  Numbers columns;  // of 4 source columns
};

// Worked by hand from the formulas of the Resize operator.
TEST(ImportResize, FollowsEachRuleOfCoordinatesAndRounding) {
  const ResizeCase cases[] = {
      {"asymmetric", "floor", 2, {0, 0, 1, 1, 2, 2, 3, 3}},
      {"asymmetric", "ceil", 2, {0, 1, 1, 2, 2, 3, 3, 3}},
      {"asymmetric", "round_prefer_floor", 2, {0, 0, 1, 1, 2, 2, 3, 3}},  // halves down
      {"asymmetric", "round_prefer_ceil", 2, {0, 1, 1, 2, 2, 3, 3, 3}},   // halves up
      {"half_pixel", "round_prefer_floor", 2, {0, 0, 1, 1, 2, 2, 3, 3}},  // -1/4, 1/4, 3/4 ...
      {"half_pixel", "floor", 2, {0, 0, 0, 1, 1, 2, 2, 3}},
      {"half_pixel", "ceil", 2, {0, 1, 1, 2, 2, 3, 3, 3}},
      {"half_pixel", "round_prefer_floor", 0.5F, {0, 2}},  // 1/2, 5/2
      {"half_pixel", "round_prefer_ceil", 0.5F, {1, 3}},
      {"pytorch_half_pixel", "round_prefer_floor", 0.25F, {0}},              // one output: 0
      {"half_pixel", "round_prefer_floor", 0.25F, {1}},                      // 3/2, halves down
      {"align_corners", "round_prefer_floor", 2, {0, 0, 1, 1, 2, 2, 3, 3}},  // 3/7 steps
      {"align_corners", "floor", 1.75F, {0, 0, 1, 1, 2, 2, 3}},              // 1/2 steps
      {"tf_half_pixel_for_nn", "floor", 0.5F, {1, 3}},                       // 1, 3
  };
  for (const auto& each : cases) {
    auto model = one(11, {1, 1, 1, 4});
    model.floats("roi", {0}, {}).floats("scales", {4}, {1, 1, 1, each.scale}).node("Resize", {"x", "roi", "scales"}, {"y"}).s("coordinate_transformation_mode", each.coordinates);
    model.proto.mutable_graph()->mutable_node(0)->add_attribute()->CopyFrom([&] {
      onnx::AttributeProto mode;
      mode.set_name("nearest_mode");
      mode.set_type(onnx::AttributeProto::STRING);
      mode.set_s(each.rounding);
      return mode;
    }());
    EXPECT_EQ(only<ResizeNearest>(import_as_onnx_infers(model)).columns, each.columns) << each.coordinates << " " << each.rounding << " " << each.scale;
  }
}

TEST(ImportResize, TakesScalesOrSizesAsEachOpsetWritesThem) {
  auto upsample = one(7, {1, 1, 2, 2});
  upsample.node("Upsample", {"x"}, {"y"}).fs("scales", {1, 1, 2, 2});
  auto upsample9 = one(9, {1, 1, 2, 2});
  upsample9.floats("s", {4}, {1, 1, 2, 2}).node("Upsample", {"x", "s"}, {"y"});
  auto resize10 = one(10, {1, 1, 2, 2});
  resize10.floats("s", {4}, {1, 1, 2, 2}).node("Resize", {"x", "s"}, {"y"});
  auto sizes = one(13, {1, 1, 2, 2});
  sizes.ints("sizes", {1, 1, 4, 4}).node("Resize", {"x", "", "", "sizes"}, {"y"});
  for (const auto& model : {upsample, upsample9, resize10, sizes}) {
    EXPECT_EQ(only<ResizeNearest>(import_as_onnx_infers(model)).rows, (Numbers{0, 0, 1, 1}));
  }
  auto axes = one(18, {1, 1, 2, 2});
  axes.ints("sizes", {4}).node("Resize", {"x", "", "", "sizes"}, {"y"}).is("axes", {2});
  EXPECT_EQ(only<ResizeNearest>(axes.import()).rows, (Numbers{0, 0, 1, 1}));
  EXPECT_EQ(only<ResizeNearest>(axes.import()).columns, (Numbers{0, 1}));
  auto smaller = one(10, {1, 1, 2, 4});
  smaller.floats("s", {4}, {1, 1, 0.6F, 0.6F}).node("Resize", {"x", "s"}, {"y"});
  EXPECT_EQ(only<ResizeNearest>(smaller.import()).columns, (Numbers{0, 2}));  // ONNX's opset 10 example: columns 1 and 3 of 1, 2, 3, 4
  auto linear = one(11, {1, 1, 2, 2});
  linear.floats("roi", {0}, {}).floats("s", {4}, {1, 1, 2, 2}).node("Resize", {"x", "roi", "s"}, {"y"}).s("mode", "linear");
  EXPECT_NE(unsupported(linear).find("mode 'linear'"), std::string::npos);
}

TEST(ImportDiv, ByAConstantIsAMultiplication) {
  auto model = one(13, {3});
  model.floats("c", {}, {6}).node("Div", {"x", "c"}, {"y"});
  const Graph graph = import_as_onnx_infers(model);
  EXPECT_EQ(only<Binary>(graph).kind, Arithmetic::mul);
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[1]).constant->data[0], 1.0F / 6.0F);
  auto zero = one(13, {3});
  zero.floats("c", {}, {0}).node("Div", {"x", "c"}, {"y"});
  EXPECT_NE(input_error(zero).find("no finite element"), std::string::npos);
}

TEST(ImportPRelu, TakesOneSlopePerChannel) {
  auto model = one(9, {1, 2, 2, 2});
  model.floats("s", {2, 1, 1}).node("PRelu", {"x", "s"}, {"y"});
  const Graph graph = import_as_onnx_infers(model);
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[1]).shape, Shape{2});
  auto columns = one(9, {1, 2, 2, 2});
  columns.floats("s", {2}).node("PRelu", {"x", "s"}, {"y"});
  EXPECT_NE(unsupported(columns).find("other axes than the channels"), std::string::npos);
}

TEST(ImportShapes, AreArithmeticOnConstants) {
  auto model = one(11, {2, 3, 4});
  model.ints("zero", {0}).ints("minus", {-1});
  model.node("Shape", {"x"}, {"s"});
  model.node("Gather", {"s", "zero"}, {"n"});
  model.node("Concat", {"n", "minus"}, {"to"}).i("axis", 0);
  model.node("Reshape", {"x", "to"}, {"y"});
  only<Reshape>(import_as_onnx_infers(model));
}

TEST(ImportConstants, OfAnyOperatorAreEvaluated) {
  auto model = one(13, {2, 2});
  model.floats("a", {2, 2}, {1, 2, 3, 4}).floats("b", {2, 2}, {0, 1, -1, 2}).node("MatMul", {"a", "b"}, {"p"}).name("product");
  model.node("Relu", {"p"}, {"r"});
  model.node("Add", {"x", "r"}, {"y"});
  const Graph graph = import_as_onnx_infers(model);
  only<Binary>(graph);
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[1]).constant->data, (std::vector<float>{0, 5, 0, 11}));
}

TEST(ImportNames, OfIdentitiesAtTheOutputAreKept) {
  auto model = one(13, {2});
  model.node("Relu", {"x"}, {"r"});
  model.node("Identity", {"r"}, {"y"});
  const Graph graph = model.import();
  only<Relu>(graph);
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "y");
  model.output("r");
  const Graph both = model.import();
  EXPECT_EQ(both.value(both.outputs[0]).name, "y");
  EXPECT_EQ(both.value(both.outputs[1]).name, "r");
}

}  // namespace
}  // namespace assay::quant::testing_onnx
