// Already quantized ONNX models: what they state becomes the quantization, and what they leave out is refused with words.
#include "emu/machine.h"
#include "emu/program/text.h"
#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/lower.h"
#include "quant/onnx/export_onnx.h"
#include "tests/quant/onnx/small_model.h"

namespace assay::quant::testing_onnx {
namespace {

using onnx::TensorProto;

void words(SmallModel& model, const std::string& name, const Shape& shape, int32_t type, const std::vector<int>& data) {
  auto& tensor = model.tensor(name, shape, type);
  for (const int word : data) tensor.add_int32_data(word);
}

struct ConvOptions {
  std::vector<float> weight_scale{0.5F, 0.25F};
  std::vector<int> weight_zeros{0, 0};
  float read_scale = 0.1F;  // what the convolution says of its input, which was quantized with 0.1
};

// x [1,1,2,2] -> QuantizeLinear -> QLinearConv with two channels -> DequantizeLinear -> y.
SmallModel small_conv(const ConvOptions& options = {}) {
  SmallModel model;
  model.input("x", {1, 1, 2, 2}).output("y");
  model.floats("xs", {}, {0.1F}).floats("xs_read", {}, {options.read_scale}).floats("ws", {static_cast<int64_t>(options.weight_scale.size())}, options.weight_scale);
  model.floats("ys", {}, {0.2F});
  words(model, "xz", {}, TensorProto::UINT8, {128});
  words(model, "yz", {}, TensorProto::UINT8, {7});
  words(model, "wz", {static_cast<int64_t>(options.weight_zeros.size())}, TensorProto::INT8, options.weight_zeros);
  words(model, "w", {2, 1, 1, 1}, TensorProto::INT8, {3, -128});
  words(model, "b", {2}, TensorProto::INT32, {1000, -7});
  model.node("QuantizeLinear", {"x", "xs", "xz"}, {"xq"});
  model.node("QLinearConv", {"xq", "xs_read", "xz", "w", "ws", "wz", "ys", "yz", "b"}, {"yq"}).name("conv");
  model.node("DequantizeLinear", {"yq", "ys", "yz"}, {"y"});
  return model;
}

emu::Target integer_target() {
  return emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/dsp_int8.toml");
}

const TensorQuantization& of(const Quantized& quantized, const std::string& name) {
  for (size_t id = 0; id < quantized.tensors.size(); ++id) {
    if (quantized.graph.values[id].name == name) return quantized.tensors[id].value();
  }
  throw std::runtime_error("no tensor " + name);
}

TEST(QuantizedImport, TakesScalesZeroPointsAndWordsFromTheModelWithoutCalibration) {
  Graph graph = small_conv().import();
  simplify(graph);
  const Quantized quantized = calibrate(std::move(graph), integer_target(), {}, {});
  EXPECT_EQ(of(quantized, "x").scale, (std::vector<float>{0.1F}));
  EXPECT_EQ(of(quantized, "x").zero_point, 128);
  EXPECT_EQ(of(quantized, "y").zero_point, 7);
  EXPECT_EQ(of(quantized, "w").scale, (std::vector<float>{0.5F, 0.25F}));
  EXPECT_EQ(of(quantized, "b").scale, (std::vector<float>{0.1F * 0.5F, 0.1F * 0.25F}));
  const Lowered lowered = lower(quantized);
  std::map<std::string, std::vector<int64_t>> constants;
  for (const auto& constant : lowered.program.constants) constants[constant.name] = constant.tensor.values();
  EXPECT_EQ(constants["w"], (std::vector<int64_t>{3, -128}));
  EXPECT_EQ(constants["b"], (std::vector<int64_t>{1000, -7}));
}

TEST(QuantizedImport, RefusesWhatDoesNotFit) {
  expect_in(input_error(small_conv({{0.5F, 0.25F, 1}, {0, 0, 0}})), {"'conv' (QLinearConv)", "states 3 scales of 'w'", "2 channels"});
  expect_in(input_error(small_conv({{0.5F, 0}, {0, 0}})), {"'conv' (QLinearConv)", "a scale is positive and finite"});
  expect_in(input_error(small_conv({{0.5F, 0.25F}, {0, 0, 0}})), {"3 zero points of 'w' beside 2 scales"});
  expect_in(unsupported(small_conv({{0.5F, 0.25F}, {0, 1}})), {"zero points of 'w' differ from channel to channel"});
  expect_in(unsupported(small_conv({{0.5F, 0.25F}, {0, 0}, 0.3F})), {"reads 'xq' with another scale"});
}

TEST(QuantizedImport, RefusesScalesThatAreComputed) {
  SmallModel model;
  model.input("x", {2}).input("s", {}).output("y");
  model.node("QuantizeLinear", {"x", "s"}, {"xq"}).name("first");
  model.node("DequantizeLinear", {"xq", "s"}, {"y"});
  expect_in(unsupported(model), {"'first' (QuantizeLinear)", "scale of 'x'"});
  SmallModel dynamic;
  dynamic.input("x", {2}).output("y");
  dynamic.node("DynamicQuantizeLinear", {"x"}, {"xq", "s", "z"}).name("range");
  dynamic.node("DequantizeLinear", {"xq", "s", "z"}, {"y"});
  expect_in(unsupported(dynamic), {"'range' (DynamicQuantizeLinear)", "static quantization"});
}

TEST(QuantizedImport, RefusesRealOperatorsOnWords) {
  SmallModel model;
  model.input("x", {2}).floats("s", {}, {0.5F}).output("y");
  model.node("QuantizeLinear", {"x", "s"}, {"xq"});
  model.node("Sigmoid", {"xq"}, {"y"}).name("wrong");
  expect_in(unsupported(model), {"'wrong' (Sigmoid)", "integers of a quantized tensor"});
}

TEST(QuantizedImport, GivesMovedWordsTheQuantizationOfTheirSource) {
  SmallModel model;
  model.input("x", {1, 4}).floats("s", {}, {0.5F}).ints("shape", {2, 2}).output("y");
  model.node("QuantizeLinear", {"x", "s"}, {"xq"});
  model.node("Reshape", {"xq", "shape"}, {"moved"});
  model.node("DequantizeLinear", {"moved", "s"}, {"y"});
  const Graph graph = model.import();
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.value(graph.nodes[0].output).given, graph.value(graph.nodes[0].inputs[0]).given);
}

TEST(QuantizedImport, TurnsAChangeOfScaleIntoAnOperator) {
  SmallModel model;
  model.input("x", {4}).floats("s", {}, {0.5F}).floats("t", {}, {0.25F}).output("y");
  model.node("QuantizeLinear", {"x", "s"}, {"xq"});
  model.node("DequantizeLinear", {"xq", "s"}, {"real"});
  model.node("QuantizeLinear", {"real", "t"}, {"again"});
  model.node("DequantizeLinear", {"again", "t"}, {"y"});
  const Graph graph = model.import();
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Clip>(graph.nodes[0].op));
  EXPECT_EQ(graph.value(graph.outputs[0]).given->scale[0], 0.25F);
}

