// Already quantized models. A QLinear operator becomes the real operator between real values, each with the quantization that the model states for it; QuantizeLinear and
// DequantizeLinear leave nothing but that statement. Scales and zero points must be constants: what a chip computes is fixed before it runs.
#include <algorithm>
#include <cmath>
#include <limits>

#include "emu/base/error.h"
#include "quant/fake_quantize.h"
#include "quant/onnx/convert.h"
#include "quant/onnx/evaluate_constant.h"

namespace assay::quant {
namespace {

// One node under conversion: the real operator that it stands for, with its arguments so far.
struct Rewritten {
  const Call& call;
  Builder& builder;
  OnnxNode node;
  int64_t opset;  // whose rules hold for the real operator
  std::vector<Argument> arguments;

  Rewritten(const Call& from, Builder& to, const std::string& type) : call(from), builder(to), node(from.node), opset(from.opset) {
    node.domain.clear();
    node.type = type;
    node.inputs.clear();
  }
};

std::string quoted(const Call& call, size_t i) {
  return "'" + (i < call.node.inputs.size() ? call.node.inputs[i] : std::string()) + "'";
}

// The statement at inputs `scale` and `scale + 1`. `axis`, `channels`: where a list of scales belongs.
GivenQuantization read_given(const Call& call, size_t scale, const std::string& of, std::optional<int64_t> axis, int64_t channels, emu::IntType fallback) {
  if (!call.has(scale)) throw InputError("states no scale of " + of);
  const Constant& scales = call.constant(scale, "scale of " + of);
  if (scales.kind != Kind::real) throw InputError("its scale of " + of + " is no tensor of floating point");
  GivenQuantization given;
  given.scale = scales.reals;
  const auto count = static_cast<int64_t>(given.scale.size());
  if (count != 1 && (!axis || count != channels)) {
    const std::string problem = "states " + std::to_string(count) + " scales of " + of;
    if (!axis) throw Unsupported(problem + "; a tensor that is no weight has one", {});
    throw InputError(problem + ", which has " + std::to_string(channels) + " channels");
  }
  for (const float one : given.scale) {
    if (!(one > 0) || !std::isfinite(one)) throw InputError("states a scale of " + of + " of " + std::to_string(one) + "; a scale is positive and finite");
  }
  if (count > 1) given.axis = axis;
  given.type = fallback;
  if (!call.has(scale + 1)) return given;
  const Constant& zeros = call.constant(scale + 1, "zero point of " + of);
  if (zeros.kind != Kind::integer || !zeros.type || zeros.size() == 0) throw Unsupported("its zero point of " + of + " is not stated as integers", {});
  if (zeros.size() != 1 && zeros.size() != scales.size()) {
    throw InputError("states " + std::to_string(zeros.size()) + " zero points of " + of + " beside " + std::to_string(count) + " scales");
  }
  if (std::adjacent_find(zeros.integers.begin(), zeros.integers.end(), std::not_equal_to<>()) != zeros.integers.end()) {
    throw Unsupported("its zero points of " + of + " differ from channel to channel", {});
  }
  given.type = *zeros.type;
  given.zero_point = zeros.integers[0];
  return given;
}

int64_t lowest(emu::IntType type) {
  return static_cast<int64_t>(type.min());
}
int64_t highest(emu::IntType type) {
  return static_cast<int64_t>(type.max());
}

// Calls visit(i, scale) with every element and its channel's scale.
template <class Visit>
void for_each_element(const Shape& shape, const GivenQuantization& given, Visit visit) {
  const auto count = static_cast<size_t>(element_count(shape));
  size_t inner = 1;
  if (given.axis) {
    for (size_t i = static_cast<size_t>(*given.axis) + 1; i < shape.size(); ++i) inner *= static_cast<size_t>(shape[i]);
  }
  for (size_t i = 0; i < count; ++i) visit(i, given.scale[given.scale.size() == 1 ? 0 : i / inner % given.scale.size()]);
}

// Words as reals that give the same words again; refused where float32 cannot hold them so.
Constant dequantized(const Constant& words, const GivenQuantization& given, const std::string& name) {
  Constant real = Constant::of_reals(words.shape, std::vector<float>(words.size()));
  for_each_element(words.shape, given, [&](size_t i, float scale) {
    const int64_t word = words.integers[i];
    if (!given.type.holds(word)) throw InputError(name + " holds " + std::to_string(word) + " at element " + std::to_string(i) + ", which is no " + to_string(given.type));
    real.reals[i] = static_cast<float>(word - given.zero_point) * scale;
    if (!std::isfinite(real.reals[i]) || quantize_value(real.reals[i], scale, given.zero_point, lowest(given.type), highest(given.type), emu::Round::half_even) != word) {
      throw Unsupported(name + " holds " + std::to_string(word) + " at element " + std::to_string(i) + ": with its scale, float32 does not hold it exactly", {});
    }
  });
  real.given = given;
  return real;
}

Argument constant_argument(Constant constant) {
  Argument argument;
  argument.present = true;
  argument.shape = constant.shape;
  argument.constant = std::make_shared<const Constant>(std::move(constant));
  return argument;
}

// A computed tensor of words must be read as it was written.
void check_agrees(const Call& call, const Builder& builder, size_t x, const GivenQuantization& read) {
  if (!call.argument(x).words) throw InputError("its input " + quoted(call, x) + " is no tensor of integers that a QuantizeLinear or another quantized operator made");
  const auto& written = builder.value(call.argument(x).id).given;
  ASSAY_ASSERT(written.has_value());
  if (*written != read) throw Unsupported("it reads " + quoted(call, x) + " with another scale, zero point or type than that tensor was made with", {});
}

// x at `first`, its scale and zero point behind it. Returns what the model states of x.
GivenQuantization add_operand(Rewritten& to, size_t first, std::optional<int64_t> channel_axis = std::nullopt) {
  const Argument& x = to.call.argument(first);
  const std::string name = quoted(to.call, first);
  const bool fits = channel_axis && *channel_axis < static_cast<int64_t>(x.shape.size());
  const int64_t channels = fits ? x.shape[static_cast<size_t>(*channel_axis)] : 0;
  const emu::IntType own = x.constant && x.constant->type ? *x.constant->type : emu::kU8;
  GivenQuantization given = read_given(to.call, first + 1, name, fits ? channel_axis : std::nullopt, channels, own);
  if (x.constant) {
    if (x.constant->kind != Kind::integer) throw InputError("its input " + name + " is no tensor of integers");
    to.arguments.push_back(constant_argument(dequantized(*x.constant, given, name)));
  } else {
    check_agrees(to.call, to.builder, first, given);
    to.arguments.push_back(x);
    to.arguments.back().words = false;
  }
  to.node.inputs.push_back(to.call.node.inputs[first]);
  return given;
}

// A bias of 32 bits at input i, in steps of the product of the two scales.
void add_bias(Rewritten& to, size_t i, const GivenQuantization& x, const GivenQuantization& w) {
  if (!to.call.has(i)) return;
  const Constant& bias = to.call.constant(i, "bias");
  if (bias.kind != Kind::integer) throw InputError("its bias " + quoted(to.call, i) + " is no tensor of integers");
  GivenQuantization given;
  given.type = emu::kS32;
  for (const float scale : w.scale) given.scale.push_back(x.scale[0] * scale);
  if (given.scale.size() > 1) given.axis = 0;
  if (given.scale.size() > 1 && bias.size() != given.scale.size()) {
    throw InputError("its bias " + quoted(to.call, i) + " has " + std::to_string(bias.size()) + " elements for " + std::to_string(given.scale.size()) + " channels");
  }
  to.arguments.push_back(constant_argument(dequantized(reshaped(bias, {static_cast<int64_t>(bias.size())}), given, quoted(to.call, i))));
  to.node.inputs.push_back(to.call.node.inputs[i]);
}

// Converts the real operator and states its output's quantization, at inputs `scale` and `scale + 1`.
void finish(Rewritten& to, size_t scale) {
  if (!to.call.has(scale)) throw Unsupported("it has no output scale, so its result is no tensor of integers", {});
  const std::string& output = to.call.node.outputs.at(0);
  const GivenQuantization given = read_given(to.call, scale, "its output", std::nullopt, 0, emu::kU8);
  convert(Call{to.node, to.opset, std::move(to.arguments)}, to.builder);
  const auto made = to.builder.made(output);
  ASSAY_ASSERT(made.has_value());
  to.builder.give(*made, given);
}

void refuse_channels_last(const Call& call) {
  if (call.node.integer("channels_last", 0) != 0) throw Unsupported("channels_last is not 0", {});
}

void convert_qlinear_conv(const Call& call, Builder& builder) {
  Rewritten to(call, builder, "Conv");
  const GivenQuantization x = add_operand(to, 0);
  const GivenQuantization w = add_operand(to, 3, 0);
  add_bias(to, 8, x, w);
  finish(to, 6);
}

void convert_qlinear_matmul(const Call& call, Builder& builder) {
  Rewritten to(call, builder, "MatMul");
  add_operand(to, 0);
  add_operand(to, 3, std::max<int64_t>(call.rank(3) - 1, 0));
  finish(to, 6);
}

void convert_qgemm(const Call& call, Builder& builder) {
  Rewritten to(call, builder, "Gemm");
  if (call.node.real("alpha", 1.0F) != 1.0F) throw Unsupported("alpha is not 1", {});
  const GivenQuantization x = add_operand(to, 0);
  const GivenQuantization w = add_operand(to, 3, call.node.integer("transB", 0) != 0 ? 0 : 1);
  add_bias(to, 6, x, w);
  finish(to, 7);
}

template <bool kMultiply>
void convert_qlinear_binary(const Call& call, Builder& builder) {
  Rewritten to(call, builder, kMultiply ? "Mul" : "Add");
  add_operand(to, 0);
  add_operand(to, 3);
  finish(to, 6);
}

void convert_qlinear_pool(const Call& call, Builder& builder) {
  refuse_channels_last(call);
  Rewritten to(call, builder, call.node.type == "QLinearAveragePool" ? "AveragePool" : "GlobalAveragePool");
  add_operand(to, 0);
  finish(to, 3);
}

void convert_qlinear_function(const Call& call, Builder& builder) {
  Rewritten to(call, builder, call.node.type.substr(std::string("QLinear").size()));
  add_operand(to, 0);
  finish(to, 3);
}

void convert_qlinear_softmax(const Call& call, Builder& builder) {
  Rewritten to(call, builder, "Softmax");
  to.opset = call.node.integer("opset", 13);
  add_operand(to, 0);
  finish(to, 3);
}

void convert_qlinear_concat(const Call& call, Builder& builder) {
  Rewritten to(call, builder, "Concat");
  if (call.arguments.size() < 5 || (call.arguments.size() - 2) % 3 != 0)
    throw InputError("must have an output scale and zero point, then a scale and a zero point with each input");
  for (size_t i = 2; i < call.arguments.size(); i += 3) add_operand(to, i);
  finish(to, 0);
}

// Only a statement; or, on a tensor that was quantized before, a change of quantization.
void convert_quantize(const Call& call, Builder& builder) {
  if (call.argument(0).words) throw InputError("its input " + quoted(call, 0) + " is quantized already");
  const GivenQuantization given = read_given(call, 1, quoted(call, 0), std::nullopt, 0, emu::kU8);
  const ValueId x = builder.input(call, 0);
  const auto before = builder.value(x).given;
  if (!before) builder.give(x, given);
  if (!before || *before == given) return builder.alias(call, 0, x);
  if (!call.argument(0).dequantized) throw Unsupported("its input " + quoted(call, 0) + " is quantized twice, with different scales", {});
  constexpr float kLargest = std::numeric_limits<float>::max();
  builder.result(call, 0, Clip{-kLargest, kLargest}, {x}, call.shape(0));
  builder.give(*builder.made(call.node.outputs[0]), given);
}

void convert_dequantize(const Call& call, Builder& builder) {
  check_agrees(call, builder, 0, read_given(call, 1, quoted(call, 0), std::nullopt, 0, emu::kU8));
  builder.alias(call, 0, call.argument(0).id);
}

void refuse_dynamic(const Call&, Builder&) {
  throw Unsupported("its scales depend on the data of each run; export the model with static quantization", {});
}

}  // namespace

bool is_quantize_or_dequantize(const std::string& type) {
  return type == "QuantizeLinear" || type == "DequantizeLinear";
}

Constant evaluate_quantization(const Call& call) {
  const Constant& x = call.constant(0, "input");
  int64_t axis = call.node.integer("axis", 1);
  const auto rank = static_cast<int64_t>(x.shape.size());
  const bool many = call.constant(1, "scale").size() > 1;
  if (many) axis = normalized_axis(axis, rank);
  const int64_t channels = many ? x.shape[static_cast<size_t>(axis)] : 1;
  const GivenQuantization given = read_given(call, 1, quoted(call, 0), many ? std::optional<int64_t>(axis) : std::nullopt, channels, x.type.value_or(emu::kU8));
  if (call.node.type == "DequantizeLinear") {
    if (x.kind != Kind::integer) throw InputError("its input " + quoted(call, 0) + " is no tensor of integers");
    return dequantized(x, given, quoted(call, 0));
  }
  const FloatTensor real = checked_floats(x, call.node.inputs[0]);
  Constant words = Constant::of_integers(x.shape, std::vector<int64_t>(x.size()));
  for_each_element(x.shape, given, [&](size_t i, float scale) {
    words.integers[i] = quantize_value(real.data[i], scale, given.zero_point, lowest(given.type), highest(given.type), emu::Round::half_even);
  });
  words.type = given.type;
  return words;
}

const std::map<std::string, Converter>& quantized_converters() {
  static const std::map<std::string, Converter> table = {{"QuantizeLinear", convert_quantize},
                                                         {"DequantizeLinear", convert_dequantize},
                                                         {"DynamicQuantizeLinear", refuse_dynamic},
                                                         {"QLinearConv", convert_qlinear_conv},
                                                         {"QLinearMatMul", convert_qlinear_matmul},
                                                         {"com.microsoft:QGemm", convert_qgemm},
                                                         {"com.microsoft:QLinearAdd", convert_qlinear_binary<false>},
                                                         {"com.microsoft:QLinearMul", convert_qlinear_binary<true>},
                                                         {"com.microsoft:QLinearAveragePool", convert_qlinear_pool},
                                                         {"com.microsoft:QLinearGlobalAveragePool", convert_qlinear_pool},
                                                         {"com.microsoft:QLinearSigmoid", convert_qlinear_function},
                                                         {"com.microsoft:QLinearLeakyRelu", convert_qlinear_function},
                                                         {"com.microsoft:QLinearSoftmax", convert_qlinear_softmax},
                                                         {"com.microsoft:QLinearConcat", convert_qlinear_concat}};
  return table;
}

}  // namespace assay::quant
