#include <algorithm>

#include "emu/base/error.h"
#include "quant/onnx/convert.h"

namespace assay::quant {
namespace {

// [.., M, K] x [.., K, N]; a vector is a matrix of one row (left) or one column (right) that leaves the result again.
void convert_matmul(const Call& call, Builder& builder) {
  Shape a = call.shape(0), b = call.shape(1);
  if (a.empty() || b.empty()) throw InputError("its inputs must not be single numbers");
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  if (a.back() != b[b.size() - 2]) throw InputError("cannot multiply " + to_string(call.shape(0)) + " and " + to_string(call.shape(1)));
  Shape full = broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  full.insert(full.end(), {a[a.size() - 2], b.back()});
  std::vector<ValueId> inputs = {builder.input(call, 0), builder.input(call, 1)};
  if (row) inputs[0] = builder.step(call, Reshape{}, {inputs[0]}, a);
  if (column) inputs[1] = builder.step(call, Reshape{}, {inputs[1]}, b);
  if (!row && !column) return builder.result(call, 0, MatMul{}, std::move(inputs), full);
  Shape out(full.begin(), full.end() - 2);
  if (!row) out.push_back(full[full.size() - 2]);
  if (!column) out.push_back(full.back());
  builder.result(call, 0, Reshape{}, {builder.step(call, MatMul{}, std::move(inputs), full)}, out);
}

FloatTensor scaled(FloatTensor tensor, float factor) {
  if (factor != 1.0F) {
    for (float& x : tensor.data) x *= factor;
  }
  return tensor;
}

// An operand of Gemm as [rows, columns]: transposed where asked, times `factor` where constant.
ValueId gemm_operand(const Call& call, Builder& builder, size_t i, bool transpose, float factor) {
  const Shape& shape = call.shape(i);
  const Shape turned = {shape[1], shape[0]};
  if (!call.is_constant(i)) return transpose ? builder.step(call, Transpose{{1, 0}}, {builder.input(call, i)}, turned) : builder.input(call, i);
  if (!transpose && factor == 1.0F) return builder.input(call, i);
  const Constant& given = call.constant(i, "matrix");
  const Constant matrix = transpose ? strided_copy(given, turned, 0, {1, shape[1]}) : given;
  const ValueId id = builder.constant(call.node.inputs[i] + (transpose ? "/transposed" : "/scaled"), scaled(checked_floats(matrix, call.node.inputs[i]), factor));
  if (given.given && factor == 1.0F) {
    GivenQuantization turned_too = *given.given;
    if (turned_too.axis && transpose) turned_too.axis = 1 - *turned_too.axis;
    builder.give(id, std::move(turned_too));
  }
  return id;
}

// y = alpha a b + beta c. alpha goes into a constant operand, beta into a constant c; a c of one row becomes the bias.
void convert_gemm(const Call& call, Builder& builder) {
  const float alpha = call.node.real("alpha", 1.0F);
  const float beta = call.node.real("beta", 1.0F);
  const bool turn_a = call.node.integer("transA", 0) != 0;
  const bool turn_b = call.node.integer("transB", 0) != 0;
  if (call.rank(0) != 2 || call.rank(1) != 2) throw InputError("its matrices have the shapes " + to_string(call.shape(0)) + " and " + to_string(call.shape(1)));
  const int64_t m = call.shape(0)[turn_a ? 1 : 0], k = call.shape(0)[turn_a ? 0 : 1];
  const int64_t n = call.shape(1)[turn_b ? 0 : 1];
  if (call.shape(1)[turn_b ? 1 : 0] != k) throw InputError("cannot multiply " + to_string(call.shape(0)) + " and " + to_string(call.shape(1)));
  const Shape out = {m, n};
  const bool into_b = call.is_constant(1);
  const bool into_a = !into_b && call.is_constant(0);
  std::vector<ValueId> inputs = {gemm_operand(call, builder, 0, turn_a, into_a ? alpha : 1.0F), gemm_operand(call, builder, 1, turn_b, into_b ? alpha : 1.0F)};
  const bool alpha_left = alpha != 1.0F && !into_a && !into_b;
  const bool adds = call.has(2) && beta != 0.0F;
  if (adds && broadcast(call.shape(2), out) != out) throw InputError("its c " + to_string(call.shape(2)) + " does not fit the result " + to_string(out));

  ValueId addend = 0;
  bool is_bias = false;
  if (adds && call.is_constant(2)) {
    const Constant& c = call.constant(2, "c");
    is_bias = !alpha_left && (c.shape.size() < 2 || c.shape[0] == 1);
    const Constant row = is_bias ? strided_copy(c, {n}, 0, {c.size() == 1 ? 0 : 1}) : c;
    if (row.shape == c.shape && beta == 1.0F) {
      addend = builder.input(call, 2);
    } else {
      addend = builder.constant(call.node.inputs[2] + "/bias", scaled(checked_floats(row, call.node.inputs[2]), beta));
    }
  } else if (adds) {
    addend = builder.input(call, 2);
    if (beta != 1.0F) addend = builder.step(call, Binary{Arithmetic::mul}, {addend, builder.constant(call, "beta", {{}, {beta}})}, call.shape(2));
  }
  if (is_bias) inputs.push_back(addend);
  const bool sum_left = adds && !is_bias;
  if (!alpha_left && !sum_left) return builder.result(call, 0, MatMul{}, std::move(inputs), out);
  const ValueId product = builder.step(call, MatMul{}, std::move(inputs), out);
  if (!alpha_left) return builder.result(call, 0, Binary{Arithmetic::add}, {product, addend}, out);
  const ValueId factor = builder.constant(call, "alpha", {{}, {alpha}});
  if (!sum_left) return builder.result(call, 0, Binary{Arithmetic::mul}, {product, factor}, out);
  builder.result(call, 0, Binary{Arithmetic::add}, {builder.step(call, Binary{Arithmetic::mul}, {product, factor}, out), addend}, out);
}

}  // namespace

const std::map<std::string, Converter>& matrix_converters() {
  static const std::map<std::string, Converter> table = {{"MatMul", convert_matmul}, {"Gemm", convert_gemm}};
  return table;
}

}  // namespace assay::quant
