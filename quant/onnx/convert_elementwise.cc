#include <algorithm>
#include <cmath>
#include <limits>

#include "emu/base/error.h"
#include "quant/onnx/convert.h"

namespace assay::quant {
namespace {

constexpr float kLowest = std::numeric_limits<float>::lowest();
constexpr float kHighest = std::numeric_limits<float>::max();

template <Function F>
void convert_unary(const Call& call, Builder& builder) {
  builder.result(call, 0, Unary{F, 0, 0}, {builder.input(call, 0)}, call.shape(0));
}

void convert_relu(const Call& call, Builder& builder) {
  builder.result(call, 0, Relu{}, {builder.input(call, 0)}, call.shape(0));
}

float finite(float x, const char* key) {
  if (!std::isfinite(x)) throw InputError(std::string(key) + " is not a finite number");
  return x;
}

void convert_leaky_relu(const Call& call, Builder& builder) {
  builder.result(call, 0, LeakyRelu{finite(call.node.real("alpha", 0.01F), "alpha")}, {builder.input(call, 0)}, call.shape(0));
}

void convert_hard_sigmoid(const Call& call, Builder& builder) {
  const Unary op{Function::hard_sigmoid, finite(call.node.real("alpha", 0.2F), "alpha"), finite(call.node.real("beta", 0.5F), "beta")};
  builder.result(call, 0, op, {builder.input(call, 0)}, call.shape(0));
}

void convert_elu(const Call& call, Builder& builder) {
  builder.result(call, 0, Unary{Function::elu, finite(call.node.real("alpha", 1.0F), "alpha"), 0}, {builder.input(call, 0)}, call.shape(0));
}

void convert_selu(const Call& call, Builder& builder) {
  const Unary op{Function::selu, finite(call.node.real("alpha", 1.67326319217681884765625F), "alpha"), finite(call.node.real("gamma", 1.05070102214813232421875F), "gamma")};
  builder.result(call, 0, op, {builder.input(call, 0)}, call.shape(0));
}

void convert_gelu(const Call& call, Builder& builder) {
  const std::string how = call.node.text("approximate", "none");
  if (how != "none") throw Unsupported("approximate = '" + how + "'", {});
  convert_unary<Function::gelu>(call, builder);
}

void convert_silu(const Call& call, Builder& builder) {
  if (call.node.real("alpha", 1.0F) != 1.0F) throw Unsupported("alpha is not 1", {});
  convert_unary<Function::silu>(call, builder);
}

// Limits that are missing or infinite become float32's own, as ONNX says; a low limit above the high one makes every output the high one.
void emit_clip(const Call& call, Builder& builder, size_t x, float low, float high) {
  if (std::isnan(low) || std::isnan(high)) throw InputError("a limit is NaN");
  high = std::clamp(high, kLowest, kHighest);
  low = std::min(std::clamp(low, kLowest, kHighest), high);
  if (low == kLowest && high == kHighest) return builder.alias(call, 0, builder.input(call, x));
  builder.result(call, 0, Clip{low, high}, {builder.input(call, x)}, call.shape(x));
}

void convert_clip(const Call& call, Builder& builder) {
  if (call.opset < 11) return emit_clip(call, builder, 0, call.node.real("min", kLowest), call.node.real("max", kHighest));
  emit_clip(call, builder, 0, call.scalar(1, "lower limit", kLowest), call.scalar(2, "upper limit", kHighest));
}

// The value that all elements share, if they do.
std::optional<float> uniform(const Constant& c) {
  if (c.size() == 0) return std::nullopt;
  for (size_t i = 1; i < c.size(); ++i) {
    if (!(c.real(i) == c.real(0))) return std::nullopt;
  }
  return c.real(0);
}

// Of one computed value and any number of constants that are the same everywhere.
template <bool IsMax>
void convert_extremum(const Call& call, Builder& builder) {
  std::optional<size_t> x;
  float limit = IsMax ? kLowest : kHighest;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    if (!call.is_constant(i)) {
      if (x) throw Unsupported("it compares two computed values; only one with constants is supported", {});
      x = i;
      continue;
    }
    const auto value = uniform(call.constant(i, "input"));
    if (!value) throw Unsupported("its constant '" + call.node.inputs[i] + "' is not the same number everywhere", {});
    if (std::isnan(*value)) throw InputError("its constant '" + call.node.inputs[i] + "' is NaN");
    limit = IsMax ? std::max(limit, *value) : std::min(limit, *value);
  }
  ASSAY_ASSERT(x);
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    if (broadcast(call.shape(*x), call.shape(i)) != call.shape(*x)) throw Unsupported("its constant enlarges the computed value", {});
  }
  IsMax ? emit_clip(call, builder, *x, limit, kHighest) : emit_clip(call, builder, *x, kLowest, limit);
}

