#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <unordered_set>

#include "emu/base/error.h"
#include "quant/onnx/model.h"
#include "quant/onnx/proto.h"
#include "quant/onnx/tensor_proto.h"

namespace assay::quant {
namespace {

namespace fs = std::filesystem;
using onnx::AttributeProto;

constexpr uint64_t kMaxFileBytes = (uint64_t{1} << 31) - 1;  // protobuf's own limit
constexpr int kMaxNodes = 1000000;
constexpr int64_t kOldestOpset = 7;
constexpr int64_t kNewestOpset = 18;
constexpr int64_t kNewestSchema = 17;  // what libonnx 1.12 knows
// Operators that opset 18 changed: libonnx's older schema would refuse what is right.
const std::set<std::string> kChangedIn18 = {"CenterCropPad",
                                            "Col2Im",
                                            "GroupNormalization",
                                            "Mish",
                                            "OptionalGetElement",
                                            "OptionalHasElement",
                                            "Pad",
                                            "ReduceL1",
                                            "ReduceL2",
                                            "ReduceLogSum",
                                            "ReduceLogSumExp",
                                            "ReduceMax",
                                            "ReduceMean",
                                            "ReduceMin",
                                            "ReduceProd",
                                            "ReduceSum",
                                            "ReduceSumSquare",
                                            "Resize",
                                            "ScatterElements",
                                            "ScatterND",
                                            "Split",
                                            "LpPool",
                                            "BitwiseAnd"};

onnx::ModelProto parse(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw InputError(path + ": no such file");
  if (!fs::is_regular_file(status)) throw InputError(path + ": not a file");
  const uint64_t size = fs::file_size(path, error);
  if (error) throw InputError(path + ": cannot be read: " + error.message());
  if (size > kMaxFileBytes) throw InputError(path + ": is larger than 2 GB; keep the weights as external data");
  if (size == 0) throw InputError(path + ": is empty");
  std::string bytes(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) throw InputError(path + ": cannot be read");
  onnx::ModelProto model;
  const google::protobuf::LogSilencer silencer;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(size))) throw InputError(path + ": not an ONNX model, or a truncated one (protobuf cannot parse it)");
  if (!model.has_graph() || model.graph().node_size() == 0) throw InputError(path + ": not an ONNX model: it holds no graph with nodes");
  if (model.graph().node_size() > kMaxNodes) throw InputError(path + ": has more than 10^6 nodes");
  return model;
}

int64_t opset_of(const onnx::ModelProto& model, const std::string& path) {
  int64_t opset = 0;
  for (const auto& import : model.opset_import()) {
    if (import.domain().empty() || import.domain() == "ai.onnx") opset = std::max(opset, import.version());
  }
  if (opset == 0) throw InputError(path + ": does not say which opset of the default domain it uses");
  if (opset < kOldestOpset || opset > kNewestOpset) {
    throw InputError(path + ": uses opset " + std::to_string(opset) + ", supported are 7 to 18; convert it with onnx.version_converter");
  }
  return opset;
}

// Old writers leave the type out.
AttributeProto::AttributeType type_of(const AttributeProto& a) {
  if (a.type() != AttributeProto::UNDEFINED) return a.type();
  if (a.has_f()) return AttributeProto::FLOAT;
  if (a.has_i()) return AttributeProto::INT;
  if (a.has_s()) return AttributeProto::STRING;
  if (a.has_t()) return AttributeProto::TENSOR;
  if (a.floats_size() > 0) return AttributeProto::FLOATS;
  if (a.ints_size() > 0) return AttributeProto::INTS;
  return AttributeProto::UNDEFINED;
}

Attribute read_attribute(const AttributeProto& a, const std::string& folder, const std::string& what) {
  switch (type_of(a)) {
    case AttributeProto::FLOAT: return a.f();
    case AttributeProto::INT: return static_cast<int64_t>(a.i());
    case AttributeProto::STRING: return a.s();
    case AttributeProto::FLOATS: return std::vector<float>(a.floats().begin(), a.floats().end());
    case AttributeProto::INTS: return std::vector<int64_t>(a.ints().begin(), a.ints().end());
    case AttributeProto::TENSOR: return std::make_shared<const Constant>(read_tensor(a.t(), folder, what + " attribute '" + a.name() + "'"));
    default: return std::monostate{};
  }
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

void verify_against_schema(const onnx::NodeProto& node, int64_t opset) {
  if (!(node.domain().empty() || node.domain() == "ai.onnx")) return;
  if (opset > kNewestSchema && kChangedIn18.count(node.op_type()) != 0) return;
  const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(std::min(opset, kNewestSchema)), "");
  if (schema == nullptr) return;  // unknown: reported as unsupported
  try {
    schema->Verify(node);
  } catch (const std::exception& error) {
    throw InputError(first_line(error.what()));
  }
}

// Gathers what is wrong with the file, in its order.
class Loader {
 public:
  Loader(const onnx::GraphProto& graph, OnnxModel& model) : graph_(graph), model_(model), folder_(fs::path(model.path).parent_path().string()) {}

  void run() {
    read_initializers();
    read_inputs();
    for (int i = 0; i < graph_.node_size(); ++i) read_node(graph_.node(i));
    check_uses();
    if (!problems_.empty()) throw InputError(model_.path + ": the model is not valid", problems_);
    sort_nodes(model_);
  }

 private:
  // A value's name, seen where it is defined.
  void define(const std::string& name, const std::string& what) {
    if (name.empty()) return problems_.push_back(what + " has no name");
    if (!is_utf8(name)) return problems_.push_back(what + " has a name that is not UTF-8");
    if (!defined_.insert(name).second) problems_.push_back(what + " '" + name + "': the name is defined twice");
  }

