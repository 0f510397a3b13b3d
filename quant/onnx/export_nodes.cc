#include "quant/onnx/export_nodes.h"

#include <limits>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

using Names = OnnxWriter::Names;

struct Place {
  const Graph& graph;
  const Node& node;
  const Names& inputs;
  const std::string& pad;
  const std::string& output;
  OnnxWriter& writer;

  const Shape& shape(size_t input) const { return graph.value(node.inputs.at(input)).shape; }
  const Shape& result() const { return graph.value(node.output).shape; }
  onnx::NodeProto& add(const std::string& type) const { return writer.node(type, inputs, output); }
  std::string between(const std::string& role) const { return writer.unique(output + "/" + role); }
};

void write(const Conv& op, const Place& to) {
  set_windows(to.add("Conv"), op, to.shape(1));
}

void write(const ConvTranspose& op, const Place& to) {
  onnx::NodeProto& node = to.add("ConvTranspose");
  const Shape& w = to.shape(1);
  set(node, "kernel_shape", std::vector<int64_t>{w[2], w[3]});
  set(node, "strides", op.stride);
  set(node, "pads", op.pads);
  set(node, "dilations", op.dilation);
  set(node, "output_padding", op.output_padding);
  set(node, "group", op.groups);
}

void write(const MatMul&, const Place& to) {
  if (to.inputs.size() == 2) return static_cast<void>(to.add("MatMul"));
  if (to.result().size() == 2) return static_cast<void>(to.add("Gemm"));
  const std::string product = to.between("product");
  to.writer.node("MatMul", {to.inputs[0], to.inputs[1]}, product);
  to.writer.node("Add", {product, to.inputs[2]}, to.output);
}

void write(const Binary& op, const Place& to) {
  switch (op.kind) {
    case Arithmetic::add: to.add("Add"); return;
    case Arithmetic::sub: to.add("Sub"); return;
    case Arithmetic::mul: to.add("Mul"); return;
  }
}

void write(const Relu&, const Place& to) {
  to.add("Relu");
}

void write(const Clip& op, const Place& to) {
  const std::string low = to.writer.floats(to.output + "/low", {}, {op.low});
  const std::string high = to.writer.floats(to.output + "/high", {}, {op.high});
  to.writer.node("Clip", {to.inputs[0], low, high}, to.output);
}

void write(const LeakyRelu& op, const Place& to) {
  set(to.add("LeakyRelu"), "alpha", op.alpha);
}

// The slopes are one per channel, or one: as ONNX broadcasts, [C, 1, 1 ...].
void write(const PRelu&, const Place& to) {
  std::vector<int64_t> shape(std::max<size_t>(to.result().size(), 2) - 1, 1);
  shape[0] = element_count(to.shape(1));
  const std::string slopes = to.between("slopes");
  to.writer.node("Reshape", {to.inputs[1], to.writer.integers(to.output + "/slopes_shape", shape)}, slopes);
  to.writer.node("PRelu", {to.inputs[0], slopes}, to.output);
}

void write(const Unary& op, const Place& to) {
  const std::string& x = to.inputs[0];
  const auto times_x = [&](const std::string& type, const std::string& input) {
    const std::string factor = to.between(type);
    to.writer.node(type, {input}, factor);
    to.writer.node("Mul", {x, factor}, to.output);
  };
  switch (op.function) {
    case Function::sigmoid: to.add("Sigmoid"); return;
    case Function::tanh: to.add("Tanh"); return;
    case Function::hard_sigmoid: {
      onnx::NodeProto& node = to.add("HardSigmoid");
      set(node, "alpha", op.alpha);
      set(node, "beta", op.beta);
      return;
    }
    case Function::hard_swish: to.add("HardSwish"); return;
    case Function::silu: return times_x("Sigmoid", x);
    case Function::exp: to.add("Exp"); return;
    case Function::log: to.add("Log"); return;
    case Function::sqrt: to.add("Sqrt"); return;
    case Function::reciprocal: to.add("Reciprocal"); return;
    case Function::abs: to.add("Abs"); return;
    case Function::neg: to.add("Neg"); return;
    case Function::erf: to.add("Erf"); return;
    case Function::gelu: to.writer.microsoft_node("Gelu", {x}, to.output); return;
    case Function::elu: set(to.add("Elu"), "alpha", op.alpha); return;
    case Function::selu: {
      onnx::NodeProto& node = to.add("Selu");
      set(node, "alpha", op.alpha);
      set(node, "gamma", op.beta);
      return;
    }
    case Function::softplus: to.add("Softplus"); return;
    case Function::mish: {
      const std::string softplus = to.between("Softplus");
      to.writer.node("Softplus", {x}, softplus);
      return times_x("Tanh", softplus);
    }
    case Function::square: to.writer.node("Mul", {x, x}, to.output); return;
  }
}

