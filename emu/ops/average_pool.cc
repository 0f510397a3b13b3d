// Mean over each window.
//
//   s[n,c,h,w] = sum over ky,kx of (x[n, c, h*stride + ky - top, w*stride + kx - left] - zx + base)      positions in the padding add base where they count, else 0
//   count      = elements of the window inside the image; with include_pad KH*KW
//   divide:      y = steps(divide_scaled(s, count, scale))                                        one rounding of s * multiplier * 2^left / (count * 2^right)
//   otherwise:   y = steps(s), the steps multiplying by a reciprocal of the count in the scale
//   The scale is entry count-1 where it has KH*KW entries, entry 0 where it has one.
//
//   base      absent: 0; zx: the sum is of the words themselves, so that a mean of shared words needs no zero point again
//   x         [N, C, IH, IW]      at most 32 bits     x - zx     |.| < 2^bits of x; |base| < 2^32
//   s         the accumulator's range after each addition
//   quotient  64 bits (verify follows the division)
//   y         [N, C, OH, OW]      OH = floor((IH + top + bottom - KH) / stride) + 1
//
// Order: ky, then kx fastest; those in the padding last. Overflow: the accumulator's rule at each addition. A window without an element of the image is refused unless include_pad.
// Source: ONNX AveragePool; TFLite's int8 AVERAGE_POOL_2D divides the sum of words by the valid count, half away from zero; TOSA's and Ethos-U's multiply by a reciprocal per
// count.
#include "emu/ops/quotients.h"
#include "emu/ops/window.h"

namespace assay::emu {
namespace {

const std::vector<int64_t> kNoDilation{1, 1};

}  // namespace

void check(const AveragePool& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check.operand(op.x, "x");
  check.sums(op.x, op.acc);
  check.that(!op.divide || !context.type(op.x).is_float(), "'divide' is a division of integers; floating-point words are multiplied by the scale");
  constexpr int64_t kFar = int64_t{1} << 32;
  check.that(!op.base || !context.type(op.x).is_float(), "'base' is for integers: floating-point words have no zero point");
  check.that(!op.base || (*op.base > -kFar && *op.base < kFar), "'base' is " + std::to_string(op.base.value_or(0)) + ", beyond 32 bits");
  check_pooling(check, context, op.x, op.kernel, op.stride, op.pads, kNoDilation, !op.include_pad);
}

Tensor execute(const AveragePool& op, const OpContext& context, OpRun& run) {
  const Shape& in = context.shape(op.x);
  const Shape& out = context.result().shape;
  const Taps rows = convolution_taps(window_axis(0, in, out, op.kernel, op.stride, op.pads, kNoDilation));
  const Taps columns = convolution_taps(window_axis(1, in, out, op.kernel, op.stride, op.pads, kNoDilation));
  const int64_t base = op.base.value_or(0);
  const std::vector<int64_t> x = operand_values(context.tensor(op.x), op.zx - base);
  const bool is_float = context.type(op.x).is_float();
  const Register reg(op.acc);
  Sums sums;
  std::vector<int64_t> counts;  // of one plane: all planes have the same windows
  for (const auto& window_rows : rows) {
    for (const auto& window_columns : columns) {
      counts.push_back(op.include_pad ? op.kernel[0] * op.kernel[1] : static_cast<int64_t>(window_rows.size() * window_columns.size()));
    }
  }
  for (int64_t plane = 0; plane < in[0] * in[1]; ++plane) {
    const int64_t* image = x.data() + plane * in[2] * in[3];
    size_t window = 0;
    for (const auto& window_rows : rows) {
      for (const auto& window_columns : columns) {
        if (is_float) {
          std::vector<Fp32> terms;
          for (const Tap& row : window_rows) {
            for (const Tap& column : window_columns) terms.push_back(number(image[row.in * in[3] + column.in]));
          }
          const Fp32 sum = sum_of_numbers(terms, *op.acc.fp32);
          sums.values.push_back(sum.bits);
          sums.overflowed.push_back(overflowed_fp32(sum));
          ++window;
          continue;
        }
        int64_t sum = 0, missing = counts[window++];
        bool left_register = false;
        for (const Tap& row : window_rows) {
          for (const Tap& column : window_columns) sum = reg.add(sum, image[row.in * in[3] + column.in], left_register), --missing;
        }
        for (; base != 0 && missing > 0; --missing) sum = reg.add(sum, base, left_register);
        sums.values.push_back(sum);
        sums.overflowed.push_back(left_register ? 1 : 0);
      }
    }
  }
  const std::vector<QScale>& scale = context.scale(op.requant.scale);
  const auto entry = [&](size_t i) { return scale.size() == 1 ? size_t{0} : static_cast<size_t>(counts[i % counts.size()] - 1); };
  if (!op.divide) return requantize_all(sums.values, sums.overflowed, op.requant, std::nullopt, 1, context, run, entry);
  if (run.reporting()) run.report("accumulator", Tensor(kS64, out, sums.values));
  for (size_t i = 0; i < sums.values.size(); ++i) {
    sums.values[i] = static_cast<int64_t>(divide_scaled(sums.values[i], counts[i % counts.size()], scale[entry(i)], *op.divide));
  }
  return requantize_quotients(sums.values, sums.overflowed, op.requant, 1, context, run, entry);
}

}  // namespace assay::emu
