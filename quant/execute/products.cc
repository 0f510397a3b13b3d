#include "quant/execute/products.h"

#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <optional>
#include <unordered_map>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

using dnnl::memory;
using Dims = memory::dims;

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::primitive_attr strict_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return attributes;
}

Dims row_major(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

memory::desc plain(const Dims& dims) {
  return {dims, memory::data_type::f32, row_major(dims)};
}
memory::desc any(const Dims& dims) {
  return {dims, memory::data_type::f32, memory::format_tag::any};
}

// oneDNN's memory object over data that it only reads.
memory over(const memory::desc& description, const FloatTensor& tensor) {
  return {description, cpu(), const_cast<float*>(tensor.data.data())};
}
memory over(const memory::desc& description, FloatTensor& tensor) {
  return {description, cpu(), tensor.data.data()};
}

// A change of layout, prepared; nothing where the layouts are the same.
class Reorder {
 public:
  Reorder(const memory::desc& from, const memory::desc& to) {
    if (from == to) return;
    const dnnl::reorder::primitive_desc description(cpu(), from, cpu(), to, strict_attributes());
    primitive_ = dnnl::reorder(description);
    scratchpad_ = description.scratchpad_desc();
    to_ = to;
  }
  bool needed() const { return static_cast<bool>(primitive_); }
  void run(const memory& from, const memory& to, dnnl::stream& stream) const {
    primitive_.execute(stream, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, memory(scratchpad_, cpu())}});
  }
  memory apply(const memory& from, dnnl::stream& stream) const {
    if (!needed()) return from;
    memory to(to_, cpu());
    run(from, to, stream);
    return to;
  }

 private:
  dnnl::primitive primitive_;
  memory::desc scratchpad_;
  memory::desc to_;
};

// The graph's layouts, plain ones, of a node's tensors.
struct Layouts {
  memory::desc source, weights, destination;
  std::optional<memory::desc> bias;
};

// What all three kinds share: tensors in plain layouts are brought to those that the primitive prefers, constant weights once.
template <class Primitive>
class Prepared final : public Product {
 public:
  using Description = typename Primitive::primitive_desc;

  Prepared(const Description& description, const Layouts& given, const FloatTensor* constant_weights, Shape output_shape)
      : primitive_(description),
        given_(given),
        destination_(description.dst_desc()),
        scratchpad_(description.scratchpad_desc()),
        source_reorder_(given.source, description.src_desc()),
        weights_reorder_(given.weights, description.weights_desc()),
        destination_reorder_(description.dst_desc(), given.destination),
        output_shape_(std::move(output_shape)) {
    if (constant_weights == nullptr) return;
    dnnl::stream stream(cpu());
    packed_ = weights_reorder_.apply(over(given_.weights, *constant_weights), stream);
    stream.wait();
  }

  FloatTensor run(const std::vector<const FloatTensor*>& inputs) const override {
    dnnl::stream stream(cpu());
    FloatTensor output(output_shape_);
    const memory result = over(given_.destination, output);
    const memory destination = destination_reorder_.needed() ? memory(destination_, cpu()) : result;
    std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, source_reorder_.apply(over(given_.source, *inputs[0]), stream)},
                                                 {DNNL_ARG_WEIGHTS, packed_ ? *packed_ : weights_reorder_.apply(over(given_.weights, *inputs[1]), stream)},
                                                 {DNNL_ARG_DST, destination},
                                                 {DNNL_ARG_SCRATCHPAD, memory(scratchpad_, cpu())}};
    if (given_.bias) arguments.emplace(DNNL_ARG_BIAS, over(*given_.bias, *inputs[2]));
    primitive_.execute(stream, arguments);
    if (destination_reorder_.needed()) destination_reorder_.run(destination, result, stream);
    stream.wait();
    return output;
  }

 private:
  Primitive primitive_;
  Layouts given_;
  memory::desc destination_;
  memory::desc scratchpad_;
  Reorder source_reorder_, weights_reorder_, destination_reorder_;
  std::optional<memory> packed_;
  Shape output_shape_;
};

template <class Primitive>
std::unique_ptr<Product> made(const typename Primitive::desc& operation, const Layouts& layouts, const Graph& graph, const Node& node) {
  const std::optional<FloatTensor>& weights = graph.value(node.inputs[1]).constant;
  const typename Primitive::primitive_desc description(operation, strict_attributes(), cpu());
  return std::make_unique<Prepared<Primitive>>(description, layouts, weights ? &*weights : nullptr, graph.value(node.output).shape);
}

bool any_negative(const std::vector<int64_t>& values) {
  return std::any_of(values.begin(), values.end(), [](int64_t value) { return value < 0; });
}

// oneDNN counts the gaps between the taps: 0 is dense.
Dims gaps(const std::vector<int64_t>& dilation) {
  return {dilation[0] - 1, dilation[1] - 1};
}

