// An ONNX graph under construction: nodes, constants and names, each name once.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "emu/arith/int_type.h"
#include "emu/base/shape.h"
#include "quant/onnx/proto.h"

namespace assay::quant {

// TensorProto's element type of words; 0 where ONNX's quantized operators have none.
int32_t onnx_type_of(emu::IntType type);

class OnnxWriter {
 public:
  using Names = std::vector<std::string>;

  explicit OnnxWriter(const std::string& graph_name);

  // The name, or the first of name_1, name_2 ... that is free.
  std::string unique(const std::string& wanted);

  onnx::NodeProto& node(const std::string& type, const Names& inputs, const std::string& output);
  onnx::NodeProto& microsoft_node(const std::string& type, const Names& inputs, const std::string& output);

  // Constants; each returns the name that it got.
  std::string floats(const std::string& wanted, const Shape& shape, const std::vector<float>& data);
  std::string words(const std::string& wanted, emu::IntType type, const Shape& shape, const std::vector<int64_t>& data);
  std::string integers(const std::string& wanted, const std::vector<int64_t>& data);

  void input(const std::string& name, const Shape& shape);
  void float_output(const std::string& name, const Shape& shape);
  void word_output(const std::string& name, emu::IntType type, const Shape& shape);

  std::string bytes() const;

 private:
  onnx::TensorProto& constant(const std::string& wanted, int32_t type, const Shape& shape);

  onnx::ModelProto model_;
  onnx::GraphProto& graph_;
  std::unordered_set<std::string> names_;
};

void set(onnx::NodeProto& node, const std::string& key, int64_t value);
void set(onnx::NodeProto& node, const std::string& key, float value);
void set(onnx::NodeProto& node, const std::string& key, const std::string& value);
void set(onnx::NodeProto& node, const std::string& key, const std::vector<int64_t>& values);

}  // namespace assay::quant