template <Arithmetic Kind>
void convert_arithmetic(const Call& call, Builder& builder) {
  const Shape out = broadcast(call.shape(0), call.shape(1));
  builder.result(call, 0, Binary{Kind}, {builder.input(call, 0), builder.input(call, 1)}, out);
}

void convert_sum(const Call& call, Builder& builder) {
  ValueId sum = builder.input(call, 0);
  Shape shape = call.shape(0);
  if (call.arguments.size() == 1) return builder.alias(call, 0, sum);
  for (size_t i = 1; i < call.arguments.size(); ++i) {
    shape = broadcast(shape, call.shape(i));
    if (i + 1 == call.arguments.size()) return builder.result(call, 0, Binary{Arithmetic::add}, {sum, builder.input(call, i)}, shape);
    sum = builder.step(call, Binary{Arithmetic::add}, {sum, builder.input(call, i)}, shape);
  }
}

// x / c = x * (1 / c), the reciprocal in float32; c / x = c * (1 / x).
void convert_div(const Call& call, Builder& builder) {
  const Shape out = broadcast(call.shape(0), call.shape(1));
  if (call.is_constant(1)) {
    FloatTensor divisor = checked_floats(call.constant(1, "divisor"), call.node.inputs[1]);
    for (float& x : divisor.data) x = 1.0F / x;
    const ValueId factor = builder.constant(call.node.inputs[1] + "/reciprocal", std::move(divisor));
    return builder.result(call, 0, Binary{Arithmetic::mul}, {builder.input(call, 0), factor}, out);
  }
  if (!call.is_constant(0)) throw Unsupported("it divides by a computed value; only constants are supported", {});
  const Unary reciprocal{Function::reciprocal, 0, 0};
  const ValueId x = builder.input(call, 1);
  if (uniform(call.constant(0, "dividend")) == 1.0F && out == call.shape(1)) return builder.result(call, 0, reciprocal, {x}, out);
  builder.result(call, 0, Binary{Arithmetic::mul}, {builder.step(call, reciprocal, {x}, call.shape(1)), builder.input(call, 0)}, out);
}

void convert_pow(const Call& call, Builder& builder) {
  const auto exponent = uniform(call.constant(1, "exponent"));
  const Shape& shape = call.shape(0);
  const bool same_shape = broadcast(shape, call.shape(1)) == shape;
  const ValueId x = builder.input(call, 0);
  if (same_shape && exponent == 1.0F) return builder.alias(call, 0, x);
  if (same_shape && exponent == 2.0F) return builder.result(call, 0, Unary{Function::square, 0, 0}, {x}, shape);
  if (same_shape && exponent == 0.5F) return builder.result(call, 0, Unary{Function::sqrt, 0, 0}, {x}, shape);
  if (same_shape && exponent == -1.0F) return builder.result(call, 0, Unary{Function::reciprocal, 0, 0}, {x}, shape);
  throw Unsupported(exponent ? "the exponent " + std::to_string(*exponent) + "; supported are 2, 1, 0.5 and -1" : "its exponent is not the same everywhere", {});
}

void convert_prelu(const Call& call, Builder& builder) {
  const Shape& x = call.shape(0);
  const Constant& slope = call.constant(1, "slope");
  if (broadcast(x, slope.shape) != x) throw InputError("its slope " + to_string(slope.shape) + " does not fit the input " + to_string(x));
  const size_t lead = x.size() - slope.shape.size();
  for (size_t i = 0; i < slope.shape.size(); ++i) {
    if (slope.shape[i] != 1 && lead + i != 1) throw Unsupported("its slope " + to_string(slope.shape) + " varies along other axes than the channels of " + to_string(x), {});
  }
  const auto size = static_cast<int64_t>(slope.size());
  ValueId flat = 0;
  if (slope.shape.size() == 1) {
    flat = builder.input(call, 1);
  } else {
    flat = builder.constant(call.node.inputs[1] + "/flat", checked_floats(reshaped(slope, {size}), call.node.inputs[1]));
  }
  builder.result(call, 0, PRelu{}, {builder.input(call, 0), flat}, x);
}