TEST(QuantizedImport, FusesNothingAcrossAStatedQuantization) {
  SmallModel model;
  model.input("x", {1, 2}).floats("w", {2, 2}).floats("c", {2}).floats("s", {}, {0.5F}).output("y");
  model.node("MatMul", {"x", "w"}, {"product"});
  model.node("QuantizeLinear", {"product", "s"}, {"q"});
  model.node("DequantizeLinear", {"q", "s"}, {"real"});
  model.node("Add", {"real", "c"}, {"y"});
  Graph graph = model.import();
  simplify(graph);
  EXPECT_EQ(graph.nodes.size(), 2U);
}

// small_conv with another scale and zero point of the output.
SmallModel conv_into(float scale, int zero_point) {
  SmallModel model = small_conv();
  for (auto& tensor : *model.proto.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == "ys") tensor.set_float_data(0, scale);
    if (tensor.name() == "yz") tensor.set_int32_data(0, zero_point);
  }
  return model;
}

std::vector<Operator> fused_in(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<Conv>(node.op)) return node.fused;
  }
  return {};
}

emu::Program lowered(Graph graph) {
  simplify(graph);
  return lower(calibrate(std::move(graph), integer_target(), {}, {})).program;
}

TEST(QuantizedImport, TellsTheActivationThatSaturationStandsFor) {
  EXPECT_TRUE(fused_in(small_conv().import()).empty());
  const std::vector<Operator> relu = fused_in(conv_into(0.2F, 0).import());
  ASSERT_EQ(relu.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Relu>(relu[0]));
  const std::vector<Operator> relu6 = fused_in(conv_into(6.0F / 255, 0).import());
  ASSERT_EQ(relu6.size(), 1U);
  EXPECT_EQ(std::get<Clip>(relu6[0]).low, 0);
  EXPECT_EQ(std::get<Clip>(relu6[0]).high, 6);
}

