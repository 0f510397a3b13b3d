#include "emu/kernels/conv.h"

#include <algorithm>

#include "emu/base/error.h"
#include "emu/kernels/conv_sums.h"
#include "emu/kernels/fast_steps.h"
#include "emu/kernels/matmul_rows.h"
#include "emu/kernels/wide_sums.h"

namespace assay::emu {
namespace {

// The worst case from the actual weights: no sum of any of the products of one output leaves +-worst. A product is the furthest from 0 where x - zx is, on the side that its
// weight's sign says.
Wide worst_sum(const ConvGeometry& g, IntType x_type, const std::vector<int64_t>& weights) {
  const Wide x_low = x_type.min() - g.zx, x_high = x_type.max() - g.zx;
  Wide worst = 0;
  const auto products = static_cast<size_t>(g.products());
  for (size_t o = 0; o < static_cast<size_t>(g.outputs); ++o) {
    Wide above = 0, below = 0;
    for (size_t k = 0; k < products; ++k) {
      const int64_t w = weights[o * products + k] - g.zw;
      above += w * (w < 0 ? x_low : x_high), below += w * (w < 0 ? x_high : x_low);
    }
    worst = std::max({worst, above, -below});
  }
  return worst;
}

// An image whose pixels stand `stride` apart, with zero points between them, and the rows and columns of it that a transposed convolution's window meets.
struct Spread {
  int64_t stride_h, stride_w, zx;
  int64_t first_row, first_column, height, width;

  Tensor of(const Tensor& x) const {
    const Shape& in = x.shape();
    Tensor wide(x.type(), {in[0], in[1], height, width});
    std::visit(
        [&](const auto& storage) {
          using T = typename std::decay_t<decltype(storage)>::value_type;
          T* to = wide.data<T>();
          std::fill_n(to, wide.size(), static_cast<T>(zx));
          const int64_t column = (stride_w - first_column % stride_w) % stride_w;  // the first that holds a pixel
          for (int64_t plane = 0; plane < in[0] * in[1]; ++plane) {
            for (int64_t row = first_row; row < first_row + height; ++row, to += width) {
              if (row % stride_h != 0) continue;
              const T* from = storage.data() + (plane * in[2] + row / stride_h) * in[3] + (first_column + column) / stride_w;
              for (int64_t i = column; i < width; i += stride_w) to[i] = *from++;
            }
          }
        },
        x.storage());
    return wide;
  }
};

struct ConvKernel {
  Ref x;
  std::variant<ConvSums, WideSums> sums;
  FastSteps steps;
  int64_t outputs, pixels;  // of the result: [N, outputs, pixels], or [N, pixels, outputs] where channels are last
  bool channels_last;
  std::optional<Spread> spread;  // of x first

  Tensor operator()(const OpContext& context, OpRun& run) const {
    Tensor result(context.result().type, context.result().shape);
    const Tensor& given = context.tensor(x);
    const Tensor spread_out = spread ? spread->of(given) : Tensor();
    std::visit([&](const auto& storage) { requantize(spread ? spread_out : given, result.data<typename std::decay_t<decltype(storage)>::value_type>(), run.overflows); },
               result.storage());
    return result;
  }

