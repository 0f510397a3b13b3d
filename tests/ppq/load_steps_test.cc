// The steps of loading on small models: what each makes of the nodes, and what it leaves alone.
#include <cmath>
#include <random>

#include "quant/ppq/load.h"
#include "tests/quant/onnx/small_model.h"

namespace assay::ppq {
namespace {

using quant::testing_onnx::Folder;
using quant::testing_onnx::SmallModel;

Network loaded(const SmallModel& model, const std::map<std::string, Shape>& shapes = {}) {
  const Folder folder;
  const std::string path = folder.file("small.onnx");
  quant::testing_onnx::write(path, model.proto.SerializeAsString());
  return load(path, shapes);
}

std::string refused(const SmallModel& model) {
  return quant::testing_onnx::refusal<std::runtime_error>([&] { loaded(model); });
}

// "conv(x,w,b)->y relu(y)->z": operations in PPQ's order, "_" for inputs left out.
std::string drawn(const Network& network) {
  std::string text;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    text += (text.empty() ? "" : " ") + operation.name + "(";
    for (size_t i = 0; i < operation.inputs.size(); ++i) text += (i == 0 ? "" : ",") + (operation.inputs[i] == kNone ? "_" : network.variable(operation.inputs[i]).name);
    text += ")";
    for (const VariableId output : operation.outputs) text += "->" + (output == kNone ? "_" : network.variable(output).name);
  }
  return text;
}

const std::vector<float>& reals(const Network& network, const std::string& name) {
  return network.variable(network.find_variable(name).value()).value->reals;
}

SmallModel convolution(const std::string& output, bool bias = false) {
  SmallModel model;
  model.input("x", {1, 2, 4, 4}).floats("w", {3, 2, 1, 1}).floats("b", {3});
  model.node("Conv", bias ? std::vector<std::string>{"x", "w", "b"} : std::vector<std::string>{"x", "w"}, {output}).name("conv");
  return model;
}

TEST(Load, GivesNamesToNodesWithoutOne) {
  SmallModel model;
  model.input("x", {1, 4}).output("z");
  model.node("Relu", {"x"}, {"y"});
  model.node("Sigmoid", {"y"}, {"z"});
  EXPECT_EQ(drawn(loaded(model)), "generated_name_0(x)->y generated_name_1(y)->z");
}

TEST(Load, RefusesTwoOperationsOfOneName) {
  SmallModel model;
  model.input("x", {1, 4}).output("z");
  model.node("Relu", {"x"}, {"y"}).name("a");
  model.node("Sigmoid", {"y"}, {"z"}).name("a");
  EXPECT_NE(refused(model).find("two operations are named 'a'"), std::string::npos);
}

TEST(Load, RefusesACycle) {
  SmallModel model;
  model.input("x", {1, 4}).output("z");
  model.node("Add", {"x", "z"}, {"y"}).name("a");
  model.node("Relu", {"y"}, {"z"}).name("b");
  EXPECT_NE(refused(model).find("the graph has a cycle"), std::string::npos);
}

// PPQ's dictionary has the file's order, whatever runs first.
TEST(Load, KeepsTheOrderOfAFileThatIsNotSorted) {
  SmallModel model;
  model.input("x", {1, 4}).output("z");
  model.node("Relu", {"y"}, {"z"}).name("second");
  model.node("Sigmoid", {"x"}, {"y"}).name("first");
  const Network network = loaded(model);
  EXPECT_EQ(drawn(network), "second(y)->z first(x)->y");
  EXPECT_EQ(network.operation(execution_order(network)[0]).name, "first");
}

TEST(Load, MakesConstantsParametersAndClonesSharedOnes) {
  SmallModel model;
  model.input("x", {1, 2}).floats("w", {1, 2}).output("z");
  model.node("Constant", {}, {"c"}).name("constant").fs("value_floats", {1.5F, -2});
  model.node("Mul", {"x", "w"}, {"a"}).name("mul");
  model.node("Add", {"a", "w"}, {"b"}).name("add");
  model.node("Add", {"b", "c"}, {"z"}).name("last");
  const Network network = loaded(model);
  EXPECT_EQ(drawn(network), "mul(x,PPQ_Variable_0)->a add(a,PPQ_Variable_1)->b last(b,c)->z");
  EXPECT_EQ(reals(network, "PPQ_Variable_0"), reals(network, "PPQ_Variable_1"));
  EXPECT_EQ(reals(network, "c"), (std::vector<float>{1.5F, -2}));
  EXPECT_EQ(next_variable_name(network), "PPQ_Variable_2");
}

TEST(Load, AnAddedConstantBecomesTheBias) {
  SmallModel model = convolution("y");
  model.floats("c", {1, 3, 1, 1}).output("r");
  model.node("Add", {"c", "y"}, {"z"}).name("add");
  model.node("Relu", {"z"}, {"r"}).name("relu");
  const Network network = loaded(model);
  EXPECT_EQ(drawn(network), "conv(x,w,PPQ_Variable_0)->y relu(y)->r");
  EXPECT_EQ(network.variable(*network.find_variable("PPQ_Variable_0")).value->shape, Shape{3});
}

TEST(Load, AnAddedConstantThatIsNoBiasStays) {
  for (const Shape& shape : {Shape{3, 1, 1}, Shape{1, 1, 1, 1}, Shape{1, 3, 4, 1}, Shape{1, 1, 1, 4}}) {
    SmallModel model = convolution("y");
    model.floats("c", shape).output("z");
    model.node("Add", {"y", "c"}, {"z"}).name("add");
    EXPECT_EQ(drawn(loaded(model)), "conv(x,w)->y add(y,c)->z") << assay::to_string(shape);
  }
  SmallModel has_bias = convolution("y", true);
  has_bias.floats("c", {1, 3, 1, 1}).output("z");
  has_bias.node("Add", {"y", "c"}, {"z"}).name("add");
  EXPECT_EQ(drawn(loaded(has_bias)), "conv(x,w,b)->y add(y,c)->z");
}

// y = gamma * (x - mean) / sqrt(var + eps) + beta: numbers whose float32 steps are known.
SmallModel normalized(const std::string& input, int64_t channels, SmallModel model) {
  const std::vector<float> gamma(static_cast<size_t>(channels), 3), beta(gamma.size(), 0.5F), mean(gamma.size(), 0.25F), var(gamma.size(), 4);
  model.floats("gamma", {channels}, gamma).floats("beta", {channels}, beta).floats("mean", {channels}, mean).floats("var", {channels}, var);
  model.node("BatchNormalization", {input, "gamma", "beta", "mean", "var"}, {"n"}).name("bn").f("epsilon", 0);
  model.node("Relu", {"n"}, {"r"}).name("relu");
  return model.output("r");
}

TEST(Load, ANormalizationIsFoldedAndTheConvolutionGoesToTheEnd) {
  const Network network = loaded(normalized("y", 3, convolution("y", true)));
  EXPECT_EQ(drawn(network), "relu(n)->r conv(x,conv_weight,conv_bias)->n");
  EXPECT_EQ(reals(network, "conv_weight"), (std::vector<float>{0.375F, 0.75F, 1.125F, 1.5F, 1.875F, 2.25F}));
  EXPECT_EQ(reals(network, "conv_bias"), (std::vector<float>{0.5F, 0.875F, 1.25F}));
  EXPECT_EQ(reals(loaded(normalized("y", 3, convolution("y"))), "conv_bias"), std::vector<float>(3, 0.125F));
}

TEST(Load, ANormalizationOfATransposedConvolutionScalesItsOutputChannels) {
  SmallModel model;
  model.input("x", {1, 4, 2, 2}).floats("w", {4, 2, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8});
  model.node("ConvTranspose", {"x", "w"}, {"y"}).name("conv").i("group", 2);
  model.floats("gamma", {4}, {1, 2, 3, 4}).floats("beta", {4}).floats("mean", {4}).floats("var", {4}, {1, 1, 1, 1}).output("n");
  model.node("BatchNormalization", {"y", "gamma", "beta", "mean", "var"}, {"n"}).name("bn").f("epsilon", 0);
  // Rows 0 and 1 are the first group: output channels 0 and 1.
  EXPECT_EQ(reals(loaded(model), "conv_weight"), (std::vector<float>{1, 4, 3, 8, 15, 24, 21, 32}));
}

TEST(Load, ANormalizationOfAGemmScalesItsColumns) {
  SmallModel model;
  model.input("x", {1, 2}).floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  model.node("Gemm", {"x", "w"}, {"y"}).name("gemm");
  model.floats("gamma", {3}, {1, 2, 3}).floats("beta", {3}).floats("mean", {3}).floats("var", {3}, {1, 1, 1}).output("n");
  model.node("BatchNormalization", {"y", "gamma", "beta", "mean", "var"}, {"n"}).name("bn").f("epsilon", 0);
  EXPECT_EQ(reals(loaded(model), "gemm_weight"), (std::vector<float>{1, 4, 9, 4, 10, 18}));
}

TEST(Load, ANormalizationAloneBecomesADepthwiseConvolution) {
  SmallModel model;
  model.input("x", {1, 3, 2, 2});
  const Network network = loaded(normalized("x", 3, model));
  EXPECT_EQ(drawn(network), "bn(x,PPQ_Variable_0,PPQ_Variable_1)->n relu(n)->r");
  const Operation& bn = network.operation(network.order[0]);
  EXPECT_EQ(bn.type, "Conv");
  EXPECT_EQ(std::get<int64_t>(bn.attributes.at("group")), 3);
  EXPECT_EQ(reals(network, "PPQ_Variable_0"), std::vector<float>(3, 1.5F));
  EXPECT_EQ(reals(network, "PPQ_Variable_1"), std::vector<float>(3, 0.125F));
}

// Whoever else reads the convolution's result, or asks for it, still gets it.
TEST(Load, ANormalizationOfASharedResultIsNotFolded) {
  SmallModel shared = normalized("y", 3, convolution("y"));
  shared.output("y");
  EXPECT_EQ(loaded(shared).find_operation("conv").has_value(), true);
  EXPECT_EQ(drawn(loaded(shared)), "conv(x,w)->y bn(y,PPQ_Variable_0,PPQ_Variable_1)->n relu(n)->r");
  SmallModel read = normalized("y", 3, convolution("y"));
  read.node("Sigmoid", {"y"}, {"s"}).name("sigmoid");
  read.output("s");
  EXPECT_EQ(drawn(loaded(read)), "conv(x,w)->y bn(y,PPQ_Variable_0,PPQ_Variable_1)->n relu(n)->r sigmoid(y)->s");
}

TEST(Load, ANormalizationThatDoesNotFitIsRefused) {
  EXPECT_NE(refused(normalized("y", 2, convolution("y"))).find("normalizes 2 channels, 'conv' makes 3"), std::string::npos);
}

TEST(Load, OldAttributesBecomeInputs) {
  SmallModel model(9);
  model.input("x", {1, 2, 8, 8}).output("e");
  model.node("Slice", {"x"}, {"a"}).name("slice").is("starts", {0, 1}).is("ends", {8, 7}).is("axes", {2, 3});
  model.node("Clip", {"a"}, {"b"}).name("clip").f("max", 6);
  model.node("Pad", {"b"}, {"e"}).name("pad").is("pads", {0, 0, 1, 1, 0, 0, 1, 1}).s("mode", "reflect");
  const Network network = loaded(model);
  EXPECT_EQ(drawn(network), "slice(x,slice_2,slice_3,slice_4)->a clip(a,clip_min,clip_max)->b pad(b,PPQ_Variable_0)->e");
  EXPECT_EQ(reals(network, "clip_min"), std::vector<float>{-2147483648.0F});
  EXPECT_EQ(reals(network, "clip_max"), std::vector<float>{6});
  EXPECT_FALSE(network.operation(network.order[0]).has("starts"));
  EXPECT_TRUE(network.operation(network.order[2]).has("mode"));
  EXPECT_EQ(network.variable(*network.find_variable("PPQ_Variable_0")).value->integers.size(), 8U);
}

TEST(Load, ResizeOfOpset10HasItsScalesThird) {
  SmallModel model(10);
  model.input("x", {1, 1, 2, 2}).floats("s", {4}, {1, 1, 2, 2}).output("y");
  model.node("Resize", {"x", "s"}, {"y"}).name("resize");
  EXPECT_EQ(drawn(loaded(model)), "resize(x,_,s)->y");
}

TEST(Load, IdentitiesAndWhatNobodyReadsGo) {
  SmallModel model;
  model.input("x", {1, 2}).output("o");
  model.node("Relu", {"x"}, {"a"}).name("relu");
  model.node("Identity", {"a"}, {"b"}).name("id");
  model.node("Tanh", {"b"}, {"unread"}).name("tanh");
  model.node("Sigmoid", {"b"}, {"c"}).name("sigmoid");
  model.node("Identity", {"c"}, {"o"}).name("out");
  const Network network = loaded(model);
  EXPECT_EQ(drawn(network), "relu(x)->a sigmoid(a)->c");
  ASSERT_EQ(network.outputs.size(), 1U);
  EXPECT_EQ(network.variable(network.outputs[0]).name, "c");
  EXPECT_EQ(network.variables.size(), 3U);
}

TEST(Load, AsksForShapesThatAreOpen) {
  SmallModel model;
  model.input("x", {-1, 2}).output("y");
  model.node("Relu", {"x"}, {"y"}).name("relu");
  EXPECT_NE(refused(model).find("these axes are dynamic: 0 ('batch'); give the shape, for example --shape x=1x2"), std::string::npos);
  EXPECT_EQ(loaded(model, {{"", {5, 2}}}).variable(0).shape, (Shape{5, 2}));
  EXPECT_THROW(loaded(model, {{"z", {5, 2}}}), InputError);
}

TEST(Load, RefusesWeightsThatAreNoNumbers) {
  SmallModel model;
  model.input("x", {1, 2, 4, 4}).floats("w", {1, 2, 1, 1}, {1, std::nanf("")}).output("y");
  model.node("Conv", {"x", "w"}, {"y"}).name("conv");
  EXPECT_NE(refused(model).find("'conv' (Conv): element 1 of its parameter 'w' is NaN"), std::string::npos);
}

// InputError, Unsupported or a network: anything else ends the test.
void survive(const std::string& path, size_t& refusals) {
  try {
    const Network network = load(path);
    execution_order(network);
  } catch (const InputError&) {
    ++refusals;
  } catch (const Unsupported&) {
    ++refusals;
  }
}

std::string one_of_everything() {
  SmallModel model = normalized("y", 3, convolution("y", true));
  model.node("Identity", {"r"}, {"i"}).name("identity");
  model.floats("gw", {48, 5}).floats("gb", {1, 5}).ints("axes", {1}).output("o");
  model.node("Flatten", {"i"}, {"f"}).name("flatten");
  model.node("Gemm", {"f", "gw"}, {"g"}).name("gemm");
  model.node("Add", {"g", "gb"}, {"h"}).name("add");
  model.node("Constant", {}, {"c"}).name("constant").f("value_float", 2);
  model.node("Clip", {"h", "", "c"}, {"k"}).name("clip");
  model.node("Mul", {"k", "c"}, {"o"}).name("mul");
  return model.proto.SerializeAsString();
}

TEST(DamagedModel, CutAtAnyLengthIsRefused) {
  const std::string bytes = one_of_everything();
  const Folder folder;
  const std::string path = folder.file("cut.onnx");
  size_t refusals = 0;
  for (size_t length = 0; length < bytes.size(); length += 5) {
    quant::testing_onnx::write(path, bytes.substr(0, length));
    survive(path, refusals);
  }
  EXPECT_GT(refusals, bytes.size() / 5 * 9 / 10);
  quant::testing_onnx::write(path, bytes);
  EXPECT_NO_THROW(load(path));
}

TEST(DamagedModel, WithFlippedBytesIsRefusedOrLoaded) {
  const std::string bytes = one_of_everything();
  const Folder folder;
  const std::string path = folder.file("flipped.onnx");
  std::mt19937_64 random(20240607);
  size_t refusals = 0;
  for (int round = 0; round < 400; ++round) {
    std::string damaged = bytes;
    for (uint64_t flips = 1 + random() % 4; flips > 0; --flips) damaged[random() % damaged.size()] = static_cast<char>(random());
    quant::testing_onnx::write(path, damaged);
    survive(path, refusals);
  }
  EXPECT_GT(refusals, 60U);
}

// Nodes wired at random among all that was made before and after: cycles, doubled names, missing inputs, wrong shapes.
TEST(DamagedModel, WiredAtRandomIsRefusedOrLoaded) {
  std::mt19937_64 random(7);
  const Folder folder;
  const std::string path = folder.file("wired.onnx");
  const std::vector<std::string> types = {"Conv", "Gemm", "ConvTranspose", "BatchNormalization", "Add", "Identity", "Clip", "Pad", "Slice", "Resize", "Relu", "Constant"};
  const std::vector<std::string> names = {"x", "w", "g", "s", "", "v0", "v1", "v2", "v3", "v4", "v5"};
  size_t refusals = 0;
  for (int round = 0; round < 400; ++round) {
    SmallModel model(7 + static_cast<int64_t>(random() % 12));
    model.input("x", {1, 2, 4, 4}).floats("w", {2, 2, 1, 1}).floats("g", {2}).ints("s", {1, 1}).output("v5");
    for (int n = 0; n < 6; ++n) {
      std::vector<std::string> inputs;
      for (uint64_t i = 1 + random() % 5; i > 0; --i) inputs.push_back(names[random() % (random() % 16 == 0 ? names.size() : 5 + static_cast<size_t>(n))]);
      auto node = model.node(types[random() % types.size()], inputs, {"v" + std::to_string(n)});
      if (random() % 8 != 0) node.domain("elsewhere");  // whose nodes no schema checks, and PPQ looks at no domain
      if (random() % 4 == 0) node.i("group", static_cast<int64_t>(random() % 4) - 1);
      if (random() % 4 == 0) node.is("starts", {0}).is("ends", {1});
      if (random() % 4 == 0) node.f("min", 0);
      if (random() % 16 == 0) node.i("pads", 3);
    }
    quant::testing_onnx::write(path, model.proto.SerializeAsString());
    survive(path, refusals);
  }
  EXPECT_LT(refusals, 400U);
  EXPECT_GT(refusals, 20U);
}

}  // namespace
}  // namespace assay::ppq
