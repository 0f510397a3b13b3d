// Matrix product.
//
//   y[..., m, n] = requant(sum over k = 0, 1, ... of (a[..., m, k] - za) * (b[..., k, n] - zb))      leading axes broadcast
//
//   a       [..., M, K]           at most 32 bits     a - za        |.| < 2^bits of a
//   b       [..., K, N]           at most 32 bits     b - zb        |.| < 2^bits of b       constants or values
//   bias    [N], constant         at most 64 bits     added by the step add_bias
//   product                                           |.| < 2^62 (the two widths together have at most 62 bits)
//   sum                           the accumulator's range after each addition
//   y       [..., M, N]
//
// Order: k ascending. Overflow: the accumulator's rule at each addition. Scale: one, or one per n; counts are by n.
// Source: ONNX MatMul, MatMulInteger and QLinearMatMul; TFLite's int8 FULLY_CONNECTED (weights turned) and BATCH_MATMUL.
#include "emu/ops/check.h"
#include "emu/ops/register.h"
#include "emu/ops/walk.h"

namespace assay::emu {
namespace {

// One product of matrices: c[M,N] of a[M,K] and b[K,N].
struct Matrices {
  int64_t m;
  int64_t k;
  int64_t n;
};

void multiply_in_register(const Matrices& size, const int64_t* a, const int64_t* b, const Register& reg, int64_t* sums, uint8_t* overflowed) {
  for (int64_t m = 0; m < size.m; ++m) {
    for (int64_t n = 0; n < size.n; ++n) {
      bool left_register = false;
      *sums++ = reg.sum(
          size.k, [&](int64_t k) { return a[m * size.k + k] * b[k * size.n + n]; }, left_register);
      *overflowed++ = left_register ? 1 : 0;
    }
  }
}

void multiply_numbers(const Matrices& size, const int64_t* a, const int64_t* b, const Fp32Sum& how, int64_t* sums, uint8_t* overflowed) {
  std::vector<Fp32> terms(static_cast<size_t>(size.k));
  for (int64_t m = 0; m < size.m; ++m) {
    for (int64_t n = 0; n < size.n; ++n) {
      for (int64_t k = 0; k < size.k; ++k) terms[static_cast<size_t>(k)] = multiply(number(a[m * size.k + k]), number(b[k * size.n + n]));
      const Fp32 sum = sum_of_numbers(terms, how);
      *sums++ = sum.bits;
      *overflowed++ = overflowed_fp32(sum);
    }
  }
}

// Row by row of b: the same sums where the register cannot overflow.
void multiply_plainly(const Matrices& size, const int64_t* a, const int64_t* b, int64_t* sums) {
  for (int64_t m = 0; m < size.m; ++m) {
    for (int64_t k = 0; k < size.k; ++k) {
      const int64_t factor = a[m * size.k + k];
      for (int64_t n = 0; n < size.n; ++n) sums[m * size.n + n] += factor * b[k * size.n + n];
    }
  }
}

Shape leading(const Shape& shape) {
  return {shape.begin(), shape.end() - 2};
}

}  // namespace

void check(const MatMul& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check.operand(op.a, "x");
  check.operand(op.b, "w");
  check.products(op.a, op.b, op.acc);
  const Shape& a = context.shape(op.a);
  const Shape& b = context.shape(op.b);
  if (!check.that(a.size() >= 2 && b.size() >= 2, "both operands must have 2 axes or more; their shapes are " + to_string(a) + " and " + to_string(b))) return;
  check.bias(op.bias, b.back());
  check.that(a.back() == b[b.size() - 2], "rows of 'x' have " + std::to_string(a.back()) + " elements, columns of 'w' " + std::to_string(b[b.size() - 2]));
  Shape expected = broadcast(leading(a), leading(b));
  expected.insert(expected.end(), {a[a.size() - 2], b.back()});
  check.is_result_shape(expected);
}

Tensor execute(const MatMul& op, const OpContext& context, OpRun& run) {
  const Shape& a_shape = context.shape(op.a);
  const Shape& b_shape = context.shape(op.b);
  const Shape& y = context.result().shape;
  const std::vector<int64_t> a = operand_values(context.tensor(op.a), op.za);
  const std::vector<int64_t> b = operand_values(context.tensor(op.b), op.zb);
  const Matrices size{y[y.size() - 2], a_shape.back(), y.back()};
  const bool is_float = context.type(op.a).is_float();
  const Register reg(op.acc);
  const bool plain = !is_float && reg.never_overflows(Wide{size.k} * largest_magnitude(a) * largest_magnitude(b));
  const auto count = static_cast<size_t>(element_count(y));
  Sums sums{std::vector<int64_t>(count), std::vector<uint8_t>(count)};
  int64_t done = 0;
  // The leading axes are walked in units of whole matrices.
  const Shape batch = leading(y);
  walk<2>({broadcast_offsets(leading(a_shape), batch), broadcast_offsets(leading(b_shape), batch)}, [&](const std::array<int64_t, 2>& at) {
    const int64_t* left = a.data() + at[0] * size.m * size.k;
    const int64_t* right = b.data() + at[1] * size.k * size.n;
    if (is_float) {
      multiply_numbers(size, left, right, *op.acc.fp32, sums.values.data() + done, sums.overflowed.data() + done);
    } else if (plain) {
      multiply_plainly(size, left, right, sums.values.data() + done);
    } else {
      multiply_in_register(size, left, right, reg, sums.values.data() + done, sums.overflowed.data() + done);
    }
    done += size.m * size.n;
  });
  return requantize_all(sums.values, sums.overflowed, op.requant, op.bias, static_cast<int64_t>(y.size()) - 1, context, run);
}

}  // namespace assay::emu
