// Sums of each column over the window's rows, then of those over its columns; the zero point comes off once for every element, the base comes on once for every counted one.
// Windows of one count share their scale.
#include <algorithm>

#include "emu/kernels/division.h"
#include "emu/kernels/fast_steps.h"
#include "emu/kernels/pools.h"
#include "emu/kernels/vectorize.h"
#include "emu/ops/window.h"

namespace assay::emu {
namespace {

template <class T>
ASSAY_VECTORIZE void add_row(const T* row, int64_t size, int64_t* sums) {
  for (int64_t i = 0; i < size; ++i) sums[i] += static_cast<int64_t>(row[i]);
}

ASSAY_VECTORIZE void add_columns(const int64_t* row, const TapRun& run, int64_t* sums) {
  int64_t* const to = sums + run.out_first;
  const int64_t* const from = row + run.in_first;
  const int64_t count = run.count, in_step = run.in_step, out_step = run.out_step;
  for (int64_t j = 0; j < count; ++j) to[j * out_step] += from[j * in_step];
}

struct AveragePoolKernel {
  Ref x;
  int64_t zx, base;
  Taps rows;
  std::vector<TapRun> columns;            // by kernel position
  std::vector<int64_t> elements, counts;  // of one plane's windows: inside the image, and what the scale is for
  std::vector<ScaledDivision> divisions;  // by entry of the scale; none where the steps multiply by a reciprocal
  FastSteps steps;
  int64_t planes, channels, height, width, out_w;

  Tensor operator()(const OpContext& context, OpRun& run) const {
    Tensor result(context.result().type, context.result().shape);
    std::visit([&](const auto& storage) { pool(context.tensor(x), result.data<typename std::decay_t<decltype(storage)>::value_type>(), run); }, result.storage());
    return result;
  }

  size_t entry(size_t window) const { return steps.channels() == 1 ? 0 : static_cast<size_t>(counts[window] - 1); }

  template <class Result>
  void pool(const Tensor& images, Result* results, OpRun& run) const {
    std::vector<int64_t> sums(counts.size()), row(static_cast<size_t>(width));
    for (int64_t plane = 0; plane < planes; ++plane) {
      std::visit([&](const auto& storage) { sum_windows(storage.data() + plane * height * width, row.data(), sums.data()); }, images.storage());
      for (size_t i = 0; i < sums.size(); ++i) {
        sums[i] += base * counts[i] - zx * elements[i];
        if (!divisions.empty()) sums[i] = divisions[entry(i)](sums[i], counts[i]);
      }
      FastSteps::RowCounts row_counts;
      for (size_t first = 0; first < sums.size();) {
        size_t end = first + 1;
        while (end < sums.size() && entry(end) == entry(first)) ++end;
        steps.run(sums.data() + first, end - first, entry(first), results + first, row_counts);
        first = end;
      }
      results += sums.size();
      add_counts(run.overflows, row_counts, static_cast<size_t>(plane % channels), static_cast<size_t>(channels));
    }
  }

  template <class T>
  void sum_windows(const T* image, int64_t* row, int64_t* sums) const {
    std::fill_n(sums, counts.size(), 0);
    for (const auto& window : rows) {
      std::fill_n(row, width, 0);
      for (const Tap& tap : window) add_row(image + tap.in * width, width, row);
      for (const TapRun& run : columns) add_columns(row, run, sums);
      sums += out_w;
    }
  }
};

}  // namespace

PreparedKernel prepare(const AveragePool& op, const OpContext& context) {
  const Shape &in = context.shape(op.x), &out = context.result().shape;
  const std::vector<int64_t> no_dilation{1, 1};
  const Taps rows = convolution_taps(window_axis(0, in, out, op.kernel, op.stride, op.pads, no_dilation));
  const Taps columns = convolution_taps(window_axis(1, in, out, op.kernel, op.stride, op.pads, no_dilation));
  const IntType type = context.type(op.x);
  const int64_t window = op.kernel[0] * op.kernel[1];
  const Wide base = op.base.value_or(0);
  const Wide worst = std::max({op.zx - base - type.min(), type.max() - op.zx + base, base < 0 ? -base : base}) * window;
  if (!fits(op.acc, worst)) return {nullptr, "a sum could leave the accumulator " + to_string(op.acc)};
  std::vector<int64_t> elements, counts;
  for (const auto& row : rows) {
    for (const auto& column : columns) {
      elements.push_back(static_cast<int64_t>(row.size() * column.size()));
      counts.push_back(op.include_pad ? window : elements.back());
    }
  }
  std::vector<ChannelConstants> constants;
  std::vector<ScaledDivision> divisions;
  Wide largest = op.divide ? 0 : worst;
  for (const QScale& scale : context.scale(op.requant.scale)) {
    constants.push_back({0, scale});
    if (op.divide) largest = std::max(largest, divisions.emplace_back(worst, window, scale, *op.divide).largest());
  }
  auto steps = FastSteps::prepare(context.steps(op.requant.steps), largest, std::move(constants), context.result(), op.requant.clamp);
  if (!steps || worst >= Wide{1} << 62) return {nullptr, "a requantization step could leave 125 bits"};
  return {AveragePoolKernel{op.x, op.zx, static_cast<int64_t>(base), rows, runs_of(columns, op.kernel[1]), std::move(elements), std::move(counts), std::move(divisions),
                            std::move(*steps), in[0] * in[1], in[1], in[2], in[3], out[3]},
          ""};
}

}  // namespace assay::emu
