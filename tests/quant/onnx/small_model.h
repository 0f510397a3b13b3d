// Small ONNX models written in place, and graphs run by the plain definitions of quant/ops.
#pragma once

#define ONNX_ML 1
#define ONNX_NAMESPACE onnx
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "emu/base/error.h"
#include "quant/graph/passes/passes.h"
#include "quant/onnx/import_onnx.h"
#include "quant/onnx/proto.h"
#include "quant/ops/op.h"

namespace assay::quant::testing_onnx {

// The text holds each of these parts.
inline void expect_in(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts) EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in: " << text;
}

// A folder of its own, removed in the end.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("assay_onnx_" + std::to_string(::getpid()) + "_" + std::to_string(next()++))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  static int& next() {
    static int count = 0;
    return count;
  }
  std::filesystem::path path_;
};

// A file in the place of one that is there: a file system may write out at once what is truncated and written anew, and that takes longer than the tests that damage files.
inline void write(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Attributes of a node, one call each.
class NodeProto {
 public:
  explicit NodeProto(onnx::NodeProto& proto) : proto_(proto) {}
  NodeProto& name(const std::string& text) { return proto_.set_name(text), *this; }
  NodeProto& domain(const std::string& text) { return proto_.set_domain(text), *this; }
  NodeProto& i(const std::string& key, int64_t value) { return add(key, onnx::AttributeProto::INT).set_i(value), *this; }
  NodeProto& f(const std::string& key, float value) { return add(key, onnx::AttributeProto::FLOAT).set_f(value), *this; }
  NodeProto& s(const std::string& key, const std::string& value) { return add(key, onnx::AttributeProto::STRING).set_s(value), *this; }
  NodeProto& is(const std::string& key, const std::vector<int64_t>& values) {
    auto& attribute = add(key, onnx::AttributeProto::INTS);
    for (const int64_t value : values) attribute.add_ints(value);
    return *this;
  }
  NodeProto& fs(const std::string& key, const std::vector<float>& values) {
    auto& attribute = add(key, onnx::AttributeProto::FLOATS);
    for (const float value : values) attribute.add_floats(value);
    return *this;
  }

 private:
  onnx::AttributeProto& add(const std::string& key, onnx::AttributeProto::AttributeType type) {
    auto& attribute = *proto_.add_attribute();
    attribute.set_name(key);
    attribute.set_type(type);
    return attribute;
  }
  onnx::NodeProto& proto_;
};

class SmallModel {
 public:
  explicit SmallModel(int64_t opset = 13) {
    proto.set_ir_version(7);
    auto& import = *proto.add_opset_import();
    import.set_version(opset);
    proto.mutable_graph()->set_name("small");
  }
  // -1: a dynamic extent.
  SmallModel& input(const std::string& name, const Shape& shape, int32_t type = onnx::TensorProto::FLOAT) {
    auto& value = *proto.mutable_graph()->add_input();
    value.set_name(name);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape();
    for (const int64_t extent : shape) {
      auto& dim = *tensor.mutable_shape()->add_dim();
      if (extent >= 0) {
        dim.set_dim_value(extent);
      } else {
        dim.set_dim_param("batch");
      }
    }
    return *this;
  }
  onnx::TensorProto& tensor(const std::string& name, const Shape& shape, int32_t type) {
    auto& t = *proto.mutable_graph()->add_initializer();
    t.set_name(name);
    t.set_data_type(type);
    for (const int64_t extent : shape) t.add_dims(extent);
    return t;
  }
  // Without data: 0.25, 0.5, 0.75 ...
  SmallModel& floats(const std::string& name, const Shape& shape, std::vector<float> data = {}) {
    auto& t = tensor(name, shape, onnx::TensorProto::FLOAT);
    if (data.empty()) {
      for (int64_t k = 0; k < element_count(shape); ++k) data.push_back(0.25F * static_cast<float>(k + 1));
    }
    for (const float x : data) t.add_float_data(x);
    return *this;
  }
  SmallModel& ints(const std::string& name, const std::vector<int64_t>& data) {
    auto& t = tensor(name, {static_cast<int64_t>(data.size())}, onnx::TensorProto::INT64);
    for (const int64_t x : data) t.add_int64_data(x);
    return *this;
  }
  NodeProto node(const std::string& type, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
    auto& n = *proto.mutable_graph()->add_node();
    n.set_op_type(type);
    for (const auto& name : inputs) n.add_input(name);
    for (const auto& name : outputs) n.add_output(name);
    return NodeProto(n);
  }
  SmallModel& output(const std::string& name) {
    proto.mutable_graph()->add_output()->set_name(name);
    return *this;
  }
  Graph import(const ImportOptions& options = {}) const {
    const Folder folder;
    const std::string path = folder.file("small.onnx");
    write(path, proto.SerializeAsString());
    return import_onnx(path, options);
  }

  onnx::ModelProto proto;
};

// What import says no with; "" where it does not.
template <class Error>
std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}
inline std::string input_error(const SmallModel& model, const ImportOptions& options = {}) {
  return refusal<InputError>([&] { model.import(options); });
}
inline std::string unsupported(const SmallModel& model) {
  return refusal<Unsupported>([&] { model.import(); });
}

// Every value of the graph by the plain definitions, by name.
inline std::map<std::string, FloatTensor> run(const Graph& graph, const std::map<std::string, FloatTensor>& inputs) {
  std::vector<FloatTensor> held(graph.values.size());
  for (size_t i = 0; i < held.size(); ++i) {
    if (graph.values[i].constant) held[i] = *graph.values[i].constant;
  }
  for (const ValueId id : graph.inputs) held[id] = inputs.at(graph.value(id).name);
  std::map<std::string, FloatTensor> results;
  for (const Node& node : graph.nodes) {
    Inputs operands;
    for (const ValueId id : node.inputs) operands.push_back(&held[id]);
    const Shape& shape = graph.value(node.output).shape;
    FloatTensor result = std::visit([&](const auto& op) { return evaluate(op, operands, shape); }, node.op);
    for (const Operator& fused : node.fused) result = std::visit([&](const auto& op) { return evaluate(op, {&result}, shape); }, fused);
    held[node.output] = result;
    results[graph.value(node.output).name] = std::move(result);
  }
  return results;
}

// 1, 2, 3 ... scaled and shifted to both signs.
inline FloatTensor ramp(const Shape& shape) {
  FloatTensor tensor(shape);
  const auto half = static_cast<float>(tensor.size()) / 2;
  for (size_t k = 0; k < tensor.size(); ++k) tensor.data[k] = (static_cast<float>((k * 7 + 3) % tensor.size()) - half) / half;
  return tensor;
}

}  // namespace assay::quant::testing_onnx
