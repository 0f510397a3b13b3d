#include "emu/base/error.h"
#include "quant/onnx/convert.h"
#include "quant/onnx/windows.h"

namespace assay::quant {
namespace {

struct Parameters {
  int64_t groups;
  std::vector<int64_t> kernel;
};

// What Conv and ConvTranspose check alike. `in_axis` is the weight's axis that meets the input's channels (or its group's share of them).
Parameters check_parameters(const Call& call, bool transposed) {
  const Shape& x = call.shape(0);
  const Shape& w = call.constant(1, "weight").shape;
  if (x.size() != w.size() || x.size() < 3) throw InputError("its input " + to_string(x) + " and weight " + to_string(w) + " do not have the same number of axes, at least 3");
  if (x.size() > 4) throw Unsupported("it has " + std::to_string(x.size() - 2) + " spatial axes; 1 and 2 are supported", {});
  check_shape(w);
  const int64_t groups = call.node.integer("group", 1);
  if (groups < 1 || groups > kMaxElements) throw InputError("group is " + std::to_string(groups));
  const bool fits = transposed ? w[0] == x[1] && x[1] % groups == 0 : w[1] * groups == x[1] && w[0] % groups == 0;
  if (!fits) throw InputError("its weight " + to_string(w) + " does not fit the input " + to_string(x) + " in " + std::to_string(groups) + " groups");
  const int64_t channels = transposed ? element_count({w[1], groups}) : w[0];
  if (call.has(2)) {
    const Shape& bias = call.constant(2, "bias").shape;
    if (bias != Shape{channels}) throw InputError("its bias " + to_string(bias) + " must have the shape [" + std::to_string(channels) + "]");
  }
  Parameters p{groups, Shape(w.begin() + 2, w.end())};
  const std::vector<int64_t> said = call.node.integers("kernel_shape", p.kernel);
  if (said != p.kernel) throw InputError("kernel_shape " + to_string(said) + " contradicts the weight " + to_string(w));
  return p;
}

// [N, C, L] -> [N, C, 1, L], for activations and weights.
Shape with_row(const Shape& shape) {
  return {shape[0], shape[1], 1, shape[2]};
}

// The operator on 2-D inputs; a 1-D one between two Reshapes.
void emit(const Call& call, Builder& builder, Operator op, int64_t channels, const Windows& windows) {
  const Shape& x = call.shape(0);
  std::vector<ValueId> inputs = {builder.input(call, 0), builder.input(call, 1)};
  if (call.has(2)) inputs.push_back(builder.input(call, 2));
  const Shape out = {x[0], channels, windows.output[0], windows.output[1]};
  if (x.size() == 4) return builder.result(call, 0, std::move(op), std::move(inputs), out);
  const Constant& weight = call.constant(1, "weight");
  inputs[0] = builder.step(call, Reshape{}, {inputs[0]}, with_row(x));
  inputs[1] = builder.constant(call.node.inputs[1] + "/2d", checked_floats(reshaped(weight, with_row(weight.shape)), call.node.inputs[1]));
  builder.result(call, 0, Reshape{}, {builder.step(call, std::move(op), std::move(inputs), out)}, {out[0], out[1], out[3]});
}

void convert_conv(const Call& call, Builder& builder) {
  const Parameters p = check_parameters(call, false);
  const Windows w = as_2d(read_windows(call, Shape(call.shape(0).begin() + 2, call.shape(0).end()), p.kernel));
  emit(call, builder, Conv{w.stride, w.pads, w.dilation, p.groups}, call.shape(1)[0], w);
}

void convert_conv_transpose(const Call& call, Builder& builder) {
  const Parameters p = check_parameters(call, true);
  TransposedWindows t = read_transposed_windows(call, Shape(call.shape(0).begin() + 2, call.shape(0).end()), p.kernel);
  if (t.output_padding.size() == 1) t.output_padding.insert(t.output_padding.begin(), 0);
  const Windows w = as_2d(t.windows);
  emit(call, builder, ConvTranspose{w.stride, w.pads, w.dilation, t.output_padding, p.groups}, call.shape(1)[1] * p.groups, w);
}

}  // namespace

const std::map<std::string, Converter>& convolution_converters() {
  static const std::map<std::string, Converter> table = {{"Conv", convert_conv}, {"ConvTranspose", convert_conv_transpose}};
  return table;
}

}  // namespace assay::quant
