#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <bit>
#include <cstring>
#include <set>

#include "emu/base/error.h"
#include "quant/export/formats.h"
#include "quant/export/view.h"
#include "quant/onnx/proto.h"

namespace assay::ppq {
namespace {

using onnx::AttributeProto;
using onnx::TensorProto;
using quant::Constant;
using quant::Kind;
static_assert(std::endian::native == std::endian::little, "raw data of ONNX is little-endian");

int32_t element_type(const Constant& value) {
  if (value.kind == Kind::real) return TensorProto::FLOAT;
  if (value.kind == Kind::boolean) return TensorProto::BOOL;
  if (!value.type) return TensorProto::INT64;
  switch (value.type->bits) {
    case 8: return value.type->is_signed ? TensorProto::INT8 : TensorProto::UINT8;
    case 16: return value.type->is_signed ? TensorProto::INT16 : TensorProto::UINT16;
    case 32: return value.type->is_signed ? TensorProto::INT32 : TensorProto::UINT32;
    default: return value.type->is_signed ? TensorProto::INT64 : TensorProto::UINT64;
  }
}

size_t bytes_of(int32_t type) {
  switch (type) {
    case TensorProto::BOOL:
    case TensorProto::INT8:
    case TensorProto::UINT8: return 1;
    case TensorProto::INT16:
    case TensorProto::UINT16: return 2;
    case TensorProto::INT64:
    case TensorProto::UINT64: return 8;
    default: return 4;
  }
}

void fill(TensorProto& tensor, const std::string& name, const Constant& value) {
  const int32_t type = element_type(value);
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (const int64_t extent : value.shape) tensor.add_dims(extent);
  std::string& raw = *tensor.mutable_raw_data();
  if (value.kind == Kind::real) {
    raw.assign(reinterpret_cast<const char*>(value.reals.data()), value.reals.size() * sizeof(float));
    return;
  }
  const size_t bytes = bytes_of(type);
  raw.resize(value.integers.size() * bytes);
  for (size_t i = 0; i < value.integers.size(); ++i) std::memcpy(raw.data() + i * bytes, &value.integers[i], bytes);  // the low bytes come first
}

// A number read back into float32 stays the file's float; lists and texts as they are.
void add_attribute(onnx::NodeProto& node, const std::string& key, const quant::Attribute& value) {
  AttributeProto& added = *node.add_attribute();
  added.set_name(key);
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    added.set_type(AttributeProto::INT);
    added.set_i(*integer);
  } else if (const auto* real = std::get_if<float>(&value)) {
    added.set_type(AttributeProto::FLOAT);
    added.set_f(*real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    added.set_type(AttributeProto::STRING);
    added.set_s(*text);
  } else if (const auto* integers = std::get_if<std::vector<int64_t>>(&value)) {
    added.set_type(AttributeProto::INTS);
    for (const int64_t entry : *integers) added.add_ints(entry);
  } else if (const auto* reals = std::get_if<std::vector<float>>(&value)) {
    added.set_type(AttributeProto::FLOATS);
    for (const float entry : *reals) added.add_floats(entry);
  } else if (const auto* tensor = std::get_if<quant::ConstantPtr>(&value); tensor != nullptr && *tensor != nullptr) {
    added.set_type(AttributeProto::TENSOR);
    fill(*added.mutable_t(), key, **tensor);
  } else {
    throw Unsupported("ONNX file",
                      {"node '" + node.name() + "' (" + node.op_type() + "): attribute '" + key + "' is of a kind that is not kept (a graph, a sparse tensor or texts)"});
  }
}

void add_value(onnx::ValueInfoProto& info, const Variable& variable) {
  info.set_name(variable.name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(TensorProto::FLOAT);
  if (variable.shape.empty()) return;  // not known
  for (const int64_t extent : variable.shape) {
    auto& dim = *tensor.mutable_shape()->add_dim();
    if (extent > 0) dim.set_dim_value(extent);
  }
}

void add_node(onnx::GraphProto& graph, const Network& network, const Operation& operation) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(operation.type);
  node.set_name(operation.name);
  if (!operation.domain.empty()) node.set_domain(operation.domain);
  const auto name = [&](VariableId id) { return id == kNone ? std::string() : network.variable(id).name; };
  for (const VariableId input : operation.inputs) node.add_input(name(input));
  for (const VariableId output : operation.outputs) node.add_output(name(output));
  for (const auto& [key, value] : operation.attributes) add_attribute(node, key, value);
}

// Used parameters, and those that are inputs or outputs.
void add_initializers(onnx::GraphProto& graph, const Network& network) {
  std::set<VariableId> used(network.outputs.begin(), network.outputs.end());
  for (const OperationId id : network.order) used.insert(network.operation(id).inputs.begin(), network.operation(id).inputs.end());
  for (const VariableId id : used) {
    if (id == kNone || !network.variable(id).is_parameter) continue;
    ASSAY_ASSERT(network.variable(id).value != nullptr);
    fill(*graph.add_initializer(), network.variable(id).name, *network.variable(id).value);
  }
}

void add_opsets(onnx::ModelProto& model, const Network& network, const OnnxForm& form) {
  std::set<std::string> domains = {""};
  for (const OperationId id : network.order) {
    if (network.operation(id).domain != "ai.onnx") domains.insert(network.operation(id).domain);
  }
  for (const std::string& domain : domains) {
    auto& opset = *model.add_opset_import();
    opset.set_domain(domain);
    opset.set_version(domain.empty() ? form.opset : 1);
  }
}

}  // namespace

std::string onnx_bytes(const Network& network, const OnnxForm& form) {
  onnx::ModelProto model;
  model.set_ir_version(form.ir_version);
  if (*form.producer != '\0') model.set_producer_name(form.producer);
  add_opsets(model, network, form);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name(network.name);
  for (const OperationId id : form.sorted ? execution_order(network) : network.order) add_node(graph, network, network.operation(id));
  for (const VariableId id : network.inputs) add_value(*graph.add_input(), network.variable(id));
  for (const VariableId id : network.outputs) add_value(*graph.add_output(), network.variable(id));
  add_initializers(graph, network);
  for (const auto& [name, value] : form.scalars) {
    fill(*graph.add_initializer(), name, Constant::of_reals({}, {value}));
    auto& input = *graph.add_input();
    input.set_name(name);
    input.mutable_type()->mutable_tensor_type()->set_elem_type(TensorProto::FLOAT);
    input.mutable_type()->mutable_tensor_type()->mutable_shape();
  }
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  if (!model.SerializeToCodedStream(&coded)) throw Unsupported("ONNX file", {"the model is too large for one ONNX file (2 GB)"});
  coded.Trim();
  return out;
}

std::string range_onnx_bytes(const Network& network) {
  OnnxForm form{.ir_version = 8, .opset = 17, .producer = "", .sorted = false};
  for (VariableId id = 0; id < network.variables.size(); ++id) {
    const Variable& variable = network.variable(id);
    if (variable.is_parameter) continue;
    // The first that may be exported: readers, then the producer.
    std::vector<Slot> candidates;
    for (const Reader& reader : variable.readers) {
      for (const Slot& slot : slots_of(network, reader.operation)) {
        if (!slot.output && slot.index == reader.input) candidates.push_back(slot);
      }
    }
    if (variable.producer != kNone) {
      for (const Slot& slot : slots_of(network, variable.producer)) {
        if (slot.output && slot.variable == id) candidates.push_back(slot);
      }
    }
    for (const Slot& slot : candidates) {
      if (!exportable(network, slot.config)) continue;
      const float scale = tensor_scale(network, slot, "ranges in an ONNX file");
      const float range = scale * static_cast<float>(int64_t{1} << (network.configurations[slot.config].bits - 1));
      form.scalars.emplace_back(variable.name + "_min", -range);
      form.scalars.emplace_back(variable.name + "_max", range - scale);
      break;
    }
  }
  return onnx_bytes(network, form);
}

}  // namespace assay::ppq