void write(const MaxPool& op, const Place& to) {
  onnx::NodeProto& node = to.add("MaxPool");
  set(node, "kernel_shape", op.kernel);
  set(node, "strides", op.stride);
  set(node, "pads", op.pads);
  set(node, "dilations", op.dilation);
}

void write(const AveragePool& op, const Place& to) {
  if (is_global(op, to.shape(0), to.result())) return static_cast<void>(to.add("GlobalAveragePool"));
  set_windows(to.add("AveragePool"), op);
}

void write(const Concat& op, const Place& to) {
  set(to.add("Concat"), "axis", op.axis);
}

void write(const Slice& op, const Place& to) {
  std::vector<int64_t> ends, axes;
  for (size_t i = 0; i < op.starts.size(); ++i) {
    const int64_t end = op.starts[i] + op.steps[i] * to.result()[i];
    ends.push_back(end < 0 ? std::numeric_limits<int64_t>::min() : end);  // -1 would mean the last element
    axes.push_back(static_cast<int64_t>(i));
  }
  to.writer.node("Slice",
                 {to.inputs[0], to.writer.integers(to.output + "/starts", op.starts), to.writer.integers(to.output + "/ends", ends), to.writer.integers(to.output + "/axes", axes),
                  to.writer.integers(to.output + "/steps", op.steps)},
                 to.output);
}

void write(const Pad& op, const Place& to) {
  std::vector<int64_t> pads = op.begins;
  pads.insert(pads.end(), op.ends.begin(), op.ends.end());
  to.writer.node("Pad", {to.inputs[0], to.writer.integers(to.output + "/pads", pads), to.pad}, to.output);
}

void write(const Reshape&, const Place& to) {
  to.writer.node("Reshape", {to.inputs[0], to.writer.integers(to.output + "/shape", to.result())}, to.output);
}

void write(const Transpose& op, const Place& to) {
  set(to.add("Transpose"), "perm", op.permutation);
}

// y[i] = x[floor(i * in / out)]: what Resize calls asymmetric and floor.
bool is_asymmetric_floor(const std::vector<int64_t>& sources, int64_t in) {
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i] != static_cast<int64_t>(i) * in / static_cast<int64_t>(sources.size())) return false;
  }
  return true;
}

// Whole factors only: there the runtime's float32 coordinates are exact. Any other choice of rows and columns is two Gathers.
void write(const ResizeNearest& op, const Place& to) {
  const Shape& x = to.shape(0);
  const bool whole = static_cast<int64_t>(op.rows.size()) % x[2] == 0 && static_cast<int64_t>(op.columns.size()) % x[3] == 0;
  if (whole && is_asymmetric_floor(op.rows, x[2]) && is_asymmetric_floor(op.columns, x[3])) {
    onnx::NodeProto& node = to.writer.node("Resize", {to.inputs[0], "", "", to.writer.integers(to.output + "/sizes", to.result())}, to.output);
    set(node, "mode", std::string("nearest"));
    set(node, "coordinate_transformation_mode", std::string("asymmetric"));
    set(node, "nearest_mode", std::string("floor"));
    return;
  }
  const std::string rows = to.between("rows");
  set(to.writer.node("Gather", {to.inputs[0], to.writer.integers(to.output + "/row_indices", op.rows)}, rows), "axis", int64_t{2});
  set(to.writer.node("Gather", {rows, to.writer.integers(to.output + "/column_indices", op.columns)}, to.output), "axis", int64_t{3});
}

void write(const Softmax& op, const Place& to) {
  set(to.add("Softmax"), "axis", op.axis);
}

void write(const BatchNorm&, const Place&) {
  ASSAY_ASSERT(!"a BatchNorm in a simplified graph");
}

}  // namespace

bool is_global(const AveragePool& pool, const Shape& x, const Shape& y) {
  return pool.kernel[0] == x[2] && pool.kernel[1] == x[3] && y[2] == 1 && y[3] == 1 && pool.pads == std::vector<int64_t>{0, 0, 0, 0};
}

void set_windows(onnx::NodeProto& node, const AveragePool& pool) {
  set(node, "kernel_shape", pool.kernel);
  set(node, "strides", pool.stride);
  set(node, "pads", pool.pads);
  set(node, "count_include_pad", int64_t{pool.include_pad ? 1 : 0});
}

void set_windows(onnx::NodeProto& node, const Conv& conv, const Shape& weight) {
  set(node, "kernel_shape", std::vector<int64_t>{weight[2], weight[3]});
  set(node, "strides", conv.stride);
  set(node, "pads", conv.pads);
  set(node, "dilations", conv.dilation);
  set(node, "group", conv.groups);
}

void write_operator(const Operator& op, const Graph& graph, const Node& node, const OnnxWriter::Names& inputs, const std::string& pad, const std::string& output,
                    OnnxWriter& writer) {
  const Place to{graph, node, inputs, pad, output, writer};
  std::visit([&](const auto& own) { write(own, to); }, op);
}

}  // namespace assay::quant