  template <class Result>
  void requantize(const Tensor& from, Result* results, OverflowCounts& overflows) const {
    std::vector<Result> row(channels_last ? static_cast<size_t>(pixels) : 0);
    const auto take = [&](int64_t n, int64_t o, int64_t first, int64_t count, const auto* accumulators) {
      FastSteps::RowCounts counts;
      const auto channel = static_cast<size_t>(o), size = static_cast<size_t>(count);
      if (channels_last) {
        steps.run(accumulators, size, channel, row.data(), counts);
        Result* const to = results + (n * pixels + first) * outputs + o;
        for (size_t i = 0; i < size; ++i) to[i * static_cast<size_t>(outputs)] = row[i];
      } else {
        steps.run(accumulators, size, channel, results + (n * outputs + o) * pixels + first, counts);
      }
      add_counts(overflows, counts, channel, static_cast<size_t>(outputs));
    };
    if (const auto* narrow = std::get_if<ConvSums>(&sums)) return (*narrow)(from, take);
    std::get<WideSums>(sums)(from, [&](int64_t n, int64_t o, int64_t first, int64_t count, const int64_t* accumulators, uint64_t overflowed) {
      if (overflowed != 0) {
        overflows.accumulator.resize(static_cast<size_t>(outputs));
        overflows.accumulator[static_cast<size_t>(o)] += overflowed;
      }
      take(n, o, first, count, accumulators);
    });
  }
};

PreparedKernel prepare_conv(const ConvGeometry& geometry, Ref x, IntType w_type, const std::vector<int64_t>& weights, const std::optional<Ref>& bias,
                            const Accumulator& accumulator, SumOrder order, const Requant& requant, const OpContext& context, const std::optional<Spread>& spread = std::nullopt) {
  if (geometry.batch * geometry.channels * geometry.outputs * geometry.pixels() == 0) return {nullptr, "an empty tensor has no kernel"};
  const IntType x_type = context.type(x);
  const std::string operands = "operands of " + to_string(x_type) + " x " + to_string(w_type);
  if (!x_type.holds(geometry.zx) || !w_type.holds(geometry.zw)) return {nullptr, operands + " whose zero points lie outside have no kernel"};
  Wide worst = worst_sum(geometry, x_type, weights);
  std::optional<std::variant<ConvSums, WideSums>> sums;
  if (fits(accumulator, worst)) {
    if (x_type.bits <= 8 && w_type.bits <= 8 && worst < Wide{1} << 31) {
      sums = conv_sums(geometry, x_type, w_type, weights);
    } else if (auto parts = byte_parts_sums(geometry, x_type, w_type, weights)) {
      sums = std::move(*parts);
    }
  }
  if (!sums) {
    // A transposed convolution meets its taps in another order.
    if (spread) return {nullptr, operands + " in the accumulator " + to_string(accumulator) + ", which they could leave, have no kernel here"};
    auto in_order = register_sums(geometry, x_type, weights, accumulator, order);
    if (!in_order) return {nullptr, operands + " in the accumulator " + to_string(accumulator) + ", which they could leave, have no kernel"};
    sums = std::move(*in_order);
    worst = accumulator.result().largest_magnitude();
  }
  const auto biases = bias ? context.tensor(*bias).values() : std::vector<int64_t>{};
  auto steps = FastSteps::prepare(context.steps(requant.steps), worst, channel_constants(biases, context.scale(requant.scale), static_cast<size_t>(geometry.outputs)),
                                  context.result(), requant.clamp);
  if (!steps) return {nullptr, "a requantization step could leave 125 bits"};
  return {ConvKernel{x, std::move(*sums), std::move(*steps), geometry.outputs, geometry.pixels(), geometry.x_channels_last, spread}, ""};
}

}  // namespace

ConvSums conv_sums(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights) {
  constexpr int64_t kFewInputs = 1;
  if (geometry.group_inputs() <= kFewInputs && !geometry.x_channels_last) return plane_conv_sums(geometry, x_type, weights);
  if (onednn_is_exact(geometry, w_type, weights)) return onednn_conv_sums(geometry, x_type, w_type, weights);
  return own_conv_sums(geometry, x_type, weights);
}

PreparedKernel prepare(const Conv& op, const OpContext& context) {
  if (!op.w.is_constant) return {nullptr, "the weights are no constant"};
  const Tensor& w = context.tensor(op.w);
  const Shape &x = context.shape(op.x), &y = context.result().shape;
  ConvGeometry g;
  g.batch = x[0], g.channels = x[1], g.height = x[2], g.width = x[3];
  g.outputs = w.shape()[0], g.kernel_h = w.shape()[2], g.kernel_w = w.shape()[3], g.groups = op.groups;
  g.out_h = y[2], g.out_w = y[3];
  g.stride_h = op.stride[0], g.stride_w = op.stride[1], g.dilation_h = op.dilation[0], g.dilation_w = op.dilation[1];
  g.pad_top = op.pads[0], g.pad_left = op.pads[1], g.pad_bottom = op.pads[2], g.pad_right = op.pads[3];
  g.zx = op.zx, g.zw = op.zw;
  return prepare_conv(g, op.x, w.type(), w.values(), op.bias, op.acc, op.order, op.requant, context);
}

PreparedKernel prepare(const ConvTranspose& op, const OpContext& context) {
  if (!op.w.is_constant) return {nullptr, "the weights are no constant"};
  const Tensor& w = context.tensor(op.w);
  const Shape &x = context.shape(op.x), &y = context.result().shape;
  if (element_count(x) == 0) return {nullptr, "an empty tensor has no kernel"};
  ConvGeometry g;
  g.batch = x[0], g.channels = x[1], g.groups = op.groups, g.outputs = op.groups * w.shape()[1], g.kernel_h = w.shape()[2], g.kernel_w = w.shape()[3];
  g.out_h = y[2], g.out_w = y[3], g.dilation_h = op.dilation[0], g.dilation_w = op.dilation[1], g.zx = op.zx, g.zw = op.zw;
  // The part of one axis of the spread image that windows meet, and the padding around it. Output 0's last tap is its pixel `pad`.
  const auto met = [](int64_t pixels, int64_t stride, int64_t pad, int64_t reach, int64_t out, int64_t& before, int64_t& size, int64_t& after) {
    const int64_t first = std::max<int64_t>(0, pad - reach), end = std::min((pixels - 1) * stride + 1, out + pad);
    before = std::max<int64_t>(0, reach - pad), size = end - first, after = out + pad - end;
    return first;
  };
  Spread spread{op.stride[0], op.stride[1], op.zx, 0, 0, 0, 0};
  spread.first_row = met(x[2], op.stride[0], op.pads[0], g.dilation_h * (g.kernel_h - 1), g.out_h, g.pad_top, g.height, g.pad_bottom);
  spread.first_column = met(x[3], op.stride[1], op.pads[1], g.dilation_w * (g.kernel_w - 1), g.out_w, g.pad_left, g.width, g.pad_right);
  spread.height = g.height, spread.width = g.width;
  if (g.height <= 0 || g.width <= 0) return {nullptr, "windows that meet nothing of the image have no kernel"};
  // [g*I, o, ky, kx] -> [g*O, i, KH-1-ky, KW-1-kx]
  const int64_t taps = g.kernel_h * g.kernel_w, inputs = g.group_inputs(), outputs = g.group_outputs();
  std::vector<int64_t> weights(w.size());
  for (int64_t channel = 0; channel < g.channels; ++channel) {
    for (int64_t o = 0; o < outputs; ++o) {
      const int64_t output = channel / inputs * outputs + o;
      for (int64_t tap = 0; tap < taps; ++tap) {
        weights[static_cast<size_t>((output * inputs + channel % inputs + 1) * taps - 1 - tap)] = w.at(static_cast<size_t>((channel * outputs + o) * taps + tap));
      }
    }
  }
  return prepare_conv(g, op.x, w.type(), weights, op.bias, op.acc, op.order, op.requant, context, spread);
}

PreparedKernel prepare(const MatMul& op, const OpContext& context) {
  if (!op.b.is_constant || context.shape(op.b).size() != 2) return matmul_rows(op, context);
  const Tensor& b = context.tensor(op.b);
  const int64_t inner = b.shape()[0], outputs = b.shape()[1];
  ConvGeometry g;
  g.channels = inner, g.outputs = outputs, g.zx = op.za, g.zw = op.zb, g.x_channels_last = true;
  g.height = g.out_h = inner == 0 ? 0 : element_count(context.shape(op.a)) / inner;  // a column of pixels
  std::vector<int64_t> weights(static_cast<size_t>(inner * outputs));
  for (int64_t k = 0; k < inner; ++k) {
    for (int64_t n = 0; n < outputs; ++n) weights[static_cast<size_t>(n * inner + k)] = b.at(static_cast<size_t>(k * outputs + n));
  }
  return prepare_conv(g, op.a, b.type(), weights, op.bias, op.acc, SumOrder::ky_kx_ic, op.requant, context);
}

}  // namespace assay::emu
