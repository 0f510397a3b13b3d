// Laws of conv, conv_transpose and the sums of products beneath them, on random geometries.
#include "emu/ops/products.h"
#include "tests/emu/ops/one_op.h"
#include "tests/emu/ops/pick.h"
#include "tests/emu/ops/sums_oracle.h"

namespace assay::emu::one_op {
namespace {

using oracle::Images;
using oracle::Int;

int64_t conv_extent(int64_t in, int64_t pads, int64_t kernel, int64_t dilation, int64_t stride) {
  int64_t extent = 0;
  for (int64_t first = 0; first + (kernel - 1) * dilation < in + pads; first += stride) ++extent;  // windows that fit, counted
  return extent;
}

template <class Op>
struct ConvCase {
  OneOp one;
  Op op;
  Images images;
  Shape y;
};

template <class Op>
void pick_operands(ConvCase<Op>& c) {
  const IntType x_type = pick_of<IntType>({kS8, kU8, kS16, {4, true}});
  const IntType w_type = pick_of<IntType>({kS8, kU8, {4, true}});
  c.images.x_values = pick_values(size_of(c.images.x), x_type);
  c.images.w_values = pick_values(size_of(c.images.w), w_type);
  c.op.zx = pick(static_cast<int64_t>(x_type.min()), static_cast<int64_t>(x_type.max()));
  c.op.zw = pick(-3, 3);
  if (!w_type.is_signed) c.op.zw = 128;
  c.op.x = c.one.value(x_type, c.images.x, c.images.x_values, c.op.zx);
  c.op.w = c.one.constant(w_type, c.images.w, c.images.w_values);
  c.op.acc = pick_accumulator();
  c.op.order = pick_of<SumOrder>({SumOrder::ky_kx_ic, SumOrder::ic_ky_kx});
  c.op.requant = c.one.requant("saturate output");
  c.one.result(kS64, c.y);
}

ConvCase<Conv> pick_conv() {
  ConvCase<Conv> c;
  c.op.groups = pick(1, 3);
  const int64_t in = pick(1, 3);
  const int64_t out = pick(1, 3);
  c.images.x = {pick(1, 2), c.op.groups * in, pick(1, 6), pick(1, 6)};
  c.images.w = {c.op.groups * out, in, pick(1, 3), pick(1, 3)};
  c.op.stride = pick_many(2, 1, 3);
  c.op.dilation = pick_many(2, 1, 2);
  c.op.pads = pick_many(4, 0, 2);
  c.y = {c.images.x[0], c.images.w[0]};
  for (size_t a = 0; a < 2; ++a) {
    c.y.push_back(conv_extent(c.images.x[2 + a], c.op.pads[a] + c.op.pads[2 + a], c.images.w[2 + a], c.op.dilation[a], c.op.stride[a]));
  }
  pick_operands(c);
  return c;
}

ConvCase<ConvTranspose> pick_conv_transpose() {
  ConvCase<ConvTranspose> c;
  c.op.groups = pick(1, 3);
  const int64_t in = pick(1, 3);
  const int64_t out = pick(1, 3);
  c.images.x = {pick(1, 2), c.op.groups * in, pick(1, 5), pick(1, 5)};
  c.images.w = {c.op.groups * in, out, pick(1, 3), pick(1, 3)};
  c.op.stride = pick_many(2, 1, 3);
  c.op.dilation = pick_many(2, 1, 2);
  c.op.pads = pick_many(4, 0, 1);
  c.y = {c.images.x[0], c.op.groups * out};
  for (size_t a = 0; a < 2; ++a) {
    const int64_t full = (c.images.x[2 + a] - 1) * c.op.stride[a] + (c.images.w[2 + a] - 1) * c.op.dilation[a] + 1;
    const int64_t extra = pick(0, std::max(c.op.stride[a], c.op.dilation[a]) - 1);
    c.y.push_back(full - c.op.pads[a] - c.op.pads[2 + a] + extra);
    RC_PRE(c.y.back() - extra >= 1);
  }
  pick_operands(c);
  return c;
}

// The accumulators and their counts are the oracle's.
template <class Op>
void expect_conv_oracle(const ConvCase<Op>& c, const oracle::TermsByOutput& terms, Spread& spread) {
  const Outcome outcome = c.one.run(c.op);
  std::vector<uint64_t> counts(static_cast<size_t>(c.y[1]));
  bool overflowed = false;
  oracle::every_index(c.y, [&](const std::vector<int64_t>& index, size_t flat) {
    const auto found = terms.find(index);
    const oracle::RegisterSum sum = found == terms.end() ? oracle::RegisterSum{} : oracle::sum_in_order(found->second, c.op.acc);
    RC_ASSERT(Int(outcome.values[flat]) == sum.value);
    counts[static_cast<size_t>(index[1])] += sum.overflowed ? 1 : 0;
    overflowed |= sum.overflowed;
  });
  RC_ASSERT(outcome.overflows.accumulator == (overflowed ? counts : std::vector<uint64_t>{}));
  RC_ASSERT(outcome.overflows.output.empty() && outcome.overflows.intermediate.empty());
  spread.add(outcome.values, overflowed);
}

TEST(ConvLaws, EqualsTheOracleInAnyRegisterAndOrder) {
  Spread spread;
  EXPECT_TRUE(rc::check("conv", [&] {
    const ConvCase<Conv> c = pick_conv();
    expect_conv_oracle(c, oracle::conv_terms(c.op, c.images), spread);
  }));
  spread.expect_telling(true);
}

TEST(ConvTransposeLaws, EqualsTheOracleInAnyRegisterAndOrder) {
  Spread spread;
  EXPECT_TRUE(rc::check("conv_transpose", [&] {
    const ConvCase<ConvTranspose> c = pick_conv_transpose();
    expect_conv_oracle(c, oracle::conv_transpose_terms(c.op, c.images), spread);
  }));
  spread.expect_telling(true);
}

Int dot(const Values& a, const Values& b) {
  RC_ASSERT(a.size() == b.size());
  Int sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += Int(a[i]) * b[i];
  return sum;
}

// sum of x * convT(y) = sum of conv(x) * y, whatever x and y: convT is the transpose of the same matrix. Its weights are conv's as they lie: [O, I/g] is [I', O'/g].
TEST(ConvTransposeLaws, IsTheAdjointOfConv) {
  Spread spread;
  EXPECT_TRUE(rc::check("adjoint", [&] {
    ConvCase<Conv> conv = pick_conv();
    conv.op.acc = {kS64, Overflow::wrap};
    RC_PRE(size_of(conv.y) > 0U);
    // conv_transpose's extents are unambiguous where its surplus (what the last stride of conv left over) is below the stride, which holds unless the kernel leaves a hole.
    const Values up_values = pick_values(size_of(conv.y), kS8);
    ConvCase<ConvTranspose> up;
    up.op.x = up.one.value(kS8, conv.y, up_values);
    up.op.w = up.one.constant(kS16, conv.images.w, [&] {
      Values w = conv.images.w_values;
      for (int64_t& value : w) value -= conv.op.zw;
      return w;
    }());
    up.op.stride = conv.op.stride;
    up.op.pads = conv.op.pads;
    up.op.dilation = conv.op.dilation;
    up.op.groups = conv.op.groups;
    up.op.acc = conv.op.acc;
    up.op.requant = up.one.requant("saturate output");
    up.one.result(kS64, conv.images.x);
    for (size_t a = 0; a < 2; ++a) RC_PRE((conv.y[2 + a] - 1) * conv.op.stride[a] + (conv.images.w[2 + a] - 1) * conv.op.dilation[a] + 1 > conv.op.pads[a] + conv.op.pads[2 + a]);
    Values x = conv.images.x_values;
    for (int64_t& value : x) value -= conv.op.zx;
    const Outcome down = conv.one.run(conv.op);
    const Outcome back = up.one.run(up.op);
    RC_ASSERT(dot(x, back.values) == dot(down.values, up_values));
    spread.add(back.values, false);
  }));
  spread.expect_telling(false);
}

TEST(ConvLaws, EqualsMatMulOfTheUnrolledImage) {
  Spread spread;
  EXPECT_TRUE(rc::check("im2col", [&] {
    ConvCase<Conv> c = pick_conv();
    c.op.groups = 1;
    c.images.x[1] = c.images.w[1];
    c.images.x[0] = 1;
    c.y[0] = 1;
    c.one = OneOp();
    pick_operands(c);
    c.op.order = SumOrder::ic_ky_kx;  // the order of w's own elements
    RC_PRE(size_of(c.y) > 0U);
    // Column p of the unrolled image holds what window p sees, row by row as w lies: [I*KH*KW, OH*OW]; padding holds the zero point.
    const int64_t rows = c.images.w[1] * c.images.w[2] * c.images.w[3];
    const int64_t columns = c.y[2] * c.y[3];
    Values unrolled;
    oracle::every_index({c.images.w[1], c.images.w[2], c.images.w[3]}, [&](const std::vector<int64_t>& w, size_t) {
      oracle::every_index({c.y[2], c.y[3]}, [&](const std::vector<int64_t>& y, size_t) {
        const int64_t h = y[0] * c.op.stride[0] + w[1] * c.op.dilation[0] - c.op.pads[0];
        const int64_t v = y[1] * c.op.stride[1] + w[2] * c.op.dilation[1] - c.op.pads[1];
        const bool inside = h >= 0 && h < c.images.x[2] && v >= 0 && v < c.images.x[3];
        unrolled.push_back(inside ? c.images.x_values[static_cast<size_t>((w[0] * c.images.x[2] + h) * c.images.x[3] + v)] : c.op.zx);
      });
    });
    OneOp one;
    MatMul matmul;
    matmul.a = one.constant(kS16, {c.images.w[0], rows}, c.images.w_values);
    matmul.b = one.constant(kS16, {rows, columns}, unrolled);
    matmul.za = c.op.zw;
    matmul.zb = c.op.zx;
    matmul.acc = c.op.acc;
    matmul.requant = one.requant("saturate output");
    one.result(kS64, {c.images.w[0], columns});
    const Outcome product = one.run(matmul);
    const Outcome conv = c.one.run(c.op);
    RC_ASSERT(conv.values == product.values);
    RC_ASSERT(total(conv.overflows.accumulator) == total(product.overflows.accumulator));
    spread.add(conv.values, !conv.overflows.accumulator.empty());
  }));
  spread.expect_telling(true);
}

// The shortcut of sums_of gives the register's bytes, and it is taken in some of the cases and not in others.
TEST(SumsOfProducts, TheShortcutEqualsTheRegister) {
  Spread spread;
  EXPECT_TRUE(rc::check("sums_of", [&] {
    std::mt19937_64 random = pick_random();
    const bool transposed = pick(0, 1) == 1;
    WindowProducts p{.batch = pick(1, 2),
                     .groups = pick(1, 2),
                     .in_channels = pick(1, 4),
                     .out_channels = pick(1, 4),
                     .in_rows = pick(1, 6),
                     .in_columns = pick(1, 9),
                     .kernel_rows = pick(1, 3),
                     .kernel_columns = pick(1, 4),
                     .rows = {},
                     .columns = {},
                     .x = {},
                     .w = {}};
    const auto taps = [&](int64_t in, int64_t kernel) {
      const WindowAxis axis{in, pick(1, 9), kernel, pick(1, 3), pick(0, 3), 0, pick(1, 3)};
      return transposed ? transposed_taps(axis) : convolution_taps(axis);
    };
    p.rows = taps(p.in_rows, p.kernel_rows);
    p.columns = taps(p.in_columns, p.kernel_columns);
    p.x = random_values(random, static_cast<size_t>(p.batch * p.groups * p.in_channels * p.in_rows * p.in_columns), -128, 127);
    // Some channels have small weights, so that some of one case fit and others do not.
    for (int64_t o = 0; o < p.groups * p.out_channels; ++o) {
      const int64_t limit = int64_t{1} << random_in(random, 0, 8);
      for (const int64_t w : random_values(random, static_cast<size_t>(p.in_channels * p.kernel_rows * p.kernel_columns), -limit, limit)) p.w.push_back(w);
    }
    const Accumulator accumulator = pick_accumulator();
    const SumOrder order = pick_of<SumOrder>({SumOrder::ky_kx_ic, SumOrder::ic_ky_kx});
    const Sums slow = sums_in_register(p, accumulator, order);
    RC_ASSERT(sums_of(p, accumulator, order) == slow);
    spread.add(slow.values, std::count(slow.overflowed.begin(), slow.overflowed.end(), 1) > 0);
  }));
  spread.expect_telling(true);
}

// Every kernel position is a term with its place, the padding's too: pairs and spills see zeros there.
TEST(WindowProducts, GroupedAccumulatorsSumEveryKernelPositionInOrder) {
  const char* const accumulators[] = {"s32.wrap+pairs:s8.saturate", "s10.saturate+spill:4:s32.wrap", "s9.wrap+pairs:s8.wrap+spill:2:s16.saturate", "fp32.blocks:3"};
  bool some_overflow = false;
  ASSERT_TRUE(rc::check([&] {
    const int64_t rows = pick(3, 6), columns = pick(3, 6), channels = pick(1, 3), kernel_rows = pick(1, 3), kernel_columns = pick(1, 3);
    WindowProducts p;
    p.in_channels = channels, p.out_channels = 1, p.in_rows = rows, p.in_columns = columns, p.kernel_rows = kernel_rows, p.kernel_columns = kernel_columns;
    const int64_t pad = pick(0, 2);
    p.rows = convolution_taps({rows, rows + 2 * pad - kernel_rows + 1, kernel_rows, 1, pad, pad, 1});
    p.columns = convolution_taps({columns, columns + 2 * pad - kernel_columns + 1, kernel_columns, 1, pad, pad, 1});
    std::mt19937_64 random(static_cast<uint64_t>(pick(0, 1 << 30)));
    p.x = random_values(random, static_cast<size_t>(channels * rows * columns), -20, 20);
    p.w = random_values(random, static_cast<size_t>(channels * kernel_rows * kernel_columns), -20, 20);
    const Accumulator accumulator = *parse_accumulator(accumulators[pick(0, 3)]);
    const SumOrder order = pick_of<SumOrder>({SumOrder::ky_kx_ic, SumOrder::ic_ky_kx});
    const Sums sums = sums_of(p, accumulator, order);
    size_t at = 0;
    for (int64_t y = 0; y < static_cast<int64_t>(p.rows.size()); ++y) {
      for (int64_t x = 0; x < static_cast<int64_t>(p.columns.size()); ++x, ++at) {
        Sum sum(accumulator);
        const auto add = [&](int64_t ky, int64_t kx, int64_t i) {
          const int64_t row = y - pad + ky, column = x - pad + kx;
          const bool inside = row >= 0 && row < rows && column >= 0 && column < columns;
          sum.add(inside ? p.x[static_cast<size_t>((i * rows + row) * columns + column)] * p.w[static_cast<size_t>((i * kernel_rows + ky) * kernel_columns + kx)] : 0);
        };
        for (int64_t a = 0; a < (order == SumOrder::ky_kx_ic ? kernel_rows : channels); ++a) {
          for (int64_t b = 0; b < (order == SumOrder::ky_kx_ic ? kernel_columns : kernel_rows); ++b) {
            for (int64_t d = 0; d < (order == SumOrder::ky_kx_ic ? channels : kernel_columns); ++d) order == SumOrder::ky_kx_ic ? add(a, b, d) : add(b, d, a);
          }
        }
        RC_ASSERT(sums.values[at] == sum.value());
        some_overflow = some_overflow || sum.overflowed();
      }
    }
  }));
  EXPECT_TRUE(some_overflow);
}

}  // namespace
}  // namespace assay::emu::one_op
