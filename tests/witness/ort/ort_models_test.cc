// Whole networks: what the emulator computes for the target onnxruntime_cpu is what ONNX Runtime computes, every tensor, bit for bit. QLinear models run as they are (graph
// optimisations disabled); QDQ models run with `extended`, which turns each DequantizeLinear - operator - QuantizeLinear into the same integer kernels.
#include <onnx/onnx_pb.h>

#include <functional>

#include "emu/machine.h"
#include "quant/onnx/export_onnx.h"
#include "tests/models/real_models.h"
#include "tests/witness/ort/ort.h"

namespace assay::testing {
namespace {

using quant::OnnxForm;

// The words of every value of one run, by the value's index in the Program.
class Words : public emu::Observer {
 public:
  Words(const emu::Program& program, const std::vector<emu::Tensor>& inputs) : program_(program), values(program.values.size()) {
    for (size_t i = 0; i < inputs.size(); ++i) values[program.inputs[i].value] = inputs[i];
    emu::Machine(program).run(inputs, *this);
  }
  void on_output(size_t instruction, const emu::Tensor& result, const emu::OverflowCounts& /*counts*/) override { values[program_.instructions[instruction].result] = result; }

 private:
  const emu::Program& program_;

 public:
  std::vector<emu::Tensor> values;
};

// Counts what differs and names the first place.
void expect_equal(const std::string& name, const emu::Tensor& ours, const OrtTensor& theirs) {
  EXPECT_EQ(theirs.type, ours.type().is_signed ? "int8" : "uint8") << name;
  ASSERT_EQ(theirs.shape, ours.shape()) << name;
  size_t differing = 0, first = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const auto byte = static_cast<uint8_t>(theirs.bytes.at(i));
    const int64_t word = ours.type().is_signed ? static_cast<int8_t>(byte) : byte;
    if (word != ours.at(i) && differing++ == 0) first = i;
  }
  if (differing == 0) return;
  ADD_FAILURE() << name << ": " << differing << " of " << ours.size() << " differ, first at element " << first << ": ours " << ours.at(first) << ", ONNX Runtime's byte "
                << static_cast<int>(static_cast<uint8_t>(theirs.bytes[first]));
}

std::map<std::string, quant::FloatTensor> by_name(const quant::Graph& graph, const std::vector<quant::FloatTensor>& inputs) {
  std::map<std::string, quant::FloatTensor> named;
  for (size_t i = 0; i < inputs.size(); ++i) named[graph.value(graph.inputs[i]).name] = inputs[i];
  return named;
}

size_t count_nodes(const onnx::ModelProto& model, const std::function<bool(const onnx::NodeProto&)>& wanted) {
  size_t count = 0;
  for (const auto& node : model.graph().node()) count += wanted(node) ? 1 : 0;
  return count;
}

// All values of the quantized network as `form`, in ONNX Runtime, against the Program.
void compare_all(const quant::Quantized& quantized, const quant::Lowered& lowered, OnnxForm form, const std::vector<quant::FloatTensor>& inputs) {
  const quant::ExportedOnnx exported = quant::export_onnx(quantized, {form, true});
  const OrtRun run = run_ort(exported.bytes, form == OnnxForm::qdq ? "extended" : "disabled", by_name(quantized.graph, inputs));
  const Words words(lowered.program, quant::quantize_inputs(lowered.program, inputs));
  size_t compared = 0;
  for (quant::ValueId id = 0; id < exported.words.size(); ++id) {
    if (exported.words[id].empty()) continue;
    const std::string& name = quantized.graph.value(id).name;
    ASSERT_EQ(run.outputs.count(exported.words[id]), 1U) << name;
    expect_equal(name, words.values.at(static_cast<size_t>(lowered.program_value.at(id))), run.outputs.at(exported.words[id]));
    ++compared;
  }
  EXPECT_EQ(compared, lowered.program.values.size());
  // Convolutions ran in integers, all of them.
  onnx::ModelProto optimised;
  ASSERT_TRUE(optimised.ParseFromString(run.optimised));
  size_t convolutions = 0;
  for (const auto& node : quantized.graph.nodes) convolutions += std::holds_alternative<quant::Conv>(node.op) ? 1 : 0;
  EXPECT_EQ(count_nodes(optimised, [](const auto& node) { return node.op_type() == "QLinearConv"; }), convolutions);
  EXPECT_EQ(count_nodes(optimised, [](const auto& node) { return node.op_type() == "Conv" || node.op_type() == "FusedConv"; }), 0U);
}

struct Case {
  std::string model;
  OnnxForm form;
  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.model << (one.form == OnnxForm::qdq ? "_qdq" : "_qlinear"); }
};