TEST(QuantizedImport, TheActivationOfSaturationLeavesTheIntegerProgramAsItIs) {
  for (const float scale : {0.2F, 6.0F / 255}) {
    const Graph with = conv_into(scale, 0).import();
    Graph without = with;
    for (Node& node : without.nodes) node.fused.clear();
    EXPECT_EQ(emu::print(lowered(with)), emu::print(lowered(without)));
  }
}

TEST(QuantizedImport, TakesAClipOfWordsAsTheRealLimits) {
  SmallModel model;
  model.input("x", {4}).floats("s", {}, {0.5F}).output("y");
  words(model, "z", {}, TensorProto::UINT8, {10});
  words(model, "low", {}, TensorProto::UINT8, {8});
  words(model, "high", {}, TensorProto::UINT8, {30});
  model.node("QuantizeLinear", {"x", "s", "z"}, {"xq"});
  model.node("Clip", {"xq", "low", "high"}, {"clipped"});
  model.node("DequantizeLinear", {"clipped", "s", "z"}, {"y"});
  const Graph graph = model.import();
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(std::get<Clip>(graph.nodes[0].op).low, -1);
  EXPECT_EQ(std::get<Clip>(graph.nodes[0].op).high, 10);
  const auto found = emu::run(lowered(graph), {emu::Tensor(emu::kU8, {4}, {0, 9, 30, 255})})[0].values();
  EXPECT_EQ(found, (std::vector<int64_t>{8, 9, 30, 30}));
}

TEST(QuantizedImport, NeedsCalibrationInputsWhereTheModelLeavesATensorOut) {
  SmallModel model;
  model.input("x", {2}).floats("s", {}, {0.5F}).output("y");
  model.node("QuantizeLinear", {"x", "s"}, {"xq"});
  model.node("DequantizeLinear", {"xq", "s"}, {"real"});
  model.node("Sigmoid", {"real"}, {"y"});
  Graph graph = model.import();
  expect_in(refusal<InputError>([&] { calibrate(graph, integer_target(), {}, {}); }), {"no calibration inputs", "'y'"});
  const InputSet one{1, [](size_t) { return std::vector<FloatTensor>{FloatTensor({2}, {1, -1})}; }};
  const Quantized quantized = calibrate(graph, integer_target(), one, {});
  EXPECT_EQ(of(quantized, "x").provenance, "stated by the model");
}

// The target's own tanh gives signed words in steps of 2^-7; the model's are unsigned, with the same steps or others.
TEST(QuantizedImport, KeepsWhatTheModelStatesWhereTheTargetFixesTheScaleOfAFunction) {
  const emu::Target target = emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/tflite_int8.toml");
  ASSERT_EQ(target.table->entries, emu::TableSource::fixed_point);
  for (const float scale : {0x1p-7F, 0.01F}) {
    SmallModel model;
    model.input("x", {2}).floats("s", {}, {0.5F}).floats("t", {}, {scale}).output("y");
    model.node("QuantizeLinear", {"x", "s"}, {"xq"});
    model.node("DequantizeLinear", {"xq", "s"}, {"real"});
    model.node("Tanh", {"real"}, {"tanh"});
    model.node("QuantizeLinear", {"tanh", "t"}, {"yq"});
    model.node("DequantizeLinear", {"yq", "t"}, {"y"});
    const Quantized quantized = calibrate(model.import(), target, {}, {});
    const emu::Program program = lower(quantized).program;
    EXPECT_EQ(quantized.tensors[quantized.graph.outputs[0]]->scale, std::vector<float>{scale});
    EXPECT_EQ(quantized.tensors[quantized.graph.outputs[0]]->provenance, "stated by the model");
    ASSERT_EQ(program.constants.size(), 1U);
    EXPECT_EQ(program.constants[0].tensor.size(), 256U) << "one entry for each unsigned word";
  }
}

