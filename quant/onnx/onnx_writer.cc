#include "quant/onnx/onnx_writer.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

using onnx::AttributeProto;
using onnx::TensorProto;

constexpr int64_t kIrVersion = 7;
constexpr int64_t kOpset = 14;  // HardSwish

void set_type(onnx::ValueInfoProto& value, const std::string& name, int32_t type, const Shape& shape) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape();
  for (const int64_t extent : shape) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
}

AttributeProto& attribute(onnx::NodeProto& node, const std::string& key, AttributeProto::AttributeType type) {
  AttributeProto& added = *node.add_attribute();
  added.set_name(key);
  added.set_type(type);
  return added;
}

}  // namespace

int32_t onnx_type_of(emu::IntType type) {
  if (type == emu::kS8) return TensorProto::INT8;
  if (type == emu::IntType{8, false}) return TensorProto::UINT8;
  if (type == emu::IntType{32, true}) return TensorProto::INT32;
  return 0;
}

OnnxWriter::OnnxWriter(const std::string& graph_name) : graph_(*model_.mutable_graph()) {
  model_.set_ir_version(kIrVersion);
  model_.set_producer_name("assay");
  auto& standard = *model_.add_opset_import();
  standard.set_domain("");
  standard.set_version(kOpset);
  auto& microsoft = *model_.add_opset_import();
  microsoft.set_domain("com.microsoft");
  microsoft.set_version(1);
  graph_.set_name(graph_name);
}

std::string OnnxWriter::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int64_t i = 1; !names_.insert(name).second; ++i) name = wanted + "_" + std::to_string(i);
  return name;
}

onnx::NodeProto& OnnxWriter::node(const std::string& type, const Names& inputs, const std::string& output) {
  onnx::NodeProto& added = *graph_.add_node();
  added.set_op_type(type);
  added.set_name(output + "/" + type);  // unique, as outputs are
  for (const std::string& input : inputs) added.add_input(input);
  added.add_output(output);
  return added;
}

onnx::NodeProto& OnnxWriter::microsoft_node(const std::string& type, const Names& inputs, const std::string& output) {
  onnx::NodeProto& added = node(type, inputs, output);
  added.set_domain("com.microsoft");
  return added;
}

onnx::TensorProto& OnnxWriter::constant(const std::string& wanted, int32_t type, const Shape& shape) {
  TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(unique(wanted));
  tensor.set_data_type(type);
  for (const int64_t extent : shape) tensor.add_dims(extent);
  return tensor;
}

std::string OnnxWriter::floats(const std::string& wanted, const Shape& shape, const std::vector<float>& data) {
  TensorProto& tensor = constant(wanted, TensorProto::FLOAT, shape);
  for (const float value : data) tensor.add_float_data(value);
  return tensor.name();
}

std::string OnnxWriter::words(const std::string& wanted, emu::IntType type, const Shape& shape, const std::vector<int64_t>& data) {
  ASSAY_ASSERT(onnx_type_of(type) != 0);
  TensorProto& tensor = constant(wanted, onnx_type_of(type), shape);
  if (type.bits > 8) {
    for (const int64_t value : data) tensor.add_int32_data(static_cast<int32_t>(value));
    return tensor.name();
  }
  std::string& raw = *tensor.mutable_raw_data();
  raw.reserve(data.size());
  for (const int64_t value : data) raw.push_back(static_cast<char>(static_cast<uint8_t>(value & 0xFF)));
  return tensor.name();
}

std::string OnnxWriter::integers(const std::string& wanted, const std::vector<int64_t>& data) {
  TensorProto& tensor = constant(wanted, TensorProto::INT64, {static_cast<int64_t>(data.size())});
  for (const int64_t value : data) tensor.add_int64_data(value);
  return tensor.name();
}

void OnnxWriter::input(const std::string& name, const Shape& shape) {
  set_type(*graph_.add_input(), name, TensorProto::FLOAT, shape);
}

void OnnxWriter::float_output(const std::string& name, const Shape& shape) {
  set_type(*graph_.add_output(), name, TensorProto::FLOAT, shape);
}

void OnnxWriter::word_output(const std::string& name, emu::IntType type, const Shape& shape) {
  set_type(*graph_.add_output(), name, onnx_type_of(type), shape);
}

std::string OnnxWriter::bytes() const {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  if (!model_.SerializeToCodedStream(&coded)) throw InputError("the model is too large for one ONNX file (2 GB)");
  coded.Trim();
  return out;
}

void set(onnx::NodeProto& node, const std::string& key, int64_t value) {
  attribute(node, key, AttributeProto::INT).set_i(value);
}
void set(onnx::NodeProto& node, const std::string& key, float value) {
  attribute(node, key, AttributeProto::FLOAT).set_f(value);
}
void set(onnx::NodeProto& node, const std::string& key, const std::string& value) {
  attribute(node, key, AttributeProto::STRING).set_s(value);
}
void set(onnx::NodeProto& node, const std::string& key, const std::vector<int64_t>& values) {
  auto& added = attribute(node, key, AttributeProto::INTS);
  for (const int64_t value : values) added.add_ints(value);
}

}  // namespace assay::quant
