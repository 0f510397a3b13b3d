// ONNX's own examples of every operator (Debian's libonnx-testdata): model, inputs and output of each. Where Assay takes the operator, it must compute that output; where it
// does not, it must say so and not fail otherwise. Each example is tried twice: with its first input computed and all others constant (typed operators), and with all inputs
// constant (evaluation at import).
#include <cmath>
#include <cstring>
#include <set>

#include "tests/quant/onnx/small_model.h"

namespace assay::quant::testing_onnx {
namespace {

namespace fs = std::filesystem;
const fs::path kNodes = "/usr/share/libonnx-testdata/data/node";

struct Example {
  std::string name;
  onnx::ModelProto model;
  std::vector<onnx::TensorProto> inputs;
  onnx::TensorProto output;
};

std::optional<Example> load(const fs::path& folder) {
  Example example;
  example.name = folder.filename().string();
  if (!example.model.ParseFromString(read((folder / "model.onnx").string()))) return std::nullopt;
  const fs::path data = folder / "test_data_set_0";
  for (int i = 0; i < example.model.graph().input_size(); ++i) {
    onnx::TensorProto tensor;
    if (!tensor.ParseFromString(read((data / ("input_" + std::to_string(i) + ".pb")).string()))) return std::nullopt;
    tensor.set_name(example.model.graph().input(i).name());
    example.inputs.push_back(tensor);
  }
  if (!example.output.ParseFromString(read((data / "output_0.pb").string()))) return std::nullopt;
  return example;
}

bool is_float(const onnx::TensorProto& tensor) {
  return tensor.data_type() == onnx::TensorProto::FLOAT;
}

// Not for Assay: operators of training, whose files use no default opset; inputs that are no tensors; tensors without elements; bfloat16, which the examples store as other
// types; windows, which the examples compute with another pi.
// (What QuantizeLinear makes stays a real number here, with the quantization that it states: quantized_import_test.)
bool is_beyond_us(const Example& example) {
  for (const char* part : {"BFLOAT16", "optional", "window", "test_slice_start_out_of_bounds", "test_quantizelinear"}) {
    if (example.name.find(part) != std::string::npos) return true;
  }
  const bool training = example.model.opset_import(0).domain() == "ai.onnx.preview.training";
  const bool empty = std::any_of(example.inputs.begin(), example.inputs.end(), [](const auto& t) { return std::count(t.dims().begin(), t.dims().end(), 0) != 0; });
  return training || (empty && is_float(example.inputs[0]));
}

template <class T>
std::vector<float> as(const std::string& raw) {
  std::vector<float> out;
  for (size_t at = 0; at + sizeof(T) <= raw.size(); at += sizeof(T)) {
    T x;
    std::memcpy(&x, raw.data() + at, sizeof x);
    out.push_back(static_cast<float>(x));
  }
  return out;
}

// By another way than the importer's; only the types that the examples store.
std::optional<FloatTensor> tensor_of(const onnx::TensorProto& proto) {
  const Shape shape(proto.dims().begin(), proto.dims().end());
  const std::string& raw = proto.raw_data();
  switch (proto.data_type()) {
    case onnx::TensorProto::FLOAT: return FloatTensor(shape, proto.has_raw_data() ? as<float>(raw) : std::vector<float>(proto.float_data().begin(), proto.float_data().end()));
    case onnx::TensorProto::DOUBLE: return FloatTensor(shape, as<double>(raw));
    case onnx::TensorProto::INT64: return FloatTensor(shape, as<int64_t>(raw));
    case onnx::TensorProto::INT32: return FloatTensor(shape, as<int32_t>(raw));
    case onnx::TensorProto::INT16: return FloatTensor(shape, as<int16_t>(raw));
    case onnx::TensorProto::INT8: return FloatTensor(shape, as<int8_t>(raw));
    case onnx::TensorProto::UINT64: return FloatTensor(shape, as<uint64_t>(raw));
    case onnx::TensorProto::UINT32: return FloatTensor(shape, as<uint32_t>(raw));
    case onnx::TensorProto::UINT16: return FloatTensor(shape, as<uint16_t>(raw));
    case onnx::TensorProto::UINT8: return FloatTensor(shape, as<uint8_t>(raw));
    case onnx::TensorProto::BOOL: return FloatTensor(shape, as<uint8_t>(raw));
    default: return std::nullopt;
  }
}

std::string difference(const FloatTensor& ours, const FloatTensor& theirs) {
  if (ours.shape != theirs.shape) return "shape " + assay::to_string(ours.shape) + " instead of " + assay::to_string(theirs.shape);
  for (size_t i = 0; i < ours.size(); ++i) {
    const float a = ours.data[i], b = theirs.data[i];
    if (std::isnan(a) && std::isnan(b)) continue;
    if (!(std::abs(a - b) <= 1e-5F + 1e-4F * std::abs(b)) && a != b) return "element " + std::to_string(i) + " is " + std::to_string(a) + " instead of " + std::to_string(b);
  }
  return "";
}

Graph import(const onnx::ModelProto& model) {
  const Folder folder;
  const std::string path = folder.file("node.onnx");
  write(path, model.SerializeAsString());
  return import_onnx(path);
}

// Inputs from `first` on become initializers; other outputs than the first are not asked for.
onnx::ModelProto with_constants(const Example& example, int first) {
  onnx::ModelProto model = example.model;
  model.set_ir_version(7);
  // An example of an operator that has not changed since an older opset says so; opset 7 has the same one.
  model.mutable_opset_import(0)->set_version(std::max<int64_t>(7, model.opset_import(0).version()));
  auto& graph = *model.mutable_graph();
  for (int i = first; i < static_cast<int>(example.inputs.size()); ++i) *graph.add_initializer() = example.inputs[static_cast<size_t>(i)];
  const auto inputs = graph.input();
  graph.clear_input();
  for (int i = 0; i < first; ++i) *graph.add_input() = inputs[i];
  while (graph.output_size() > 1) graph.mutable_output()->RemoveLast();
  return model;
}

struct Outcome {
  std::set<std::string> right;
  std::vector<std::string> wrong, refused;
};

template <class Act>
void attempt(Outcome& outcome, const std::string& name, Act act) {
  try {
    const std::string problem = act();
    if (problem.empty()) {
      outcome.right.insert(name);
    } else {
      outcome.wrong.push_back(name + ": " + problem);
    }
  } catch (const Unsupported& error) {
    outcome.refused.push_back(name);
  } catch (const InputError& error) {
    outcome.wrong.push_back(name + ": " + error.what());
  }
}

std::vector<fs::path> folders() {
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(kNodes)) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += "\n  " + line;
  return text;
}

TEST(NodeExamples, OfTypedOperatorsComputeWhatOnnxSays) {
  if (!fs::exists(kNodes)) GTEST_SKIP() << "libonnx-testdata is not installed";
  Outcome outcome;
  for (const auto& folder : folders()) {
    const auto example = load(folder);
    if (!example || example->inputs.empty() || !is_float(example->inputs[0]) || is_beyond_us(*example)) continue;
    const auto theirs = tensor_of(example->output);
    if (!theirs) continue;
    attempt(outcome, example->name, [&]() -> std::string {
      const Graph graph = import(with_constants(*example, 1));
      const auto results = run(graph, {{example->inputs[0].name(), *tensor_of(example->inputs[0])}});
      const std::string plain = difference(results.at(graph.value(graph.outputs[0]).name), *theirs);
      if (!plain.empty()) return plain;
      Graph simplified = graph;
      simplify(simplified);
      return difference(run(simplified, {{example->inputs[0].name(), *tensor_of(example->inputs[0])}}).at(graph.value(graph.outputs[0]).name), *theirs);
    });
  }
  EXPECT_TRUE(outcome.wrong.empty()) << joined(outcome.wrong);
  EXPECT_GE(outcome.right.size(), 150U) << "refused:" << joined(outcome.refused);
  RecordProperty("right", static_cast<int>(outcome.right.size()));
  for (const char* name : {"test_conv_with_autopad_same", "test_convtranspose_output_shape", "test_maxpool_2d_ceil", "test_averagepool_2d_ceil", "test_gemm_all_attributes",
                           "test_depthtospace_crd_mode", "test_softmax_axis_1", "test_resize_upsample_sizes_nearest", "test_batchnorm_example", "test_split_variable_parts_2d"}) {
    EXPECT_EQ(outcome.right.count(name), 1U) << name;
  }
}

TEST(NodeExamples, OfConstantsAreEvaluatedAsOnnxSays) {
  if (!fs::exists(kNodes)) GTEST_SKIP() << "libonnx-testdata is not installed";
  Outcome outcome;
  for (const auto& folder : folders()) {
    const auto example = load(folder);
    if (!example || is_beyond_us(*example)) continue;
    const auto theirs = tensor_of(example->output);
    if (!theirs || theirs->size() == 0) continue;
    attempt(outcome, example->name, [&]() -> std::string {
      onnx::ModelProto model = with_constants(*example, 0);
      auto& graph = *model.mutable_graph();
      const std::string name = graph.output(0).name();
      // zero + Cast(result): the result is then a constant of the graph.
      auto& input = *graph.add_input();
      input.set_name("zero");
      input.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
      input.mutable_type()->mutable_tensor_type()->mutable_shape();
      NodeProto cast(*graph.add_node());
      auto& cast_proto = *graph.mutable_node(graph.node_size() - 1);
      cast_proto.set_op_type("Cast");
      cast_proto.add_input(name);
      cast_proto.add_output("the_result");
      cast.i("to", 1);
      auto& add = *graph.add_node();
      add.set_op_type("Add");
      add.add_input("zero");
      add.add_input("the_result");
      add.add_output("the_sum");
      graph.mutable_output(0)->Clear();
      graph.mutable_output(0)->set_name("the_sum");
      const Graph imported = import(model);
      return difference(run(imported, {{"zero", FloatTensor({}, {0.0F})}}).at("the_sum"), *theirs);
    });
  }
  EXPECT_TRUE(outcome.wrong.empty()) << joined(outcome.wrong);
  EXPECT_GE(outcome.right.size(), 200U) << "refused:" << joined(outcome.refused);
  RecordProperty("right", static_cast<int>(outcome.right.size()));
}

}  // namespace
}  // namespace assay::quant::testing_onnx