Layouts image_layouts(const Graph& graph, const Node& node, const memory::desc& weights) {
  Layouts layouts{plain(graph.value(node.inputs[0]).shape), weights, plain(graph.value(node.output).shape), std::nullopt};
  if (node.inputs.size() > 2) layouts.bias = plain(graph.value(node.inputs[2]).shape);
  return layouts;
}

std::unique_ptr<Product> prepare(const Conv& op, const Graph& graph, const Node& node) {
  if (any_negative(op.pads)) return nullptr;
  const Shape& w = graph.value(node.inputs[1]).shape;
  const Dims weights = op.groups == 1 ? w : Dims{op.groups, w[0] / op.groups, w[1], w[2], w[3]};
  const Layouts layouts = image_layouts(graph, node, plain(weights));
  const dnnl::convolution_forward::desc operation(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, any(layouts.source.dims()), any(weights),
                                                  layouts.bias.value_or(memory::desc()), any(layouts.destination.dims()), op.stride, gaps(op.dilation), {op.pads[0], op.pads[1]},
                                                  {op.pads[2], op.pads[3]});
  return made<dnnl::convolution_forward>(operation, layouts, graph, node);
}

// ONNX has w as [I, O/groups, KH, KW], oneDNN as [groups, O/groups, I/groups, KH, KW]: the same bytes with other strides.
memory::desc transposed_weights(const Shape& w, int64_t groups) {
  const int64_t inputs = w[0] / groups;
  const int64_t taps = w[2] * w[3];
  if (groups == 1) return {{w[1], w[0], w[2], w[3]}, memory::data_type::f32, Dims{taps, w[1] * taps, w[3], 1}};
  return {{groups, w[1], inputs, w[2], w[3]}, memory::data_type::f32, Dims{inputs * w[1] * taps, taps, w[1] * taps, w[3], 1}};
}

std::unique_ptr<Product> prepare(const ConvTranspose& op, const Graph& graph, const Node& node) {
  // Rows that output_padding adds are rows less of padding at the end.
  const Dims after{op.pads[2] - op.output_padding[0], op.pads[3] - op.output_padding[1]};
  if (any_negative(op.pads) || any_negative(after)) return nullptr;
  const Layouts layouts = image_layouts(graph, node, transposed_weights(graph.value(node.inputs[1]).shape, op.groups));
  const dnnl::deconvolution_forward::desc operation(dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct, any(layouts.source.dims()),
                                                    any(layouts.weights.dims()), layouts.bias.value_or(memory::desc()), any(layouts.destination.dims()), op.stride,
                                                    gaps(op.dilation), {op.pads[0], op.pads[1]}, after);
  return made<dnnl::deconvolution_forward>(operation, layouts, graph, node);
}

std::unique_ptr<Product> prepare(const MatMul&, const Graph& graph, const Node& node) {
  Dims a = graph.value(node.inputs[0]).shape;
  Dims b = graph.value(node.inputs[1]).shape;
  Dims y = graph.value(node.output).shape;
  if (a.size() < 2 || b.size() < 2) return nullptr;
  if (b.size() == 2) {
    // All rows of all matrices of `a` meet the same b: one product.
    a = {element_count(a) / a.back(), a.back()};
    y = {element_count(y) / y.back(), y.back()};
  } else {
    a.insert(a.begin(), y.size() - a.size(), 1);
    b.insert(b.begin(), y.size() - b.size(), 1);
  }
  Layouts layouts{plain(a), plain(b), plain(y), std::nullopt};
  if (node.inputs.size() > 2) {
    Dims bias(y.size(), 1);
    bias.back() = y.back();
    layouts.bias = plain(bias);
  }
  const bool constant = graph.is_constant(node.inputs[1]);
  const dnnl::matmul::desc operation(layouts.source, constant ? any(b) : layouts.weights, layouts.bias.value_or(memory::desc()), layouts.destination);
  return made<dnnl::matmul>(operation, layouts, graph, node);
}

template <class T>
std::unique_ptr<Product> prepare(const T&, const Graph&, const Node&) {
  return nullptr;
}

}  // namespace

SingleThread::SingleThread() : before_(omp_get_max_threads()) {
  omp_set_num_threads(1);
}
SingleThread::~SingleThread() {
  omp_set_num_threads(before_);
}

std::unique_ptr<Product> prepare_product(const Graph& graph, const Node& node) {
  try {
    return std::visit([&](const auto& op) { return prepare(op, graph, node); }, node.op);
  } catch (const dnnl::error& error) {
    throw InternalError("node '" + node.name + "' (" + node.onnx_type + "): oneDNN refuses it: " + error.what());
  }
}

}  // namespace assay::quant