TEST(QuantizedImport, RefusesBiasesThatFloat32CannotHold) {
  SmallModel model = small_conv();
  for (auto& tensor : *model.proto.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == "b") tensor.set_int32_data(0, 2147483646);
  }
  expect_in(unsupported(model), {"'b' holds 2147483646 at element 0", "float32"});
}

// Exported and imported again, a quantized network lowers to the same Program, in both forms.
class QuantizedRoundTrip : public ::testing::TestWithParam<OnnxForm> {};

TEST_P(QuantizedRoundTrip, KeepsTheProgram) {
  SmallModel model;
  model.input("x", {1, 2, 6, 6}).floats("w", {3, 2, 3, 3}).floats("b", {3}).floats("g", {3, 4}).floats("h", {4}).ints("shape", {1, 3}).output("y");
  model.node("Conv", {"x", "w", "b"}, {"c"}).is("pads", {1, 1, 1, 1});
  model.node("Relu", {"c"}, {"r"});
  model.node("MaxPool", {"r"}, {"m"}).is("kernel_shape", {2, 2}).is("strides", {2, 2});
  model.node("Sigmoid", {"m"}, {"s"});
  model.node("Mul", {"m", "s"}, {"p"});
  model.node("Add", {"p", "m"}, {"a"});
  model.node("GlobalAveragePool", {"a"}, {"v"});
  model.node("Reshape", {"v", "shape"}, {"f"});
  model.node("Gemm", {"f", "g", "h"}, {"y"});
  Graph graph = model.import();
  simplify(graph);
  const InputSet one{1, [](size_t) { return std::vector<FloatTensor>{ramp({1, 2, 6, 6})}; }};
  const Quantized quantized = calibrate(std::move(graph), integer_target(), one, {});
  const Folder folder;
  write(folder.file("again.onnx"), export_onnx(quantized, {GetParam(), false}).bytes);
  Graph again = import_onnx(folder.file("again.onnx"));
  simplify(again);
  const emu::Program first = lower(quantized).program;
  const emu::Program second = lower(calibrate(std::move(again), integer_target(), {}, {})).program;
  ASSERT_EQ(first.instructions.size(), second.instructions.size());
  EXPECT_EQ(first.scales, second.scales);
  EXPECT_EQ(first.step_lists, second.step_lists);
  for (size_t i = 0; i < first.values.size(); ++i) {
    EXPECT_EQ(first.values[i].scale, second.values[i].scale) << first.values[i].name;
    EXPECT_EQ(first.values[i].zero_point, second.values[i].zero_point) << first.values[i].name;
  }
  ASSERT_EQ(first.constants.size(), second.constants.size());
  for (size_t i = 0; i < first.constants.size(); ++i) EXPECT_EQ(first.constants[i].tensor, second.constants[i].tensor) << first.constants[i].name;
}

INSTANTIATE_TEST_SUITE_P(BothForms, QuantizedRoundTrip, ::testing::Values(OnnxForm::qdq, OnnxForm::qlinear),
                         [](const auto& which) { return std::string(which.param == OnnxForm::qdq ? "qdq" : "qlinear"); });

TEST(ExportOnnx, RefusesWordsThatOnnxHasNoFormFor) {
  SmallModel model;
  model.input("x", {2}).output("y").node("Sigmoid", {"x"}, {"y"});
  const InputSet one{1, [](size_t) { return std::vector<FloatTensor>{FloatTensor({2}, {1, -1})}; }};
  Quantized quantized = calibrate(model.import(), integer_target(), one, {});
  quantized.tensors[0]->storage = {emu::IntType{16, true}, -32768, 32767};
  expect_in(refusal<Unsupported>([&] { export_onnx(quantized, {}); }), {"'x' is s16"});
}

}  // namespace
}  // namespace assay::quant::testing_onnx