void convert_softmax(const Call& call, Builder& builder) {
  const Shape& x = call.shape(0);
  const int64_t rank = call.rank(0);
  const int64_t given = call.node.integer("axis", call.opset < 13 ? 1 : -1);
  if (rank == 0) throw InputError("its input is a single number");
  const int64_t axis = call.opset < 13 && given == rank ? rank : normalized_axis(given, rank);
  if (call.opset >= 13 || axis == rank - 1) return builder.result(call, 0, Softmax{axis}, {builder.input(call, 0)}, x);
  // Before opset 13 everything from the axis on is one row.
  const Shape rows = {element_count(Shape(x.begin(), x.begin() + axis)), element_count(Shape(x.begin() + axis, x.end()))};
  const ValueId flat = builder.step(call, Reshape{}, {builder.input(call, 0)}, rows);
  builder.result(call, 0, Reshape{}, {builder.step(call, Softmax{1}, {flat}, rows)}, x);
}

void convert_batch_norm(const Call& call, Builder& builder) {
  const Shape& x = call.shape(0);
  if (x.size() < 2) throw InputError("its input " + to_string(x) + " has no channels");
  if (call.node.integer("training_mode", 0) != 0) throw Unsupported("it is in training mode; export the model for inference", {});
  if (call.node.integer("spatial", 1) == 0) throw Unsupported("spatial = 0", {});
  std::vector<ValueId> inputs = {builder.input(call, 0)};
  constexpr const char* kRoles[] = {"", "scale", "bias", "mean", "variance"};
  for (size_t i = 1; i < 5; ++i) {
    const Constant& c = call.constant(i, kRoles[i]);
    if (c.shape != Shape{x[1]}) throw InputError("its " + std::string(kRoles[i]) + " " + to_string(c.shape) + " must have the shape [" + std::to_string(x[1]) + "]");
    inputs.push_back(builder.input(call, i));
  }
  const float epsilon = finite(call.node.real("epsilon", 1e-5F), "epsilon");
  const FloatTensor& variance = *builder.value(inputs[4]).constant;
  for (size_t i = 0; i < variance.size(); ++i) {
    if (!(variance.data[i] + epsilon > 0)) throw InputError("its variance plus epsilon is not positive at channel " + std::to_string(i));
  }
  builder.result(call, 0, BatchNorm{epsilon}, std::move(inputs), x);
}

// TensorProto's numbers of float, float16, double, bfloat16.
void convert_cast(const Call& call, Builder& builder) {
  const int64_t to = call.node.integer("to", 1);
  if (to != 1 && to != 10 && to != 11 && to != 16) throw Unsupported("it casts a computed value to element type " + std::to_string(to) + "; only floating point is supported", {});
  builder.alias(call, 0, builder.input(call, 0));
}

}  // namespace

const std::map<std::string, Converter>& elementwise_converters() {
  static const std::map<std::string, Converter> table = {
      {"Relu", convert_relu},
      {"Clip", convert_clip},
      {"Max", convert_extremum<true>},
      {"Min", convert_extremum<false>},
      {"LeakyRelu", convert_leaky_relu},
      {"PRelu", convert_prelu},
      {"Sigmoid", convert_unary<Function::sigmoid>},
      {"Tanh", convert_unary<Function::tanh>},
      {"HardSigmoid", convert_hard_sigmoid},
      {"HardSwish", convert_unary<Function::hard_swish>},
      {"Silu", convert_silu},
      {"Swish", convert_silu},
      {"Exp", convert_unary<Function::exp>},
      {"Log", convert_unary<Function::log>},
      {"Sqrt", convert_unary<Function::sqrt>},
      {"Reciprocal", convert_unary<Function::reciprocal>},
      {"Abs", convert_unary<Function::abs>},
      {"Neg", convert_unary<Function::neg>},
      {"Erf", convert_unary<Function::erf>},
      {"Gelu", convert_gelu},
      {"Elu", convert_elu},
      {"Selu", convert_selu},
      {"Softplus", convert_unary<Function::softplus>},
      {"Mish", convert_unary<Function::mish>},
      {"Add", convert_arithmetic<Arithmetic::add>},
      {"Sub", convert_arithmetic<Arithmetic::sub>},
      {"Mul", convert_arithmetic<Arithmetic::mul>},
      {"Sum", convert_sum},
      {"Div", convert_div},
      {"Pow", convert_pow},
      {"Softmax", convert_softmax},
      {"BatchNormalization", convert_batch_norm},
      {"Cast", convert_cast},
  };
  return table;
}

}  // namespace assay::quant
