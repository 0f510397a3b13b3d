#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "emu/base/error.h"
#include "quant/onnx/evaluate_constant.h"

namespace assay::quant {
namespace {

using RealFunction = float (*)(float);
using RealPair = float (*)(float, float);
using IntegerPair = int64_t (*)(int64_t, int64_t);

const std::map<std::string, RealFunction> kRealFunctions = {
    {"Sqrt", [](float x) { return std::sqrt(x); }},   {"Exp", [](float x) { return std::exp(x); }},     {"Log", [](float x) { return std::log(x); }},
    {"Floor", [](float x) { return std::floor(x); }}, {"Ceil", [](float x) { return std::ceil(x); }},   {"Round", [](float x) { return std::nearbyint(x); }},
    {"Sin", [](float x) { return std::sin(x); }},     {"Cos", [](float x) { return std::cos(x); }},     {"Tanh", [](float x) { return std::tanh(x); }},
    {"Erf", [](float x) { return std::erf(x); }},     {"Reciprocal", [](float x) { return 1.0F / x; }}, {"Sigmoid", [](float x) { return 1.0F / (1.0F + std::exp(-x)); }},
};

int64_t wrapped(uint64_t x) {
  return static_cast<int64_t>(x);
}

int64_t quotient(int64_t a, int64_t b) {
  if (b == 0) throw InputError("divides by zero");
  return b == -1 ? wrapped(0 - static_cast<uint64_t>(a)) : a / b;
}

// The sign of the divisor, as Python's.
int64_t modulo(int64_t a, int64_t b) {
  if (b == 0) throw InputError("divides by zero");
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1;
  for (auto square = static_cast<uint64_t>(base); exponent > 0; exponent /= 2, square *= square) {
    if (exponent % 2 != 0) result *= square;
  }
  return wrapped(result);
}

struct Arithmetic2 {
  RealPair real;
  IntegerPair integer;
};
const std::map<std::string, Arithmetic2> kArithmetic = {
    {"Add", {[](float a, float b) { return a + b; }, [](int64_t a, int64_t b) { return wrapped(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }}},
    {"Sub", {[](float a, float b) { return a - b; }, [](int64_t a, int64_t b) { return wrapped(static_cast<uint64_t>(a) - static_cast<uint64_t>(b)); }}},
    {"Mul", {[](float a, float b) { return a * b; }, [](int64_t a, int64_t b) { return wrapped(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)); }}},
    {"Div", {[](float a, float b) { return a / b; }, quotient}},
    {"Mod", {[](float a, float b) { return std::fmod(a, b); }, modulo}},
    {"Pow", {[](float a, float b) { return std::pow(a, b); }, power}},
    {"Min", {[](float a, float b) { return std::min(a, b); }, [](int64_t a, int64_t b) { return std::min(a, b); }}},
    {"Max", {[](float a, float b) { return std::max(a, b); }, [](int64_t a, int64_t b) { return std::max(a, b); }}},
};

struct Comparison {
  bool (*real)(float, float);
  bool (*integer)(int64_t, int64_t);
};
const std::map<std::string, Comparison> kComparisons = {
    {"Equal", {[](float a, float b) { return a == b; }, [](int64_t a, int64_t b) { return a == b; }}},
    {"Less", {[](float a, float b) { return a < b; }, [](int64_t a, int64_t b) { return a < b; }}},
    {"LessOrEqual", {[](float a, float b) { return a <= b; }, [](int64_t a, int64_t b) { return a <= b; }}},
    {"Greater", {[](float a, float b) { return a > b; }, [](int64_t a, int64_t b) { return a > b; }}},
    {"GreaterOrEqual", {[](float a, float b) { return a >= b; }, [](int64_t a, int64_t b) { return a >= b; }}},
    {"And", {nullptr, [](int64_t a, int64_t b) { return a != 0 && b != 0; }}},
    {"Or", {nullptr, [](int64_t a, int64_t b) { return a != 0 || b != 0; }}},
    {"Xor", {nullptr, [](int64_t a, int64_t b) { return (a != 0) != (b != 0); }}},
};

Constant broadcasted(const Constant& c, const Shape& shape) {
  return c.shape == shape ? c : strided_copy(c, shape, 0, broadcast_steps(c.shape, shape));
}

bool is_real_pair(const Constant& a, const Constant& b) {
  if ((a.kind == Kind::real) != (b.kind == Kind::real)) throw InputError("mixes floating-point and integer inputs");
  return a.kind == Kind::real;
}

Constant arithmetic(const Arithmetic2& op, const Constant& a, const Constant& b) {
  const Shape shape = broadcast(a.shape, b.shape);
  Constant x = broadcasted(a, shape);
  const Constant y = broadcasted(b, shape);
  if (is_real_pair(x, y)) {
    std::transform(x.reals.begin(), x.reals.end(), y.reals.begin(), x.reals.begin(), op.real);
  } else {
    std::transform(x.integers.begin(), x.integers.end(), y.integers.begin(), x.integers.begin(), op.integer);
  }
  return x;
}

Constant compare(const Comparison& op, const Constant& a, const Constant& b) {
  const Shape shape = broadcast(a.shape, b.shape);
  const Constant x = broadcasted(a, shape);
  const Constant y = broadcasted(b, shape);
  std::vector<int64_t> out(x.size());
  if (is_real_pair(x, y)) {
    if (op.real == nullptr) throw InputError("needs booleans");
    std::transform(x.reals.begin(), x.reals.end(), y.reals.begin(), out.begin(), op.real);
  } else {
    std::transform(x.integers.begin(), x.integers.end(), y.integers.begin(), out.begin(), op.integer);
  }
  return Constant::of_integers(shape, std::move(out), Kind::boolean);
}

// Towards zero; what does not fit goes to the nearest end, NaN to 0.
int64_t to_integer(float x) {
  if (std::isnan(x)) return 0;
  if (x >= 9223372036854775808.0F) return std::numeric_limits<int64_t>::max();
  if (x <= -9223372036854775808.0F) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(x);
}

// TensorProto's numbers of the element types.
Constant cast(const Constant& from, int64_t to) {
  const auto integers = [&](Kind kind, auto convert) {
    std::vector<int64_t> out(from.size());
    for (size_t i = 0; i < out.size(); ++i) {
      const int64_t x = from.kind == Kind::real ? (kind == Kind::boolean ? (from.reals[i] != 0 ? 1 : 0) : to_integer(from.reals[i])) : from.integers[i];
      out[i] = convert(x);
    }
    return Constant::of_integers(from.shape, std::move(out), kind);
  };
  switch (to) {
    case 1:
    case 10:
    case 11:
    case 16: {
      std::vector<float> out(from.size());
      for (size_t i = 0; i < out.size(); ++i) out[i] = from.real(i);
      return Constant::of_reals(from.shape, std::move(out));
    }
    case 2: return integers(Kind::integer, [](int64_t x) -> int64_t { return static_cast<uint8_t>(x); });
    case 3: return integers(Kind::integer, [](int64_t x) -> int64_t { return static_cast<int8_t>(x); });
    case 4: return integers(Kind::integer, [](int64_t x) -> int64_t { return static_cast<uint16_t>(x); });
    case 5: return integers(Kind::integer, [](int64_t x) -> int64_t { return static_cast<int16_t>(x); });
    case 6: return integers(Kind::integer, [](int64_t x) -> int64_t { return static_cast<int32_t>(x); });
    case 12: return integers(Kind::integer, [](int64_t x) -> int64_t { return static_cast<uint32_t>(x); });
    case 7:
    case 13: return integers(Kind::integer, [](int64_t x) { return x; });
    case 9: return integers(Kind::boolean, [](int64_t x) -> int64_t { return x != 0 ? 1 : 0; });
    default: throw Unsupported("casts a constant to element type " + std::to_string(to), {});
  }
}

Constant where(const Constant& condition, const Constant& a, const Constant& b) {
  const Shape shape = broadcast(condition.shape, broadcast(a.shape, b.shape));
  const Constant chosen = broadcasted(condition, shape);
  Constant x = broadcasted(a, shape);
  const Constant y = broadcasted(b, shape);
  if (condition.kind == Kind::real) throw InputError("needs a boolean condition");
  const bool real = is_real_pair(x, y);
  for (size_t i = 0; i < x.size(); ++i) {
    if (chosen.integers[i] != 0) continue;
    if (real) {
      x.reals[i] = y.reals[i];
    } else {
      x.integers[i] = y.integers[i];
    }
  }
  return x;
}

Constant sign_changes(const std::string& type, Constant x) {
  for (float& v : x.reals) v = type == "Neg" ? -v : type == "Abs" ? std::abs(v) : static_cast<float>((v > 0) - (v < 0));
  for (int64_t& v : x.integers) {
    const int64_t negated = wrapped(0 - static_cast<uint64_t>(v));
    v = type == "Neg" ? negated : type == "Abs" ? (v < 0 ? negated : v) : (v > 0) - (v < 0);
  }
  return x;
}

}  // namespace

bool is_elementwise(const std::string& type) {
  return kRealFunctions.count(type) != 0 || kArithmetic.count(type) != 0 || kComparisons.count(type) != 0 || type == "Not" || type == "Neg" || type == "Abs" || type == "Sign" ||
         type == "Cast" || type == "Where";
}

std::optional<Constant> evaluate_elementwise(const Call& call) {
  const std::string& type = call.node.type;
  const auto input = [&](size_t i) -> const Constant& { return call.constant(i, "input"); };
  if (const auto found = kRealFunctions.find(type); found != kRealFunctions.end()) {
    Constant x = input(0);
    if (x.kind != Kind::real) throw InputError("needs a floating-point input");
    std::transform(x.reals.begin(), x.reals.end(), x.reals.begin(), found->second);
    return x;
  }
  if (const auto found = kArithmetic.find(type); found != kArithmetic.end()) {
    Arithmetic2 op = found->second;
    if (type == "Mod" && call.node.integer("fmod", 0) != 0) op.integer = [](int64_t a, int64_t b) { return b == 0 || b == -1 ? int64_t{0} : a % b; };
    if (type == "Pow" && input(0).kind != input(1).kind) return arithmetic(op, cast(input(0), 1), cast(input(1), 1));
    Constant result = input(0);
    for (size_t i = 1; i < call.arguments.size(); ++i) result = arithmetic(op, result, input(i));
    return result;
  }
  if (const auto found = kComparisons.find(type); found != kComparisons.end()) return compare(found->second, input(0), input(1));
  if (type == "Not") {
    Constant x = input(0);
    if (x.kind != Kind::boolean) throw InputError("needs a boolean input");
    for (int64_t& v : x.integers) v = v == 0 ? 1 : 0;
    return x;
  }
  if (type == "Neg" || type == "Abs" || type == "Sign") return sign_changes(type, input(0));
  if (type == "Cast") return cast(input(0), call.node.integer("to", 1));
  if (type == "Where") return where(input(0), input(1), input(2));
  return std::nullopt;
}

}  // namespace assay::quant
