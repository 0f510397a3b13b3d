#include "emu/kernels/matmul_rows.h"

#include <algorithm>

#include "emu/kernels/by_channel.h"
#include "emu/kernels/vectorize.h"
#include "emu/ops/walk.h"

namespace assay::emu {
namespace {

template <class Word>
ASSAY_VECTORIZE void centre_s32(const Word* x, size_t size, int64_t zero_point, int32_t* values) {
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<int32_t>(static_cast<int64_t>(x[i]) - zero_point);
}

std::vector<int32_t> centred_s32(const Tensor& x, int64_t zero_point) {
  std::vector<int32_t> values(x.size());
  std::visit([&](const auto& storage) { centre_s32(storage.data(), storage.size(), zero_point, values.data()); }, x.storage());
  return values;
}

// sums[n] += factor * row[n]
template <class Sum>
ASSAY_VECTORIZE void add_scaled_row(const int32_t* row, size_t size, int32_t factor, Sum* sums) {
  for (size_t n = 0; n < size; ++n) sums[n] += static_cast<Sum>(row[n]) * static_cast<Sum>(factor);
}

struct MatMulKernel {
  Ref a, b;
  int64_t za, zb;
  AxisOffsets offsets_a, offsets_b;  // of the leading axes, in matrices
  size_t m, k, n;
  bool narrow;  // sums in 32 bits
  FastSteps steps;

  Tensor operator()(const OpContext& context, OpRun& run) const {
    const std::vector<int32_t> left = centred_s32(context.tensor(a), za), right = centred_s32(context.tensor(b), zb);
    Tensor result(context.result().type, context.result().shape);
    std::visit(
        [&](const auto& storage) {
          auto* to = result.data<typename std::decay_t<decltype(storage)>::value_type>();
          walk<2>({offsets_a, offsets_b}, [&](const std::array<int64_t, 2>& at) {
            const int32_t *const matrix_a = left.data() + static_cast<size_t>(at[0]) * m * k, *const matrix_b = right.data() + static_cast<size_t>(at[1]) * k * n;
            narrow ? multiply<int32_t>(matrix_a, matrix_b, to, run.overflows) : multiply<int64_t>(matrix_a, matrix_b, to, run.overflows);
            to += m * n;
          });
        },
        result.storage());
    return result;
  }

  template <class Sum, class Result>
  void multiply(const int32_t* left, const int32_t* right, Result* results, OverflowCounts& overflows) const {
    std::vector<Sum> sums(n);
    for (size_t row = 0; row < m; ++row) {
      std::fill(sums.begin(), sums.end(), Sum{0});
      for (size_t i = 0; i < k; ++i) add_scaled_row(right + i * n, n, left[row * k + i], sums.data());
      run_neighbours({1, n, 1}, 0, n, steps.channels() == 1, overflows,
                     [&](size_t start, size_t size, size_t channel, auto& counts) { steps.run(sums.data() + start, size, channel, results + row * n + start, counts); });
    }
  }
};

Shape leading_axes(const Shape& shape) {
  return {shape.begin(), shape.end() - 2};
}

Wide furthest(IntType type, int64_t zero_point) {
  return std::max(zero_point - type.min(), type.max() - zero_point);
}

}  // namespace

PreparedKernel matmul_rows(const MatMul& op, const OpContext& context) {
  const Shape &a = context.shape(op.a), &b = context.shape(op.b), &y = context.result().shape;
  const IntType a_type = context.type(op.a), b_type = context.type(op.b);
  if (a_type.bits > 16 || b_type.bits > 16) return {nullptr, "operands of " + to_string(a_type) + " x " + to_string(b_type) + " have no kernel"};
  const Wide worst_a = furthest(a_type, op.za), worst_b = furthest(b_type, op.zb), worst = worst_a * worst_b * a.back();
  if (!fits(op.acc, worst)) return {nullptr, "a sum could leave the accumulator " + to_string(op.acc)};
  if (std::max({worst_a, worst_b}) >= Wide{1} << 31 || worst >= Wide{1} << 62) return {nullptr, "a sum could leave 62 bits"};
  const auto biases = op.bias ? context.tensor(*op.bias).values() : std::vector<int64_t>{};
  auto steps = FastSteps::prepare(context.steps(op.requant.steps), worst, channel_constants(biases, context.scale(op.requant.scale), static_cast<size_t>(y.back())),
                                  context.result(), op.requant.clamp);
  if (!steps) return {nullptr, "a requantization step could leave 125 bits"};
  const Shape batch = leading_axes(y);
  return {MatMulKernel{op.a, op.b, op.za, op.zb, broadcast_offsets(leading_axes(a), batch), broadcast_offsets(leading_axes(b), batch), static_cast<size_t>(y[y.size() - 2]),
                       static_cast<size_t>(a.back()), static_cast<size_t>(y.back()), worst < Wide{1} << 31, std::move(*steps)},
          ""};
}

}  // namespace assay::emu