class OnnxRuntime : public ::testing::TestWithParam<Case> {};

TEST_P(OnnxRuntime, ComputesEveryTensorOfTheNetworkAsTheEmulatorDoes) {
  ASSAY_NEEDS_ORT();
  if (!have_shared()) GTEST_SKIP() << "the real models are not here";
  const QuantizedModel model = quantize_real({GetParam().model, ""}, targets_dir() + "/onnxruntime_cpu.toml");
  for (size_t i = 0; i < 2; ++i) compare_all(model.quantized, model.lowered, GetParam().form, model.inputs.at(i));
}

INSTANTIATE_TEST_SUITE_P(Networks, OnnxRuntime,
                         ::testing::Values(Case{"resnet8_cifar10", OnnxForm::qlinear}, Case{"resnet8_cifar10", OnnxForm::qdq}, Case{"yunet_n_320", OnnxForm::qlinear},
                                           Case{"yunet_n_320", OnnxForm::qdq}, Case{"mnist_8", OnnxForm::qlinear}, Case{"blazeface_front_128", OnnxForm::qlinear}),
                         ::testing::PrintToStringParamName());

struct ImportedModel {
  quant::Quantized quantized;
  quant::Lowered lowered;
  std::vector<std::vector<quant::FloatTensor>> inputs;
};

ImportedModel import_mobilenet(const std::string& path) {
  quant::ImportOptions options;
  options.shapes["input"] = {1, 3, 224, 224};
  quant::Graph graph = quant::import_onnx(path, options);
  quant::simplify(graph);
  ImportedModel model;
  model.inputs = calibration_inputs({"mobilenetv2_12_int8", ""}, graph, 2);
  model.quantized = quant::calibrate(std::move(graph), emu::load_target(targets_dir() + "/onnxruntime_cpu.toml"), {}, {});
  model.lowered = quant::lower(model.quantized);
  return model;
}

// The original file, with every integer tensor made an output.
std::string with_all_words(const std::string& path, std::vector<std::string>& names) {
  onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(read_all(path)));
  for (const auto& node : proto.graph().node()) {
    if (node.op_type().find("QLinear") == std::string::npos && node.op_type() != "QuantizeLinear") continue;
    names.push_back(node.output(0));
    auto& output = *proto.mutable_graph()->add_output();
    output.set_name(node.output(0));
    output.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::UINT8);
  }
  return proto.SerializeAsString();
}

TEST(OnnxRuntime, ComputesTheImportedQuantizedMobilenetAsTheEmulatorDoes) {
  ASSAY_NEEDS_ORT();
  if (!have_shared()) GTEST_SKIP() << "the real models are not here";
  const std::string path = shared_dir() + "/models/onnx/mobilenetv2_12_int8.onnx";
  const ImportedModel model = import_mobilenet(path);
  const emu::Program& program = model.lowered.program;
  std::vector<std::string> names;
  const std::string bytes = with_all_words(path, names);
  for (const auto& inputs : model.inputs) {
    const OrtRun run = run_ort(bytes, "disabled", by_name(model.quantized.graph, inputs));
    const Words words(program, quant::quantize_inputs(program, inputs));
    std::map<std::string, size_t> index;
    for (size_t i = 0; i < program.values.size(); ++i) index[program.values[i].name] = i;
    size_t compared = 0;
    for (const std::string& name : names) {
      // The input's and the output's words go by the names of the real tensors.
      const std::string ours = index.count(name) != 0 ? name : name.substr(0, name.rfind("_quantized"));
      ASSERT_EQ(index.count(ours), 1U) << name;
      expect_equal(name, words.values[index[ours]], run.outputs.at(name));
      ++compared;
    }
    EXPECT_EQ(compared, 66U);
    const quant::FloatTensor real = quant::dequantize(words.values[index["output"]], program.values[index["output"]]);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(real.data.data()), real.size() * sizeof(float)), run.outputs.at("output").bytes);
  }
}

TEST(OnnxRuntime, ComputesTheImportedMobilenetExportedAgainAsTheEmulatorDoes) {
  ASSAY_NEEDS_ORT();
  if (!have_shared()) GTEST_SKIP() << "the real models are not here";
  const ImportedModel model = import_mobilenet(shared_dir() + "/models/onnx/mobilenetv2_12_int8.onnx");
  compare_all(model.quantized, model.lowered, OnnxForm::qlinear, model.inputs.at(0));
}

}  // namespace
}  // namespace assay::testing
