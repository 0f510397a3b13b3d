// An ONNX file as read: nodes with typed attributes, constants as Constant, nothing interpreted yet. Past load_model.cc nobody sees protobuf.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "quant/onnx/constant.h"

namespace assay::quant {

// monostate: a kind of attribute that no operator of ours reads (graphs, strings in plural, sparse tensors ...).
using Attribute = std::variant<std::monostate, int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, ConstantPtr>;

struct OnnxNode {
  std::string name, type, domain;
  std::vector<std::string> inputs, outputs;  // "" where an optional one is left out
  std::map<std::string, Attribute> attributes;
  size_t position = 0;             // among the file's nodes
  std::optional<int64_t> opset{};  // by whose rules it is read, where that is not the model's

  // "Conv", "com.microsoft:QLinearAdd"
  std::string full_type() const { return domain.empty() ? type : domain + ":" + type; }
  // How messages name the node: its name, or its first output's.
  std::string label() const;

  bool has(const std::string& key) const { return attributes.count(key) != 0; }
  // The attribute's value or the given default; InputError where it is of another type.
  int64_t integer(const std::string& key, int64_t fallback) const;
  float real(const std::string& key, float fallback) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  std::vector<int64_t> integers(const std::string& key, const std::vector<int64_t>& fallback) const;
  std::vector<float> reals(const std::string& key, const std::vector<float>& fallback) const;
  ConstantPtr tensor(const std::string& key) const;  // nullptr where missing
};

struct OnnxInput {
  std::string name;
  bool real = false;                            // a tensor of floating point
  std::string type;                             // for messages: "tensor(int64)"
  std::optional<std::vector<int64_t>> extents;  // nullopt: not even the rank is given; -1: dynamic
  std::vector<std::string> extent_names;        // names of the dynamic ones
};

struct OnnxModel {
  std::string path, name;
  int64_t opset = 0;              // of the default domain
  std::vector<OnnxNode> nodes;    // in topological order
  std::vector<OnnxInput> inputs;  // without those that are initializers
  std::vector<std::string> outputs;
  std::map<std::string, ConstantPtr> initializers;
  std::vector<std::string> unsupported;  // found while loading (sparse tensors, strings): reported with the rest
};

// Reads, parses and checks the structure: every name defined once and before its use, no cycle. InputError names the file.
OnnxModel load_model(const std::string& path);

// Sorts nodes so that each comes after the producers of its inputs, keeping the file's order where it can. A cycle: InputError that lists the nodes on it.
void sort_nodes(OnnxModel& model);

}  // namespace assay::quant