  static bool is_utf8(const std::string& text) {
    for (size_t i = 0; i < text.size();) {
      const auto lead = static_cast<unsigned char>(text[i]);
      const size_t more = lead < 0x80 ? 0 : lead >= 0xC2 && lead < 0xE0 ? 1 : (lead & 0xF0) == 0xE0 ? 2 : lead >= 0xF0 && lead < 0xF5 ? 3 : SIZE_MAX;
      if (more == SIZE_MAX || more > text.size() - i - 1) return false;
      for (size_t k = 1; k <= more; ++k) {
        if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
      }
      const auto second = static_cast<unsigned char>(more > 1 ? text[i + 1] : 0);
      if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) || (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90)) return false;
      i += more + 1;
    }
    return true;
  }

  void read_initializers() {
    for (const auto& tensor : graph_.initializer()) {
      const std::string what = "initializer '" + tensor.name() + "'";
      define(tensor.name(), "initializer");
      try {
        model_.initializers.emplace(tensor.name(), std::make_shared<const Constant>(read_tensor(tensor, folder_, what)));
      } catch (const InputError& error) {
        problems_.push_back(error.what());
      } catch (const Unsupported& error) {
        model_.unsupported.push_back(error.what());
      }
    }
    for (const auto& tensor : graph_.sparse_initializer()) {
      define(tensor.values().name(), "sparse initializer");
      model_.unsupported.push_back("initializer '" + tensor.values().name() + "' is sparse");
    }
  }

  void read_inputs() {
    std::set<std::string> seen;
    for (const auto& proto : graph_.input()) {
      if (!seen.insert(proto.name()).second) problems_.push_back("graph input '" + proto.name() + "': the name is defined twice");
      if (defined_.count(proto.name()) != 0) continue;  // before IR version 4, initializers are listed as inputs too
      define(proto.name(), "graph input");
      OnnxInput input;
      input.name = proto.name();
      if (!proto.type().has_tensor_type()) {
        input.type = "not a tensor";
      } else {
        read_type(proto.type().tensor_type(), input);
      }
      model_.inputs.push_back(std::move(input));
    }
  }

  static void read_type(const onnx::TypeProto::Tensor& type, OnnxInput& input) {
    const int32_t element = type.elem_type();
    using onnx::TensorProto;
    input.real = element == TensorProto::FLOAT || element == TensorProto::FLOAT16 || element == TensorProto::DOUBLE || element == TensorProto::BFLOAT16;
    input.type = TensorProto::DataType_IsValid(element) ? "a tensor of " + TensorProto::DataType_Name(static_cast<TensorProto::DataType>(element)) : "a tensor of unknown type";
    if (!type.has_shape()) return;
    input.extents.emplace();
    for (const auto& dim : type.shape().dim()) {
      const bool fixed = dim.has_dim_value() && dim.dim_value() > 0;
      input.extents->push_back(fixed ? dim.dim_value() : -1);
      input.extent_names.push_back(dim.has_dim_param() ? dim.dim_param() : "");
    }
  }

  void read_node(const onnx::NodeProto& proto) {
    OnnxNode node;
    node.position = model_.nodes.size();
    node.name = proto.name();
    node.type = proto.op_type();
    node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
    node.inputs.assign(proto.input().begin(), proto.input().end());
    node.outputs.assign(proto.output().begin(), proto.output().end());
    const std::string what = "node '" + node.label() + "' (" + node.full_type() + ")";
    if (!is_utf8(what)) return problems_.push_back("a node's name or type is not UTF-8");
    for (const std::string& output : node.outputs) {
      if (!output.empty()) define(output, what + " output");
    }
    try {
      verify_against_schema(proto, model_.opset);
      for (const auto& attribute : proto.attribute()) {
        if (!node.attributes.emplace(attribute.name(), read_attribute(attribute, folder_, what)).second) {
          problems_.push_back(what + ": attribute '" + attribute.name() + "' is given twice");
        }
      }
    } catch (const InputError& error) {
      problems_.push_back(what + ": " + error.what());
    } catch (const Unsupported& error) {
      model_.unsupported.push_back(error.what());
    }
    model_.nodes.push_back(std::move(node));
  }

  void check_uses() {
    for (const OnnxNode& node : model_.nodes) {
      for (const std::string& input : node.inputs) {
        if (!input.empty() && defined_.count(input) == 0) {
          problems_.push_back("node '" + node.label() + "' (" + node.full_type() + "): its input '" + input + "' is defined nowhere");
        }
      }
    }
    std::set<std::string> seen;
    for (const auto& output : graph_.output()) {
      if (defined_.count(output.name()) == 0) problems_.push_back("graph output '" + output.name() + "' is made by no node");
      if (!seen.insert(output.name()).second) problems_.push_back("graph output '" + output.name() + "' is listed twice");
      model_.outputs.push_back(output.name());
    }
    if (model_.outputs.empty()) problems_.push_back("the graph has no outputs");
  }

  const onnx::GraphProto& graph_;
  OnnxModel& model_;
  std::string folder_;
  std::unordered_set<std::string> defined_;
  std::vector<std::string> problems_;
};

}  // namespace

OnnxModel load_model(const std::string& path) {
  const onnx::ModelProto proto = parse(path);
  OnnxModel model;
  model.path = path;
  model.name = proto.graph().name();
  model.opset = opset_of(proto, path);
  Loader(proto.graph(), model).run();
  return model;
}

}  // namespace assay::quant
